// The row-wise parts of a decoder layer, a block of rows at a time: what lies between them and is not kept then fits the caches, and a
// layer's memory beyond its inputs and keys does not grow with the context. Forward, scoring and recomputation run these same lines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "model/active_rows.h"
#include "model/transformer.h"

namespace longbow::model {

/// Rows in work at once: enough for full-rate products and for the gradient of a weight to be read and written seldom. A multiple of 256,
/// the steps that a product sums at a time, so that no gradient's bits show it.
inline constexpr std::int64_t kRowsAtOnce = 512;

/// Calls body(first, count) over blocks of `rows`.
template <class Body>
void for_row_blocks(std::int64_t rows, const Body& body) {
  for (std::int64_t first = 0; first < rows; first += kRowsAtOnce) body(first, std::min(kRowsAtOnce, rows - first));
}

/// One layer of one pass.
struct LayerPass {
  ThreadPool& pool;
  const PackedModel& model;
  std::size_t layer;
  std::span<const std::int32_t> position_ids;  // [rows]
  const ActiveRows& active;
};

/// qkv [rows, (heads + 2 kv heads) * head_dim] from the residual stream [rows, hidden]: norm, projection, rotary embedding. A block
/// without active rows gets k and v only.
void project_qkv(const LayerPass& pass, const float* residual, float* qkv);
/// to [active, hidden]: the active rows of `residual` [rows, hidden]; nothing to do where they are the same.
void copy_active(const LayerPass& pass, const float* residual, float* to);
/// residual [active, hidden] += o times the active rows of `attended` [rows, heads * head_dim].
void add_attention(const LayerPass& pass, const float* attended, float* residual);
/// residual [active, hidden] += MLP; `gate_up` [active, 2 * intermediate] keeps its gate and up rows unless null.
void add_mlp(const LayerPass& pass, float* residual, float* gate_up);

}  // namespace longbow::model
