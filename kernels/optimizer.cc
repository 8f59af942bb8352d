// AdamW and gradient norms in blocks of a fixed size, whatever the thread count.
#include "kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/row_kernels.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kBlock = 4096;

}  // namespace

void adamw(ThreadPool& pool, const AdamWStep& options, std::int64_t size, const float* gradient, float* weight, float* moment1,
           float* moment2) {
  const RowKernels kernels = row_kernels();
  const auto step = static_cast<double>(options.step);
  const auto correction1 = static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(options.beta1), step)));
  const auto correction2 = static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(options.beta2), step)));
  pool.parallel_for((size + kBlock - 1) / kBlock, [&](std::int64_t task, int) {
    const std::int64_t i = task * kBlock;
    kernels.adamw(options, correction1, correction2, std::min(kBlock, size - i), gradient + i, weight + i, moment1 + i, moment2 + i);
  });
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
