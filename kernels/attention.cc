// Forward attention: gathers query rows into tiles, walks each tile over the prefix's blocks and then over its rows' own, and
// writes outputs. Which rows share a tile, and which thread has it, never shows in the bits: the kernels treat each query alone.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "kernels/cpu/attention_kernels.h"

namespace longbow::kernels {
namespace {

// Queries a tile: enough to re-use a block of keys from the first-level cache; with a shared prefix more, so that a whole group's
// decode step reads the prefix from memory once.
constexpr std::int64_t kTileQueries = 64;
constexpr std::int64_t kSharedTileQueries = 256;
constexpr std::int64_t kFewestQueries = 16;  // smaller tiles re-read keys too often to be worth another thread

struct Run {  // rows [first, first + count) of one segment
  const QuerySegment* segment;
  std::int64_t first;
  std::int64_t count;
};

struct Tile {  // runs that share a prefix
  std::vector<Run> runs;
  std::int64_t num_rows = 0;
};

std::int64_t num_blocks(const KvBlocks& keys) { return (keys.num_keys() + kKeyBlock - 1) / kKeyBlock; }

// The first key of `keys` that a query at `position` sees.
std::int64_t first_visible(const AttentionShape& shape, const KvBlocks& keys, std::int64_t position) {
  return shape.window == 0 ? 0 : std::max<std::int64_t>(0, position - shape.window + 1 - keys.first_position());
}

void check_held(const KvBlocks& keys, std::int64_t first, std::int64_t end) {
  LONGBOW_CHECK_LE(end, keys.num_keys());
  const std::int64_t oldest = (num_blocks(keys) - keys.num_slots()) * kKeyBlock;
  if (first < end) LONGBOW_CHECK_GE(first, oldest);  // the ring has overwritten a key that is still visible
}

void check_segment(const AttentionShape& shape, const QuerySegment& segment) {
  LONGBOW_CHECK(segment.own != nullptr);
  const std::int64_t position = segment.own->first_position() + segment.own_offset;
  check_held(*segment.own, first_visible(shape, *segment.own, position), segment.own_offset + segment.num_rows);
  if (segment.prefix == nullptr) return;
  LONGBOW_CHECK_LE(segment.prefix->first_position() + segment.prefix->num_keys(), segment.own->first_position());
  check_held(*segment.prefix, first_visible(shape, *segment.prefix, position), segment.prefix->num_keys());
}

// Appends the segments' rows, cut into tiles of `rows_per_tile`.
void cut(std::span<const QuerySegment* const> segments, std::int64_t rows_per_tile, std::vector<Tile>& tiles) {
  Tile tile;
  for (const QuerySegment* segment : segments) {
    for (std::int64_t row = 0; row < segment->num_rows;) {
      const std::int64_t count = std::min(segment->num_rows - row, rows_per_tile - tile.num_rows);
      tile.runs.push_back({segment, row, count});
      tile.num_rows += count;
      row += count;
      if (tile.num_rows == rows_per_tile) tiles.push_back(std::exchange(tile, {}));
    }
  }
  if (tile.num_rows > 0) tiles.push_back(std::move(tile));
}

std::vector<Tile> plan(const AttentionShape& shape, std::span<const QuerySegment> segments, int num_threads) {
  const std::int64_t heads_per_kv = shape.num_heads / shape.num_kv_heads;
  std::vector<Tile> tiles;
  std::vector<bool> planned(segments.size());
  std::vector<const QuerySegment*> family;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (planned[i]) continue;
    family.assign(1, &segments[i]);
    std::int64_t rows = segments[i].num_rows;
    std::int64_t queries = kTileQueries;
    if (segments[i].prefix != nullptr) {
      for (std::size_t j = i + 1; j < segments.size(); ++j) {
        if (segments[j].prefix != segments[i].prefix) continue;
        planned[j] = true;
        family.push_back(&segments[j]);
        rows += segments[j].num_rows;
      }
      const std::int64_t share = (rows * shape.num_heads + num_threads - 1) / num_threads;
      queries = std::clamp(share, kFewestQueries, kSharedTileQueries);
    }
    cut(family, std::max<std::int64_t>(1, queries / heads_per_kv), tiles);
  }
  return tiles;
}

// One thread's working memory; it grows to the largest tile met and stays.
struct Scratch {
  Buffer<float> floats;
  Buffer<std::int64_t> ranges;

  QueryTile tile(int num_queries, int head_dim) {
    const std::int64_t n = num_queries + kQueryGroup - 1;
    const std::int64_t padded = (n + 15) / 16 * 16;
    floats.reserve(padded * (2 * head_dim + 2));
    ranges.reserve(2 * padded);
    float* f = floats.data();
    return {.head_dim = head_dim,
            .query = f,
            .accumulator = f + padded * head_dim,
            .max = f + 2 * padded * head_dim,
            .sum = f + 2 * padded * head_dim + padded,
            .key_begin = ranges.data(),
            .key_end = ranges.data() + padded};
  }
};

struct Call {  // the arguments of attention_forward
  const AttentionShape& shape;
  const float* q;
  std::int64_t q_stride;
  float* out;
  float* lse;
};

// Takes queries [begin, end) over those blocks of `keys` that one of them sees.
void walk(const AttentionShape& shape, const AttentionKernels& kernels, const QueryTile& tile, int begin, int end, const KvBlocks& keys,
          int kv_head) {
  const std::int64_t first = *std::min_element(tile.key_begin + begin, tile.key_begin + end);
  const std::int64_t last = *std::max_element(tile.key_end + begin, tile.key_end + end);
  const std::int64_t half_bytes = std::int64_t{kKeyBlock} * shape.head_dim * size_of(shape.kv_dtype);
  const auto forward_block = shape.kv_dtype == DType::f32 ? kernels.forward_block_f32 : kernels.forward_block_bf16;
  for (std::int64_t block = first / kKeyBlock; block * kKeyBlock < last; ++block) {
    const std::int64_t slot = block % keys.num_slots();
    const std::uint8_t* key = keys.storage() + (slot * shape.num_kv_heads + kv_head) * 2 * half_bytes;
    forward_block(tile, begin, end, block * kKeyBlock, key, key + half_bytes);
  }
}

void compute_tile(const Call& call, const AttentionKernels& kernels, const Tile& rows, int kv_head) {
  thread_local Scratch scratch;
  const AttentionShape& shape = call.shape;
  const int head_dim = shape.head_dim;
  const int heads = shape.num_heads / shape.num_kv_heads;
  const int num_queries = static_cast<int>(rows.num_rows) * heads;
  const QueryTile tile = scratch.tile(num_queries, head_dim);
  std::fill_n(tile.accumulator, std::int64_t{num_queries} * head_dim, 0.0f);
  std::fill_n(tile.max, num_queries, kNoMax);
  std::fill_n(tile.sum, num_queries, 0.0f);

  // The queries, and what they see of the prefix.
  const KvBlocks* prefix = rows.runs.front().segment->prefix;
  int query = 0;
  for (const Run& run : rows.runs) {
    const KvBlocks& own = *run.segment->own;
    for (std::int64_t row = run.first; row < run.first + run.count; ++row) {
      const float* from = call.q + (run.segment->first_row + row) * call.q_stride + std::int64_t{kv_head} * heads * head_dim;
      for (int i = 0; i < heads * head_dim; ++i) tile.query[query * head_dim + i] = from[i] * shape.softmax_scale;
      const std::int64_t position = own.first_position() + run.segment->own_offset + row;
      std::fill_n(tile.key_begin + query, heads, prefix == nullptr ? 0 : first_visible(shape, *prefix, position));
      std::fill_n(tile.key_end + query, heads, prefix == nullptr ? 0 : prefix->num_keys());
      query += heads;
    }
  }
  if (prefix != nullptr) walk(shape, kernels, tile, 0, num_queries, *prefix, kv_head);

  // What they see of their own segments.
  query = 0;
  for (const Run& run : rows.runs) {
    const int begin = query;
    for (std::int64_t row = run.first; row < run.first + run.count; ++row) {
      const std::int64_t key = run.segment->own_offset + row;
      const KvBlocks& own = *run.segment->own;
      std::fill_n(tile.key_begin + query, heads, first_visible(shape, own, own.first_position() + key));
      std::fill_n(tile.key_end + query, heads, key + 1);
      query += heads;
    }
    walk(shape, kernels, tile, begin, query, *run.segment->own, kv_head);
  }

  query = 0;
  for (const Run& run : rows.runs) {
    for (std::int64_t row = run.first; row < run.first + run.count; ++row) {
      for (int head = kv_head * heads; head < (kv_head + 1) * heads; ++head, ++query) {
        const std::int64_t index = (run.segment->first_row + row) * shape.num_heads + head;
        const float inverse = 1.0f / tile.sum[query];
        for (int d = 0; d < head_dim; ++d) call.out[index * head_dim + d] = tile.accumulator[query * head_dim + d] * inverse;
        if (call.lse != nullptr) call.lse[index] = tile.max[query] + std::log(tile.sum[query]);
      }
    }
  }
}

}  // namespace

void attention_forward(ThreadPool& pool, const AttentionShape& shape, const float* q, std::int64_t q_stride,
                       std::span<const QuerySegment> segments, float* out, float* lse) {
  check_attention_shape(shape);
  for (const QuerySegment& segment : segments) {
    if (segment.num_rows > 0) check_segment(shape, segment);
  }
  const AttentionKernels kernels = attention_kernels();
  const std::vector<Tile> tiles = plan(shape, segments, pool.num_threads());
  const Call call{shape, q, q_stride, out, lse};
  const std::int64_t items = static_cast<std::int64_t>(tiles.size()) * shape.num_kv_heads;
  // Last rows first: they see the most keys, and the short tiles then even out the threads' ends.
  pool.parallel_for(items, [&](std::int64_t item, int) {
    const std::int64_t rest = items - 1 - item;
    compute_tile(call, kernels, tiles[rest / shape.num_kv_heads], static_cast<int>(rest % shape.num_kv_heads));
  });
}

void check_attention_shape(const AttentionShape& shape) {
  LONGBOW_CHECK_GT(shape.num_kv_heads, 0);
  LONGBOW_CHECK_EQ(shape.num_heads % shape.num_kv_heads, 0);
  LONGBOW_CHECK_EQ(shape.head_dim % 16, 0);
  LONGBOW_CHECK(shape.head_dim > 0 && shape.head_dim <= 256);
  LONGBOW_CHECK_GE(shape.window, 0);
}

AttentionKernels attention_kernels() {
  switch (active_isa()) {
    case Isa::scalar:
      return attention_kernels_scalar();
    case Isa::avx2:
      return attention_kernels_avx2();
    case Isa::avx512:
    case Isa::avx512_bf16:
    case Isa::amx:
      return attention_kernels_avx512();
  }
  LONGBOW_CHECK(false);
}

}  // namespace longbow::kernels
