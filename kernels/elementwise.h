// Row-wise operations of a decoder layer with their gradients: RMSNorm, rotary position embedding, SwiGLU, embedding rows.
// All arrays are row-major f32. Each row is computed alone and in a fixed order: batch-invariant and deterministic.
#pragma once

#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "kernels/dtype.h"

namespace longbow::kernels {

/// y[r] = x[r] / sqrt(mean(x[r]²) + eps) * weight; x, y [rows, dim]; rstd [rows] is kept for the backward pass (may be null).
void rmsnorm_forward(ThreadPool& pool, const float* x, std::int64_t rows, std::int64_t dim, const float* weight, float eps, float* y,
                     float* rstd);

/// dx += gradient through the norm; dweight [dim] += its gradient. x, rstd as in the forward pass.
void rmsnorm_backward(ThreadPool& pool, const float* dy, const float* x, const float* rstd, const float* weight, std::int64_t rows,
                      std::int64_t dim, float* dx, float* dweight);

/// Rotates pairs (i, i + head_dim/2) ("half-split") of every head in place; heads of row r stand at x + r*row_stride.
/// `inverse` rotates back, which is the gradient. inv_freq [head_dim/2] are the radians per position.
void rope(ThreadPool& pool, float* x, std::int64_t rows, std::int64_t row_stride, int num_heads, int head_dim,
          const std::int32_t* position_ids, std::span<const float> inv_freq, bool inverse);

/// act[r] = silu(gate) * up, gate_up [rows, 2*dim] (gate first), act [rows, dim].
void swiglu_forward(ThreadPool& pool, const float* gate_up, std::int64_t rows, std::int64_t dim, float* act);
/// dgate_up [rows, 2*dim] from dact [rows, dim]; it may be gate_up itself.
void swiglu_backward(ThreadPool& pool, const float* dact, const float* gate_up, std::int64_t rows, std::int64_t dim, float* dgate_up);

/// y[r] = table[tokens[r]]; table [vocab, dim].
void embed_forward(ThreadPool& pool, const float* table, const std::int32_t* tokens, std::int64_t rows, std::int64_t dim, float* y);
void embed_forward(ThreadPool& pool, const bf16* table, const std::int32_t* tokens, std::int64_t rows, std::int64_t dim, float* y);
/// dtable[tokens[r]] += dy[r], in row order whatever the thread count.
void embed_backward(ThreadPool& pool, const float* dy, const std::int32_t* tokens, std::int64_t rows, std::int64_t dim, float* dtable);

}  // namespace longbow::kernels
