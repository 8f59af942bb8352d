// Row-wise operations against float64, their gradients against central differences of the float64 function.
#include "kernels/elementwise.h"

#include <bit>
#include <cmath>

#include "core/errors.h"
#include "kernels/cpu/row_kernels.h"
#include "tests/kernels/every_isa.h"
#include "tests/reference/matrix.h"
#include "tests/reference/row_ops.h"
#include "tests/tolerance.h"

namespace longbow::kernels {
namespace {

constexpr float kEps = 1e-6f;
constexpr std::int64_t kDims[] = {1, 7, 16, 127, 129, 256};

std::vector<double> plus(std::vector<double> a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

TEST(RowKernels, ExpIsWithinTwoUnitsAndExactAtZero) {
  under_every_isa([](const std::string& isa) {
    std::vector<float> x = {0.0f, -0.0f, -1e30f, -88.0f};
    for (double value = -87.25; value < 88.7; value += 0.0137) x.push_back(static_cast<float>(value));
    std::vector<float> y = x;
    row_kernels().softmax_gradient(y.data(), static_cast<std::int64_t>(y.size()), 0, 1, 0, 1, 0, 0);
    EXPECT_EQ(y[0], 1.0f) << isa;
    EXPECT_EQ(y[1], 1.0f) << isa;
    EXPECT_EQ(y[2], 0.0f) << isa;
    EXPECT_EQ(y[3], 0.0f) << isa;
    for (std::size_t i = 4; i < x.size(); ++i) {
      const double expected = std::exp(static_cast<double>(x[i]));
      ASSERT_NEAR(y[i], expected, 4 * kF32Rounding * expected) << isa << ", exp(" << x[i] << ")";
    }
  });
}

// Whatever a NaN carries in its low bits, it must not come out as a number.
TEST(RowKernels, NanStaysNan) {
  under_every_isa([](const std::string& isa) {
    for (const std::uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7fc00001u, 0x7fc001ffu, 0xffc00055u}) {
      const float nan = std::bit_cast<float>(bits);
      std::vector<float> x(37, 0.5f), act(37);
      x[3] = x[36] = nan;
      EXPECT_TRUE(std::isnan(row_kernels().exp_sum(x.data(), 37, 1, 1))) << isa << std::hex << ", " << bits;
      const std::vector<float> ones(37, 1.0f);
      row_kernels().swiglu(x.data(), ones.data(), 37, act.data());
      EXPECT_TRUE(std::isnan(act[3]) && std::isnan(act[36]) && act[4] < 1) << isa << std::hex << ", " << bits;
    }
  });
}

TEST(RmsNorm, ForwardMatchesReference) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const std::int64_t dim : kDims) {
      for (const std::int64_t rows : {1, 7, 129}) {
        const std::vector<float> x = random_values(rows * dim, 1, 3);
        const std::vector<float> weight = random_values(dim, 2);
        std::vector<float> y(rows * dim);
        std::vector<float> rstd(rows);
        rmsnorm_forward(pool, x.data(), rows, dim, weight.data(), kEps, y.data(), rstd.data());
        const std::string what = concat(isa, ", ", rows, " x ", dim);
        expect_close(y, reference::rmsnorm(widen(x), rows, dim, widen(weight), kEps), elementwise_tolerance(0), what);
        const std::vector<float> with_rstd = y;
        rmsnorm_forward(pool, x.data(), rows, dim, weight.data(), kEps, y.data(), nullptr);
        expect_same_bits(y, with_rstd, what + ", without rstd");
      }
    }
  });
}

TEST(RmsNorm, BackwardMatchesFiniteDifferences) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const std::int64_t dim : {1, 7, 16, 37}) {
      constexpr std::int64_t kRows = 5;
      const std::vector<float> x = random_values(kRows * dim, 1);
      const std::vector<float> weight = random_values(dim, 2);
      const std::vector<float> dy = random_values(kRows * dim, 3);
      std::vector<float> y(kRows * dim), rstd(kRows);
      rmsnorm_forward(pool, x.data(), kRows, dim, weight.data(), kEps, y.data(), rstd.data());
      const std::vector<float> initial_dx = random_values(kRows * dim, 4);
      const std::vector<float> initial_dweight = random_values(dim, 5);
      std::vector<float> dx = initial_dx;
      std::vector<float> dweight = initial_dweight;
      rmsnorm_backward(pool, dy.data(), x.data(), rstd.data(), weight.data(), kRows, dim, dx.data(), dweight.data());
      const auto loss = [&](const std::vector<double>& at_x, const std::vector<double>& at_weight) {
        return reference::dot(widen(dy), reference::rmsnorm(at_x, kRows, dim, at_weight, kEps));
      };
      const auto by_x = reference::finite_differences([&](const auto& at) { return loss(at, widen(weight)); }, widen(x), 1e-5);
      const auto by_weight = reference::finite_differences([&](const auto& at) { return loss(widen(x), at); }, widen(weight));
      expect_close(dx, plus(by_x, initial_dx), kGradientTolerance, concat(isa, ", dim ", dim, ", dx"));
      expect_close(dweight, plus(by_weight, initial_dweight), kGradientTolerance, concat(isa, ", dim ", dim, ", dweight"));
    }
  });
}

TEST(RmsNorm, ManyRowsSumTheWeightGradientAccurately) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    constexpr std::int64_t kRows = 3001, kDim = 70;
    const std::vector<float> x = random_values(kRows * kDim, 1);
    const std::vector<float> dy = random_values(kRows * kDim, 2);
    const std::vector<float> rstd = random_values(kRows, 3);
    std::vector<float> dx(kRows * kDim), dweight(kDim);
    rmsnorm_backward(pool, dy.data(), x.data(), rstd.data(), std::vector<float>(kDim, 1.0f).data(), kRows, kDim, dx.data(), dweight.data());
    for (std::int64_t i = 0; i < kDim; ++i) {
      double sum = 0, absolute_sum = 0;
      for (std::int64_t r = 0; r < kRows; ++r) {
        const double term = static_cast<double>(dy[r * kDim + i]) * x[r * kDim + i] * rstd[r];
        sum += term;
        absolute_sum += std::abs(term);
      }
      ASSERT_NEAR(dweight[i], sum, product_tolerance(absolute_sum)) << isa << ", column " << i;
    }
  });
}

std::vector<float> frequencies(int head_dim) {
  std::vector<float> inv_freq;
  for (int i = 0; i < head_dim / 2; ++i) inv_freq.push_back(static_cast<float>(std::pow(10000.0, -2.0 * i / head_dim)));
  return inv_freq;
}

TEST(Rope, AnglesKeepTheirDigitsAtAnyPosition) {
  under_every_isa([](const std::string& isa) {
    const std::vector<float> inv_freq = frequencies(46);
    for (const std::int32_t position : {0, 1, -1, 2, 3, 5, 8, 100, 4097, 131072, 10'000'000, 2'147'483'647}) {
      std::vector<float> cosine(23), sine(23);
      row_kernels().rope_angles(position, inv_freq.data(), 23, cosine.data(), sine.data());
      for (int i = 0; i < 23; ++i) {
        const double angle = static_cast<double>(position) * inv_freq[i];
        ASSERT_NEAR(cosine[i], std::cos(angle), 4 * kF32Rounding) << isa << ", position " << position << ", pair " << i;
        ASSERT_NEAR(sine[i], std::sin(angle), 4 * kF32Rounding) << isa << ", position " << position << ", pair " << i;
      }
    }
  });
}

TEST(Rope, MatchesReferenceLeavesTheRestAloneAndTurnsBack) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const int head_dim : {2, 6, 16, 64, 128}) {
      constexpr int kHeads = 3;
      constexpr std::int64_t kRows = 33;
      const std::int64_t stride = kHeads * head_dim + 5;
      const std::vector<float> inv_freq = frequencies(head_dim);
      const std::vector<float> before = random_values(kRows * stride, 1);
      std::vector<std::int32_t> positions;
      for (std::int32_t r = 0; r < kRows; ++r) positions.push_back(r * 977);
      std::vector<float> x = before;
      rope(pool, x.data(), kRows, stride, kHeads, head_dim, positions.data(), inv_freq, false);
      std::vector<double> expected = widen(before);
      for (std::int64_t r = 0; r < kRows; ++r) {
        const std::vector<double> row(expected.begin() + r * stride, expected.begin() + r * stride + kHeads * head_dim);
        const std::vector<double> turned = reference::rope(row, kHeads, head_dim, positions[r], inv_freq);
        std::copy(turned.begin(), turned.end(), expected.begin() + r * stride);
      }
      expect_close(x, expected, elementwise_tolerance(4), concat(isa, ", head_dim ", head_dim));
      rope(pool, x.data(), kRows, stride, kHeads, head_dim, positions.data(), inv_freq, true);
      expect_close(x, widen(before), elementwise_tolerance(4), concat(isa, ", head_dim ", head_dim, ", and back"));
    }
  });
}

TEST(Rope, InverseIsTheGradient) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(1);
    const std::vector<float> inv_freq = frequencies(16);
    const std::vector<float> x = random_values(32, 1);
    const std::vector<float> dy = random_values(32, 2);
    const std::int32_t position = 41;
    std::vector<float> dx = dy;
    rope(pool, dx.data(), 1, 32, 2, 16, &position, inv_freq, true);
    const auto loss = [&](const std::vector<double>& at) {
      return reference::dot(widen(dy), reference::rope(at, 2, 16, position, inv_freq));
    };
    expect_close(dx, reference::finite_differences(loss, widen(x)), kGradientTolerance, isa);
  });
}

TEST(SwiGlu, ForwardMatchesReference) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const std::int64_t dim : kDims) {
      constexpr std::int64_t kRows = 37;
      std::vector<float> gate_up = random_values(kRows * 2 * dim, 1, 4);
      gate_up[0] = -200;  // the sigmoid underflows to nothing, not to NaN
      gate_up[2 * dim] = 200;
      std::vector<float> act(kRows * dim);
      swiglu_forward(pool, gate_up.data(), kRows, dim, act.data());
      expect_close(act, reference::swiglu(widen(gate_up), kRows, dim), elementwise_tolerance(1e-3), concat(isa, ", dim ", dim));
    }
  });
}

TEST(SwiGlu, BackwardMatchesFiniteDifferences) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const std::int64_t dim : {1, 7, 33}) {
      constexpr std::int64_t kRows = 3;
      const std::vector<float> gate_up = random_values(kRows * 2 * dim, 1, 2);
      const std::vector<float> dact = random_values(kRows * dim, 2);
      std::vector<float> dgate_up(kRows * 2 * dim);
      swiglu_backward(pool, dact.data(), gate_up.data(), kRows, dim, dgate_up.data());
      const auto loss = [&](const std::vector<double>& at) { return reference::dot(widen(dact), reference::swiglu(at, kRows, dim)); };
      expect_close(dgate_up, reference::finite_differences(loss, widen(gate_up)), kGradientTolerance, concat(isa, ", dim ", dim));
      std::vector<float> in_place = gate_up;
      swiglu_backward(pool, dact.data(), in_place.data(), kRows, dim, in_place.data());
      expect_same_bits(in_place, dgate_up, concat(isa, ", dim ", dim, ", in place"));
    }
  });
}

TEST(Embedding, GathersRowsAndScattersGradients) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    constexpr std::int64_t kVocab = 11, kDim = 133;
    const std::vector<float> table = random_values(kVocab * kDim, 1);
    const std::vector<std::int32_t> tokens = {3, 0, 10, 3, 3, 7, 0};
    const auto rows = static_cast<std::int64_t>(tokens.size());
    std::vector<float> y(rows * kDim);
    embed_forward(pool, table.data(), tokens.data(), rows, kDim, y.data());
    for (std::int64_t i = 0; i < rows * kDim; ++i) ASSERT_EQ(y[i], table[tokens[i / kDim] * kDim + i % kDim]) << isa;
    std::vector<bf16> halves(table.size());
    std::transform(table.begin(), table.end(), halves.begin(), to_bf16);
    embed_forward(pool, halves.data(), tokens.data(), rows, kDim, y.data());
    for (std::int64_t i = 0; i < rows * kDim; ++i) ASSERT_EQ(y[i], to_float(halves[tokens[i / kDim] * kDim + i % kDim])) << isa;

    const std::vector<float> dy = random_values(rows * kDim, 2);
    const std::vector<float> initial = random_values(kVocab * kDim, 3);
    std::vector<float> expected = initial;  // in row order: exactly these roundings
    for (std::int64_t i = 0; i < rows * kDim; ++i) expected[tokens[i / kDim] * kDim + i % kDim] += dy[i];
    std::vector<float> dtable = initial;
    embed_backward(pool, dy.data(), tokens.data(), rows, kDim, dtable.data());
    expect_same_bits(dtable, expected, isa);
  });
}

// Every operation on 300 rows: the same bits with any number of threads, and for one row alone.
TEST(Elementwise, RowsAndThreadsDoNotShow) {
  constexpr std::int64_t kRows = 300, kDim = 96;
  struct Outputs {
    std::vector<float> normed, rstd, dx, dweight, rotated, act, dgate_up;
  };
  const std::vector<float> x = random_values(kRows * kDim, 1);
  const std::vector<float> dy = random_values(kRows * kDim, 2);
  const std::vector<float> gate_up = random_values(kRows * 2 * kDim, 3);
  const std::vector<float> weight = random_values(kDim, 4);
  std::vector<std::int32_t> positions;
  for (std::int32_t r = 0; r < kRows; ++r) positions.push_back(r);
  const auto run = [&](ThreadPool& pool, std::int64_t first, std::int64_t rows) {
    Outputs out{std::vector<float>(rows * kDim),
                std::vector<float>(rows),
                std::vector<float>(rows * kDim),
                std::vector<float>(kDim),
                {x.begin() + first * kDim, x.begin() + (first + rows) * kDim},
                std::vector<float>(rows * kDim),
                std::vector<float>(rows * 2 * kDim)};
    rmsnorm_forward(pool, x.data() + first * kDim, rows, kDim, weight.data(), kEps, out.normed.data(), out.rstd.data());
    rmsnorm_backward(pool, dy.data() + first * kDim, x.data() + first * kDim, out.rstd.data(), weight.data(), rows, kDim, out.dx.data(),
                     out.dweight.data());
    rope(pool, out.rotated.data(), rows, kDim, 3, 32, positions.data() + first, frequencies(32), false);
    swiglu_forward(pool, gate_up.data() + first * 2 * kDim, rows, kDim, out.act.data());
    swiglu_backward(pool, dy.data() + first * kDim, gate_up.data() + first * 2 * kDim, rows, kDim, out.dgate_up.data());
    return out;
  };
  under_every_isa([&](const std::string& isa) {
    ThreadPool one(1), three(3);
    const Outputs expected = run(one, 0, kRows);
    const Outputs threaded = run(three, 0, kRows);
    expect_same_bits(threaded.normed, expected.normed, isa);
    expect_same_bits(threaded.dx, expected.dx, isa);
    expect_same_bits(threaded.dweight, expected.dweight, isa);
    expect_same_bits(threaded.rotated, expected.rotated, isa);
    expect_same_bits(threaded.act, expected.act, isa);
    expect_same_bits(threaded.dgate_up, expected.dgate_up, isa);
    const auto row = [](const std::vector<float>& values, std::int64_t width) {
      return std::vector<float>(values.begin() + 211 * width, values.begin() + 212 * width);
    };
    const Outputs alone = run(one, 211, 1);
    expect_same_bits(alone.normed, row(expected.normed, kDim), isa);
    expect_same_bits(alone.dx, row(expected.dx, kDim), isa);
    expect_same_bits(alone.rotated, row(expected.rotated, kDim), isa);
    expect_same_bits(alone.act, row(expected.act, kDim), isa);
    expect_same_bits(alone.dgate_up, row(expected.dgate_up, 2 * kDim), isa);
  });
}

}  // namespace
}  // namespace longbow::kernels
