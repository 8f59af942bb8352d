// The bf16 product's tiles for AMX, over an interface to the eight tile registers: kernels/cpu/gemm_amx.cc gives it the processor's,
// tests give it an emulation. cpu/gemm.h says how operands are packed and which bits come out.
//
// A `Tiles` has static members: configure(const TileConfig&), release(), and with register numbers as template arguments zero<t>(),
// load<t>(from, row_distance), store<t>(to, row_distance) and multiply<c, a, b>(), c += a · b. A row of a register has 64 bytes.
#pragma once

#include <utility>

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

// Calls body.operator()<0>() to <count - 1>.
template <int count, class Body>
inline void unrolled(const Body& body) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (body.template operator()<i>(), ...); }
  (std::make_integer_sequence<int, count>());
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

template <class Tiles, int strips, int panels>
void multiply_block(const TileProduct& p, std::int64_t first_column) {
  static_assert(strips * panels <= kSums);
  const auto sum = [&](int s, int i) { return Sum<Tiles>(p, s, first_column + i * kPanelWidth); };
  unrolled<strips * panels>([&]<int t>() { sum(t / panels, t % panels).template load<t>(p.accumulate); });

  const auto* a = static_cast<const std::uint8_t*>(p.a);
  const std::uint8_t* b = p.b + first_column / kPanelWidth * p.panel_distance;
  const std::int64_t a_tile_bytes = p.a_rows * std::int64_t{64};
  const auto step = [&](const std::uint8_t* tile_b, std::int64_t distance) {
    unrolled<strips>([&]<int s>() { Tiles::template load<kSums + s>(a + s * kTileBytes, 64); });
    unrolled<panels>([&]<int i>() {
      Tiles::template load<kPanelIn<strips, i>>(tile_b + i * distance, 64);
      unrolled<strips>([&]<int s>() { Tiles::template multiply<s * panels + i, kSums + s, kPanelIn<strips, i>>(); });
    });
    a += a_tile_bytes;
  };

  // The panels that are multiplied after these, into the second-level cache.
  const std::uint8_t* next = nullptr;
  if (p.stream) next = first_column + panels * kPanelWidth < p.columns ? b + panels * p.panel_distance : p.after;
  const std::int64_t whole = p.steps / kTileSteps;
  for (std::int64_t k = 0; k < whole; ++k) {
    step(b + k * kTileBytes, p.panel_distance);
    if (next == nullptr) continue;
    for (int i = 0; i < panels; ++i) {
      for (int line = 0; line < kTileBytes; line += 64) __builtin_prefetch(next + i * p.panel_distance + k * kTileBytes + line, 0, 2);
    }
  }
  if (const std::int64_t pairs = (p.steps % kTileSteps + 1) / 2; pairs > 0) {  // what follows in a panel is not ours
    alignas(64) std::uint8_t rest[panels * kTileBytes] = {};
    for (int i = 0; i < panels; ++i) __builtin_memcpy(rest + i * kTileBytes, b + i * p.panel_distance + whole * kTileBytes, pairs * 64);
    step(rest, kTileBytes);
  }
  unrolled<strips * panels>([&]<int t>() { sum(t / panels, t % panels).template store<t>(); });
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
