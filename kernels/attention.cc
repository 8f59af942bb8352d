// Forward attention: query rows in tiles (attention_plan.h), each tile over the parts of its keys. Enough tiles: a thread takes one
// through all its parts. Too few, as in decode: threads share the parts, which are joined afterwards. Neither that, nor which rows
// share a tile, shows in the bits: the kernels treat each query alone, and parts are joined in one order.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.h"
#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_kernels.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kItemsPerThread = 4;  // fewer, and threads would not end together

constexpr std::int64_t state_floats(std::int64_t queries, std::int64_t head_dim) { return queries * (head_dim + kSumLanes + 16); }

// Points the tile's softmax state into `at`, which holds state_floats.
void place_state(QueryTile& tile, std::int64_t queries, float* at) {
  tile.accumulator = at;
  tile.sum = at + queries * tile.head_dim;
  tile.max = tile.sum + queries * kSumLanes;
}

void clear_state(const QueryTile& tile, int begin, int end) {
  std::fill_n(tile.accumulator + std::int64_t{begin} * tile.head_dim, std::int64_t{end - begin} * tile.head_dim, 0.0f);
  std::fill_n(tile.sum + begin * kSumLanes, (end - begin) * kSumLanes, 0.0f);
  std::fill_n(tile.max + begin, end - begin, kNoMax);
}

// One thread's working memory; it grows to the largest tile met and stays.
struct Scratch {
  Buffer<float> floats;
  Buffer<std::int64_t> ranges;
  QueryTile total;
  QueryTile part;  // shares all but the state

  void prepare(const AttentionShape& shape, std::int64_t queries) {
    const std::int64_t padded = (queries + 15) / 16 * 16;
    const std::int64_t query_floats = padded * shape.head_dim;
    const std::int64_t block_floats = kProbabilityQueries * (kKeyBlock + 1) / 16 * 16 + 16;
    floats.reserve(query_floats + block_floats + 2 * state_floats(padded, shape.head_dim));
    ranges.reserve(2 * padded);
    total = {.head_dim = shape.head_dim, .scale = shape.softmax_scale * 1.44269504f, .query = floats.data()};
    total.probability = total.query + query_floats;
    total.correction = total.probability + kProbabilityQueries * kKeyBlock;
    total.key_begin = ranges.data();
    total.key_end = ranges.data() + padded;
    part = total;
    place_state(total, padded, total.probability + block_floats);
    place_state(part, padded, total.accumulator + state_floats(padded, shape.head_dim));
  }
};

Scratch& scratch() {
  thread_local Scratch memory;
  return memory;
}

// Softmax states of parts that threads share, kept between calls.
struct PartStates {
  struct Item {
    std::int64_t tile;
    PlannedPart part;
    std::int64_t state;  // where it starts in `floats`
  };
  std::vector<Item> items;
  std::vector<std::size_t> first_item;  // of each tile, and the end
  Buffer<float> floats;
};

class Forward {
 public:
  Forward(const AttentionShape& shape, const float* q, std::int64_t q_stride, float* out, float* lse)
      : shape_(shape),
        kernels_(attention_kernels()),
        typed_(shape.kv_dtype == DType::f32 ? kernels_.forward_f32 : kernels_.forward_bf16),
        heads_(shape.num_heads / shape.num_kv_heads),
        q_(q),
        q_stride_(q_stride),
        out_(out),
        lse_(lse) {}

  void run(ThreadPool& pool, const AttentionPlan& plan) {
    const std::int64_t items = plan.num_tiles() * shape_.num_kv_heads;
    if (pool.num_threads() > 1 && items < kItemsPerThread * pool.num_threads()) {
      std::int64_t num_parts = 0;
      for (std::int64_t tile = 0; tile < plan.num_tiles(); ++tile) num_parts += plan.tile(tile).num_parts();
      if (num_parts > plan.num_tiles()) return run_parts(pool, plan);
    }
    // Last rows first: they see the most keys, and the short tiles then even out the threads' ends.
    pool.parallel_for(items, [&](std::int64_t item, int) {
      const std::int64_t rest = items - 1 - item;
      compute(plan.tile(rest / shape_.num_kv_heads), static_cast<int>(rest % shape_.num_kv_heads));
    });
  }

 private:
  void load_queries(const QueryTile& tile, std::span<const PlannedRow> rows, int kv_head) const {
    int query = 0;
    for (const PlannedRow& row : rows) {
      const float* from = q_ + row.row * q_stride_ + std::int64_t{kv_head} * heads_ * shape_.head_dim;
      for (int head = 0; head < heads_; ++head, ++query) typed_.load_query(tile, query, from + std::int64_t{head} * shape_.head_dim);
    }
  }

  // Takes the part's rows, which are queries from `begin` on in the tile, through its blocks.
  void walk(const QueryTile& tile, int begin, const PlannedTile& plan, const PlannedPart& part, int kv_head) const {
    std::int64_t latest_begin = 0;
    std::int64_t earliest_end = INT64_MAX;
    int query = begin;
    for (int i = part.begin; i < part.end; ++i, query += heads_) {
      const std::int64_t key_begin = first_visible(shape_, *part.keys, plan.rows[i].position);
      const std::int64_t key_end = part.own ? plan.rows[i].own_end : part.keys->num_keys();
      std::fill_n(tile.key_begin + query, heads_, key_begin);
      std::fill_n(tile.key_end + query, heads_, key_end);
      latest_begin = std::max(latest_begin, key_begin);
      earliest_end = std::min(earliest_end, key_end);
    }
    const std::int64_t half_bytes = std::int64_t{kKeyBlock} * shape_.head_dim * size_of(shape_.kv_dtype);
    for (std::int64_t block = part.first_block; block < part.end_block; ++block) {
      const std::int64_t slot = block % part.keys->num_slots();
      const std::int64_t next = (block + 1 < part.end_block ? (block + 1) % part.keys->num_slots() : slot) - slot;
      const std::uint8_t* key = part.keys->storage() + (slot * shape_.num_kv_heads + kv_head) * 2 * half_bytes;
      const std::int64_t first_key = block * kKeyBlock;
      const bool whole = first_key >= latest_begin && first_key + kKeyBlock <= earliest_end;
      typed_.block(tile, begin, query,
                   {.first_key = first_key,
                    .key = key,
                    .value = key + half_bytes,
                    .next = next * shape_.num_kv_heads * 2 * half_bytes,
                    .whole = whole});
    }
  }

  void merge(const QueryTile& from, int first, const QueryTile& to, const PlannedPart& part) const {
    const int begin = part.begin * heads_;
    for (int i = 0; i < (part.end - part.begin) * heads_; ++i) kernels_.merge(from, first + i, to, begin + i);
  }

  void write(const QueryTile& tile, std::span<const PlannedRow> rows, int kv_head) const {
    int query = 0;
    for (const PlannedRow& row : rows) {
      for (int head = kv_head * heads_; head < (kv_head + 1) * heads_; ++head, ++query) {
        const std::int64_t index = row.row * shape_.num_heads + head;
        const float sum = kernels_.finish(tile, query, out_ + index * shape_.head_dim);
        if (lse_ != nullptr) lse_[index] = tile.max[query] * shape_.softmax_scale + std::log(sum);
      }
    }
  }

  void compute(const PlannedTile& plan, int kv_head) const {
    Scratch& memory = scratch();
    memory.prepare(shape_, static_cast<std::int64_t>(plan.rows.size()) * heads_);
    load_queries(memory.total, plan.rows, kv_head);
    plan.for_each_part([&](const PlannedPart& part) {
      const QueryTile& tile = part.first ? memory.total : memory.part;
      clear_state(tile, part.begin * heads_, part.end * heads_);
      walk(tile, part.begin * heads_, plan, part, kv_head);
      if (!part.first) merge(memory.part, part.begin * heads_, memory.total, part);
    });
    write(memory.total, plan.rows, kv_head);
  }

  // Every part is an item with a state of its own; then every tile joins the states of its parts.
  void run_parts(ThreadPool& pool, const AttentionPlan& plan) const {
    thread_local PartStates this_threads_states;
    PartStates& states = this_threads_states;
    states.items.clear();
    states.first_item.clear();
    std::int64_t floats = 0;
    for (std::int64_t tile = 0; tile < plan.num_tiles(); ++tile) {
      states.first_item.push_back(states.items.size());
      plan.tile(tile).for_each_part([&](const PlannedPart& part) {
        states.items.push_back({tile, part, floats});
        floats += state_floats((part.end - part.begin) * heads_, shape_.head_dim) * shape_.num_kv_heads;
      });
    }
    states.first_item.push_back(states.items.size());
    states.floats.reserve(floats);
    const auto state_of = [&](const PartStates::Item& item, int kv_head) {
      const std::int64_t queries = (item.part.end - item.part.begin) * heads_;
      QueryTile tile{.head_dim = shape_.head_dim, .scale = shape_.softmax_scale * 1.44269504f};
      place_state(tile, queries, states.floats.data() + item.state + kv_head * state_floats(queries, shape_.head_dim));
      return tile;
    };
    const std::int64_t kv_heads = shape_.num_kv_heads;
    pool.parallel_for(static_cast<std::int64_t>(states.items.size()) * kv_heads, [&](std::int64_t index, int) {
      const PartStates::Item& item = states.items[index / kv_heads];
      const PlannedTile planned = plan.tile(item.tile);
      const int kv_head = static_cast<int>(index % kv_heads);
      const int queries = (item.part.end - item.part.begin) * heads_;
      scratch().prepare(shape_, queries);
      QueryTile tile = scratch().total;
      const QueryTile state = state_of(item, kv_head);
      tile.accumulator = state.accumulator;
      tile.sum = state.sum;
      tile.max = state.max;
      clear_state(tile, 0, queries);
      load_queries(tile, planned.rows.subspan(item.part.begin, item.part.end - item.part.begin), kv_head);
      walk(tile, 0, planned, item.part, kv_head);
    });
    pool.parallel_for(plan.num_tiles() * kv_heads, [&](std::int64_t index, int) {
      const std::int64_t tile = index / kv_heads;
      const PlannedTile planned = plan.tile(tile);
      const int kv_head = static_cast<int>(index % kv_heads);
      const int queries = static_cast<int>(planned.rows.size()) * heads_;
      scratch().prepare(shape_, queries);
      clear_state(scratch().total, 0, queries);
      for (std::size_t i = states.first_item[tile]; i < states.first_item[tile + 1]; ++i) {
        merge(state_of(states.items[i], kv_head), 0, scratch().total, states.items[i].part);
      }
      write(scratch().total, planned.rows, kv_head);
    });
  }

  const AttentionShape& shape_;
  AttentionKernels kernels_;
  ForwardKernels typed_;
  int heads_;  // query heads a kv head
  const float* q_;
  std::int64_t q_stride_;
  float* out_;
  float* lse_;
};

}  // namespace

void attention_forward(ThreadPool& pool, const AttentionShape& shape, const float* q, std::int64_t q_stride,
                       std::span<const QuerySegment> segments, float* out, float* lse) {
  check_attention_shape(shape);
  thread_local AttentionPlan plan;
  plan.make(shape, segments, pool.num_threads());
  Forward(shape, q, q_stride, out, lse).run(pool, plan);
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
      return attention_kernels_avx512();
    case Isa::avx512_bf16:
    case Isa::amx:
      return attention_kernels_avx512bf16();
  }
  LONGBOW_CHECK(false);
}

}  // namespace longbow::kernels
