// AdamW against its definition in float64; what storing its moments in bfloat16 changes; the gradient norm's accuracy and order.
#include "kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.h"
#include "tests/kernels/every_isa.h"
#include "tests/tolerance.h"

namespace longbow::kernels {
namespace {

TEST(AdamW, FollowsItsDefinition) {
  under_every_isa([](const std::string& isa) {
    for (const std::int64_t size : {1, 7, 4095, 4097, 10000}) {
      ThreadPool one(1), two(2);
      AdamWStep options{
          .learning_rate = 0.01f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.1f, .gradient_scale = 0.5f, .step = 0};
      std::vector<float> weight = random_values(size, 1), m(size), v(size);
      std::vector<float> other_weight = weight, other_m = m, other_v = v;
      std::vector<double> w64 = widen(weight), m64(size), v64(size);
      for (options.step = 1; options.step <= 5; ++options.step) {
        const std::vector<float> gradient = random_values(size, 10 + options.step);
        adamw(two, options, size, gradient.data(), weight.data(), m.data(), v.data());
        adamw(one, options, size, gradient.data(), other_weight.data(), other_m.data(), other_v.data());
        const double step = static_cast<double>(options.step);
        const double beta1 = options.beta1, beta2 = options.beta2;
        for (std::int64_t i = 0; i < size; ++i) {
          const double g = gradient[i] * 0.5;
          m64[i] = beta1 * m64[i] + (1 - beta1) * g;
          v64[i] = beta2 * v64[i] + (1 - beta2) * g * g;
          const double m_hat = m64[i] / (1 - std::pow(beta1, step));
          const double v_hat = v64[i] / (1 - std::pow(beta2, step));
          w64[i] -= 0.01f * (m_hat / (std::sqrt(v_hat) + options.eps) + static_cast<double>(options.weight_decay) * w64[i]);
        }
      }
      const std::string what = concat(isa, ", size ", size);
      expect_close(weight, w64, elementwise_tolerance(1), what + ", weight");
      expect_close(m, m64, elementwise_tolerance(1), what + ", first moment");
      expect_close(v, v64, elementwise_tolerance(1), what + ", second moment");
      expect_same_bits(weight, other_weight, what);
    }
  });
}

TEST(AdamW, ZeroGradientOnlyDecays) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(1);
    const AdamWStep options{
        .learning_rate = 0.5f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.5f, .gradient_scale = 1, .step = 1};
    std::vector<float> weight = {1, -2, 0}, m(3), v(3);
    adamw(pool, options, 3, std::vector<float>(3).data(), weight.data(), m.data(), v.data());
    EXPECT_EQ(weight, (std::vector<float>{0.75f, -1.5f, 0})) << isa;
  });
}

/// A unit in the last place of the bfloat16s around x.
double bf16_unit(double x) { return std::exp2(std::floor(std::log2(std::abs(x)))) * 2 * kBf16Rounding; }

TEST(AdamWInBfloat16, RoundsWhatItStoresAndNothingElse) {
  under_every_isa([](const std::string& isa) {
    for (const std::int64_t size : {1, 7, 4097}) {
      ThreadPool pool(2);
      const AdamWStep options{
          .learning_rate = 0.01f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.1f, .gradient_scale = 0.5f, .step = 1};
      const std::vector<float> gradient = random_values(size, 3);
      std::vector<float> weight = random_values(size, 1), m(size), v(size);
      std::vector<float> other_weight = weight;
      std::vector<bf16> stored_m(size), stored_v(size);
      adamw(pool, options, size, gradient.data(), weight.data(), m.data(), v.data());
      adamw(pool, options, size, gradient.data(), other_weight.data(), stored_m.data(), stored_v.data());
      expect_same_bits(weight, other_weight, concat(isa, ", size ", size));
      for (std::int64_t i = 0; i < size; ++i) {
        ASSERT_LT(std::abs(to_float(stored_m[i]) - m[i]), bf16_unit(m[i])) << isa << ", element " << i;
        ASSERT_LT(std::abs(to_float(stored_v[i]) - v[i]), bf16_unit(v[i])) << isa << ", element " << i;
      }
    }
  });
}

TEST(AdamWInBfloat16, KeepsWhatIsNoNumberAndWhatNeedsNoRounding) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(1);
    constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
    const AdamWStep options{.learning_rate = 0, .beta1 = 1, .beta2 = 1, .eps = 1, .weight_decay = 0, .gradient_scale = 1, .step = 1};
    std::vector<float> gradient(5), weight(5);
    std::vector<bf16> m, v;
    for (const float value : {kInfinity, -kInfinity, kNan, 0.0f, -1.5f}) m.push_back(to_bf16(value));
    v = m;
    adamw(pool, options, 5, gradient.data(), weight.data(), m.data(), v.data());
    for (const auto& stored : {m, v}) {
      EXPECT_EQ(to_float(stored[0]), kInfinity) << isa;
      EXPECT_EQ(to_float(stored[1]), -kInfinity) << isa;
      EXPECT_TRUE(std::isnan(to_float(stored[2]))) << isa;
      EXPECT_EQ(to_float(stored[3]), 0.0f) << isa;
      EXPECT_EQ(to_float(stored[4]), -1.5f) << isa;
    }
  });
}

/// What rounding at random may make of a decaying sum, added up over elements: each rounding adds a variance of at most a quarter of a
/// squared unit, and a unit is at most 2^-7 of the value, so at most (2^-8 value)^2; a step later beta^2 of it is left. Besides, float32
/// rounds the sum itself, some 4 times a step, of which 1 / (1 - beta) steps stay.
class SumOfRoundings {
 public:
  SumOfRoundings(double beta, std::int64_t size) : beta_(beta), exact_(size), variance_(size) {}

  void add(std::int64_t i, double term, double stored) {
    exact_[i] = beta_ * exact_[i] + (1 - beta_) * term;
    const double unrounded = std::max(std::abs(stored), std::abs(exact_[i])) * (1 + 2 * kBf16Rounding);
    variance_[i] = beta_ * beta_ * variance_[i] + std::pow(kBf16Rounding * unrounded, 2);
  }
  /// Five deviations of the sum over elements.
  void expect_unbiased(const std::vector<bf16>& stored, const std::string& what) const {
    double error = 0, variance = 0, absolute = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i) {
      error += to_float(stored[i]) - exact_[i];
      variance += variance_[i];
      absolute += std::abs(exact_[i]);
    }
    EXPECT_LE(std::abs(error), 5 * std::sqrt(variance) + 4 * kF32Rounding / (1 - beta_) * absolute) << what << ", of " << absolute;
  }

 private:
  double beta_;
  std::vector<double> exact_, variance_;
};

// Rounded to nearest, a second moment that forgets a thousandth a step stands still at a quarter of where it belongs.
TEST(AdamWInBfloat16, MomentsHaveNoBias) {
  struct Case {
    float beta1, beta2;
    bool noisy;
  };
  constexpr std::int64_t kSize = 1000, kSteps = 2000;
  const std::vector<float> noise = random_values(kSize + kSteps, 5);
  for (const Case& test : {Case{0.9f, 0.95f, false}, {0.9f, 0.999f, false}, {0.9f, 0.95f, true}, {0.99f, 0.999f, true}}) {
    under_every_isa([&](const std::string& isa) {
      ThreadPool pool(1);
      AdamWStep options{
          .learning_rate = 0, .beta1 = test.beta1, .beta2 = test.beta2, .eps = 1e-8f, .weight_decay = 0, .gradient_scale = 1, .step = 0};
      std::vector<float> gradient(kSize, 0.7f), weight(kSize);
      std::vector<bf16> m(kSize), v(kSize);
      SumOfRoundings first(test.beta1, kSize), second(test.beta2, kSize);
      for (options.step = 1; options.step <= kSteps; ++options.step) {
        if (test.noisy) std::copy_n(noise.begin() + options.step, kSize, gradient.begin());
        adamw(pool, options, kSize, gradient.data(), weight.data(), m.data(), v.data());
        for (std::int64_t i = 0; i < kSize; ++i) {
          first.add(i, gradient[i], to_float(m[i]));
          second.add(i, static_cast<double>(gradient[i]) * gradient[i], to_float(v[i]));
        }
      }
      const std::string what = concat(isa, test.noisy ? ", noise" : ", constant", ", beta2 ", test.beta2);
      first.expect_unbiased(m, what + ", first moment");
      second.expect_unbiased(v, what + ", second moment");
    });
  }
}

// Decays and gradients of few digits, so that float32 is exact and every instruction set comes to the same numbers before they are rounded.
TEST(AdamWInBfloat16, IsRoundedByBitsOfStepAndElementAlone) {
  constexpr std::int64_t kSize = 9001;
  const auto moments_after = [&](std::int64_t steps, int threads, std::int64_t calls) {
    ThreadPool pool(threads);
    AdamWStep options{.learning_rate = 0, .beta1 = 0.5f, .beta2 = 0.75f, .eps = 1, .weight_decay = 0, .gradient_scale = 1, .step = 1};
    std::vector<float> gradient(kSize), weight(kSize);
    std::vector<bf16> m(kSize), v(kSize);
    for (std::int64_t i = 0; i < kSize; ++i) gradient[i] = 1 + static_cast<float>(i % 61) / 64;
    for (; options.step <= steps; ++options.step) {
      for (std::int64_t call = 0; call < calls; ++call) {
        const std::int64_t first = kSize * call / calls, end = kSize * (call + 1) / calls;
        options.first_element = first;
        adamw(pool, options, end - first, gradient.data() + first, weight.data() + first, m.data() + first, v.data() + first);
      }
    }
    std::vector<float> both;
    for (const auto& stored : {m, v}) {
      for (const bf16 value : stored) both.push_back(to_float(value));
    }
    return both;
  };
  std::vector<float> expected;
  under_every_isa([&](const std::string& isa) {
    if (expected.empty()) expected = moments_after(3, 1, 1);
    expect_same_bits(moments_after(3, 1, 1), expected, isa);
    expect_same_bits(moments_after(3, 2, 1), expected, isa + ", two threads");
    expect_same_bits(moments_after(3, 2, 7), expected, isa + ", in seven calls");
  });
  // Elements of one gradient stand 61 apart; second moments that are no bfloat16 went up here and down there.
  std::int64_t apart = 0;
  for (std::int64_t i = kSize + 61; i < 2 * kSize; ++i) apart += expected[i] != expected[i - 61] ? 1 : 0;
  EXPECT_GT(apart, kSize / 4);
}

TEST(SumOfSquares, IsExactToDoubleAndTheSameForAnyThreads) {
  under_every_isa([](const std::string& isa) {
    ThreadPool one(1), three(3);
    for (const std::int64_t size : {0, 1, 7, 127, 4096, 4097, 100003}) {
      const std::vector<float> values = random_values(size, 1, 1e-3);
      long double expected = 0;
      for (const float value : values) expected += static_cast<long double>(value) * value;
      const double actual = sum_of_squares(one, values.data(), size);
      EXPECT_NEAR(actual, static_cast<double>(expected), 1e-13 * static_cast<double>(expected)) << isa << ", size " << size;
      EXPECT_EQ(actual, sum_of_squares(three, values.data(), size)) << isa << ", size " << size;
    }
  });
}

}  // namespace
}  // namespace longbow::kernels
