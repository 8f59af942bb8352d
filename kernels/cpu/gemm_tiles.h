// The matrix product's register tiles, compiled once per instruction set: the including source defines LONGBOW_GEMM_ISA
// (a namespace of its own), LONGBOW_GEMM_ROWS (rows of a tile) and LONGBOW_GEMM_WIDE_ROWS (rows up to which two panels more fit).
// cpu/gemm.h says how operands are packed and which bits come out.
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_packing.h"
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
static_assert(kRows <= 16);  // as far as the loops over rows unroll

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

GemmKernels kernels() {
  return {.pack_rows = pack_rows,
          .pack_columns = pack_columns,
          .f32 = {.tile_rows = kRows, .strip_rows = 1, .rows = Packing::f32, .multiply = multiply<F32Group>},
          .bf16 = {.tile_rows = kRows, .strip_rows = 1, .rows = kBf16Rows, .multiply = multiply<Bf16Group>}};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_GEMM_ISA
