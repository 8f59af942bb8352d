// The matrix product behind linear layers and their gradients, C [m, n] (+)= A [m, k] · B [k, n], and its packed operands.
// cpu/gemm.cc cuts a product into slices of k, row tiles and column panels; cpu/gemm_tiles.h, compiled once per instruction
// set, packs and multiplies them.
//
// Bits: every element is the sum of its slices of kSliceSteps steps in order, each slice one chain of multiply-adds from zero
// (for bf16 in pairs). Row tile, panel group and thread never show.
#pragma once

#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "kernels/dtype.h"

namespace longbow::kernels {

inline constexpr std::int64_t kPanelWidth = 16;   // columns a panel of B
inline constexpr std::int64_t kSliceSteps = 256;  // steps of k summed in registers before C takes them
inline constexpr std::int64_t kMostTileRows = 16;

// Packed operands, w values wide (w = 16 columns for a panel of B, the tile's rows for A):
//   f32:   [k][w] floats
//   bf16:  [k / 2][w][2], pairs of steps together, a last odd step paired with zero; 16 pairs by 16 columns are also one AMX tile.
// Instruction sets without bf16 products take A of a bf16 product as f32 values that were rounded to bf16.
enum class Packing { f32, bf16_pairs, bf16_as_f32 };

constexpr std::int64_t packed_steps(std::int64_t k, DType dtype) { return dtype == DType::f32 ? k : (k + 1) / 2 * 2; }
/// Bytes of a panel of B over k steps.
constexpr std::int64_t panel_bytes(std::int64_t k, DType dtype) { return packed_steps(k, dtype) * kPanelWidth * size_of(dtype); }

/// c [rows, columns] at row stride c_stride = (c +) A tile · panels, over one slice.
struct TileProduct {
  const void* a;                // packed, `rows` wide
  int rows;                     // 1 .. GemmKernels::tile_rows
  const std::uint8_t* b;        // first panel, at the slice's first step
  std::int64_t panel_distance;  // bytes from a panel to the next
  bool stream;                  // B is read once, from memory: what is next is fetched meanwhile
  const std::uint8_t* after;    // as `b`, for the product that follows; null: none does
  std::int64_t steps;
  float* c;
  std::int64_t c_stride;
  std::int64_t columns;
  bool accumulate;
};

/// Packs part of an f32 matrix, `width` values wide of which `count` exist (zeros beyond). Value i of step k stands at
/// source[i * stride + k] (pack_rows) or source[k * stride + i] (pack_columns).
using Pack = void (*)(Packing packing, const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
                      void* out);

struct GemmKernels {
  int tile_rows;      // most rows of a tile
  Packing bf16_rows;  // how A of a bf16 product is packed
  Pack pack_rows;
  Pack pack_columns;
  void (*multiply_f32)(const TileProduct& product);
  void (*multiply_bf16)(const TileProduct& product);
};

GemmKernels gemm_kernels_scalar();
GemmKernels gemm_kernels_avx2();
GemmKernels gemm_kernels_avx512();
GemmKernels gemm_kernels_avx512bf16();

/// The kernels of active_isa().
GemmKernels gemm_kernels();

/// A, or the rows of B, in f32 as their owner stores them.
struct Matrix {
  const float* data;
  std::int64_t stride;
};

/// A run of consecutive steps of a B that is packed on the fly: row-major [steps, n].
struct StepRows {
  Matrix rows;
  std::int64_t steps;
};

struct Product {
  DType dtype;
  std::int64_t m, n;
  // Element (i, k) of A stands at a.data[i * a.stride + k], or transposed at a.data[k * a.stride + i].
  Matrix a;
  bool a_transposed = false;
  // B: either prepacked panels over `k` steps, or row-major runs of steps, in order.
  const std::uint8_t* panels = nullptr;
  std::int64_t k = 0;
  std::span<const StepRows> runs = {};
  float* c = nullptr;  // [m, n] at row stride c_stride
  std::int64_t c_stride = 0;
  bool accumulate = false;
};

/// bf16: A and B are rounded to bf16, products accumulate in f32.
void multiply(ThreadPool& pool, const Product& product);

}  // namespace longbow::kernels
