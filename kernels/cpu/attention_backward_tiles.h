// Backward attention of a tile of queries over one block of keys, in f32. Compiled once per instruction set, by cpu/attention_tiles.h.
#pragma once

#include "kernels/cpu/attention_products.h"

namespace longbow::kernels::LONGBOW_ATTENTION_ISA {
namespace {

inline const std::uint32_t* words(const float* p) { return reinterpret_cast<const std::uint32_t*>(p); }

void score_gradients(const GradientTile& tile, const KeyBlockView& block) {
  const int head_dim = tile.head_dim;
  for (int query = 0; query < tile.num_queries; query += kQueryGroup) {
    const int rows = tile.num_queries - query < kQueryGroup ? tile.num_queries - query : kQueryGroup;
    for (int m = rows; m < kQueryGroup; ++m) tile.key_begin[query + m] = tile.key_end[query + m] = 0;
    const Visible<kQueryGroup> visible(tile.key_begin + query, tile.key_end + query, block.first_key);
    float* probability = tile.probability + query * kKeyBlock;
    float* score_gradient = tile.score_gradient + query * kKeyBlock;
    for (int i = 0; i < rows * kKeyBlock; i += kLanes) {
      store(probability + i, broadcast(0.0f));
      store(score_gradient + i, broadcast(0.0f));
    }
    if (!visible.any()) continue;
    const auto columns = [&](const float* a, const float* b, const auto& consume) {
      multiply_columns<F32Words, kQueryGroup>({a + query * head_dim, head_dim, 1}, {words(b), kKeyBlock}, visible.first_vector(),
                                              visible.end_vector(), head_dim, [&](int m, int v, Vec sum) {
                                                if (visible.sees(m)) consume(m, m * kKeyBlock + v * kLanes, v, sum);
                                              });
    };
    columns(tile.query, block.key_columns, [&](int m, int at, int v, Vec score) {
      store(probability + at, visible.keep(m, v, exp(score - broadcast(tile.lse[query + m])), 0.0f));
    });
    columns(tile.dout, block.value_columns, [&](int m, int at, int v, Vec dp) {
      const Vec gradient = load(probability + at) * (dp - broadcast(tile.delta[query + m]));
      store(score_gradient + at, visible.keep(m, v, gradient, 0.0f));
    });
  }
}

void accumulate(float* sum, const float* weight, int m_stride, int i_stride, const float* rows, int width, int begin, int end) {
  multiply_columns<F32Words, kQueryGroup>({weight + std::int64_t{begin} * i_stride, m_stride, i_stride},
                                          {words(rows) + std::int64_t{begin} * width, width}, 0, width / kLanes, end - begin,
                                          [&](int m, int v, Vec product) {
                                            float* to = sum + m * width + v * kLanes;
                                            store(to, load(to) + product);
                                          });
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ATTENTION_ISA
