// Backward attention: recomputes probabilities from lse, block by block, in two passes a kv head. The first walks each tile of
// queries over the keys it sees (dq), the second each block of keys over the queries that see it (dk, dv); every sum has one
// owner and one order, so gradients do not depend on threads. The second recomputation costs 2 of 7 products and no memory.
// Source: T. Dao, "FlashAttention-2", arXiv 2307.08691, algorithm 2.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "kernels/attention.h"
#include "kernels/cpu/attention_kernels.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kTileQueries = 64;

struct RowRange {  // rows, or keys, [first, first + count) of a segment
  std::int64_t segment;
  std::int64_t first;
  std::int64_t count;
};

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

class Backward {
 public:
  Backward(ThreadPool& pool, const AttentionShape& shape, std::span<const TrainSegment> segments, const Arguments& arguments)
      : pool_(pool),
        shape_(shape),
        segments_(segments),
        arguments_(arguments),
        kernels_(attention_kernels()),
        heads_(shape.num_heads / shape.num_kv_heads),
        block_floats_(std::int64_t{kKeyBlock} * shape.head_dim) {
    check_attention_shape(shape);
    const std::int64_t rows_per_tile = std::max<std::int64_t>(1, kTileQueries / heads_);
    for (std::int64_t s = 0; s < static_cast<std::int64_t>(segments.size()); ++s) {
      const TrainSegment& segment = segments[s];
      check(s);
      first_block_.push_back(static_cast<std::int64_t>(blocks_.size()));
      num_rows_ = std::max(num_rows_, segment.first_row + segment.num_rows);
      for (std::int64_t i = 0; i < segment.num_rows; i += kKeyBlock)
        blocks_.push_back({s, i, std::min<std::int64_t>(kKeyBlock, segment.num_rows - i)});
      for (std::int64_t i = segment.first_query; i < segment.num_rows; i += rows_per_tile)
        tiles_.push_back({s, i, std::min(rows_per_tile, segment.num_rows - i)});
    }
    const std::int64_t packed = static_cast<std::int64_t>(blocks_.size()) * block_floats_;
    key_columns_ = Buffer<float>(packed);
    value_columns_ = Buffer<float>(packed);
    key_rows_ = Buffer<float>(packed);
    delta_ = Buffer<float>(num_rows_ * heads_);
  }

  void run() {
    const auto num_blocks = static_cast<std::int64_t>(blocks_.size());
    const auto num_tiles = static_cast<std::int64_t>(tiles_.size());
    for (kv_head_ = 0; kv_head_ < shape_.num_kv_heads; ++kv_head_) {
      pool_.parallel_for(num_blocks, [&](std::int64_t block, int) { pack(block); });
      // The longest rows first: the last items are short, so that threads end together. Key blocks have that order already.
      pool_.parallel_for(num_tiles, [&](std::int64_t item, int) { query_gradients(tiles_[num_tiles - 1 - item]); });
      pool_.parallel_for(num_blocks, [&](std::int64_t block, int) { key_gradients(block); });
    }
  }

 private:
  // One thread's working memory; it grows to the largest tile met and stays.
  struct Scratch {
    Buffer<float> floats;
    Buffer<std::int64_t> ranges;
    Buffer<float> sums;  // gradients of the tile's queries, or of the block's keys and values

    GradientTile tile(std::int64_t num_queries, int head_dim) {
      const std::int64_t padded = (num_queries + kQueryGroup - 1 + 15) / 16 * 16;
      floats.reserve(padded * (2 * head_dim + 2 * kKeyBlock + 2));
      ranges.reserve(2 * padded);
      float* at = floats.data();
      const auto take = [&at](std::int64_t count) { return std::exchange(at, at + count); };
      GradientTile tile{.num_queries = static_cast<int>(num_queries), .head_dim = head_dim};
      tile.query = take(padded * head_dim);
      tile.dout = take(padded * head_dim);
      tile.probability = take(padded * kKeyBlock);
      tile.score_gradient = take(padded * kKeyBlock);
      tile.lse = take(padded);
      tile.delta = take(padded);
      tile.key_begin = ranges.data();
      tile.key_end = ranges.data() + padded;
      return tile;
    }
  };

  void check(std::int64_t s) const {
    const int prefix = segments_[s].prefix;
    if (prefix < 0) return;
    LONGBOW_CHECK_LT(prefix, s);
    LONGBOW_CHECK_LT(segments_[prefix].prefix, 0);
    LONGBOW_CHECK_LE(segments_[prefix].first_position + segments_[prefix].num_rows, segments_[s].first_position);
  }

  float rounded(float value) const { return shape_.kv_dtype == DType::f32 ? value : to_float(to_bf16(value)); }

  // The block's keys and values as columns, and its keys as rows; absent keys are 0.
  void pack(std::int64_t index) {
    const RowRange& block = blocks_[index];
    const int head_dim = shape_.head_dim;
    float* key_columns = key_columns_.data() + index * block_floats_;
    float* value_columns = value_columns_.data() + index * block_floats_;
    float* key_rows = key_rows_.data() + index * block_floats_;
    if (block.count < kKeyBlock) {
      for (float* columns : {key_columns, value_columns, key_rows}) std::fill_n(columns, block_floats_, 0.0f);
    }
    const std::int64_t from = (segments_[block.segment].first_row + block.first) * arguments_.stride + std::int64_t{kv_head_} * head_dim;
    constexpr int kLine = 16;  // rows lie far apart, so each cache line is read once and whole
    for (int d0 = 0; d0 < head_dim; d0 += kLine) {
      for (std::int64_t j = 0; j < block.count; ++j) {
        for (int d = d0; d < d0 + kLine; ++d) {
          const float key = rounded(arguments_.k[from + j * arguments_.stride + d]);
          key_columns[d * kKeyBlock + j] = key;
          key_rows[j * head_dim + d] = key;
          value_columns[d * kKeyBlock + j] = rounded(arguments_.v[from + j * arguments_.stride + d]);
        }
      }
    }
  }

  // Fills the tile's queries from rows [first, first + count) of a segment.
  void gather(const GradientTile& tile, const TrainSegment& segment, std::int64_t first, std::int64_t count) const {
    const int head_dim = shape_.head_dim;
    for (std::int64_t row = segment.first_row + first, query = 0; query < count * heads_; ++row) {
      for (int head = 0; head < heads_; ++head, ++query) {
        const std::int64_t index = row * shape_.num_heads + kv_head_ * heads_ + head;
        const float* q = arguments_.q + row * arguments_.stride + (std::int64_t{kv_head_} * heads_ + head) * head_dim;
        for (int d = 0; d < head_dim; ++d) tile.query[query * head_dim + d] = rounded(q[d]) * shape_.softmax_scale;
        std::copy_n(arguments_.dout + index * head_dim, head_dim, tile.dout + query * head_dim);
        tile.lse[query] = arguments_.lse[index];
        tile.delta[query] = delta_[row * heads_ + head];
      }
    }
  }

  // What the tile's queries see of the keys of segment `keys`, which is their own or their prefix.
  void set_ranges(const GradientTile& tile, const TrainSegment& segment, std::int64_t first, const TrainSegment& keys) const {
    for (std::int64_t query = 0; query < tile.num_queries; ++query) {
      const std::int64_t row = first + query / heads_;
      const std::int64_t position = segment.first_position + row;
      tile.key_begin[query] = shape_.window == 0 ? 0 : std::max<std::int64_t>(0, position - shape_.window + 1 - keys.first_position);
      tile.key_end[query] = &keys == &segment ? row + 1 : keys.num_rows;
    }
  }

  KeyBlockView view(std::int64_t block) const {
    return {.first_key = blocks_[block].first,
            .key_columns = key_columns_.data() + block * block_floats_,
            .value_columns = value_columns_.data() + block * block_floats_};
  }

  void query_gradients(const RowRange& rows) {
    thread_local Scratch scratch;
    const int head_dim = shape_.head_dim;
    const TrainSegment& segment = segments_[rows.segment];
    for (std::int64_t i = 0; i < rows.count * heads_; ++i) {
      const std::int64_t row = segment.first_row + rows.first + i / heads_;
      const std::int64_t at = (row * shape_.num_heads + kv_head_ * heads_ + i % heads_) * head_dim;
      float sum = 0;
      for (int d = 0; d < head_dim; ++d) sum += arguments_.dout[at + d] * arguments_.out[at + d];
      delta_[row * heads_ + i % heads_] = sum;
    }
    const GradientTile tile = scratch.tile(rows.count * heads_, head_dim);
    gather(tile, segment, rows.first, rows.count);
    scratch.sums.reserve((tile.num_queries + kQueryGroup) * head_dim);
    float* sums = scratch.sums.data();
    std::fill_n(sums, tile.num_queries * head_dim, 0.0f);

    if (segment.prefix >= 0) add_query_gradients(tile, rows, segment.prefix, sums);
    add_query_gradients(tile, rows, rows.segment, sums);

    for (int query = 0; query < tile.num_queries; ++query) {
      const std::int64_t row = segment.first_row + rows.first + query / heads_;
      float* to = arguments_.dq + row * arguments_.stride + (std::int64_t{kv_head_} * heads_ + query % heads_) * head_dim;
      for (int d = 0; d < head_dim; ++d) to[d] = sums[query * head_dim + d] * shape_.softmax_scale;
    }
  }

  void add_query_gradients(const GradientTile& tile, const RowRange& rows, std::int64_t key_segment, float* sums) const {
    set_ranges(tile, segments_[rows.segment], rows.first, segments_[key_segment]);
    const std::int64_t last = tile.key_end[tile.num_queries - 1];  // begins and ends rise with the row
    for (std::int64_t first = tile.key_begin[0] / kKeyBlock * kKeyBlock; first < last; first += kKeyBlock) {
      const std::int64_t block = first_block_[key_segment] + first / kKeyBlock;
      kernels_.score_gradients(tile, view(block));
      for (int query = 0; query < tile.num_queries; query += kQueryGroup) {
        const int group_last = std::min(query + kQueryGroup, tile.num_queries) - 1;
        const auto begin = static_cast<int>(std::max<std::int64_t>(0, tile.key_begin[query] - first));
        const auto end = static_cast<int>(std::min<std::int64_t>(kKeyBlock, tile.key_end[group_last] - first));
        if (begin >= end) continue;
        kernels_.accumulate(sums + query * shape_.head_dim, tile.score_gradient + query * kKeyBlock, kKeyBlock, 1,
                            key_rows_.data() + block * block_floats_, shape_.head_dim, begin, end);
      }
    }
  }

  void key_gradients(std::int64_t index) {
    thread_local Scratch scratch;
    const int head_dim = shape_.head_dim;
    const RowRange& block = blocks_[index];
    const TrainSegment& keys = segments_[block.segment];
    scratch.sums.reserve(2 * block_floats_);
    float* key_sums = scratch.sums.data();
    float* value_sums = key_sums + block_floats_;
    std::fill_n(key_sums, 2 * block_floats_, 0.0f);

    const std::int64_t last_key = block.first + block.count - 1;
    for (std::int64_t s = block.segment; s < static_cast<std::int64_t>(segments_.size()); ++s) {
      const TrainSegment& segment = segments_[s];
      const bool own = s == block.segment;
      if (!own && segment.prefix != block.segment) continue;
      std::int64_t end = segment.num_rows;
      if (shape_.window > 0) end = std::min(end, keys.first_position + last_key + shape_.window - segment.first_position);
      const std::int64_t step = std::max<std::int64_t>(1, kTileQueries / heads_);
      for (std::int64_t row = std::max(segment.first_query, own ? block.first : 0); row < end; row += step) {
        const std::int64_t count = std::min(step, end - row);
        const GradientTile tile = scratch.tile(count * heads_, head_dim);
        gather(tile, segment, row, count);
        set_ranges(tile, segment, row, keys);
        kernels_.score_gradients(tile, view(index));
        add_key_gradients(tile, block, key_sums, value_sums);
      }
    }

    for (std::int64_t j = 0; j < block.count; ++j) {
      const std::int64_t to = (keys.first_row + block.first + j) * arguments_.stride + std::int64_t{kv_head_} * head_dim;
      std::copy_n(key_sums + j * head_dim, head_dim, arguments_.dk + to);
      std::copy_n(value_sums + j * head_dim, head_dim, arguments_.dv + to);
    }
  }

  void add_key_gradients(const GradientTile& tile, const RowRange& block, float* key_sums, float* value_sums) const {
    const int head_dim = shape_.head_dim;
    int begin = 0;  // queries [begin, end) may see one of the keys j …; both rise with the key
    int end = 0;
    for (int j = 0; j < block.count; j += kQueryGroup) {
      while (begin < tile.num_queries && tile.key_end[begin] <= block.first + j) ++begin;
      while (end < tile.num_queries && tile.key_begin[end] < block.first + j + kQueryGroup) ++end;
      if (begin >= end) continue;
      kernels_.accumulate(value_sums + j * head_dim, tile.probability + j, 1, kKeyBlock, tile.dout, head_dim, begin, end);
      kernels_.accumulate(key_sums + j * head_dim, tile.score_gradient + j, 1, kKeyBlock, tile.query, head_dim, begin, end);
    }
  }

  ThreadPool& pool_;
  const AttentionShape& shape_;
  std::span<const TrainSegment> segments_;
  const Arguments arguments_;
  AttentionKernels kernels_;
  int heads_;  // query heads a kv head
  std::int64_t block_floats_;

  std::vector<RowRange> blocks_;
  std::vector<RowRange> tiles_;
  std::vector<std::int64_t> first_block_;  // of each segment, in blocks_
  std::int64_t num_rows_ = 0;
  int kv_head_ = 0;  // the one in work
  // Packed blocks of that kv head: [blocks, head_dim, kKeyBlock] twice, [blocks, kKeyBlock, head_dim]; delta [rows, heads_].
  Buffer<float> key_columns_;
  Buffer<float> value_columns_;
  Buffer<float> key_rows_;
  Buffer<float> delta_;
};

}  // namespace

void attention_backward(ThreadPool& pool, const AttentionShape& shape, std::span<const TrainSegment> segments, const float* q,
                        const float* k, const float* v, std::int64_t stride, const float* out, const float* lse, const float* dout,
                        float* dq, float* dk, float* dv) {
  Backward(pool, shape, segments, {q, k, v, stride, out, lse, dout, dq, dk, dv}).run();
}

}  // namespace longbow::kernels
