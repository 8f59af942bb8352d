// AdamW over flat arrays, one pass over memory. Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
// arXiv 1711.05101, algorithm 2.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"

namespace longbow::kernels {

struct AdamWStep {
  float learning_rate, beta1, beta2, eps, weight_decay;
  float gradient_scale;  // applied to every gradient first (clipping, averaging)
  std::int64_t step;     // 1 for the first
};

/// Updates weight, first and second moment in place; all arrays have `size` elements.
void adamw(ThreadPool& pool, const AdamWStep& options, std::int64_t size, const float* gradient, float* weight, float* moment1,
           float* moment2);

/// Sum of squares in a fixed order (blocks of 4096, then the blocks in order), in double.
double sum_of_squares(ThreadPool& pool, const float* values, std::int64_t size);

}  // namespace longbow::kernels
