// Row-wise arithmetic for the baseline instruction set.
#define LONGBOW_ROW_ISA row_scalar
#include "kernels/cpu/row_tiles.h"

namespace longbow::kernels {

RowKernels row_kernels_scalar() { return row_scalar::kernels(); }

}  // namespace longbow::kernels
