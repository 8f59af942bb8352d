// The one product behind scores, outputs and all gradients of attention, and what a query sees of a block. Compiled once per
// instruction set, by cpu/attention_tiles.h.
//
// A's values are broadcast one 4-byte word at a time, B's are read as vectors of words, so an operand's type shows only in what a
// word holds. Bits: every element is one chain of multiply-adds in index order; neither register tile nor neighbours show.
#pragma once

#include "kernels/cpu/attention_kernels.h"
#include "kernels/cpu/vector.h"

namespace longbow::kernels::LONGBOW_ATTENTION_ISA {
namespace {

constexpr int kRows = LONGBOW_ATTENTION_ROWS;    // most rows of a register tile
constexpr int kWidth = LONGBOW_ATTENTION_WIDTH;  // most vectors it is wide: 1, 2 or 4
constexpr int kBlockVectors = kKeyBlock / kLanes;

typedef std::uint32_t WordVec __attribute__((vector_size(4 * kLanes)));

inline WordVec load_words(const std::uint32_t* p) {
  WordVec words;
  __builtin_memcpy(&words, p, sizeof words);
  return words;
}

/// The bits of f32 values rounded to bf16; NaN stays NaN.
inline void round_to_bf16(const float* __restrict from, int count, std::uint32_t* __restrict to) {
  for (int i = 0; i < count; ++i) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, from + i, 4);
    const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    to[i] = ((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded) & 0xffff0000u;
  }
}

template <class A, int rows, int width>
inline void multiply_add(const A& value, const Vec (&column)[width], Vec (&sum)[rows][width]) {
#pragma GCC unroll 8
  for (int m = 0; m < rows; ++m) {
    const Vec weight = broadcast(value(m));
#pragma GCC unroll 4
    for (int v = 0; v < width; ++v) sum[m][v] = fma(weight, column[v], sum[m][v]);
  }
}

// How one step of a product is done. A's words for it start at `a`, its rows are a_row words apart; B's words start at `b`.
struct F32Words {
  static constexpr int kValues = 1;  // of the summed index, a step
  static constexpr int kWords = 1;   // of A, a step
  template <int rows, int width>
  static void step(const float* a, std::int64_t a_row, const std::uint32_t* b, Vec (&sum)[rows][width]) {
    Vec column[width];
    for (int v = 0; v < width; ++v) column[v] = (Vec)load_words(b + v * kLanes);
    multiply_add([&](int m) { return a[m * a_row]; }, column, sum);
  }
  static void load_query(const float* from, int head_dim, float* to) {
    for (int d = 0; d < head_dim; d += kLanes) store(to + d, load(from + d));
  }
  static void store_row(float* to, int v, Vec value) { store(to + v * kLanes, value); }
};

#ifdef __AVX512BF16__
// Words are pairs of bf16. A subnormal sum counts as zero, which is how this instruction set has it.
struct Bf16Words {
  static constexpr int kValues = 2;
  static constexpr int kWords = 1;
  template <int rows, int width>
  static void step(const float* a, std::int64_t a_row, const std::uint32_t* b, Vec (&sum)[rows][width]) {
    __m512bh column[width];
    for (int v = 0; v < width; ++v) column[v] = (__m512bh)load_words(b + v * kLanes);
#pragma GCC unroll 8
    for (int m = 0; m < rows; ++m) {
      const auto pair = (__m512bh)broadcast_word(a + m * a_row);
#pragma GCC unroll 4
      for (int v = 0; v < width; ++v) sum[m][v] = (Vec)_mm512_dpbf16_ps((__m512)sum[m][v], pair, column[v]);
    }
  }
  static void load_query(const float* from, int head_dim, float* to) {
    for (int d = 0; d < head_dim; d += kLanes) store_row(to, d / kLanes, load(from + d));
  }
  static void store_row(float* to, int v, Vec value) {
    const __m256bh half = _mm512_cvtneps_pbh((__m512)value);
    __builtin_memcpy(to + v * kLanes / 2, &half, sizeof half);
  }
  /// Words (even lane, odd lane).
  static void store_pairs(float* to, Vec even, Vec odd) {
    const auto halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);  // 16 of `even`, then 16 of `odd`
    store(to, (Vec)_mm512_maskz_permutexvar_epi16(~0u, interleaved(0, 16), halves));
  }
  /// Two stored rows of `size` values as a row of `size` pairs.
  static void interleave(const float* even, const float* odd, int size, float* to) {
    int i = 0;
    for (; i + 32 <= size; i += 32) {
      const auto a = (__m512i)load(even + i / 2);
      const auto b = (__m512i)load(odd + i / 2);
      store(to + i, (Vec)_mm512_permutex2var_epi16(a, interleaved(0, 32), b));
      store(to + i + 16, (Vec)_mm512_permutex2var_epi16(a, interleaved(16, 48), b));
    }
    for (; i < size; i += 2) {  // the last 16
      std::uint32_t a, b;
      __builtin_memcpy(&a, even + i / 2, 4);
      __builtin_memcpy(&b, odd + i / 2, 4);
      const std::uint32_t pairs[2] = {(a & 0xffffu) | b << 16, a >> 16 | (b & 0xffff0000u)};
      __builtin_memcpy(to + i, pairs, 8);
    }
  }

 private:
  // Indexes even, odd, even + 1, odd + 1, ...
  static __m512i interleaved(int even, int odd) {
    typedef std::int16_t Index __attribute__((vector_size(64)));
    Index index;
    for (int i = 0; i < 16; ++i) {
      index[2 * i] = static_cast<std::int16_t>(even + i);
      index[2 * i + 1] = static_cast<std::int16_t>(odd + i);
    }
    return (__m512i)index;
  }

  // As an integer: a pair of bf16 that reads as a signalling NaN must stay as it is.
  static __m512i broadcast_word(const float* p) {
    std::int32_t word;
    __builtin_memcpy(&word, p, 4);
    return _mm512_set1_epi32(word);
  }
};
#else
// B's words are pairs of bf16, A's values are bf16 widened to f32 (a query) or plain f32 (a probability).
struct Bf16Words {
  static constexpr int kValues = 2;
  static constexpr int kWords = 2;
  template <int rows, int width>
  static void step(const float* a, std::int64_t a_row, const std::uint32_t* b, Vec (&sum)[rows][width]) {
    Vec column[width];
    for (int v = 0; v < width; ++v) column[v] = (Vec)(load_words(b + v * kLanes) << 16);
    multiply_add([&](int m) { return a[m * a_row]; }, column, sum);
    for (int v = 0; v < width; ++v) column[v] = (Vec)(load_words(b + v * kLanes) & 0xffff0000u);
    multiply_add([&](int m) { return a[m * a_row + 1]; }, column, sum);
  }
  static void load_query(const float* from, int head_dim, float* to) {
    round_to_bf16(from, head_dim, reinterpret_cast<std::uint32_t*>(to));
  }
  static void store_row(float* to, int v, Vec value) { store(to + v * kLanes, value); }
};
#endif

/// Words that `values` values of A take.
template <class Words>
constexpr int words_of(int values) {
  return values / Words::kValues * Words::kWords;
}

/// Rows of A and B of a product: word w of step s of row m stands at a[m * row + s * step + w], vector v of step s at b[s * step + v].
struct RowsOfA {
  const float* at;
  std::int64_t row;
  std::int64_t step;
};
struct RowsOfB {
  const std::uint32_t* at;
  std::int64_t step;
  std::int64_t next = 0;  // bytes to what is to be fetched meanwhile
};

template <class Words, int rows, int width, class Consume>
inline void multiply_tile(const RowsOfA& a, const RowsOfB& b, std::int64_t first, int steps, const Consume& consume) {
  Vec sum[rows][width] = {};
  const float* a_at = a.at;
  const std::uint32_t* b_at = b.at + first * kLanes;
  for (int s = 0; s < steps; ++s, a_at += a.step, b_at += b.step) {
    Words::step(a_at, a.row, b_at, sum);
    // Into the second-level cache: the first has no room for a second block.
    const char* next = reinterpret_cast<const char*>(b_at) + b.next;
    for (int v = 0; v < width * kLanes; v += 16) __builtin_prefetch(next + v * 4, 0, 2);
  }
#pragma GCC unroll 8
  for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < width; ++v) consume(m, static_cast<int>(first) + v, sum[m][v]);
  }
}

/// The product's columns [first, end), counted in vectors; consume(m, column, sum) takes each vector of it.
template <class Words, int rows, int width = kWidth, class Consume>
inline void multiply_columns(const RowsOfA& a, const RowsOfB& b, std::int64_t first, std::int64_t end, int steps, const Consume& consume) {
  for (; first + width <= end; first += width) multiply_tile<Words, rows, width>(a, b, first, steps, consume);
  if constexpr (width > 1) multiply_columns<Words, rows, width / 2>(a, b, first, end, steps, consume);
}

/// Calls body.operator()<rows>() for a number of rows known at compile time.
template <int most = kRows, class Body>
inline void with_rows(int rows, const Body& body) {
  if (rows == most) return body.template operator()<most>();
  if constexpr (most > 1) with_rows<most - 1>(rows, body);
}

/// Cuts [0, count) into runs of nearly equal length, at most kRows: 7 rows are 4 and 3, not 6 and 1.
template <class Body>
inline void for_each_run(int count, const Body& body) {
  const int runs = (count + kRows - 1) / kRows;
  for (int run = 0; run < runs; ++run) body(count * run / runs, count * (run + 1) / runs);
}

// Lanes [begin, end) of a vector; the others take `hidden`.
inline Vec keep_lanes(Vec value, int begin, int end, float hidden) {
  static constexpr std::int32_t kIndex[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  IntVec lane;
  __builtin_memcpy(&lane, kIndex, sizeof lane);
  return ((lane >= begin) & (lane < end)) ? value : broadcast(hidden);
}

/// What a run of queries sees of one block, as key indexes in the block.
template <int rows>
struct Visible {
  int begin[rows];
  int end[rows];
  int first = kKeyBlock;  // of any query
  int last = 0;

  Visible(const std::int64_t* key_begin, const std::int64_t* key_end, std::int64_t first_key) {
    for (int m = 0; m < rows; ++m) {
      const std::int64_t from = key_begin[m] - first_key;
      const std::int64_t to = key_end[m] - first_key;
      begin[m] = static_cast<int>(from < 0 ? 0 : from > kKeyBlock ? kKeyBlock : from);
      end[m] = static_cast<int>(to < 0 ? 0 : to > kKeyBlock ? kKeyBlock : to);
      if (!sees(m)) continue;
      first = begin[m] < first ? begin[m] : first;
      last = end[m] > last ? end[m] : last;
    }
  }
  bool sees(int m) const { return begin[m] < end[m]; }
  bool any() const { return first < last; }
  // The vectors of keys that some query sees.
  int first_vector() const { return first / kLanes; }
  int end_vector() const { return (last + kLanes - 1) / kLanes; }
  // Lanes of vector v that query m sees; the others take `hidden`.
  Vec keep(int m, int v, Vec value, float hidden) const {
    if (begin[m] <= v * kLanes && end[m] >= (v + 1) * kLanes) return value;
    return keep_lanes(value, begin[m] - v * kLanes, end[m] - v * kLanes, hidden);
  }
};

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ATTENTION_ISA
