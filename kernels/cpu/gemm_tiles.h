// The matrix product's register tiles and packing, compiled once per instruction set: the including source defines LONGBOW_GEMM_ISA
// (a namespace of its own), LONGBOW_GEMM_ROWS (rows of a tile) and LONGBOW_GEMM_WIDE_ROWS (rows up to which two panels more fit).
// cpu/gemm.h says how operands are packed and which bits come out.
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vector.h"
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace longbow::kernels::LONGBOW_GEMM_ISA {
namespace {

constexpr int kRows = LONGBOW_GEMM_ROWS;
constexpr int kWideRows = LONGBOW_GEMM_WIDE_ROWS;
constexpr int kPanels = LONGBOW_GEMM_PANELS;  // panels a tile is wide; twice that up to kWideRows rows
constexpr int kPanelVectors = static_cast<int>(kPanelWidth) / kLanes;
static_assert(kRows <= kMostTileRows);

typedef std::uint32_t WordVec __attribute__((vector_size(4 * kLanes)));

inline WordVec load_words(const std::uint8_t* p) {
  WordVec words;
  __builtin_memcpy(&words, p, sizeof words);
  return words;
}

// How one group of steps is multiplied; a group's A values and B vectors are 4 bytes wide in every packing.
struct F32Group {
  static constexpr int kSteps = 1;
  static constexpr int kValues = 1;  // 4-byte words of A a row
  template <int rows, int vectors>
  static void multiply(const float* a, const std::uint8_t* const (&b)[vectors], std::int64_t offset, Vec (&sum)[rows][vectors]) {
    Vec column[vectors];
    for (int v = 0; v < vectors; ++v) column[v] = (Vec)load_words(b[v] + offset);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vec value = broadcast(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(value, column[v], sum[r][v]);
    }
  }
};

#ifdef __AVX512BF16__
constexpr Packing kBf16Rows = Packing::bf16_pairs;

struct Bf16Group {
  static constexpr int kSteps = 2;
  static constexpr int kValues = 1;
  template <int rows, int vectors>
  static void multiply(const float* a, const std::uint8_t* const (&b)[vectors], std::int64_t offset, Vec (&sum)[rows][vectors]) {
    __m512bh column[vectors];
    for (int v = 0; v < vectors; ++v) column[v] = (__m512bh)load_words(b[v] + offset);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const auto pair = (__m512bh)broadcast(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[r][v] = (Vec)_mm512_dpbf16_ps((__m512)sum[r][v], pair, column[v]);
    }
  }
};
#else
constexpr Packing kBf16Rows = Packing::bf16_as_f32;

struct Bf16Group {
  static constexpr int kSteps = 2;
  static constexpr int kValues = 2;
  template <int rows, int vectors>
  static void multiply(const float* a, const std::uint8_t* const (&b)[vectors], std::int64_t offset, Vec (&sum)[rows][vectors]) {
    Vec column[vectors];
    for (int v = 0; v < vectors; ++v) column[v] = (Vec)(load_words(b[v] + offset) << 16);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vec value = broadcast(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(value, column[v], sum[r][v]);
    }
    for (int v = 0; v < vectors; ++v) column[v] = (Vec)(load_words(b[v] + offset) & 0xffff0000u);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vec value = broadcast(a[rows + r]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(value, column[v], sum[r][v]);
    }
  }
};
#endif

template <class Group, int rows, int panels>
void tile(const TileProduct& p, std::int64_t first_column) {
  constexpr int kVectors = panels * kPanelVectors;
  const std::uint8_t* b[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    b[v] = p.b + (first_column / kPanelWidth + v / kPanelVectors) * p.panel_distance + v % kPanelVectors * sizeof(Vec);
  }
  // The panels that are multiplied after these, into the second-level cache: a core's own prefetching does not look that far. With few
  // rows, hence wide tiles and more streams, it does, and is the faster one.
  constexpr bool kFetch = panels <= kPanels;
  const std::uint8_t* next = b[0];
  if (kFetch && p.stream) {
    if (first_column + panels * kPanelWidth < p.columns) {
      next += panels * p.panel_distance;
    } else if (p.after != nullptr) {
      next = p.after;
    }
  }
  Vec sum[rows][kVectors] = {};
  const auto* a = static_cast<const float*>(p.a);
  const std::int64_t groups = (p.steps + Group::kSteps - 1) / Group::kSteps;
  for (std::int64_t g = 0; g < groups; ++g) {
    Group::template multiply<rows, kVectors>(a + g * rows * Group::kValues, b, g * kPanelWidth * 4, sum);
#pragma GCC unroll 4
    for (int panel = 0; kFetch && panel < panels; ++panel) __builtin_prefetch(next + panel * p.panel_distance + g * kPanelWidth * 4, 0, 2);
  }
  float* c = p.c + first_column;
  const std::int64_t columns = p.columns - first_column;
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    float* to = c + r * p.c_stride;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t left = columns - v * kLanes;
      if (left >= kLanes) {
        store(to + v * kLanes, p.accumulate ? load(to + v * kLanes) + sum[r][v] : sum[r][v]);
      } else if (left > 0) {
        const int part = static_cast<int>(left);
        store_part(to + v * kLanes, part, p.accumulate ? load_part(to + v * kLanes, part, 0) + sum[r][v] : sum[r][v]);
      }
    }
  }
}

template <class Group, int rows>
void multiply_rows(const TileProduct& p) {
  std::int64_t column = 0;
  const auto run = [&]<int panels>() {
    for (; column + (panels - 1) * kPanelWidth < p.columns; column += panels * kPanelWidth) tile<Group, rows, panels>(p, column);
  };
  if constexpr (rows <= kWideRows) run.template operator()<2 * kPanels>();
  run.template operator()<kPanels>();
  if constexpr (kPanels > 1) run.template operator()<1>();
}

template <class Group, int rows = kRows>
void multiply(const TileProduct& p) {
  if (p.rows == rows) return multiply_rows<Group, rows>(p);
  if constexpr (rows > 1) multiply<Group, rows - 1>(p);
}

// The bits of `value` rounded to bf16, in the upper half.
inline std::uint32_t round_bf16(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return ((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded) & 0xffff0000u;
}

inline std::uint32_t word_f32(const float* p, std::int64_t, bool) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, p, 4);
  return bits;
}
inline std::uint32_t word_rounded(const float* p, std::int64_t, bool) { return round_bf16(*p); }
inline std::uint32_t word_pair(const float* p, std::int64_t next, bool last) {
  return round_bf16(*p) >> 16 | (last ? 0 : round_bf16(p[next]));
}

// Word w of the output row for value i is word(source of value i at that step, distance to the next step, is the last odd step).
// Sixteen words of a value at a time: they are made as vectors, then scattered.
template <int steps_per_word, auto word>
void transpose(const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps, std::uint32_t* out) {
  constexpr int kWords = 16;
  const std::int64_t full = steps / (kWords * steps_per_word) * kWords;
  const std::int64_t words = (steps + steps_per_word - 1) / steps_per_word;
  for (std::int64_t w0 = 0; w0 < full; w0 += kWords) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = source + i * stride + w0 * steps_per_word;
      std::uint32_t made[kWords];
      for (int w = 0; w < kWords; ++w) made[w] = word(row + w * steps_per_word, 1, false);
      for (int w = 0; w < kWords; ++w) out[(w0 + w) * width + i] = made[w];
    }
  }
  for (std::int64_t w = full; w < words; ++w) {
    const std::int64_t k = w * steps_per_word;
    for (std::int64_t i = 0; i < count; ++i) out[w * width + i] = word(source + i * stride + k, 1, k + 1 == steps);
  }
  if (count == width) return;
  for (std::int64_t w = 0; w < words; ++w) {
    for (std::int64_t i = count; i < width; ++i) out[w * width + i] = 0;
  }
}

// Sixteen words at a time where that stays inside the source (it may run into the next step) and inside `out` (the next step's words
// overwrite what is too much).
template <int steps_per_word, auto word>
void gather(const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps, std::uint32_t* out) {
  constexpr int kWords = 16;
  const std::uint32_t* end = out + (steps + steps_per_word - 1) / steps_per_word * width;
  const bool wide = count == width && count + stride >= kWords;
  for (std::int64_t k = 0; k < steps; k += steps_per_word, out += width) {
    const float* row = source + k * stride;
    if (width == kWords ? count == kWords && k + steps_per_word <= steps : wide && k + steps_per_word < steps && out + kWords <= end) {
      for (int i = 0; i < kWords; ++i) out[i] = word(row + i, stride, false);
      continue;
    }
    const bool last = k + 1 == steps;
    for (std::int64_t i = 0; i < count; ++i) out[i] = word(row + i, stride, last);
    for (std::int64_t i = count; i < width; ++i) out[i] = 0;
  }
}

void pack_rows(Packing packing, const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
               void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  switch (packing) {
    case Packing::f32:
      return transpose<1, word_f32>(source, stride, count, width, steps, words);
    case Packing::bf16_pairs:
      return transpose<2, word_pair>(source, stride, count, width, steps, words);
    case Packing::bf16_as_f32:
      return transpose<1, word_rounded>(source, stride, count, width, steps, words);
  }
}

void pack_columns(Packing packing, const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
                  void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  switch (packing) {
    case Packing::f32:
      return gather<1, word_f32>(source, stride, count, width, steps, words);
    case Packing::bf16_pairs:
      return gather<2, word_pair>(source, stride, count, width, steps, words);
    case Packing::bf16_as_f32:
      return gather<1, word_rounded>(source, stride, count, width, steps, words);
  }
}

GemmKernels kernels() {
  return {.tile_rows = kRows,
          .bf16_rows = kBf16Rows,
          .pack_rows = pack_rows,
          .pack_columns = pack_columns,
          .multiply_f32 = multiply<F32Group>,
          .multiply_bf16 = multiply<Bf16Group>};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_GEMM_ISA
