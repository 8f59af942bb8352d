// AdamW over flat arrays, one pass over memory. Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
// arXiv 1711.05101, algorithm 2.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "kernels/dtype.h"

namespace longbow::kernels {

struct AdamWStep {
  float learning_rate, beta1, beta2, eps, weight_decay;
  float gradient_scale;            // applied to every gradient first (clipping, averaging)
  std::int64_t step;               // 1 for the first
  std::int64_t first_element = 0;  // which of all parameters the arrays begin with: names the bits that bf16 moments are rounded by
};

/// Updates weight, first and second moment in place; all arrays have `size` elements.
void adamw(ThreadPool& pool, const AdamWStep& options, std::int64_t size, const float* gradient, float* weight, float* moment1,
           float* moment2);

/// The same with moments stored in half the memory. The update takes this step's moments in float32; only what is stored is rounded, up
/// or down at random with the exact value as its mean: to nearest, a second moment that decays slower than 2^-9 a step would stand still.
/// Numerics: the random bits are a function of step and element (and of which moment), whatever the thread count, instruction set or
/// division into calls; elements 2^32 apart share them.
void adamw(ThreadPool& pool, const AdamWStep& options, std::int64_t size, const float* gradient, float* weight, bf16* moment1,
           bf16* moment2);

/// Sum of squares in a fixed order (blocks of 4096, then the blocks in order), in double.
double sum_of_squares(ThreadPool& pool, const float* values, std::int64_t size);

}  // namespace longbow::kernels
