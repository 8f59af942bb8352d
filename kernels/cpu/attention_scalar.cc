// Attention's tiles for any processor.
#define LONGBOW_ATTENTION_ISA attention_scalar
#define LONGBOW_ATTENTION_ROWS 4
#define LONGBOW_ATTENTION_WIDTH 2
#include "kernels/cpu/attention_tiles.h"

namespace longbow::kernels {

AttentionKernels attention_kernels_scalar() { return attention_scalar::kernels(); }

}  // namespace longbow::kernels
