// Backward attention of a tile of queries over one block of keys: scores and their gradients, then the three sums that they enter,
// five products in all. Compiled once per instruction set, by cpu/attention_tiles.h.
//
// With bf16 keys, where the instruction set multiplies bf16, the probabilities, score gradients and the output's gradient are rounded
// to bf16 as they enter a product; elsewhere values are f32 that were rounded to what the forward pass saw.
#pragma once

#include "kernels/cpu/attention_products.h"

namespace longbow::kernels::LONGBOW_ATTENTION_ISA {
namespace {

#ifdef __AVX512BF16__
using Bf16Gradients = Bf16Words;
#else
using Bf16Gradients = F32Words;
#endif

inline const std::uint32_t* words(const float* p) { return reinterpret_cast<const std::uint32_t*>(p); }

template <class Words, DType dtype>
void load_row(const float* from, int head_dim, float* to) {
  if constexpr (Words::kValues == 1 && dtype == DType::bf16) {
    round_to_bf16(from, head_dim, reinterpret_cast<std::uint32_t*>(to));
  } else {
    Words::load_query(from, head_dim, to);
  }
}

/// Packs `count` keys and values, whose rows are `stride` floats apart; absent ones are zeros.
template <class Words, DType dtype>
void pack_keys(const float* k, const float* v, std::int64_t stride, int count, int head_dim, const GradientBlock& block) {
  const int row_words = words_of<Words>(head_dim);
  alignas(64) float rows[2][256];  // of the even and the odd key
  const auto columns = [&](const float* row, int key, float* to) {
    for (int w = 0; w < row_words; ++w) to[w * kKeyBlock + key] = row[w];
  };
  for (int key = 0; key < kKeyBlock; ++key) {
    float* row = Words::kValues == 1 ? block.key_rows + key * head_dim : rows[key % 2];
    const auto load = [&](const float* from) {
      if (key < count) return load_row<Words, dtype>(from + key * stride, head_dim, row);
      for (int w = 0; w < row_words; ++w) row[w] = 0;
    };
    load(v);
    columns(row, key, block.value_columns);
    load(k);
    columns(row, key, block.key_columns);
    if constexpr (Words::kValues == 2) {
      if (key % 2 == 1) Words::interleave(rows[0], rows[1], head_dim, block.key_rows + key / 2 * head_dim);
    }
  }
}

/// Stores query i of the tile: its vector, its output's gradient, and what scores and their gradients need of its softmax.
template <class Words, DType dtype>
void load_gradient_query(const GradientTile& tile, int i, const float* q, const float* out, const float* dout, float lse) {
  const int head_dim = tile.head_dim;
  const int row_words = words_of<Words>(head_dim);
  load_row<Words, dtype>(q, head_dim, tile.query + i * row_words);
  Words::load_query(dout, head_dim, tile.dout + i * row_words);
  Vec delta = {};
  for (int d = 0; d < head_dim; d += kLanes) delta = fma(load(dout + d), load(out + d), delta);
  tile.delta[i] = reduce_add(delta);
  tile.lse2[i] = lse * 1.44269504f;
  if constexpr (Words::kValues == 2) {
    const bool odd = i % 2 == 1;
    if (!odd && i + 1 < tile.num_queries) return;
    static constexpr float kZeros[256] = {};  // beside a last query that has no partner
    const auto pair = [&](const float* rows, float* to) {
      const float* even = rows + (odd ? i - 1 : i) * row_words;
      Words::interleave(even, odd ? even + row_words : kZeros, head_dim, to + i / 2 * head_dim);
    };
    pair(tile.query, tile.query_steps);
    pair(tile.dout, tile.dout_steps);
  }
}

/// Probabilities and score gradients of a run of queries, all keys of the block; false where the run sees none.
template <class Words, int rows>
bool score_gradients(const GradientTile& tile, int query, const GradientBlock& block) {
  const Visible<rows> visible(tile.key_begin + query, tile.key_end + query, block.first_key);
  if (!visible.any()) return false;
  alignas(64) float stack[2][rows][kKeyBlock];
  constexpr bool kInPlace = Words::kValues == 1;
  float* probability = kInPlace ? tile.probability + query * kKeyBlock : stack[0][0];
  float* gradient = kInPlace ? tile.gradient + query * kKeyBlock : stack[1][0];
  for (int m = 0; m < rows; ++m) {
    for (int v = 0; v < kBlockVectors; ++v) {
      if (v >= visible.first_vector() && v < visible.end_vector()) continue;
      store(probability + m * kKeyBlock + v * kLanes, Vec{});
      store(gradient + m * kKeyBlock + v * kLanes, Vec{});
    }
  }
  const int row_words = words_of<Words>(tile.head_dim);
  const auto columns = [&](const float* a, const float* b, const auto& consume) {
    multiply_columns<Words, rows>({a + query * row_words, row_words, Words::kWords}, {words(b), kKeyBlock}, visible.first_vector(),
                                  visible.end_vector(), tile.head_dim / Words::kValues,
                                  [&](int m, int v, Vec sum) { consume(m, m * kKeyBlock + v * kLanes, v, sum); });
  };
  columns(tile.query, block.key_columns, [&](int m, int at, int v, Vec score) {
    const Vec p = exp2_nonpositive(fma(score, broadcast(tile.scale), broadcast(-tile.lse2[query + m])));
    store(probability + at, visible.keep(m, v, p, 0.0f));
  });
  columns(tile.dout, block.value_columns, [&](int m, int at, int v, Vec dp) {
    store(gradient + at, visible.keep(m, v, load(probability + at) * (dp - broadcast(tile.delta[query + m])), 0.0f));
  });
  if constexpr (!kInPlace) {
    for (int m = 0; m < rows; m += 2) {
      const std::int64_t steps = std::int64_t{query + m} / 2 * kKeyBlock;
      for (int v = 0; v < kBlockVectors; ++v) {
        const auto part = [&](const float* from, int row) { return row < rows ? load(from + row * kKeyBlock + v * kLanes) : Vec{}; };
        Words::store_pairs(tile.probability + steps + v * kLanes, part(probability, m), part(probability, m + 1));
        Words::store_pairs(tile.gradient + steps + v * kLanes, part(gradient, m), part(gradient, m + 1));
        for (int row = m; row < m + 2 && row < rows; ++row)
          Words::store_row(tile.gradient_rows + (query + row) * words_of<Words>(kKeyBlock), v, part(gradient, row));
      }
    }
  }
  return true;
}

/// tile.dq of a run of queries += score gradients · keys.
template <class Words, int rows>
void query_sums(const GradientTile& tile, int query, const GradientBlock& block) {
  const Visible<rows> visible(tile.key_begin + query, tile.key_end + query, block.first_key);
  if (!visible.any()) return;
  const int first = visible.first_vector() * kLanes;
  const int last = visible.end_vector() * kLanes;
  const float* gradient = Words::kValues == 1 ? tile.gradient : tile.gradient_rows;
  multiply_columns<Words, rows>({gradient + query * words_of<Words>(kKeyBlock) + words_of<Words>(first), words_of<Words>(kKeyBlock), 1},
                                {words(block.key_rows) + first / Words::kValues * tile.head_dim, tile.head_dim}, 0, tile.head_dim / kLanes,
                                (last - first) / Words::kValues, [&](int m, int v, Vec sum) {
                                  float* to = tile.dq + (query + m) * tile.head_dim + v * kLanes;
                                  store(to, load(to) + sum);
                                });
}

/// dk and dv of keys [key, key + rows) += sums over queries [begin, end).
template <class Words, int rows>
void key_sums(const GradientTile& tile, const GradientBlock& block, int key, int begin, int end) {
  const std::int64_t first = begin / Words::kValues;
  const int steps = (end + Words::kValues - 1) / Words::kValues - static_cast<int>(first);
  const auto add = [&](const float* weights, const float* b, float scale, float* sums) {
    multiply_columns<Words, rows>({weights + first * kKeyBlock + key, 1, kKeyBlock}, {words(b) + first * tile.head_dim, tile.head_dim}, 0,
                                  tile.head_dim / kLanes, steps, [&](int m, int v, Vec sum) {
                                    float* to = sums + (key + m) * block.gradient_stride + v * kLanes;
                                    store(to, fma(sum, broadcast(scale), load(to)));
                                  });
  };
  constexpr bool kRowsAreSteps = Words::kValues == 1;
  add(tile.probability, kRowsAreSteps ? tile.dout : tile.dout_steps, 1.0f, block.dv);
  add(tile.gradient, kRowsAreSteps ? tile.query : tile.query_steps, tile.softmax_scale, block.dk);
}

template <class Words>
void backward_block(const GradientTile& tile, const GradientBlock& block) {
  int first = tile.num_queries;  // queries of the runs that see the block; they are consecutive
  int last = 0;
  const auto for_runs = [](int from, int to, const auto& body) {
    for (int i = from; i < to; i += kRows)
      with_rows(to - i < kRows ? to - i : kRows, [&]<int rows>() { body.template operator()<rows>(i); });
  };
  for_runs(0, tile.num_queries, [&]<int rows>(int query) {
    if (!score_gradients<Words, rows>(tile, query, block)) return;
    first = query < first ? query : first;
    last = query + rows;
  });
  for_runs(first, last, [&]<int rows>(int query) { query_sums<Words, rows>(tile, query, block); });
  int begin = first;  // queries [begin, end) may see one of the keys from `key` on; both rise with the key
  int end = first;
  for_runs(0, block.num_keys, [&]<int rows>(int key) {
    while (begin < last && tile.key_end[begin] <= block.first_key + key) ++begin;
    while (end < last && tile.key_begin[end] < block.first_key + key + rows) ++end;
    if (begin < end) key_sums<Words, rows>(tile, block, key, begin, end);
  });
}

template <class Words, DType dtype>
constexpr BackwardKernels backward_kernels() {
  static_assert(kRows % 2 == 0);  // runs of queries start at even ones
  return {.value_bytes = 4 / Words::kValues,
          .pack_keys = pack_keys<Words, dtype>,
          .load_query = load_gradient_query<Words, dtype>,
          .block = backward_block<Words>};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ATTENTION_ISA
