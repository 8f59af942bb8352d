// Linear layers as products of cpu/gemm.h: weights are prepacked for the forward pass; the gradients' operands are packed on the fly,
// because a training step uses each of them once.
#include "kernels/linear.h"

#include <algorithm>
#include <vector>

#include "core/errors.h"
#include "kernels/cpu/gemm.h"

namespace longbow::kernels {
namespace {

std::int64_t num_panels(std::int64_t n) { return (n + kPanelWidth - 1) / kPanelWidth; }

std::int64_t total_outputs(std::span<const WeightBlock> blocks) {
  std::int64_t n = 0;
  for (const WeightBlock& block : blocks) n += block.n;
  return n;
}

}  // namespace

PackedMatrix make_packed(std::int64_t n, std::int64_t k, DType dtype) {
  LONGBOW_CHECK_GT(n, 0);
  LONGBOW_CHECK_GT(k, 0);
  PackedMatrix packed;
  packed.n_ = n;
  packed.k_ = k;
  packed.dtype_ = dtype;
  packed.panels_ = Buffer<std::uint8_t>(num_panels(n) * panel_bytes(k, dtype));
  return packed;
}

void pack_rows(ThreadPool& pool, const float* weight, std::int64_t rows, std::int64_t first_n, PackedMatrix& out) {
  LONGBOW_CHECK_EQ(first_n % kPanelWidth, 0);
  LONGBOW_CHECK_LE(first_n + rows, out.n());
  const Pack pack = gemm_kernels().pack_rows;
  const Packing packing = panel_packing(out.dtype());
  const std::int64_t bytes = panel_bytes(out.k(), out.dtype());
  auto* panels = static_cast<std::uint8_t*>(out.panels()) + first_n / kPanelWidth * bytes;
  pool.parallel_for(num_panels(rows), [&](std::int64_t panel, int) {
    const std::int64_t row = panel * kPanelWidth;
    pack(packing, weight + row * out.k(), out.k(), std::min(kPanelWidth, rows - row), kPanelWidth, out.k(), panels + panel * bytes);
  });
}

void linear_forward(ThreadPool& pool, const float* x, std::int64_t m, const PackedMatrix& b, float* y, bool accumulate) {
  multiply(pool, {.dtype = b.dtype(),
                  .m = m,
                  .n = b.n(),
                  .a = {x, b.k()},
                  .panels = static_cast<const std::uint8_t*>(b.panels()),
                  .k = b.k(),
                  .c = y,
                  .c_stride = b.n(),
                  .accumulate = accumulate});
}

void linear_forward_columns(ThreadPool& pool, const float* x, std::int64_t m, const PackedMatrix& b, std::int64_t first_n, std::int64_t n,
                            float* y, std::int64_t y_stride) {
  LONGBOW_CHECK_EQ(first_n % kPanelWidth, 0);
  LONGBOW_CHECK_LE(first_n + n, b.n());
  multiply(pool, {.dtype = b.dtype(),
                  .m = m,
                  .n = n,
                  .a = {x, b.k()},
                  .panels = static_cast<const std::uint8_t*>(b.panels()) + first_n / kPanelWidth * panel_bytes(b.k(), b.dtype()),
                  .k = b.k(),
                  .c = y,
                  .c_stride = y_stride});
}

void linear_backward_input(ThreadPool& pool, const float* dy, std::int64_t m, std::int64_t k, std::span<const WeightBlock> blocks,
                           DType dtype, float* dx, bool accumulate) {
  std::vector<StepRows> runs;
  for (const WeightBlock& block : blocks) runs.push_back({{block.weight, k}, block.n});
  multiply(
      pool,
      {.dtype = dtype, .m = m, .n = k, .a = {dy, total_outputs(blocks)}, .runs = runs, .c = dx, .c_stride = k, .accumulate = accumulate});
}

void linear_backward_weight(ThreadPool& pool, const float* dy, const float* x, std::int64_t m, std::int64_t k,
                            std::span<const WeightBlock> blocks, DType dtype) {
  const StepRows rows{{x, k}, m};
  const std::int64_t stride = total_outputs(blocks);
  for (const WeightBlock& block : blocks) {
    multiply(pool, {.dtype = dtype,
                    .m = block.n,
                    .n = k,
                    .a = {dy, stride},
                    .a_transposed = true,
                    .runs = {&rows, 1},
                    .c = block.weight_grad,
                    .c_stride = k,
                    .accumulate = true});
    dy += block.n;
  }
}

}  // namespace longbow::kernels
