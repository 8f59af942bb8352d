// The matrix product's tiles for AVX-512 with bf16 dot products.
#define LONGBOW_GEMM_ISA gemm_avx512bf16
#define LONGBOW_GEMM_ROWS 14
#define LONGBOW_GEMM_WIDE_ROWS 6
#define LONGBOW_GEMM_PANELS 2
#include "kernels/cpu/gemm_tiles.h"

namespace longbow::kernels {

GemmKernels gemm_kernels_avx512bf16() { return gemm_avx512bf16::kernels(); }

}  // namespace longbow::kernels
