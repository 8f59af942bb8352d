// The matrix product behind linear layers and their gradients, C [m, n] (+)= A [m, k] · B [k, n], and its packed operands.
// cpu/gemm.cc cuts a product into slices of k, row tiles and column panels; cpu/gemm_tiles.h, compiled once per instruction
// set, packs and multiplies them.
//
// Bits: every element is the sum of its slices of kSliceSteps steps in order, each slice one chain of multiply-adds from zero
// (for bf16 in pairs). AMX: the sum of its runs of 32 steps, each the chain of its even steps plus that of its odd ones. Row tile,
// panel group and thread never show.
#pragma once

#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "kernels/dtype.h"

namespace longbow::kernels {

inline constexpr std::int64_t kPanelWidth = 16;   // columns a panel of B
inline constexpr std::int64_t kSliceSteps = 256;  // steps of k summed in registers before C takes them
inline constexpr std::int64_t kTileSteps = 32;    // steps of k in an AMX tile

// Packed operands, w values wide (w = 16 columns for a panel of B, the tile's rows for A):
//   f32:   [k][w] floats
//   bf16:  [k / 2][w][2], pairs of steps together, a last odd step paired with zero; 16 pairs by 16 columns are also one AMX tile.
// A of a bf16 product differs with the instruction set: pairs too, or
//   bf16_as_f32: the f32 packing of values that were rounded to bf16, without bf16 products;
//   bf16_tiles:  [k / 32][w][32], AMX; steps beyond the last are zeros.
enum class Packing { f32, bf16_pairs, bf16_as_f32, bf16_tiles };

constexpr std::int64_t packed_steps(std::int64_t k, Packing packing) {
  const std::int64_t together = packing == Packing::f32 ? 1 : packing == Packing::bf16_tiles ? kTileSteps : 2;
  return (k + together - 1) / together * together;
}
constexpr std::int64_t size_of(Packing packing) { return packing == Packing::f32 || packing == Packing::bf16_as_f32 ? 4 : 2; }
constexpr Packing panel_packing(DType dtype) { return dtype == DType::f32 ? Packing::f32 : Packing::bf16_pairs; }
/// Bytes of a panel of B over k steps.
constexpr std::int64_t panel_bytes(std::int64_t k, DType dtype) {
  return packed_steps(k, panel_packing(dtype)) * kPanelWidth * size_of(dtype);
}

/// c [rows, columns] at row stride c_stride = (c +) A tile · panels, over one slice.
struct TileProduct {
  const void* a;                // packed, `a_rows` wide
  int a_rows;                   // `rows`, in whole strips
  int rows;                     // 1 .. GemmKernel::tile_rows
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

/// How products of one dtype are computed.
struct GemmKernel {
  int tile_rows;   // most rows of a tile
  int strip_rows;  // tiles are whole strips of so many rows, A's last one filled up with zeros; a single smaller strip stays as it is
  Packing rows;    // how A is packed
  void (*multiply)(const TileProduct& product);
  // Called by a thread around its products, whose strips have `rows` rows, where registers are to be set up; else null.
  void (*begin)(int rows) = nullptr;
  void (*end)() = nullptr;
};

struct GemmKernels {
  Pack pack_rows;
  Pack pack_columns;
  GemmKernel f32;
  GemmKernel bf16;
};

GemmKernels gemm_kernels_scalar();
GemmKernels gemm_kernels_avx2();
GemmKernels gemm_kernels_avx512();
GemmKernels gemm_kernels_avx512bf16();
GemmKernels gemm_kernels_amx();

/// The kernels of active_isa().
GemmKernels gemm_kernels();
/// For tests: `kernels`, which stay the caller's, instead of those of active_isa(); null ends that.
void replace_gemm_kernels(const GemmKernels* kernels);

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
