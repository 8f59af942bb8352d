// The bf16 product's tiles for AMX, over an interface to the eight tile registers: kernels/cpu/gemm_amx.cc gives it the processor's,
// tests give it an emulation. cpu/gemm.h says how operands are packed and which bits come out.
//
// A `Tiles` has static members: configure(const TileConfig&), release(), and with register numbers as template arguments zero<t>(),
// load<t>(from, row_distance), store<t>(to, row_distance) and multiply<c, a, b>(), c += a · b. A row of a register has 64 bytes.
#pragma once

#include "kernels/cpu/gemm.h"

namespace longbow::kernels {

/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

namespace {

constexpr int kStripRows = 16;
constexpr std::int64_t kTileBytes = 1024;

// Registers 0 to 3 hold C. Two strips of A in 4 and 5 and two panels of B in 6 and 7: four products for four loads; or, when the rows
// are one strip, which may be lower, A in 4 and a panel after the other in 5 to 7.
constexpr int kSums = 4;
template <int strips>
constexpr int kPanelRegister = kSums + strips;
template <int strips, int panel>
constexpr int kPanelIn = kPanelRegister<strips> + panel % (8 - kPanelRegister<strips>);

template <class Tiles>
void begin_tiles(int rows) {
  TileConfig config;
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = 64;
    config.rows[t] = static_cast<std::uint8_t>(t <= kSums ? rows : kStripRows);
  }
  Tiles::configure(config);
}

[[gnu::noinline]] inline void copy_part(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride, std::int64_t rows,
                                        std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < columns; ++i) to[r * to_stride + i] = from[r * from_stride + i];
  }
}

// One register's part of C. Where C ends inside it, it goes through memory of its own.
template <class Tiles>
class Sum {
 public:
  Sum(const TileProduct& p, int strip, std::int64_t column)
      : at_(p.c + strip * kStripRows * p.c_stride + column),
        stride_(p.c_stride),
        rows_(p.rows - strip * kStripRows),
        columns_(p.columns - column) {
    const int height = p.a_rows < kStripRows ? p.a_rows : kStripRows;
    if (rows_ > height) rows_ = height;
    if (columns_ > kPanelWidth) columns_ = kPanelWidth;
    whole_ = rows_ == height && columns_ == kPanelWidth;
  }

  template <int t>
  void load(bool accumulate) const {
    if (!accumulate) return Tiles::template zero<t>();
    if (whole_) return Tiles::template load<t>(at_, stride_ * 4);
    alignas(64) float part[kStripRows * kPanelWidth] = {};
    copy_part(at_, stride_, part, kPanelWidth, rows_, columns_);
    Tiles::template load<t>(part, 64);
  }

  template <int t>
  void store() const {
    if (whole_) return Tiles::template store<t>(at_, stride_ * 4);
    alignas(64) float part[kStripRows * kPanelWidth];
    Tiles::template store<t>(part, 64);
    copy_part(part, kPanelWidth, at_, stride_, rows_, columns_);
  }

 private:
  float* at_;
  std::int64_t stride_;
  std::int64_t rows_;
  std::int64_t columns_;
  bool whole_;
};

template <class Tiles, int strips, int panels, int t = 0>
inline void load_sums(const TileProduct& p, std::int64_t column) {
  Sum<Tiles>(p, t / panels, column + t % panels * kPanelWidth).template load<t>(p.accumulate);
  if constexpr (t + 1 < strips * panels) load_sums<Tiles, strips, panels, t + 1>(p, column);
}

template <class Tiles, int strips, int panels, int t = 0>
inline void store_sums(const TileProduct& p, std::int64_t column) {
  Sum<Tiles>(p, t / panels, column + t % panels * kPanelWidth).template store<t>();
  if constexpr (t + 1 < strips * panels) store_sums<Tiles, strips, panels, t + 1>(p, column);
}

template <class Tiles, int strips>
inline void load_a(const std::uint8_t* a) {
  Tiles::template load<kSums>(a, 64);
  if constexpr (strips == 2) Tiles::template load<kSums + 1>(a + kTileBytes, 64);
}

// Panel i and those after it times the strips in registers.
template <class Tiles, int strips, int panels, int i = 0>
inline void multiply_panels(const std::uint8_t* b, std::int64_t panel_distance) {
  constexpr int kB = kPanelIn<strips, i>;
  Tiles::template load<kB>(b, 64);
  Tiles::template multiply<i, kSums, kB>();
  if constexpr (strips == 2) Tiles::template multiply<panels + i, kSums + 1, kB>();
  if constexpr (i + 1 < panels) multiply_panels<Tiles, strips, panels, i + 1>(b + panel_distance, panel_distance);
}

// Into the second-level cache.
inline void fetch_tile(const std::uint8_t* tile) {
  asm("" : "+r"(tile));  // one address: else the loop around keeps each line's distance from the first panel in a register
  for (int line = 0; line < kTileBytes; line += 64) __builtin_prefetch(tile + line, 0, 2);
}

template <class Tiles, int strips, int panels>
void multiply_block(const TileProduct& p, std::int64_t first_column) {
  static_assert(strips * panels <= kSums);
  load_sums<Tiles, strips, panels>(p, first_column);
  const std::int64_t a_bytes = p.a_rows * std::int64_t{64};  // for a tile's steps
  const std::int64_t distance = p.panel_distance;
  const auto* a = static_cast<const std::uint8_t*>(p.a);
  const std::uint8_t* b = p.b + first_column / kPanelWidth * distance;
  const std::uint8_t* next = nullptr;  // the panels that are multiplied after these
  if (p.stream) next = first_column + panels * kPanelWidth < p.columns ? b + panels * distance : p.after;
  for (std::int64_t left = p.steps / kTileSteps; left > 0; --left, a += a_bytes, b += kTileBytes) {
    load_a<Tiles, strips>(a);
    multiply_panels<Tiles, strips, panels>(b, distance);
    if (next == nullptr) continue;
    for (int i = 0; i < panels; ++i) fetch_tile(next + i * distance);
    next += kTileBytes;
  }
  if (const std::int64_t pairs = (p.steps % kTileSteps + 1) / 2; pairs > 0) {  // what follows in a panel is not ours
    alignas(64) std::uint8_t rest[panels * kTileBytes] = {};
    for (int i = 0; i < panels; ++i) __builtin_memcpy(rest + i * kTileBytes, b + i * distance, pairs * 64);
    load_a<Tiles, strips>(a);
    multiply_panels<Tiles, strips, panels>(rest, kTileBytes);
  }
  store_sums<Tiles, strips, panels>(p, first_column);
}

template <class Tiles>
void multiply_tiles(const TileProduct& p) {
  std::int64_t column = 0;
  const auto run = [&]<int strips, int panels>() {
    for (; column + (panels - 1) * kPanelWidth < p.columns; column += panels * kPanelWidth)
      multiply_block<Tiles, strips, panels>(p, column);
  };
  if (p.a_rows > kStripRows) {
    run.template operator()<2, 2>();
    run.template operator()<2, 1>();
  } else {
    run.template operator()<1, 4>();
    run.template operator()<1, 2>();
    run.template operator()<1, 1>();
  }
}

/// `base`, with bf16 products by `Tiles`.
template <class Tiles>
GemmKernels with_tiles(GemmKernels base) {
  base.bf16 = {.tile_rows = 2 * kStripRows,
               .strip_rows = kStripRows,
               .rows = Packing::bf16_tiles,
               .multiply = multiply_tiles<Tiles>,
               .begin = begin_tiles<Tiles>,
               .end = Tiles::release};
  return base;
}

}  // namespace
}  // namespace longbow::kernels
