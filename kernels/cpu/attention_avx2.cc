// Attention's tiles for AVX2 with FMA.
#define LONGBOW_ATTENTION_ISA attention_avx2
#define LONGBOW_ATTENTION_ROWS 6
#define LONGBOW_ATTENTION_WIDTH 2
#include "kernels/cpu/attention_tiles.h"

namespace longbow::kernels {

AttentionKernels attention_kernels_avx2() { return attention_avx2::kernels(); }

}  // namespace longbow::kernels
