// Attention over segments: a run of query rows that sees all keys of an optional prefix and its own keys up to itself.
// One definition serves training (prompt-once: G completions share one prompt), chunked prefill and group decode, so a
// token's output has the same bits in all of them. Full and sliding windows, grouped-query heads.
//
// Keys and values live in KvBlocks: blocks of kKeyBlock keys, aligned to the segment's first key. A query's softmax is online within
// parts of 1,024 keys (attention_plan.h), and parts are joined in order, the prefix's first; what its window hides is a no-op.
// Source: T. Dao, "FlashAttention-2", arXiv 2307.08691, algorithm 1; shared prefix: J. Juravsky et al., "Hydragen", arXiv 2402.05099.
#pragma once

#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "kernels/dtype.h"

namespace longbow::kernels {

inline constexpr int kKeyBlock = 64;  // keys per block; also the granularity of ring buffers

struct AttentionShape {
  int num_heads = 0;
  int num_kv_heads = 0;  // divides num_heads
  int head_dim = 0;      // a multiple of 16, at most 256
  int window = 0;        // visible keys, the current one included; 0 = full attention
  float softmax_scale = 0;
  DType kv_dtype = DType::f32;
};

/// Keys and values of one segment in one layer. Block b (keys [b*kKeyBlock, (b+1)*kKeyBlock) of the segment) stands in slot
/// b % num_slots: with fewer slots than blocks this is a ring that keeps the most recent keys.
/// Layout of a slot, per kv head: K as [head_dim][kKeyBlock] (keys contiguous), then V as [kKeyBlock][head_dim]; in bf16 two rows of
/// each are interleaved, [rows / 2][columns][2], which is how bf16 products take them.
class KvBlocks {
 public:
  KvBlocks() = default;
  /// Room for `num_slots` blocks; zero-filled, so masked reads are finite.
  KvBlocks(const AttentionShape& shape, std::int64_t num_slots, std::int64_t first_position);

  /// Appends n rows: k, v point at the first row's kv heads [num_kv_heads, head_dim], rows are row_stride floats apart.
  void append(ThreadPool& pool, const float* k, const float* v, std::int64_t n, std::int64_t row_stride);
  /// Grows a non-ring to hold `num_keys`; contents are kept.
  void reserve_keys(std::int64_t num_keys);

  /// Slots a ring needs so that `rows` consecutive queries, appended at once, find all that their window shows.
  static std::int64_t ring_slots(std::int64_t window, std::int64_t rows) { return (window + rows - 3 + kKeyBlock) / kKeyBlock + 1; }

  std::int64_t num_keys() const { return num_keys_; }              // appended so far
  std::int64_t first_position() const { return first_position_; }  // position id of key 0
  std::int64_t num_slots() const { return num_slots_; }
  std::int64_t bytes() const { return storage_.size(); }
  const std::uint8_t* storage() const { return storage_.data(); }

 private:
  AttentionShape shape_;
  std::int64_t num_slots_ = 0;
  std::int64_t first_position_ = 0;
  std::int64_t num_keys_ = 0;
  Buffer<std::uint8_t> storage_;
};

/// Query rows [first_row, first_row + num_rows) of q; row i is key `own_offset + i` of `own` and sees own keys [0, own_offset + i]
/// and every key of `prefix`, both cut by the window (by position ids). `own` already holds the rows' own keys.
struct QuerySegment {
  std::int64_t first_row = 0;
  std::int64_t num_rows = 0;
  const KvBlocks* prefix = nullptr;
  const KvBlocks* own = nullptr;
  std::int64_t own_offset = 0;
};

/// out [rows, num_heads, head_dim] and lse [rows, num_heads] (natural log; may be null) from q [rows at q_stride floats, heads, head_dim].
/// Rows of several segments that share a prefix are computed together: the prefix is read once for all of them.
/// Numerics: scores and sums in f32; kv_dtype bf16 rounds queries too, and probabilities before they weigh the values where the
/// instruction set multiplies bf16. Batch-invariant; deterministic. Cost: O(rows · visible keys).
void attention_forward(ThreadPool& pool, const AttentionShape& shape, const float* q, std::int64_t q_stride,
                       std::span<const QuerySegment> segments, float* out, float* lse);

/// One segment of a training batch, for the backward pass: rows of the packed batch are its queries and its keys.
struct TrainSegment {
  std::int64_t first_row = 0;
  std::int64_t num_rows = 0;
  std::int64_t first_position = 0;
  int prefix = -1;               // index of the segment that it continues, or -1; a prefix has no prefix itself and stands earlier
  std::int64_t first_query = 0;  // rows before it are keys only: their q, out, lse and dout are not read, their dq is 0
};

/// Gradients of attention_forward over a packed batch. q, k, v, dq, dk, dv are views into rows of `stride` floats (so they may be
/// parts of fused qkv rows): q, dq [rows, num_heads, head_dim]; k, v, dk, dv [rows, num_kv_heads, head_dim]. dq, dk, dv are overwritten.
/// out, dout [rows, num_heads, head_dim], lse [rows, num_heads] as from the forward pass. k and v are rounded to kv_dtype as the
/// forward pass rounded them. A prompt's dk, dv sum over its own rows and all its continuations in segment order: deterministic.
void attention_backward(ThreadPool& pool, const AttentionShape& shape, std::span<const TrainSegment> segments, const float* q,
                        const float* k, const float* v, std::int64_t stride, const float* out, const float* lse, const float* dout,
                        float* dq, float* dk, float* dv);

}  // namespace longbow::kernels
