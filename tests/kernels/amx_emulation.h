// AMX's tile registers and bf16 product in plain C++, so that its kernels are tested on every machine.
// Source of the arithmetic: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, TDPBF16PS. What it leaves open:
// whether a result is tiny before or after rounding. Here it is after, so one that rounds up to the smallest normal is kept.
#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels/cpu/gemm_amx_tiles.h"

namespace longbow::kernels {

/// Subnormals become zeros of the same sign, as every operand and result of the product does.
inline float flush(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}

/// c [rows, 16] += a [rows, 16 pairs] · b [16 pairs, 16 columns of pairs]: the even steps make one chain of fused multiply-adds from zero,
/// the odd ones another; their sum is added to c. Round to nearest even throughout.
[[gnu::always_inline]] inline void tile_product(int rows, const std::uint32_t* a, const std::uint32_t* b, float* c) {
  for (int m = 0; m < rows; ++m) {
    float even[16] = {};
    float odd[16] = {};
    for (int k = 0; k < 16; ++k) {
      const float a_even = flush(std::bit_cast<float>(a[m * 16 + k] << 16));
      const float a_odd = flush(std::bit_cast<float>(a[m * 16 + k] & 0xffff0000u));
      for (int n = 0; n < 16; ++n) {
        even[n] = flush(std::fma(a_even, flush(std::bit_cast<float>(b[k * 16 + n] << 16)), even[n]));
        odd[n] = flush(std::fma(a_odd, flush(std::bit_cast<float>(b[k * 16 + n] & 0xffff0000u)), odd[n]));
      }
    }
    for (int n = 0; n < 16; ++n) c[m * 16 + n] = flush(flush(c[m * 16 + n]) + flush(even[n] + odd[n]));
  }
}

inline void tile_product_portable(int rows, const std::uint32_t* a, const std::uint32_t* b, float* c) { tile_product(rows, a, b, c); }

#if defined(__x86_64__)
// The same operations, as vectors.
[[gnu::target("avx2,fma")]] inline void tile_product_fma(int rows, const std::uint32_t* a, const std::uint32_t* b, float* c) {
  tile_product(rows, a, b, c);
}
inline const auto emulated_product =
    __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? tile_product_fma : tile_product_portable;
#else
inline const auto emulated_product = tile_product_portable;
#endif

/// One thread's eight registers. What the processor would fault on, or what no kernel of ours asks for, ends the program.
class TileUnit {
 public:
  static constexpr int kTiles = 8;

  void configure(const void* config) {
    if (!configured_) ++num_configured;
    configured_ = true;
    std::memcpy(&config_, config, sizeof config_);
    require(config_.palette == 1 && config_.start_row == 0, "palette 1 from row 0");
    for (int t = 0; t < kTiles; ++t) {
      require(config_.row_bytes[t] == 64 && config_.rows[t] >= 1 && config_.rows[t] <= 16, "1 to 16 rows of 64 bytes");
      require(config_.row_bytes[t + kTiles] == 0 && config_.rows[t + kTiles] == 0, "eight registers");
      zero(t);
    }
  }
  void release() {
    if (configured_) --num_configured;
    configured_ = false;
  }
  void zero(int t) {
    require(configured_, "a configuration");
    std::memset(tiles_[t], 0, sizeof tiles_[t]);
  }
  void load(int t, const void* from, std::int64_t row_distance) {
    zero(t);
    for (int r = 0; r < config_.rows[t]; ++r) std::memcpy(tiles_[t] + 16 * r, static_cast<const char*>(from) + r * row_distance, 64);
  }
  void store(int t, void* to, std::int64_t row_distance) const {
    require(configured_, "a configuration");
    for (int r = 0; r < config_.rows[t]; ++r) std::memcpy(static_cast<char*>(to) + r * row_distance, tiles_[t] + 16 * r, 64);
  }
  void multiply(int c, int a, int b) {
    require(configured_, "a configuration");
    require(a != b && a != c && b != c, "three registers");
    require(config_.rows[a] == config_.rows[c] && config_.rows[b] == 16, "registers that match");
    float sum[256];
    std::memcpy(sum, tiles_[c], sizeof sum);
    emulated_product(config_.rows[c], tiles_[a], tiles_[b], sum);
    std::memcpy(tiles_[c], sum, sizeof sum);
  }

  /// Threads whose registers are set up at this moment.
  static inline std::atomic<int> num_configured = 0;

 private:
  static void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "tile registers: expected %s\n", what);
    std::abort();
  }

  bool configured_ = false;
  TileConfig config_ = {};
  std::uint32_t tiles_[kTiles][256] = {};
};

inline thread_local constinit TileUnit tile_unit;

struct EmulatedTiles {
  static void configure(const TileConfig& config) { tile_unit.configure(&config); }
  static void release() { tile_unit.release(); }
  template <int t>
  static void zero() {
    tile_unit.zero(t);
  }
  template <int t>
  static void load(const void* from, std::int64_t row_distance) {
    tile_unit.load(t, from, row_distance);
  }
  template <int t>
  static void store(void* to, std::int64_t row_distance) {
    tile_unit.store(t, to, row_distance);
  }
  template <int c, int a, int b>
  static void multiply() {
    tile_unit.multiply(c, a, b);
  }
};

/// Products by `kernels` during its life.
class GemmReplacement {
 public:
  explicit GemmReplacement(const GemmKernels& kernels) : kernels_(kernels) { replace_gemm_kernels(&kernels_); }
  ~GemmReplacement() { replace_gemm_kernels(nullptr); }
  GemmReplacement(const GemmReplacement&) = delete;
  GemmReplacement& operator=(const GemmReplacement&) = delete;

 private:
  GemmKernels kernels_;
};

inline GemmKernels emulated_amx_kernels() { return with_tiles<EmulatedTiles>(gemm_kernels_scalar()); }

}  // namespace longbow::kernels
