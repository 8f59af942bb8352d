// Attention's tiles for AVX-512.
#define LONGBOW_ATTENTION_ISA attention_avx512
#define LONGBOW_ATTENTION_ROWS 6
#define LONGBOW_ATTENTION_WIDTH 4
#include "kernels/cpu/attention_tiles.h"

namespace longbow::kernels {

AttentionKernels attention_kernels_avx512() { return attention_avx512::kernels(); }

}  // namespace longbow::kernels
