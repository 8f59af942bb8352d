// AdamW against its definition in float64; the gradient norm's accuracy and order.
#include "kernels/optimizer.h"

#include <cmath>

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
