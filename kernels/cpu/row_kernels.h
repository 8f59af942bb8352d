// Row-wise arithmetic, one table of functions per instruction set; cpu/row_tiles.h (compiled once for each) does the work.
// Bits: a row is summed in lanes, folded by halves; nothing depends on other rows. Lengths need not be multiples of 16.
#pragma once

#include <cstdint>

#include "kernels/optimizer.h"

namespace longbow::kernels {

/// Names the random bits of one step.
struct RoundingKey {
  std::uint32_t before, between;
};

/// What a block of an AdamW step needs beside its arrays.
struct AdamWBlock {
  float correction1, correction2;  // of moments that began at zero
  RoundingKey key;
  std::uint32_t first_element;  // AdamWStep::first_element of this block, its low bits
};

template <class Moment>
using AdamWKernel = void (*)(const AdamWStep& options, const AdamWBlock& block, std::int64_t size, const float* gradient, float* weight,
                             Moment* moment1, Moment* moment2);

struct RowKernels {
  /// Returns rstd; y [dim].
  float (*rmsnorm)(const float* x, std::int64_t dim, const float* weight, float eps, float* y);
  /// dx [dim] += the gradient of the norm.
  void (*rmsnorm_backward)(const float* dy, const float* x, float rstd, const float* weight, std::int64_t dim, float* dx);
  /// sum [columns] += over rows of dy * x * rstd[row]; arrays start at the first column.
  void (*rmsnorm_weight_gradient)(const float* dy, const float* x, const float* rstd, std::int64_t rows, std::int64_t stride,
                                  std::int64_t columns, float* sum);
  /// cosine, sine [half] of position * inv_freq.
  void (*rope_angles)(std::int32_t position, const float* inv_freq, std::int64_t half, float* cosine, float* sine);
  /// Rotates pairs (i, i + half) of one head.
  void (*rotate)(float* head, const float* cosine, const float* sine, std::int64_t half);
  void (*swiglu)(const float* gate, const float* up, std::int64_t dim, float* act);
  void (*swiglu_backward)(const float* dact, const float* gate, const float* up, std::int64_t dim, float* dgate, float* dup);
  float (*row_max)(const float* x, std::int64_t size);
  /// Σ exp(z) with z = (x - largest) * scale.
  double (*exp_sum)(const float* x, std::int64_t size, float largest, float scale);
  /// Σ exp(z) z: divided by exp_sum, the mean of z under the softmax.
  double (*weighted_exp_sum)(const float* x, std::int64_t size, float largest, float scale);
  /// In place, x = p * (factor + entropy_factor * (z - mean)) with p = exp(z - log_sum).
  void (*softmax_gradient)(float* x, std::int64_t size, float largest, float scale, float log_sum, float factor, float entropy_factor,
                           float mean);
  AdamWKernel<float> adamw;
  AdamWKernel<bf16> adamw_bf16;
  double (*sum_of_squares)(const float* values, std::int64_t size);
  void (*add)(const float* x, std::int64_t size, float* sum);
};

RowKernels row_kernels_scalar();
RowKernels row_kernels_avx2();
RowKernels row_kernels_avx512();

/// The kernels of active_isa().
RowKernels row_kernels();

}  // namespace longbow::kernels
