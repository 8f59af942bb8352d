// Backward attention: recomputes probabilities from lse, block by block, and adds to the gradients of queries and keys in the same
// walk, five products a visible pair. attention_backward_plan.h fixes the order of all sums, so gradients do not depend on threads.
// Source: T. Dao, "FlashAttention-2", arXiv 2307.08691, algorithm 2.
#include "kernels/attention_backward_plan.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "kernels/attention.h"
#include "kernels/cpu/attention_kernels.h"

namespace longbow::kernels {
namespace {

struct Arguments {  // of attention_backward
  const float* q;
  const float* k;
  const float* v;
  std::int64_t stride;
  const float* out;
  const float* lse;
  const float* dout;
  float* dq;
  float* dk;
  float* dv;
};

/// Counts the tasks that a tile has behind it; whoever is to be next waits.
class Turns {
 public:
  explicit Turns(std::size_t size) : done_(size) {}
  /// False when a task failed meanwhile: the turn will not come, and whoever waits may add nothing, since others do at that moment.
  [[nodiscard]] bool wait(std::int64_t tile, int turn, const std::atomic<bool>& failed) const {
    while (done_[tile].load(std::memory_order_acquire) != turn) {
      if (failed.load(std::memory_order_relaxed)) return false;
      std::this_thread::yield();
    }
    return true;
  }
  void finish(std::int64_t tile) { done_[tile].fetch_add(1, std::memory_order_release); }

 private:
  std::vector<std::atomic<int>> done_;
};

class Backward {
 public:
  Backward(ThreadPool& pool, const AttentionShape& shape, std::span<const TrainSegment> segments, const Arguments& arguments)
      : pool_(pool),
        shape_(shape),
        segments_(segments),
        arguments_(arguments),
        plan_(plan_backward(shape, segments)),
        kernels_(shape.kv_dtype == DType::f32 ? attention_kernels().backward_f32 : attention_kernels().backward_bf16),
        heads_(shape.num_heads / shape.num_kv_heads),
        packed_floats_(std::int64_t{kKeyBlock} * shape.head_dim * kernels_.value_bytes / 4),
        packed_(static_cast<std::int64_t>(plan_.blocks.size()) * shape.num_kv_heads * 3 * packed_floats_),
        query_turns_(plan_.query_tiles.size() * shape.num_kv_heads),
        key_turns_(plan_.key_tiles.size() * shape.num_kv_heads) {}

  void run() {
    const std::int64_t kv_heads = shape_.num_kv_heads;
    pool_.parallel_for(static_cast<std::int64_t>(plan_.blocks.size()) * kv_heads,
                       [&](std::int64_t item, int) { prepare(item / kv_heads, static_cast<int>(item % kv_heads)); });
    pool_.parallel_for(static_cast<std::int64_t>(plan_.tasks.size()) * kv_heads, [&](std::int64_t item, int) {
      try {
        run_task(plan_.tasks[item / kv_heads], static_cast<int>(item % kv_heads));
      } catch (...) {
        failed_.store(true, std::memory_order_relaxed);  // nobody waits for this task
        throw;
      }
    });
  }

 private:
  // One thread's working memory; it grows to the largest tile met and stays.
  struct Scratch {
    Buffer<float> floats;
    Buffer<std::int64_t> ranges;

    GradientTile tile(std::int64_t num_queries, const AttentionShape& shape) {
      const std::int64_t padded = (num_queries + 15) / 16 * 16;
      floats.reserve(padded * (5 * shape.head_dim + 3 * kKeyBlock + 2));
      ranges.reserve(2 * padded);
      float* at = floats.data();
      const auto take = [&at](std::int64_t count) { return std::exchange(at, at + count); };
      GradientTile tile{.num_queries = static_cast<int>(num_queries), .head_dim = shape.head_dim, .softmax_scale = shape.softmax_scale};
      tile.scale = shape.softmax_scale * 1.44269504f;
      for (float** rows : {&tile.query, &tile.dout, &tile.query_steps, &tile.dout_steps, &tile.dq}) *rows = take(padded * shape.head_dim);
      for (float** rows : {&tile.probability, &tile.gradient, &tile.gradient_rows}) *rows = take(padded * kKeyBlock);
      tile.lse2 = take(padded);
      tile.delta = take(padded);
      tile.key_begin = ranges.data();
      tile.key_end = ranges.data() + padded;
      return tile;
    }
  };

  GradientBlock block_view(std::int64_t block, int kv_head) {
    float* packed = packed_.data() + (block * shape_.num_kv_heads + kv_head) * 3 * packed_floats_;
    const SegmentRange& keys = plan_.blocks[block];
    const std::int64_t at = (segments_[keys.segment].first_row + keys.first) * arguments_.stride + std::int64_t{kv_head} * shape_.head_dim;
    return {.first_key = keys.first,
            .num_keys = static_cast<int>(keys.count),
            .key_columns = packed,
            .value_columns = packed + packed_floats_,
            .key_rows = packed + 2 * packed_floats_,
            .dk = arguments_.dk + at,
            .dv = arguments_.dv + at,
            .gradient_stride = arguments_.stride};
  }

  // Packs the block's keys and values, and clears the gradients of its rows.
  void prepare(std::int64_t block, int kv_head) {
    const SegmentRange& keys = plan_.blocks[block];
    const std::int64_t row = segments_[keys.segment].first_row + keys.first;
    const std::int64_t at = row * arguments_.stride + std::int64_t{kv_head} * shape_.head_dim;
    kernels_.pack_keys(arguments_.k + at, arguments_.v + at, arguments_.stride, static_cast<int>(keys.count), shape_.head_dim,
                       block_view(block, kv_head));
    for (std::int64_t i = 0; i < keys.count; ++i) {
      std::fill_n(arguments_.dk + at + i * arguments_.stride, shape_.head_dim, 0.0f);
      std::fill_n(arguments_.dv + at + i * arguments_.stride, shape_.head_dim, 0.0f);
      std::fill_n(query_row(arguments_.dq, row + i, kv_head), heads_ * shape_.head_dim, 0.0f);
    }
  }

  template <class T>
  T* query_row(T* q, std::int64_t row, int kv_head) const {
    return q + row * arguments_.stride + std::int64_t{kv_head} * heads_ * shape_.head_dim;
  }

  void load_queries(const GradientTile& tile, const SegmentRange& rows, std::int64_t key_segment, int kv_head) const {
    const std::int64_t first_row = segments_[rows.segment].first_row + rows.first;
    for (int i = 0; i < tile.num_queries; ++i) {
      const std::int64_t row = first_row + i / heads_;
      const std::int64_t index = row * shape_.num_heads + kv_head * heads_ + i % heads_;
      kernels_.load_query(tile, i, query_row(arguments_.q, row, kv_head) + std::int64_t{i % heads_} * shape_.head_dim,
                          arguments_.out + index * shape_.head_dim, arguments_.dout + index * shape_.head_dim, arguments_.lse[index]);
      const KeyRange range = visible_keys(shape_, segments_, rows.segment, rows.first + i / heads_, key_segment);
      tile.key_begin[i] = range.begin;
      tile.key_end[i] = range.end;
    }
  }

  void run_task(const BackwardTask& task, int kv_head) {
    thread_local Scratch scratch;
    const SegmentRange& rows = plan_.query_tiles[task.query_tile];
    const SegmentRange& keys = plan_.key_tiles[task.key_tile];
    const GradientTile tile = scratch.tile(rows.count * heads_, shape_);
    load_queries(tile, rows, keys.segment, kv_head);
    std::fill_n(tile.dq, std::int64_t{tile.num_queries} * shape_.head_dim, 0.0f);

    const std::int64_t key_turns = std::int64_t{task.key_tile} * shape_.num_kv_heads + kv_head;
    if (!key_turns_.wait(key_turns, task.key_turn, failed_)) return;
    const std::int64_t end = std::min(keys.first + keys.count, tile.key_end[tile.num_queries - 1]);
    for (std::int64_t i = tile.key_begin[0] > keys.first ? (tile.key_begin[0] - keys.first) / kKeyBlock : 0;
         keys.first + i * kKeyBlock < end; ++i) {
      kernels_.block(tile, block_view(plan_.first_block[task.key_tile] + i, kv_head));
    }
    key_turns_.finish(key_turns);

    const std::int64_t query_turns = std::int64_t{task.query_tile} * shape_.num_kv_heads + kv_head;
    if (!query_turns_.wait(query_turns, task.query_turn, failed_)) return;
    const std::int64_t width = std::int64_t{heads_} * shape_.head_dim;
    for (std::int64_t i = 0; i < rows.count; ++i) {
      float* to = query_row(arguments_.dq, segments_[rows.segment].first_row + rows.first + i, kv_head);
      for (std::int64_t d = 0; d < width; ++d) to[d] += tile.dq[i * width + d] * shape_.softmax_scale;
    }
    query_turns_.finish(query_turns);
  }

  ThreadPool& pool_;
  const AttentionShape& shape_;
  std::span<const TrainSegment> segments_;
  const Arguments arguments_;
  BackwardPlan plan_;
  BackwardKernels kernels_;
  int heads_;                   // query heads a kv head
  std::int64_t packed_floats_;  // words of one packed array of a block
  Buffer<float> packed_;        // [blocks, kv heads, 3, packed_floats_]
  Turns query_turns_;
  Turns key_turns_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

void attention_backward(ThreadPool& pool, const AttentionShape& shape, std::span<const TrainSegment> segments, const float* q,
                        const float* k, const float* v, std::int64_t stride, const float* out, const float* lse, const float* dout,
                        float* dq, float* dk, float* dv) {
  check_attention_shape(shape);
  Backward(pool, shape, segments, {q, k, v, stride, out, lse, dout, dq, dk, dv}).run();
}

}  // namespace longbow::kernels
