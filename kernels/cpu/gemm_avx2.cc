// The matrix product's tiles for AVX2 with FMA.
#define LONGBOW_GEMM_ISA gemm_avx2
#define LONGBOW_GEMM_ROWS 6
#define LONGBOW_GEMM_WIDE_ROWS 2
#define LONGBOW_GEMM_PANELS 1
#include "kernels/cpu/gemm_tiles.h"

namespace longbow::kernels {

GemmKernels gemm_kernels_avx2() { return gemm_avx2::kernels(); }

}  // namespace longbow::kernels
