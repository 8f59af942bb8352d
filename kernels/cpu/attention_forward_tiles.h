// Forward attention of a tile of queries over one block of keys, and the joining of partial softmaxes. Compiled once per
// instruction set, by cpu/attention_tiles.h.
//
// First the scores of all queries, while the keys stay in the first-level cache, then the outputs, while the values do. Rounding to
// bf16, where the instruction set multiplies it: queries, and probabilities as they enter the second product; sums are f32.
#pragma once

#include "kernels/cpu/attention_products.h"

namespace longbow::kernels::LONGBOW_ATTENTION_ISA {
namespace {

void store_keys_f32(const float* k, const float* v, std::int64_t stride, int begin, int end, int head_dim, std::uint8_t* key_bytes,
                    std::uint8_t* value_bytes) {
  float* key = reinterpret_cast<float*>(key_bytes);
  float* value = reinterpret_cast<float*>(value_bytes);
  for (int j = begin; j < end; ++j, k += stride, v += stride) {
    for (int d = 0; d < head_dim; ++d) key[d * kKeyBlock + j] = k[d];
    for (int d = 0; d < head_dim; d += kLanes) store(value + j * head_dim + d, load(v + d));
  }
}

void store_keys_bf16(const float* k, const float* v, std::int64_t stride, int begin, int end, int head_dim, std::uint8_t* key_bytes,
                     std::uint8_t* value_bytes) {
  auto* key = reinterpret_cast<std::uint32_t*>(key_bytes);
  auto* value = reinterpret_cast<std::uint32_t*>(value_bytes);
  alignas(64) std::uint32_t row[256];  // a bf16 is the upper half
  for (int j = begin; j < end; ++j, k += stride, v += stride) {
    round_to_bf16(k, head_dim, row);
    for (int d = 0; d < head_dim; d += 2) key[d / 2 * kKeyBlock + j] = row[d] >> 16 | row[d + 1];
    round_to_bf16(v, head_dim, row);
    std::uint32_t* pairs = value + j / 2 * head_dim;
    if (j % 2 == 0) {
      for (int d = 0; d < head_dim; ++d) pairs[d] = (pairs[d] & 0xffff0000u) | row[d] >> 16;
    } else {
      for (int d = 0; d < head_dim; ++d) pairs[d] = (pairs[d] & 0xffffu) | row[d];
    }
  }
}

template <class Words>
void load_query(const QueryTile& tile, int query, const float* from) {
  Words::load_query(from, tile.head_dim, tile.query + query * words_of<Words>(tile.head_dim));
}

/// The softmax step of one query: probabilities of vectors [first, last) from its scores, new maximum and sum. Returns the correction
/// that earlier sums need.
template <class Words>
inline float softmax_step(const QueryTile& tile, int query, const float* score, int first, int last, float* probability) {
  Vec top = load(score + first * kLanes);
  for (int v = first + 1; v < last; ++v) top = max(top, load(score + v * kLanes));
  const float old_max = tile.max[query];
  const float block_max = reduce_max(top);
  const float new_max = block_max > old_max ? block_max : old_max;
  const Vec scale = broadcast(tile.scale);
  Vec sum = {};
  for (int v = first; v < last; ++v) {
    const Vec p = exp2_nonpositive((load(score + v * kLanes) - broadcast(new_max)) * scale);
    Words::store_row(probability, v, p);
    sum += p;
  }
  const float correction = new_max == old_max ? 1.0f : exp2_nonpositive(broadcast((old_max - new_max) * tile.scale))[0];
  tile.max[query] = new_max;
  float* sums = tile.sum + query * kSumLanes;
  store(sums, fma(load(sums), broadcast(correction), sum));
  return correction;
}

template <class Words, int rows, bool whole>
void scores(const QueryTile& tile, int query, const StoredBlock& block, std::int64_t next, float* probability, float* correction) {
  const Visible<rows> visible(tile.key_begin + query, tile.key_end + query, block.first_key);
  if (!whole && !visible.any()) return;
  const int first = whole ? 0 : visible.first_vector();
  const int last = whole ? kBlockVectors : visible.end_vector();
  const int query_words = words_of<Words>(tile.head_dim);
  alignas(64) float score[rows][kKeyBlock];
  multiply_columns<Words, rows>(
      {tile.query + query * query_words, query_words, Words::kWords}, {reinterpret_cast<const std::uint32_t*>(block.key), kKeyBlock, next},
      first, last, tile.head_dim / Words::kValues,
      [&](int m, int v, Vec sum) { store(score[m] + v * kLanes, whole ? sum : visible.keep(m, v, sum, kNoMax)); });
  for (int m = 0; m < rows; ++m) {
    float* row = probability + m * words_of<Words>(kKeyBlock);
    if (whole || visible.sees(m)) {
      correction[m] = softmax_step<Words>(tile, query + m, score[m], first, last, row);
    } else {
      for (int v = first; v < last; ++v) Words::store_row(row, v, Vec{});
    }
  }
}

template <class Words, int rows, bool whole>
void outputs(const QueryTile& tile, int query, const StoredBlock& block, std::int64_t next, const float* probability,
             const float* correction) {
  const Visible<rows> visible(tile.key_begin + query, tile.key_end + query, block.first_key);
  if (!whole && !visible.any()) return;
  const int first = (whole ? 0 : visible.first_vector()) * kLanes;
  const int last = (whole ? kBlockVectors : visible.end_vector()) * kLanes;
  multiply_columns<Words, rows>(
      {probability + words_of<Words>(first), words_of<Words>(kKeyBlock), Words::kWords},
      {reinterpret_cast<const std::uint32_t*>(block.value) + first / Words::kValues * tile.head_dim, tile.head_dim, next}, 0,
      tile.head_dim / kLanes, (last - first) / Words::kValues, [&](int m, int v, Vec sum) {
        if (!whole && !visible.sees(m)) return;
        float* accumulator = tile.accumulator + (query + m) * tile.head_dim + v * kLanes;
        store(accumulator, fma(load(accumulator), broadcast(correction[m]), sum));
      });
}

template <class Words, bool whole>
void forward_queries(const QueryTile& tile, int begin, int end, const StoredBlock& block) {
  const auto for_runs = [&](const auto& body) {
    for_each_run(end - begin, [&](int from, int to) {
      const std::int64_t next = from == 0 ? block.next : 0;  // one run is enough to fetch it
      with_rows(to - from, [&]<int rows>() {
        body.template operator()<rows>(begin + from, next, tile.probability + from * words_of<Words>(kKeyBlock), tile.correction + from);
      });
    });
  };
  for_runs([&]<int rows>(int query, std::int64_t next, float* probability, float* correction) {
    scores<Words, rows, whole>(tile, query, block, next, probability, correction);
  });
  for_runs([&]<int rows>(int query, std::int64_t next, const float* probability, const float* correction) {
    outputs<Words, rows, whole>(tile, query, block, next, probability, correction);
  });
}

template <class Words>
void forward_block(const QueryTile& tile, int begin, int end, const StoredBlock& block) {
  const int count = end - begin;
  const int pieces = (count + kProbabilityQueries - 1) / kProbabilityQueries;
  for (int piece = 0; piece < pieces; ++piece) {
    const int from = begin + count * piece / pieces;
    const int to = begin + count * (piece + 1) / pieces;
    if (block.whole) {
      forward_queries<Words, true>(tile, from, to, block);
    } else {
      forward_queries<Words, false>(tile, from, to, block);
    }
  }
}

void merge(const QueryTile& from, int i, const QueryTile& to, int j) {
  if (from.max[i] == kNoMax) return;
  const float top = from.max[i] > to.max[j] ? from.max[i] : to.max[j];
  // Exactly 0 or 1 where `to` has seen nothing: then it becomes a copy of `from`.
  const Vec old_weight = exp2_nonpositive(broadcast((to.max[j] - top) * to.scale));
  const Vec new_weight = exp2_nonpositive(broadcast((from.max[i] - top) * to.scale));
  to.max[j] = top;
  const auto join = [&](const float* more, float* sum) { store(sum, fma(load(more), new_weight, load(sum) * old_weight)); };
  join(from.sum + i * kSumLanes, to.sum + j * kSumLanes);
  for (int d = 0; d < to.head_dim; d += kLanes) join(from.accumulator + i * to.head_dim + d, to.accumulator + j * to.head_dim + d);
}

float finish(const QueryTile& tile, int query, float* out) {
  const float sum = reduce_add(load(tile.sum + query * kSumLanes));
  const Vec inverse = broadcast(1.0f / sum);
  for (int d = 0; d < tile.head_dim; d += kLanes) store(out + d, load(tile.accumulator + query * tile.head_dim + d) * inverse);
  return sum;
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ATTENTION_ISA
