// AMX's bf16 products: the emulated registers against their documented arithmetic, the kernels over them, and the compiled kernels
// (on the processor's registers, or trapped into the emulated ones) against these, bit for bit. linear_test.cc holds the emulated
// kernels against float64 in every linear operation.
#include <algorithm>
#include <limits>

#include "core/errors.h"
#include "kernels/linear.h"
#include "tests/kernels/amx_emulation.h"
#include "tests/kernels/amx_trap.h"
#include "tests/kernels/every_isa.h"
#include "tests/tolerance.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace longbow::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kSmallest = std::numeric_limits<float>::min();  // a normal; a bf16 too

std::uint32_t pair_of(float even, float odd) { return to_bf16(even).bits | std::uint32_t{to_bf16(odd).bits} << 16; }

// Element (0, 0) of c + a · b for a row of A and a column of B.
float one_element(float c, const std::vector<std::pair<float, float>>& a, const std::vector<std::pair<float, float>>& b) {
  std::vector<std::uint32_t> tile_a(256), tile_b(256);
  for (std::size_t k = 0; k < a.size(); ++k) {
    tile_a[k] = pair_of(a[k].first, a[k].second);
    tile_b[k * 16] = pair_of(b[k].first, b[k].second);
  }
  std::vector<float> sum(256);
  sum[0] = c;
  emulated_product(1, tile_a.data(), tile_b.data(), sum.data());
  return sum[0];
}

TEST(TileUnit, AddsInTheDocumentedOrder) {
  constexpr float kBig = 1 << 24;  // one more is lost
  const auto ones = [](std::size_t pairs) { return std::vector<std::pair<float, float>>(pairs, {1, 1}); };
  EXPECT_EQ(one_element(0, {{kBig, 1}, {1, 0}, {-kBig, 0}}, ones(3)), 1);  // 0 if a pair went into one sum
  EXPECT_EQ(one_element(0, {{1, kBig}, {0, 1}, {0, -kBig}}, ones(3)), 1);
  EXPECT_EQ(one_element(kBig, {{1, 1}}, ones(1)), kBig + 2);  // kBig if c came first
  EXPECT_EQ(one_element(0, {{kBig, 0}, {1, 0}, {1, 0}}, ones(3)), kBig);
  EXPECT_EQ(one_element(-1, {{1.0078125f, 0}}, {{1.0078125f, 0}}), 0.01568603515625f);  // products are exact
}

TEST(TileUnit, TakesAndGivesNoSubnormals) {
  EXPECT_EQ(one_element(0, {{kSmallest / 2, 0}}, {{0x1p100f, 0}}), 0);
  EXPECT_EQ(one_element(kSmallest / 2, {{kSmallest, 0}}, {{1, 0}}), kSmallest);
  EXPECT_EQ(one_element(0, {{kSmallest, 0}}, {{0.5f, 0}}), 0);
  EXPECT_EQ(one_element(0, {{kSmallest, kSmallest}}, {{0.5f, 0.5f}}), 0);  // each is flushed before they are added
  EXPECT_EQ(one_element(kSmallest, {{-0.75f * 2 * kSmallest, 0}}, {{1, 0}}), 0);
}

TEST(TileUnit, KeepsInfinitiesAndNans) {
  EXPECT_EQ(one_element(0, {{kInfinity, 1}}, {{1, 1}}), kInfinity);
  EXPECT_EQ(one_element(0, {{0x1p100f, 0}}, {{-0x1p100f, 0}}), -kInfinity);
  EXPECT_TRUE(std::isnan(one_element(0, {{kInfinity, 1}}, {{0, 1}})));
  EXPECT_TRUE(std::isnan(one_element(0, {{kInfinity, 1}}, {{1, -kInfinity}})));
}

// Pairs of either sign with exponents from `lowest` on; 0 makes subnormals.
std::vector<std::uint32_t> random_pairs(std::int64_t size, std::uint64_t seed, std::uint32_t lowest) {
  Rng rng(seed, {stable_hash("tile patterns")});
  std::vector<std::uint32_t> pairs(size);
  for (std::uint32_t& pair : pairs) {
    pair = 0;
    for (int i = 0; i < 2; ++i) pair = pair << 16 | (rng.next_u32() & 0x807f) | (lowest + static_cast<std::uint32_t>(rng.below(6))) << 7;
  }
  return pairs;
}

// Operands whose products and sums are of usual size, around the smallest normal, and made of subnormals, in turn.
struct Operands {
  std::vector<std::uint32_t> a, b;
  std::vector<float> c;
  explicit Operands(int round)
      : a(random_pairs(256, 2 * round,
                       round % 3 == 0   ? 124
                       : round % 3 == 1 ? 60
                                        : 0)),
        b(random_pairs(256, 2 * round + 1, round % 3 == 1 ? 60 : 124)),
        c(random_values(256, round, round % 3 == 0 ? 1 : 1e-38)) {}
};

#if defined(__x86_64__)
// The documented order once more, by the processor's own fused multiply-add, with flush-to-zero and denormals-are-zero or without.
[[gnu::target("fma")]] float element_by_processor(float c, const std::uint32_t* a, const std::uint32_t* b, bool flushes) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(flushes ? before | 0x8040 : before);
  __m128 sum[2] = {_mm_setzero_ps(), _mm_setzero_ps()};
  for (int k = 0; k < 16; ++k) {
    for (const int odd : {0, 1}) {
      const auto value = [odd](std::uint32_t pair) { return _mm_set_ss(std::bit_cast<float>(odd ? pair & 0xffff0000u : pair << 16)); };
      sum[odd] = _mm_fmadd_ss(value(a[k]), value(b[k * 16]), sum[odd]);
    }
  }
  const float result = _mm_cvtss_f32(_mm_add_ss(_mm_set_ss(c), _mm_add_ss(sum[0], sum[1])));
  _mm_setcsr(before);
  return result;
}

TEST(TileUnit, AgreesWithTheProcessorsFlushingArithmetic) {
  if (!__builtin_cpu_supports("fma")) GTEST_SKIP() << "this processor has no fused multiply-add";
  int flushed = 0;
  for (int round = 0; round < 300; ++round) {
    const Operands at(round);
    std::vector<float> sum = at.c, portable = at.c;
    tile_product_portable(16, at.a.data(), at.b.data(), portable.data());
    emulated_product(16, at.a.data(), at.b.data(), sum.data());
    expect_same_bits(sum, portable, "vectors against the portable loops");
    for (int i = 0; i < 256; ++i) {
      const std::uint32_t* a = at.a.data() + i / 16 * 16;
      const std::uint32_t* b = at.b.data() + i % 16;
      const float expected = element_by_processor(at.c[i], a, b, true);
      ASSERT_EQ(std::memcmp(&sum[i], &expected, sizeof expected), 0) << "round " << round << ": " << sum[i] << ", expected " << expected;
      flushed += expected != element_by_processor(at.c[i], a, b, false);
    }
  }
  EXPECT_GT(flushed, 0);
}
#endif

TEST(AmxPacking, TilesHoldTheRoundedValuesAndZeros) {
  under_every_isa([](const std::string& isa) {
    for (const std::int64_t count : {1, 7, 16, 17, 32}) {
      for (const std::int64_t steps : {1, 2, 31, 32, 33, 96, 127}) {
        for (const std::int64_t width : {count, (count + 15) / 16 * 16}) {
          for (const bool columns : {false, true}) {
            const std::int64_t stride = (columns ? count : steps) + 3;
            const std::vector<float> source = random_values(stride * (columns ? steps : count), 5);
            const std::int64_t packed = packed_steps(steps, Packing::bf16_tiles);
            std::vector<std::uint16_t> out(packed * width, 0xdead);
            const GemmKernels kernels = gemm_kernels();
            (columns ? kernels.pack_columns : kernels.pack_rows)(Packing::bf16_tiles, source.data(), stride, count, width, steps,
                                                                 out.data());
            for (std::int64_t i = 0; i < width; ++i) {
              for (std::int64_t k = 0; k < packed; ++k) {
                const bool exists = i < count && k < steps;
                const std::uint16_t expected = exists ? to_bf16(source[columns ? k * stride + i : i * stride + k]).bits : 0;
                ASSERT_EQ(out[(k / kTileSteps * width + i) * kTileSteps + k % kTileSteps], expected)
                    << isa << ", " << count << " of " << width << " values, " << steps << " steps, value " << i << ", step " << k;
              }
            }
          }
        }
      }
    }
  });
}

// A bf16 product as linear.h makes them; every buffer is followed by what no kernel may touch.
struct Case {
  std::int64_t m, n, k;
  bool prepacked, transposed, accumulate;
};

std::vector<float> multiply_case(ThreadPool& pool, const Case& c) {
  const std::int64_t stride = c.n + 5;
  const std::vector<float> a = random_values(c.m * c.k, 1);
  const std::vector<float> b = random_values(c.n * c.k, 2);
  std::vector<float> result = random_values(c.m * stride, 3);
  PackedMatrix panels;
  const StepRows rows{{b.data(), c.n}, c.k};
  Product product{.dtype = DType::bf16, .m = c.m, .n = c.n, .a = {a.data(), c.transposed ? c.m : c.k}, .a_transposed = c.transposed};
  if (c.prepacked) {
    panels = make_packed(c.n, c.k, DType::bf16);
    pack_rows(pool, b.data(), c.n, 0, panels);
    product.panels = static_cast<const std::uint8_t*>(panels.panels());
    product.k = c.k;
  } else {
    product.runs = {&rows, 1};
  }
  product.c = result.data();
  product.c_stride = stride;
  product.accumulate = c.accumulate;
  multiply(pool, product);
  return result;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::int64_t m : {1, 7, 16, 17, 33, 127, 129}) {
    for (const auto& [n, k] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {16, 32}, {37, 31}, {64, 288}, {129, 127}, {200, 545}}) {
      for (const int how : {0, 1, 2, 3}) {
        all.push_back({m, n, k, how < 2, how == 2, how % 2 == 1});
      }
    }
  }
  return all;
}

TEST(AmxGemm, LeavesNoRegistersSetUpAndNothingElseWritten) {
  const GemmReplacement amx(emulated_amx_kernels());
  ThreadPool pool(2);
  for (const Case& c : cases()) {
    const std::vector<float> before = random_values(c.m * (c.n + 5), 3);
    const std::vector<float> after = multiply_case(pool, c);
    ASSERT_EQ(TileUnit::num_configured, 0);
    for (std::int64_t i = 0; i < c.m; ++i) {
      for (std::int64_t j = c.n; j < c.n + 5; ++j) ASSERT_EQ(after[i * (c.n + 5) + j], before[i * (c.n + 5) + j]) << c.m << ", " << c.n;
    }
  }
}

TEST(AmxGemm, ARowHasTheSameBitsAloneAmong64AndAmong4096) {
  constexpr std::int64_t kRows = 4096, kDepth = 300, kOutputs = 37;
  const GemmReplacement amx(emulated_amx_kernels());
  ThreadPool one(1), two(2);
  const std::vector<float> x = random_values(kRows * kDepth, 1);
  PackedMatrix b = make_packed(kOutputs, kDepth, DType::bf16);
  pack_rows(two, random_values(kOutputs * kDepth, 2).data(), kOutputs, 0, b);
  std::vector<float> whole(kRows * kOutputs);
  linear_forward(two, x.data(), kRows, b, whole.data());
  for (ThreadPool* pool : {&one, &two}) {
    for (const std::int64_t rows : {1, 16, 64, 129}) {
      for (const std::int64_t first : {std::int64_t{0}, std::int64_t{1234}, kRows - rows}) {
        std::vector<float> y(rows * kOutputs);
        linear_forward(*pool, x.data() + first * kDepth, rows, b, y.data());
        expect_same_bits(y, std::vector<float>(whole.begin() + first * kOutputs, whole.begin() + (first + rows) * kOutputs),
                         concat(pool->num_threads(), " threads, rows ", first, " + ", rows));
      }
    }
  }
}

#if defined(__x86_64__)
bool is_available(Isa isa) {
  const std::vector<Isa> isas = available_isas();
  return std::find(isas.begin(), isas.end(), isa) != isas.end();
}

std::vector<float> with_kernels(const GemmKernels& kernels, ThreadPool& pool, const Case& c) {
  const GemmReplacement replacement(kernels);
  return multiply_case(pool, c);
}

void expect_compiled_kernels_as_emulated() {
  ThreadPool pool(2);
  for (const Case& c : cases()) {
    expect_same_bits(with_kernels(gemm_kernels_amx(), pool, c), with_kernels(emulated_amx_kernels(), pool, c),
                     concat(c.m, " x ", c.k, " x ", c.n, c.prepacked ? ", prepacked" : "", c.transposed ? ", transposed" : ""));
  }
}

TEST(AmxGemm, CompiledKernelsInTrappedRegistersHaveTheEmulatedBits) {
  if (is_available(Isa::amx)) GTEST_SKIP() << "nothing to trap: this processor has AMX, which the next tests run";
  if (!is_available(Isa::avx512_bf16)) GTEST_SKIP() << "the compiled kernels want AVX-512 with bf16 products";
  const AmxTrap trap;
  expect_compiled_kernels_as_emulated();
  EXPECT_GT(AmxTrap::num_products, 0);
  EXPECT_EQ(TileUnit::num_configured, 0);
}

TEST(AmxGemm, CompiledKernelsOnHardwareHaveTheEmulatedBits) {
  if (!is_available(Isa::amx)) GTEST_SKIP() << "this processor has no AMX, or Linux does not grant its registers";
  expect_compiled_kernels_as_emulated();
}

TEST(AmxGemm, HardwareTreatsEveryPatternAsTheEmulation) {
  if (!is_available(Isa::amx)) GTEST_SKIP() << "this processor has no AMX, or Linux does not grant its registers";
  const GemmKernel hardware = gemm_kernels_amx().bf16;
  const GemmKernel emulated = emulated_amx_kernels().bf16;
  for (int round = 0; round < 1000; ++round) {
    const Operands at(round);
    const auto product_by = [&](const GemmKernel& kernel) {
      std::vector<float> c = at.c;
      kernel.begin(16);
      kernel.multiply({.a = at.a.data(),
                       .a_rows = 16,
                       .rows = 16,
                       .b = reinterpret_cast<const std::uint8_t*>(at.b.data()),
                       .panel_distance = 1024,
                       .stream = false,
                       .after = nullptr,
                       .steps = kTileSteps,
                       .c = c.data(),
                       .c_stride = 16,
                       .columns = 16,
                       .accumulate = true});
      kernel.end();
      return c;
    };
    expect_same_bits(product_by(hardware), product_by(emulated), concat("patterns ", round));
  }
}
#endif

}  // namespace
}  // namespace longbow::kernels
