// How far a kernel may be from its float64 reference, with the reason for each bound, and the comparisons that tests use.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace longbow {

inline constexpr double kF32Rounding = 1.0 / (1 << 24);  // half a unit in the last place, relative
inline constexpr double kBf16Rounding = 1.0 / (1 << 8);  // the same of a bfloat16

struct Tolerance {
  double rtol;
  double atol;
};

/// A handful of f32 operations in a row (norms, RoPE, SwiGLU): 8 roundings of the largest value that takes part in an element.
constexpr Tolerance elementwise_tolerance(double largest) { return {8 * kF32Rounding, 8 * kF32Rounding * largest}; }

/// A sum of k products whose absolute values add up to S, in f32. Partial sums of mixed signs are about S / sqrt(k), so k roundings,
/// adding like a random walk, come to 2^-24 S; eight times that, for the rare sum whose terms agree in sign. bf16 products of rounded
/// operands are exact in f32.
constexpr double product_tolerance(double absolute_sum) { return 8 * kF32Rounding * absolute_sum + 1e-30; }

/// Log-probabilities in nats: the logits' own rounding (|logit| <= 16 here), a vector exp within 2 units, a log within 1.
inline constexpr Tolerance kLogprobTolerance = {8 * kF32Rounding, 1e-5};

/// Attention in f32: scores err by about head_dim roundings of terms of size 1/sqrt(head_dim), outputs by the same relative error of a
/// mean of values. Where probabilities are rounded to bf16, an output may be off by kBf16Rounding of the mean of |value| besides.
inline constexpr Tolerance kAttentionTolerance = {1e-5, 4e-6};

/// Its gradients: dk and dv sum over every query that sees the key, so their rounding grows with the root of that number, hence the floor.
inline constexpr Tolerance kAttentionGradientTolerance = {2e-5, 2e-5};

/// Gradients by central differences of a float64 function of f32 inputs: the truncation error of a step of 1e-4 is below 1e-7 of the
/// third derivative; the rest is the kernel's f32 arithmetic.
inline constexpr Tolerance kGradientTolerance = {1e-5, 2e-6};

/// The element furthest beyond its bound. A NaN is worse than anything, and stays the worst.
struct WorstElement {
  double excess = 0;  // error / bound
  std::size_t where = 0;

  void add(std::size_t i, double error, double bound) {
    const double ratio = error / bound;
    if (std::isnan(excess) || ratio <= excess) return;
    excess = ratio;
    where = i;
  }
};

/// |actual - expected| <= atol + rtol |expected| everywhere, NaN and infinities in the same places; names the worst element.
template <class Actual>
void expect_close(const Actual& actual, const std::vector<double>& expected, Tolerance tolerance, const std::string& what) {
  ASSERT_EQ(static_cast<std::size_t>(actual.size()), expected.size()) << what;
  WorstElement worst;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double value = actual[i];
    if (std::isnan(expected[i]) || std::isinf(expected[i])) {
      ASSERT_TRUE(value == expected[i] || (std::isnan(value) && std::isnan(expected[i]))) << what << ": element " << i << " is " << value;
      continue;
    }
    worst.add(i, std::abs(value - expected[i]), tolerance.atol + tolerance.rtol * std::abs(expected[i]));
  }
  EXPECT_LE(worst.excess, 1.0) << what << ": element " << worst.where << " is " << actual[worst.where] << ", expected "
                               << expected[worst.where];
}

/// Equal bit for bit, so that 0 and -0 differ and NaN equals itself.
template <class A, class B>
void expect_same_bits(const A& a, const B& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.size()); ++i) {
    ASSERT_EQ(std::memcmp(&a[i], &b[i], sizeof(a[i])), 0) << what << ": element " << i << " is " << a[i] << " and " << b[i];
  }
}

}  // namespace longbow
