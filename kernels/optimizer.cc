// AdamW and gradient norms in blocks of a fixed size, whatever the thread count.
#include "kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.h"
#include "kernels/cpu/row_kernels.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kBlock = 4096;

/// What divides a moment that began at zero, inverted.
float correction(float beta, std::int64_t step) {
  return static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(beta), static_cast<double>(step))));
}

template <class Moment>
void adamw_in_blocks(ThreadPool& pool, AdamWKernel<Moment> kernel, const AdamWStep& options, std::int64_t size, const float* gradient,
                     float* weight, Moment* moment1, Moment* moment2) {
  Rng rng(stable_hash("rounding of moments"), {static_cast<std::uint64_t>(options.step)});
  const RoundingKey key{.before = rng.next_u32(), .between = rng.next_u32()};
  const float correction1 = correction(options.beta1, options.step), correction2 = correction(options.beta2, options.step);
  pool.parallel_for((size + kBlock - 1) / kBlock, [&](std::int64_t task, int) {
    const std::int64_t i = task * kBlock;
    const AdamWBlock block{correction1, correction2, key, static_cast<std::uint32_t>(options.first_element + i)};
    kernel(options, block, std::min(kBlock, size - i), gradient + i, weight + i, moment1 + i, moment2 + i);
  });
}

}  // namespace

void adamw(ThreadPool& pool, const AdamWStep& options, std::int64_t size, const float* gradient, float* weight, float* moment1,
           float* moment2) {
  adamw_in_blocks(pool, row_kernels().adamw, options, size, gradient, weight, moment1, moment2);
}

void adamw(ThreadPool& pool, const AdamWStep& options, std::int64_t size, const float* gradient, float* weight, bf16* moment1,
           bf16* moment2) {
  adamw_in_blocks(pool, row_kernels().adamw_bf16, options, size, gradient, weight, moment1, moment2);
}

double sum_of_squares(ThreadPool& pool, const float* values, std::int64_t size) {
  const RowKernels kernels = row_kernels();
  std::vector<double> partial((size + kBlock - 1) / kBlock);
  pool.parallel_for(static_cast<std::int64_t>(partial.size()), [&](std::int64_t task, int) {
    partial[task] = kernels.sum_of_squares(values + task * kBlock, std::min(kBlock, size - task * kBlock));
  });
  double sum = 0;
  for (double value : partial) sum += value;
  return sum;
}

}  // namespace longbow::kernels
