// The arithmetic of attention, compiled once per instruction set: the including source defines LONGBOW_ATTENTION_ISA (a namespace
// of its own), LONGBOW_ATTENTION_ROWS and LONGBOW_ATTENTION_WIDTH (rows and vectors of a register tile).
#include "kernels/cpu/attention_backward_tiles.h"
#include "kernels/cpu/attention_forward_tiles.h"

namespace longbow::kernels::LONGBOW_ATTENTION_ISA {
namespace {

AttentionKernels kernels() {
  return {.forward_f32 = {.store_keys = store_keys_f32, .load_query = load_query<F32Words>, .block = forward_block<F32Words>},
          .forward_bf16 = {.store_keys = store_keys_bf16, .load_query = load_query<Bf16Words>, .block = forward_block<Bf16Words>},
          .merge = merge,
          .finish = finish,
          .backward_f32 = backward_kernels<F32Words, DType::f32>(),
          .backward_bf16 = backward_kernels<Bf16Gradients, DType::bf16>()};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ATTENTION_ISA
