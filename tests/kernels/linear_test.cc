// Linear layers and their gradients against float64 products, and the promise that no split of the work shows in the bits.
#include "kernels/linear.h"

#include <cmath>
#include <limits>

#include "core/errors.h"
#include "tests/kernels/amx_emulation.h"
#include "tests/kernels/every_isa.h"
#include "tests/reference/matrix.h"
#include "tests/tolerance.h"

namespace longbow::kernels {
namespace {

constexpr DType kDTypes[] = {DType::f32, DType::bf16};

// Under every instruction set of this machine, and by the kernels for AMX in emulated registers.
template <class Body>
void by_every_kernel(const Body& body) {
  under_every_isa(body);
  const GemmReplacement amx(emulated_amx_kernels());
  body("amx, emulated");
}

void expect_product(const std::vector<float>& actual, const reference::ProductResult& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.value.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected.value[i], product_tolerance(expected.absolute_sum[i])) << what << ", element " << i;
  }
}

// Adds what a buffer held before an accumulating product.
void add_initial(reference::ProductResult& result, const std::vector<float>& initial) {
  for (std::size_t i = 0; i < initial.size(); ++i) {
    result.value[i] += initial[i];
    result.absolute_sum[i] += std::abs(initial[i]);
  }
}

PackedMatrix packed(ThreadPool& pool, const std::vector<float>& weight, std::int64_t n, std::int64_t k, DType dtype) {
  PackedMatrix matrix = make_packed(n, k, dtype);
  pack_rows(pool, weight.data(), n, 0, matrix);
  return matrix;
}

TEST(Linear, ForwardMatchesReference) {
  struct Case {
    std::int64_t m, k, n;
  };
  by_every_kernel([](const std::string& isa) {
    ThreadPool pool(2);
    for (const Case& c : {Case{1, 1, 1}, Case{1, 7, 127}, Case{7, 129, 1}, Case{7, 127, 129}, Case{13, 64, 48}, Case{16, 257, 63},
                          Case{17, 63, 33}, Case{127, 127, 7}, Case{129, 129, 129}, Case{2, 1000, 80}, Case{530, 33, 65}}) {
      for (const DType dtype : kDTypes) {
        const std::vector<float> x = random_values(c.m * c.k, 1);
        const std::vector<float> weight = random_values(c.n * c.k, 2);
        const PackedMatrix b = packed(pool, weight, c.n, c.k, dtype);
        reference::ProductResult expected =
            reference::product(rounded_to(dtype, x), c.k, 1, rounded_to(dtype, weight), 1, c.k, c.m, c.k, c.n);
        const std::string what = concat(isa, ", ", name_of(dtype), ", ", c.m, " x ", c.k, " x ", c.n);
        std::vector<float> y(c.m * c.n, std::numeric_limits<float>::quiet_NaN());
        linear_forward(pool, x.data(), c.m, b, y.data());
        expect_product(y, expected, what);
        const std::vector<float> initial = random_values(c.m * c.n, 3, 10);
        y = initial;
        linear_forward(pool, x.data(), c.m, b, y.data(), true);
        add_initial(expected, initial);
        expect_product(y, expected, what + ", accumulated");
      }
    }
  });
}

TEST(Linear, ARowHasTheSameBitsInEveryBatch) {
  constexpr std::int64_t kRows = 1000, kDepth = 523, kOutputs = 167;
  by_every_kernel([&](const std::string& isa) {
    ThreadPool one(1), two(2), three(3);
    const std::vector<float> x = random_values(kRows * kDepth, 1);
    const std::vector<float> weight = random_values(kOutputs * kDepth, 2);
    const std::vector<float> initial = random_values(kRows * kOutputs, 3);
    for (const DType dtype : kDTypes) {
      const PackedMatrix b = packed(two, weight, kOutputs, kDepth, dtype);
      for (const bool accumulate : {false, true}) {
        std::vector<float> whole = initial;
        linear_forward(two, x.data(), kRows, b, whole.data(), accumulate);
        for (ThreadPool* pool : {&one, &three}) {
          std::vector<float> y = initial;
          linear_forward(*pool, x.data(), kRows, b, y.data(), accumulate);
          expect_same_bits(y, whole, concat(isa, ", ", name_of(dtype), ", ", pool->num_threads(), " threads"));
        }
        for (const std::int64_t rows : {1, 3, 8, 16, 64, 200}) {
          for (const std::int64_t first : {std::int64_t{0}, std::int64_t{411}, kRows - rows}) {
            std::vector<float> y(initial.begin() + first * kOutputs, initial.begin() + (first + rows) * kOutputs);
            linear_forward(two, x.data() + first * kDepth, rows, b, y.data(), accumulate);
            const std::vector<float> part(whole.begin() + first * kOutputs, whole.begin() + (first + rows) * kOutputs);
            expect_same_bits(y, part, concat(isa, ", ", name_of(dtype), ", rows ", first, " + ", rows));
          }
        }
      }
    }
  });
}

TEST(Linear, AWeightPackedInPartsIsTheWhole) {
  by_every_kernel([](const std::string& isa) {
    ThreadPool pool(2);
    for (const DType dtype : kDTypes) {
      const std::vector<float> weight = random_values(71 * 37, 1);
      const PackedMatrix whole = packed(pool, weight, 71, 37, dtype);
      PackedMatrix parts = make_packed(71, 37, dtype);
      pack_rows(pool, weight.data() + 48 * 37, 23, 48, parts);
      pack_rows(pool, weight.data(), 32, 0, parts);
      pack_rows(pool, weight.data() + 32 * 37, 16, 32, parts);
      ASSERT_EQ(parts.bytes(), whole.bytes());
      EXPECT_EQ(std::memcmp(parts.panels(), whole.panels(), whole.bytes()), 0) << isa << ", " << name_of(dtype);
    }
  });
}

TEST(Linear, PackingRefusesWhatDoesNotFit) {
  ThreadPool pool(1);
  const std::vector<float> weight(32 * 8);
  PackedMatrix matrix = make_packed(40, 8, DType::f32);
  EXPECT_THROW(pack_rows(pool, weight.data(), 32, 8, matrix), InternalError);   // not on a panel's edge
  EXPECT_THROW(pack_rows(pool, weight.data(), 32, 16, matrix), InternalError);  // beyond the last output
}

TEST(Linear, NanStaysInItsRow) {
  by_every_kernel([](const std::string& isa) {
    ThreadPool pool(1);
    for (const DType dtype : kDTypes) {
      std::vector<float> x = random_values(20 * 64, 1);
      const PackedMatrix b = packed(pool, random_values(48 * 64, 2), 48, 64, dtype);
      x[5 * 64 + 3] = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> y(20 * 48);
      linear_forward(pool, x.data(), 20, b, y.data());
      for (int i = 0; i < 20 * 48; ++i) ASSERT_EQ(std::isnan(y[i]), i / 48 == 5) << isa << ", " << name_of(dtype) << ", element " << i;
    }
  });
}

struct Gradients {
  std::vector<float> dx;
  std::vector<std::vector<float>> dweights;
};

// A layer of several weights that share an input, as q, k and v do.
struct Layer {
  std::int64_t m, k;
  std::vector<std::int64_t> outputs;
  std::vector<float> x, dy;
  std::vector<std::vector<float>> weights;

  Layer(std::int64_t rows, std::int64_t inputs, std::vector<std::int64_t> widths) : m(rows), k(inputs), outputs(std::move(widths)) {
    for (std::size_t i = 0; i < outputs.size(); ++i) weights.push_back(random_values(outputs[i] * k, 10 + i));
    x = random_values(m * k, 1);
    dy = random_values(m * total(), 2);
  }
  std::int64_t total() const {
    std::int64_t n = 0;
    for (const std::int64_t width : outputs) n += width;
    return n;
  }
  Gradients backward(ThreadPool& pool, DType dtype, const Gradients& initial, bool accumulate) const {
    Gradients result = initial;
    std::vector<WeightBlock> blocks;
    for (std::size_t i = 0; i < outputs.size(); ++i) blocks.push_back({weights[i].data(), result.dweights[i].data(), outputs[i]});
    linear_backward_input(pool, dy.data(), m, k, blocks, dtype, result.dx.data(), accumulate);
    linear_backward_weight(pool, dy.data(), x.data(), m, k, blocks, dtype);
    return result;
  }
  Gradients initial() const {
    Gradients gradients{random_values(m * k, 20), {}};
    for (const std::int64_t width : outputs) gradients.dweights.push_back(random_values(width * k, 21));
    return gradients;
  }
};

TEST(Linear, GradientsMatchReference) {
  by_every_kernel([](const std::string& isa) {
    ThreadPool pool(2);
    for (const Layer& layer : {Layer(1, 1, {1}), Layer(7, 127, {1, 7, 129}), Layer(129, 7, {127}), Layer(3, 16, {16}),
                               Layer(300, 65, {48, 16, 19}), Layer(600, 31, {5, 40}), Layer(20, 70, {300, 301})}) {
      for (const DType dtype : kDTypes) {
        const std::string what = concat(isa, ", ", name_of(dtype), ", ", layer.m, " x ", layer.k, " x ", layer.total());
        const std::vector<double> dy = rounded_to(dtype, layer.dy);
        std::vector<double> stacked;
        for (const auto& weight : layer.weights) {
          const std::vector<double> rounded = rounded_to(dtype, weight);
          stacked.insert(stacked.end(), rounded.begin(), rounded.end());
        }
        reference::ProductResult dx = reference::product(dy, layer.total(), 1, stacked, layer.k, 1, layer.m, layer.total(), layer.k);
        const Gradients initial = layer.initial();
        expect_product(layer.backward(pool, dtype, initial, false).dx, dx, what + ", dx");
        const Gradients actual = layer.backward(pool, dtype, initial, true);
        add_initial(dx, initial.dx);
        expect_product(actual.dx, dx, what + ", dx accumulated");
        std::int64_t offset = 0;
        for (std::size_t i = 0; i < layer.outputs.size(); ++i) {
          const std::vector<double> own(dy.begin() + offset, dy.end());
          reference::ProductResult dweight =
              reference::product(own, 1, layer.total(), rounded_to(dtype, layer.x), layer.k, 1, layer.outputs[i], layer.m, layer.k);
          add_initial(dweight, initial.dweights[i]);
          expect_product(actual.dweights[i], dweight, concat(what, ", weight ", i));
          offset += layer.outputs[i];
        }
      }
    }
  });
}

TEST(Linear, ThreadsDoNotChangeGradientBits) {
  by_every_kernel([](const std::string& isa) {
    const Layer layer(700, 150, {96, 32, 45});
    ThreadPool one(1), two(2), five(5);
    for (const DType dtype : kDTypes) {
      const Gradients expected = layer.backward(one, dtype, layer.initial(), true);
      for (ThreadPool* pool : {&two, &five}) {
        const Gradients actual = layer.backward(*pool, dtype, layer.initial(), true);
        expect_same_bits(actual.dx, expected.dx, isa + ", dx");
        for (std::size_t i = 0; i < expected.dweights.size(); ++i) expect_same_bits(actual.dweights[i], expected.dweights[i], isa);
      }
    }
  });
}

TEST(Linear, NoRowsChangeNothing) {
  ThreadPool pool(1);
  const Layer layer(1, 8, {16});
  const PackedMatrix b = packed(pool, layer.weights[0], 16, 8, DType::f32);
  float guard = 7;
  linear_forward(pool, nullptr, 0, b, &guard);
  std::vector<float> gradient(16 * 8, 3);
  const WeightBlock block{layer.weights[0].data(), gradient.data(), 16};
  linear_backward_input(pool, nullptr, 0, 8, {&block, 1}, DType::f32, &guard);
  linear_backward_weight(pool, nullptr, nullptr, 0, 8, {&block, 1}, DType::f32);
  EXPECT_EQ(guard, 7);
  EXPECT_EQ(gradient, std::vector<float>(16 * 8, 3));
}

}  // namespace
}  // namespace longbow::kernels
