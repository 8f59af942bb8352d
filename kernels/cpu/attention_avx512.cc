// Attention's block products for AVX-512.
#define LONGBOW_ATTENTION_ISA attention_avx512
#define LONGBOW_ATTENTION_PANEL 4
#include "kernels/cpu/attention_tiles.h"

namespace longbow::kernels {

AttentionKernels attention_kernels_avx512() { return attention_avx512::kernels(); }

}  // namespace longbow::kernels
