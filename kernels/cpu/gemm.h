// The matrix product behind linear layers and their gradients: C [m, n] (+)= A [m, depth] · B [depth, n], with B packed in
// column panels. One table of functions per instruction set; cpu/gemm_tiles.h (compiled once for each) does the arithmetic.
//
// Bits: an element is one chain of multiply-adds over the depth in order (in pairs for bf16), whatever the row tile.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace longbow::kernels {

inline constexpr int kPanelWidth = 32;   // columns of B a panel
inline constexpr int kRowPadding = 12;   // A's scratch is readable this many rows beyond its end

/// Depth as stored: bf16 panels hold pairs.
constexpr std::int64_t padded_depth(std::int64_t depth, DType dtype) { return dtype == DType::f32 ? depth : (depth + 1) / 2 * 2; }
/// Bytes of one panel: f32 [depth][32]; bf16 [depth / 2][32][2].
constexpr std::int64_t panel_bytes(std::int64_t depth, DType dtype) { return padded_depth(depth, dtype) * kPanelWidth * size_of(dtype); }

struct GemmKernels {
  /// Packs columns of a strided matrix: panel element (d, c) = source[d * depth_stride + c * column_stride], c < columns <= 32, zeros beyond.
  void (*pack_panel_f32)(const float* source, std::int64_t depth, std::int64_t depth_stride, std::int64_t columns, std::int64_t column_stride, void* panel);
  void (*pack_panel_bf16)(const float* source, std::int64_t depth, std::int64_t depth_stride, std::int64_t columns, std::int64_t column_stride, void* panel);

  /// Packs rows of a strided matrix as [rows][padded depth]: element (r, d) = source[r * row_stride + d * depth_stride].
  void (*pack_rows_f32)(const float* source, std::int64_t rows, std::int64_t row_stride, std::int64_t depth, std::int64_t depth_stride, void* out);
  void (*pack_rows_bf16)(const float* source, std::int64_t rows, std::int64_t row_stride, std::int64_t depth, std::int64_t depth_stride, void* out);

  /// c [rows, columns <= 32] at row stride c_stride = a [rows, depth] · panel, added to c when `accumulate`.
  /// a: f32 rows `a_stride` floats apart; bf16 rows as pack_rows_bf16 leaves them, `a_stride` elements apart.
  void (*multiply_f32)(const float* a, std::int64_t a_stride, std::int64_t rows, const void* panel, std::int64_t depth, float* c,
                       std::int64_t c_stride, std::int64_t columns, bool accumulate);
  void (*multiply_bf16)(const bf16* a, std::int64_t a_stride, std::int64_t rows, const void* panel, std::int64_t depth, float* c,
                        std::int64_t c_stride, std::int64_t columns, bool accumulate);
};

GemmKernels gemm_kernels_scalar();
GemmKernels gemm_kernels_avx2();
GemmKernels gemm_kernels_avx512();
GemmKernels gemm_kernels_avx512bf16();

/// The kernels of active_isa().
GemmKernels gemm_kernels();

}  // namespace longbow::kernels
