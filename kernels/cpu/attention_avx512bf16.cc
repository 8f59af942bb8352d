// Attention's tiles for AVX-512 with bf16 dot products.
#define LONGBOW_ATTENTION_ISA attention_avx512bf16
#define LONGBOW_ATTENTION_ROWS 6
#define LONGBOW_ATTENTION_WIDTH 4
#include "kernels/cpu/attention_tiles.h"

namespace longbow::kernels {

AttentionKernels attention_kernels_avx512bf16() { return attention_avx512bf16::kernels(); }

}  // namespace longbow::kernels
