// The matrix product's tiles for any processor.
#define LONGBOW_GEMM_ISA gemm_scalar
#define LONGBOW_GEMM_ROWS 2
#define LONGBOW_GEMM_WIDE_ROWS 0
#define LONGBOW_GEMM_PANELS 1
#include "kernels/cpu/gemm_tiles.h"

namespace longbow::kernels {

GemmKernels gemm_kernels_scalar() { return gemm_scalar::kernels(); }

}  // namespace longbow::kernels
