// The matrix product's register tiles, compiled once per instruction set: the including source defines LONGBOW_GEMM_ISA (a
// namespace of its own), LONGBOW_GEMM_ROWS (rows of a register tile) and LONGBOW_GEMM_VECTORS (vectors it is wide).
#include <cstring>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vector.h"
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace longbow::kernels::LONGBOW_GEMM_ISA {
namespace {

constexpr int kRows = LONGBOW_GEMM_ROWS;
constexpr int kVectors = LONGBOW_GEMM_VECTORS;
static_assert(kRows <= kRowPadding && kPanelWidth % (kVectors * kLanes) == 0);

inline std::uint16_t round_bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// One step of the depth: a row's value times a vector of the panel.
struct F32Step {
  using Element = float;
  static constexpr int kDepth = 1;
  static constexpr std::int64_t kStride = kPanelWidth;  // floats a step
  using Column = Vec;
  static Column column(const float* panel) { return load(panel); }
  static Vec multiply(const float* a, Column b, Vec c) { return fma(broadcast(*a), b, c); }
};

#ifdef __AVX512BF16__
struct Bf16Step {
  using Element = std::uint16_t;
  static constexpr int kDepth = 2;
  static constexpr std::int64_t kStride = 2 * kPanelWidth;
  using Column = __m512bh;
  static Column column(const std::uint16_t* panel) { return (__m512bh)_mm512_loadu_si512(panel); }
  static Vec multiply(const std::uint16_t* a, Column b, Vec c) {
    int pair;
    std::memcpy(&pair, a, 4);
    return (Vec)_mm512_dpbf16_ps((__m512)c, (__m512bh)_mm512_set1_epi32(pair), b);
  }
};
#else
struct Bf16Step {
  using Element = std::uint16_t;
  static constexpr int kDepth = 2;
  static constexpr std::int64_t kStride = 2 * kPanelWidth;
  struct Column {
    Vec even, odd;
  };
  static float widen(std::uint16_t bits) {
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
  }
  static Column column(const std::uint16_t* panel) {
    IntVec pairs;
    std::memcpy(&pairs, panel, sizeof pairs);
    return {(Vec)(pairs << 16), (Vec)(pairs & static_cast<int>(0xffff0000u))};
  }
  static Vec multiply(const std::uint16_t* a, const Column& b, Vec c) {
    return fma(broadcast(widen(a[1])), b.odd, fma(broadcast(widen(a[0])), b.even, c));
  }
};
#endif

template <class Step, int rows>
inline void tile(const typename Step::Element* a, std::int64_t a_stride, const typename Step::Element* panel, std::int64_t steps,
                 float* c, std::int64_t c_stride, std::int64_t columns, bool accumulate) {
  Vec sum[rows][kVectors] = {};
  for (std::int64_t s = 0; s < steps; ++s) {
    typename Step::Column column[kVectors];
    for (int v = 0; v < kVectors; ++v) column[v] = Step::column(panel + s * Step::kStride + v * kLanes * Step::kDepth);
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Step::multiply(a + r * a_stride + s * Step::kDepth, column[v], sum[r][v]);
    }
  }
  for (int r = 0; r < rows; ++r) {
    float* out = c + r * c_stride;
    if (columns >= kVectors * kLanes) {
      for (int v = 0; v < kVectors; ++v) store(out + v * kLanes, accumulate ? sum[r][v] + load(out + v * kLanes) : sum[r][v]);
    } else {
      float partial[kVectors * kLanes];
      std::memcpy(partial, sum[r], sizeof partial);
      for (std::int64_t i = 0; i < columns; ++i) out[i] = accumulate ? partial[i] + out[i] : partial[i];
    }
  }
}

template <class Step, int rows>
void remaining_rows(std::int64_t count, const typename Step::Element* a, std::int64_t a_stride, const typename Step::Element* panel,
                    std::int64_t steps, float* c, std::int64_t c_stride, std::int64_t columns, bool accumulate) {
  if constexpr (rows > 0) {
    if (count == rows) return tile<Step, rows>(a, a_stride, panel, steps, c, c_stride, columns, accumulate);
    remaining_rows<Step, rows - 1>(count, a, a_stride, panel, steps, c, c_stride, columns, accumulate);
  }
}

template <class Step>
void multiply(const typename Step::Element* a, std::int64_t a_stride, std::int64_t rows, const typename Step::Element* panel,
              std::int64_t depth, float* c, std::int64_t c_stride, std::int64_t columns, bool accumulate) {
  const std::int64_t steps = (depth + Step::kDepth - 1) / Step::kDepth;
  for (std::int64_t first = 0; first < columns; first += kVectors * kLanes) {
    const typename Step::Element* part = panel + first * Step::kDepth;
    const std::int64_t width = columns - first;
    std::int64_t r = 0;
    for (; r + kRows <= rows; r += kRows) {
      tile<Step, kRows>(a + r * a_stride, a_stride, part, steps, c + r * c_stride + first, c_stride, width, accumulate);
    }
    remaining_rows<Step, kRows - 1>(rows - r, a + r * a_stride, a_stride, part, steps, c + r * c_stride + first, c_stride, width, accumulate);
  }
}

void multiply_f32(const float* a, std::int64_t a_stride, std::int64_t rows, const void* panel, std::int64_t depth, float* c,
                  std::int64_t c_stride, std::int64_t columns, bool accumulate) {
  multiply<F32Step>(a, a_stride, rows, static_cast<const float*>(panel), depth, c, c_stride, columns, accumulate);
}

void multiply_bf16(const bf16* a, std::int64_t a_stride, std::int64_t rows, const void* panel, std::int64_t depth, float* c,
                   std::int64_t c_stride, std::int64_t columns, bool accumulate) {
  multiply<Bf16Step>(reinterpret_cast<const std::uint16_t*>(a), a_stride, rows, static_cast<const std::uint16_t*>(panel), depth, c, c_stride,
                     columns, accumulate);
}

void pack_panel_f32(const float* source, std::int64_t depth, std::int64_t depth_stride, std::int64_t columns, std::int64_t column_stride,
                    void* panel) {
  float* out = static_cast<float*>(panel);
  if (columns < kPanelWidth) std::memset(out, 0, depth * kPanelWidth * sizeof(float));
  if (column_stride == 1) {
    for (std::int64_t d = 0; d < depth; ++d) std::memcpy(out + d * kPanelWidth, source + d * depth_stride, columns * sizeof(float));
  } else {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t d = 0; d < depth; ++d) out[d * kPanelWidth + c] = source[d * depth_stride + c * column_stride];
    }
  }
}

void pack_panel_bf16(const float* source, std::int64_t depth, std::int64_t depth_stride, std::int64_t columns, std::int64_t column_stride,
                     void* panel) {
  std::uint16_t* out = static_cast<std::uint16_t*>(panel);
  if (columns < kPanelWidth || depth % 2 != 0) std::memset(out, 0, panel_bytes(depth, DType::bf16));
  if (column_stride == 1) {
    for (std::int64_t d = 0; d < depth; ++d) {
      for (std::int64_t c = 0; c < columns; ++c) out[d / 2 * 2 * kPanelWidth + 2 * c + d % 2] = round_bf16(source[d * depth_stride + c]);
    }
  } else {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t d = 0; d < depth; ++d) {
        out[d / 2 * 2 * kPanelWidth + 2 * c + d % 2] = round_bf16(source[d * depth_stride + c * column_stride]);
      }
    }
  }
}

// Copies 16 x 16 blocks so that a transposed source is read and written a cache line at a time.
template <class Out, class Convert>
inline void pack_rows(const float* source, std::int64_t rows, std::int64_t row_stride, std::int64_t depth, std::int64_t depth_stride, Out* out,
                      std::int64_t out_stride, Convert convert) {
  for (std::int64_t r0 = 0; r0 < rows; r0 += 16) {
    const std::int64_t r1 = r0 + 16 < rows ? r0 + 16 : rows;
    for (std::int64_t d0 = 0; d0 < depth; d0 += 16) {
      const std::int64_t d1 = d0 + 16 < depth ? d0 + 16 : depth;
      for (std::int64_t r = r0; r < r1; ++r) {
        for (std::int64_t d = d0; d < d1; ++d) out[r * out_stride + d] = convert(source[r * row_stride + d * depth_stride]);
      }
    }
    if (out_stride > depth) {
      for (std::int64_t r = r0; r < r1; ++r) out[r * out_stride + depth] = 0;
    }
  }
}

void pack_rows_f32(const float* source, std::int64_t rows, std::int64_t row_stride, std::int64_t depth, std::int64_t depth_stride, void* out) {
  pack_rows(source, rows, row_stride, depth, depth_stride, static_cast<float*>(out), depth, [](float x) { return x; });
}

void pack_rows_bf16(const float* source, std::int64_t rows, std::int64_t row_stride, std::int64_t depth, std::int64_t depth_stride, void* out) {
  pack_rows(source, rows, row_stride, depth, depth_stride, static_cast<std::uint16_t*>(out), padded_depth(depth, DType::bf16), round_bf16);
}

GemmKernels kernels() {
  return {pack_panel_f32, pack_panel_bf16, pack_rows_f32, pack_rows_bf16, multiply_f32, multiply_bf16};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_GEMM_ISA
