// Row-wise arithmetic for AVX-512.
#define LONGBOW_ROW_ISA row_avx512
#include "kernels/cpu/row_tiles.h"

namespace longbow::kernels {

RowKernels row_kernels_avx512() { return row_avx512::kernels(); }

}  // namespace longbow::kernels
