// Row-wise arithmetic for AVX2.
#define LONGBOW_ROW_ISA row_avx2
#include "kernels/cpu/row_tiles.h"

namespace longbow::kernels {

RowKernels row_kernels_avx2() { return row_avx2::kernels(); }

}  // namespace longbow::kernels
