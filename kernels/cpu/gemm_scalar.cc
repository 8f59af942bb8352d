// The matrix product's tiles for the baseline instruction set.
#define LONGBOW_GEMM_ISA gemm_scalar
#define LONGBOW_GEMM_ROWS 4
#define LONGBOW_GEMM_VECTORS 2
#include "kernels/cpu/gemm_tiles.h"

namespace longbow::kernels {

GemmKernels gemm_kernels_scalar() { return gemm_scalar::kernels(); }

}  // namespace longbow::kernels
