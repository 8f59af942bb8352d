// Matrix products of a linear layer: forward (our own, batch-invariant) and the two gradients.
//
// Batch-invariant: each output element is accumulated over K in one fixed order that depends neither on the number of
// rows nor on the thread count, so a token's activations have the same bits in a decode of one row, in a chunk of 64 and
// in a training batch of 4096. This is what makes rollout and trainer log-probabilities equal.
#pragma once

#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "kernels/dtype.h"

namespace longbow::kernels {

/// The right-hand side of `y = x Bᵀ`, B [n, k], prepacked into column panels in its compute type.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  std::int64_t n() const { return n_; }
  std::int64_t k() const { return k_; }
  DType dtype() const { return dtype_; }
  std::int64_t bytes() const { return panels_.size(); }
  const void* panels() const { return panels_.data(); }
  void* panels() { return panels_.data(); }

 private:
  friend PackedMatrix make_packed(std::int64_t n, std::int64_t k, DType dtype);
  std::int64_t n_ = 0;
  std::int64_t k_ = 0;
  DType dtype_ = DType::f32;
  Buffer<std::uint8_t> panels_;  // layout: kernels/cpu/gemm.h
};

PackedMatrix make_packed(std::int64_t n, std::int64_t k, DType dtype);

/// Packs `rows` rows of a row-major f32 matrix [rows, k] as outputs [first_n, first_n + rows) of `out`; several calls may
/// fill one PackedMatrix (q, k and v; gate and up). first_n is a multiple of 16. bf16: rounds to nearest even.
void pack_rows(ThreadPool& pool, const float* weight, std::int64_t rows, std::int64_t first_n, PackedMatrix& out);

/// y [m, n] = x [m, k] Bᵀ (+ y when `accumulate`). bf16: x is rounded to bf16 first; products accumulate in f32.
void linear_forward(ThreadPool& pool, const float* x, std::int64_t m, const PackedMatrix& b, float* y, bool accumulate = false);

/// Columns [first_n, first_n + n) of that product alone, the same bits, into rows of `y` that are y_stride floats apart. first_n is a
/// multiple of 16.
void linear_forward_columns(ThreadPool& pool, const float* x, std::int64_t m, const PackedMatrix& b, std::int64_t first_n, std::int64_t n,
                            float* y, std::int64_t y_stride);

/// One row-major block [n, k] of a weight whose outputs stand in columns [first_n, first_n + n) of dy.
struct WeightBlock {
  const float* weight;  // [n, k]; unused by linear_backward_weight
  float* weight_grad;   // [n, k]; unused by linear_backward_input
  std::int64_t n;
};

/// dx [m, k] = Σ over blocks of dy[:, block] · weight (+ dx when `accumulate`); dy [m, Σ n].
/// `dtype` bf16: both operands are rounded to bf16 first, products accumulate in f32 and dx is stored in f32.
void linear_backward_input(ThreadPool& pool, const float* dy, std::int64_t m, std::int64_t k, std::span<const WeightBlock> blocks,
                           DType dtype, float* dx, bool accumulate = false);

/// weight_grad [n, k] += dy[:, block]ᵀ · x for each block; x [m, k]. Deterministic: the order over m is fixed.
void linear_backward_weight(ThreadPool& pool, const float* dy, const float* x, std::int64_t m, std::int64_t k,
                            std::span<const WeightBlock> blocks, DType dtype);

}  // namespace longbow::kernels
