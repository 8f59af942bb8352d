// The arithmetic of attention, compiled once per instruction set: the including source defines LONGBOW_ATTENTION_ISA (a namespace
// of its own) and LONGBOW_ATTENTION_PANEL (how many vectors wide a register tile is).
// Bits: every product is a chain of multiply-adds in index order per lane, so neither the register tile nor a query's neighbours
// show. A block's softmax folds its vectors in order, then lanes by halves.
#include "kernels/cpu/attention_kernels.h"
#include "kernels/cpu/vector.h"

namespace longbow::kernels::LONGBOW_ATTENTION_ISA {
namespace {

constexpr int kPanel = LONGBOW_ATTENTION_PANEL;

template <int width>
struct Panel {
  Vec c[kQueryGroup][width];
};

// Rows m of a times columns of b over n steps: the one product behind scores, outputs and all gradients.
template <int width, class T>
inline Panel<width> multiply(const float* a, std::int64_t a_row, std::int64_t a_step, const T* b, std::int64_t b_step, int n) {
  Panel<width> sum = {};
  for (int k = 0; k < n; ++k) {
    Vec column[width];
    for (int v = 0; v < width; ++v) column[v] = load(b + k * b_step + v * kLanes);
    for (int m = 0; m < kQueryGroup; ++m) {
      const Vec weight = broadcast(a[m * a_row + k * a_step]);
      for (int v = 0; v < width; ++v) sum.c[m][v] = fma(weight, column[v], sum.c[m][v]);
    }
  }
  return sum;
}

template <int width, class T, class Consume>
inline void multiply_panels(int& first, int end, const float* a, std::int64_t a_row, std::int64_t a_step, const T* b, std::int64_t b_step,
                            int n, const Consume& consume) {
  if constexpr (width <= kPanel) {
    for (; first + width <= end; first += width) {
      const Panel<width> sum = multiply<width>(a, a_row, a_step, b + first * kLanes, b_step, n);
      for (int m = 0; m < kQueryGroup; ++m) {
        for (int v = 0; v < width; ++v) consume(m, first + v, sum.c[m][v]);
      }
    }
  }
}

// The product's columns [first, end), counted in vectors; consume(m, column, sum) takes each vector of it.
template <class T, class Consume>
inline void multiply_columns(int first, int end, const float* a, std::int64_t a_row, std::int64_t a_step, const T* b, std::int64_t b_step,
                             int n, const Consume& consume) {
  multiply_panels<4>(first, end, a, a_row, a_step, b, b_step, n, consume);
  multiply_panels<2>(first, end, a, a_row, a_step, b, b_step, n, consume);
  multiply_panels<1>(first, end, a, a_row, a_step, b, b_step, n, consume);
}

// Lanes [begin, end) of a vector; the others take `hidden`.
inline Vec keep_lanes(Vec value, int begin, int end, float hidden) {
  static constexpr std::int32_t kIndex[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  IntVec lane;
  __builtin_memcpy(&lane, kIndex, sizeof lane);
  return ((lane >= begin) & (lane < end)) ? value : broadcast(hidden);
}

// What a group of queries sees of one block, as key indexes in the block.
struct Visible {
  int begin[kQueryGroup];
  int end[kQueryGroup];
  int first = kKeyBlock;  // of any query
  int last = 0;

  template <class Tile>
  Visible(const Tile& tile, int query, int num_queries, std::int64_t first_key) {
    for (int m = 0; m < kQueryGroup; ++m) {
      begin[m] = end[m] = 0;
      if (query + m >= num_queries) continue;
      const std::int64_t from = tile.key_begin[query + m] - first_key;
      const std::int64_t to = tile.key_end[query + m] - first_key;
      begin[m] = static_cast<int>(from < 0 ? 0 : from > kKeyBlock ? kKeyBlock : from);
      end[m] = static_cast<int>(to < 0 ? 0 : to > kKeyBlock ? kKeyBlock : to);
      if (!sees(m)) continue;
      first = begin[m] < first ? begin[m] : first;
      last = end[m] > last ? end[m] : last;
    }
  }
  bool sees(int m) const { return begin[m] < end[m]; }
  bool any() const { return first < last; }
  int first_vector() const { return first / kLanes; }
  int end_vector() const { return (last + kLanes - 1) / kLanes; }
  // Lanes of vector v that query m sees; the others take `hidden`.
  Vec keep(int m, int v, Vec value, float hidden) const {
    if (begin[m] <= v * kLanes && end[m] >= (v + 1) * kLanes) return value;
    return keep_lanes(value, begin[m] - v * kLanes, end[m] - v * kLanes, hidden);
  }
};

template <class T>
void forward_block(const QueryTile& tile, int begin, int end, std::int64_t first_key, const void* key_columns, const void* value_rows) {
  const T* key = static_cast<const T*>(key_columns);
  const T* value = static_cast<const T*>(value_rows);
  const int head_dim = tile.head_dim;
  for (int query = begin; query < end; query += kQueryGroup) {
    const Visible visible(tile, query, end, first_key);
    if (!visible.any()) continue;
    const int first = visible.first_vector();
    const int last = visible.end_vector();
    alignas(64) float p[kQueryGroup][kKeyBlock];
    multiply_columns(first, last, tile.query + query * head_dim, head_dim, 1, key, kKeyBlock, head_dim,
                     [&](int m, int v, Vec score) { store(p[m] + v * kLanes, visible.keep(m, v, score, kNoMax)); });

    float correction[kQueryGroup];
    for (int m = 0; m < kQueryGroup; ++m) {
      if (!visible.sees(m)) {
        for (int v = first; v < last; ++v) store(p[m] + v * kLanes, broadcast(0.0f));
        continue;
      }
      Vec top = broadcast(kNoMax);
      for (int v = first; v < last; ++v) top = max(top, load(p[m] + v * kLanes));
      const float old_max = tile.max[query + m];
      const float block_max = reduce_max(top);
      const float new_max = block_max > old_max ? block_max : old_max;
      Vec sum = broadcast(0.0f);
      for (int v = first; v < last; ++v) {
        const Vec part = visible.keep(m, v, exp(load(p[m] + v * kLanes) - broadcast(new_max)), 0.0f);
        store(p[m] + v * kLanes, part);
        sum += part;
      }
      correction[m] = new_max == old_max ? 1.0f : exp(broadcast(old_max - new_max))[0];
      tile.max[query + m] = new_max;
      tile.sum[query + m] = tile.sum[query + m] * correction[m] + reduce_add(sum);
    }

    multiply_columns(0, head_dim / kLanes, p[0] + visible.first, kKeyBlock, 1, value + visible.first * head_dim, head_dim,
                     visible.last - visible.first, [&](int m, int v, Vec sum) {
                       if (!visible.sees(m)) return;
                       float* accumulator = tile.accumulator + (query + m) * head_dim + v * kLanes;
                       store(accumulator, fma(load(accumulator), broadcast(correction[m]), sum));
                     });
  }
}

void score_gradients(const GradientTile& tile, const KeyBlockView& block) {
  const int head_dim = tile.head_dim;
  for (int query = 0; query < tile.num_queries; query += kQueryGroup) {
    const Visible visible(tile, query, tile.num_queries, block.first_key);
    const int rows = tile.num_queries - query < kQueryGroup ? tile.num_queries - query : kQueryGroup;
    float* probability = tile.probability + query * kKeyBlock;
    float* score_gradient = tile.score_gradient + query * kKeyBlock;
    for (int i = 0; i < rows * kKeyBlock; i += kLanes) {
      store(probability + i, broadcast(0.0f));
      store(score_gradient + i, broadcast(0.0f));
    }
    if (!visible.any()) continue;
    const auto columns = [&](const float* a, const float* b, const auto& consume) {
      multiply_columns(visible.first_vector(), visible.end_vector(), a + query * head_dim, head_dim, 1, b, kKeyBlock, head_dim,
                       [&](int m, int v, Vec sum) {
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
  multiply_columns(0, width / kLanes, weight + std::int64_t{begin} * i_stride, m_stride, i_stride, rows + std::int64_t{begin} * width,
                   width, end - begin, [&](int m, int v, Vec product) {
                     float* to = sum + m * width + v * kLanes;
                     store(to, load(to) + product);
                   });
}

}  // namespace

AttentionKernels kernels() {
  return {.forward_block_f32 = &forward_block<float>,
          .forward_block_bf16 = &forward_block<bf16>,
          .score_gradients = &score_gradients,
          .accumulate = &accumulate};
}

}  // namespace longbow::kernels::LONGBOW_ATTENTION_ISA
