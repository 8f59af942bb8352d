// The language-model head against float64: log-probabilities, entropies, gradients, and the bits that sampler and trainer share.
#include "kernels/logprob.h"

#include <cmath>

#include "core/errors.h"
#include "tests/kernels/every_isa.h"
#include "tests/reference/matrix.h"
#include "tests/reference/row_ops.h"
#include "tests/tolerance.h"

namespace longbow::kernels {
namespace {

struct Head {
  std::int64_t rows, dim, vocab;
  float inv_temperature;
  std::vector<float> hidden, weight;
  std::vector<std::int32_t> targets;

  Head(std::int64_t num_rows, std::int64_t hidden_dim, std::int64_t vocab_size, float inverse_temperature = 1)
      : rows(num_rows),
        dim(hidden_dim),
        vocab(vocab_size),
        inv_temperature(inverse_temperature),
        hidden(random_values(num_rows * hidden_dim, 1)),
        weight(random_values(vocab_size * hidden_dim, 2, 2 / std::sqrt(static_cast<double>(hidden_dim)))) {
    Rng rng(3, {1});
    for (std::int64_t r = 0; r < rows; ++r) targets.push_back(r % 5 == 4 ? -1 : static_cast<std::int32_t>(rng.below(vocab)));
  }

  PackedMatrix packed(ThreadPool& pool, DType dtype) const {
    PackedMatrix matrix = make_packed(vocab, dim, dtype);
    pack_rows(pool, weight.data(), vocab, 0, matrix);
    return matrix;
  }
  reference::HeadResult reference(const std::vector<double>& at_hidden, const std::vector<double>& at_weight, std::int64_t row) const {
    return reference::head_row(at_hidden.data() + row * dim, at_weight, vocab, dim, targets[row], inv_temperature);
  }
};

struct Forward {
  std::vector<float> logprobs, entropies, lse;
};

Forward run_forward(ThreadPool& pool, const Head& head, DType dtype) {
  Forward out{std::vector<float>(head.rows), std::vector<float>(head.rows), std::vector<float>(head.rows)};
  lm_head_logprobs(pool, head.hidden.data(), head.rows, head.packed(pool, dtype), head.targets.data(), head.inv_temperature,
                   out.logprobs.data(), out.entropies.data(), out.lse.data());
  return out;
}

TEST(LogProb, MatchesReference) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const Head& head :
         {Head(1, 7, 1), Head(7, 1, 7), Head(129, 16, 127), Head(7, 33, 129, 1 / 0.7f), Head(600, 8, 65, 2.0f), Head(66, 8, 20011, 0.5f)}) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        const Forward actual = run_forward(pool, head, dtype);
        std::vector<double> logprobs, entropies, lse;
        for (std::int64_t r = 0; r < head.rows; ++r) {
          const reference::HeadResult row = head.reference(rounded_to(dtype, head.hidden), rounded_to(dtype, head.weight), r);
          logprobs.push_back(row.logprob);
          entropies.push_back(row.entropy);
          lse.push_back(row.lse);
        }
        const std::string what = concat(isa, ", ", name_of(dtype), ", vocab ", head.vocab);
        expect_close(actual.logprobs, logprobs, kLogprobTolerance, what + ", logprobs");
        expect_close(actual.entropies, entropies, kLogprobTolerance, what + ", entropies");
        expect_close(actual.lse, lse, kLogprobTolerance, what + ", lse");
      }
    }
  });
}

TEST(LogProb, LargeLogitsStayFinite) {
  under_every_isa([](const std::string& isa) {
    for (const float offset : {0.0f, 30000.0f, -30000.0f}) {
      const std::vector<float> logits = {offset, offset + 1, offset - 2000, offset};
      const double expected = offset + std::log(2 + std::exp(1.0));
      EXPECT_NEAR(row_logsumexp(logits.data(), 4, 1), expected, 4e-3) << isa << ", offset " << offset;  // one unit of 30000 is 2e-3
    }
  });
}

TEST(LogProb, HasTheBitsOfLogitsMinusLogsumexp) {
  under_every_isa([](const std::string& isa) {
    ThreadPool one(1), three(3);
    const Head head(700, 24, 333, 1 / 0.6f);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Forward expected = run_forward(one, head, dtype);
      const Forward threaded = run_forward(three, head, dtype);
      expect_same_bits(threaded.logprobs, expected.logprobs, isa);
      expect_same_bits(threaded.entropies, expected.entropies, isa);
      const PackedMatrix packed = head.packed(one, dtype);
      std::vector<float> sampled, lse;
      for (std::int64_t r = 0; r < head.rows; ++r) {  // a decode of one row, as the sampler sees it
        std::vector<float> logits(head.vocab);
        linear_forward(one, head.hidden.data() + r * head.dim, 1, packed, logits.data());
        lse.push_back(row_logsumexp(logits.data(), head.vocab, head.inv_temperature));
        sampled.push_back(head.targets[r] < 0 ? 0 : head.inv_temperature * logits[head.targets[r]] - lse.back());
      }
      expect_same_bits(sampled, expected.logprobs, concat(isa, ", ", name_of(dtype)));
      expect_same_bits(lse, expected.lse, concat(isa, ", ", name_of(dtype)));
    }
  });
}

TEST(LogProb, RefusesATargetBeyondTheVocabulary) {
  ThreadPool pool(2);
  Head head(70, 8, 33);
  head.targets[66] = 33;
  EXPECT_THROW(run_forward(pool, head, DType::f32), InternalError);
  std::vector<float> dhidden(head.rows * head.dim), dhead(head.vocab * head.dim);
  const std::vector<float> dlogprobs(head.rows, 1);
  EXPECT_THROW(lm_head_backward(pool, head.hidden.data(), head.rows, head.packed(pool, DType::f32), head.weight.data(), head.targets.data(),
                                1, dlogprobs.data(), nullptr, dhidden.data(), dhead.data()),
               InternalError);
}

struct Backward {
  std::vector<float> dhidden, dhead;
};

Backward run_backward(ThreadPool& pool, const Head& head, DType dtype, const std::vector<float>& dlogprobs, const float* dentropies,
                      const std::vector<float>& initial) {
  Backward out{std::vector<float>(head.rows * head.dim, 99.0f), initial};
  lm_head_backward(pool, head.hidden.data(), head.rows, head.packed(pool, dtype), head.weight.data(), head.targets.data(),
                   head.inv_temperature, dlogprobs.data(), dentropies, out.dhidden.data(), out.dhead.data());
  return out;
}

TEST(LogProb, BackwardMatchesFiniteDifferences) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    for (const Head& head : {Head(1, 3, 1), Head(6, 5, 17), Head(9, 7, 33, 1 / 0.7f)}) {
      const std::vector<float> dlogprobs = random_values(head.rows, 4);
      const std::vector<float> dentropies = random_values(head.rows, 5);
      for (const float* entropy_weights : {static_cast<const float*>(nullptr), dentropies.data()}) {
        const auto loss = [&](const std::vector<double>& hidden, const std::vector<double>& weight) {
          double sum = 0;
          for (std::int64_t r = 0; r < head.rows; ++r) {
            if (head.targets[r] < 0) continue;
            const reference::HeadResult row = head.reference(hidden, weight, r);
            sum += dlogprobs[r] * row.logprob + (entropy_weights == nullptr ? 0 : entropy_weights[r] * row.entropy);
          }
          return sum;
        };
        const std::vector<float> initial = random_values(head.vocab * head.dim, 6);
        const Backward actual = run_backward(pool, head, DType::f32, dlogprobs, entropy_weights, initial);
        const std::vector<double> hidden = widen(head.hidden);
        const std::vector<double> weight = widen(head.weight);
        const auto by_hidden = reference::finite_differences([&](const auto& at) { return loss(at, weight); }, hidden);
        auto by_weight = reference::finite_differences([&](const auto& at) { return loss(hidden, at); }, weight);
        for (std::size_t i = 0; i < by_weight.size(); ++i) by_weight[i] += initial[i];
        const std::string what = concat(isa, ", vocab ", head.vocab, entropy_weights == nullptr ? "" : ", with entropy");
        expect_close(actual.dhidden, by_hidden, kGradientTolerance, what + ", dhidden");
        expect_close(actual.dhead, by_weight, kGradientTolerance, what + ", dhead");
      }
    }
  });
}

// Rows over several tiles: the whole is the sum of its rows, and rows without a target add nothing.
TEST(LogProb, BackwardOverTilesIsTheSumOfItsRows) {
  under_every_isa([](const std::string& isa) {
    ThreadPool one(1), two(2);
    const Head head(150, 8, 20011);
    ASSERT_LT(2 * logprob_tile_rows(head.vocab), head.rows);
    const std::vector<float> dlogprobs = random_values(head.rows, 4);
    const std::vector<float> zeros(head.vocab * head.dim);
    const Backward whole = run_backward(two, head, DType::f32, dlogprobs, nullptr, zeros);
    const Backward single = run_backward(one, head, DType::f32, dlogprobs, nullptr, zeros);
    expect_same_bits(whole.dhidden, single.dhidden, isa);
    expect_same_bits(whole.dhead, single.dhead, isa);
    for (const std::int64_t r : {0, 4, 63, 64, 149}) {
      Head alone = head;
      alone.rows = 1;
      alone.hidden.assign(head.hidden.begin() + r * head.dim, head.hidden.begin() + (r + 1) * head.dim);
      alone.targets = {head.targets[r]};
      const Backward row = run_backward(one, alone, DType::f32, {dlogprobs[r]}, nullptr, zeros);
      const std::vector<float> part(whole.dhidden.begin() + r * head.dim, whole.dhidden.begin() + (r + 1) * head.dim);
      expect_same_bits(part, row.dhidden, concat(isa, ", row ", r));
      if (head.targets[r] < 0) {
        EXPECT_EQ(row.dhead, zeros) << isa;
      }
    }
  });
}

TEST(LogProb, Bfloat16GradientIsCloseToFloat32) {
  under_every_isa([](const std::string& isa) {
    ThreadPool pool(2);
    const Head head(100, 64, 200);
    const std::vector<float> dlogprobs = random_values(head.rows, 4);
    const std::vector<float> zeros(head.vocab * head.dim);
    const Backward f32 = run_backward(pool, head, DType::f32, dlogprobs, nullptr, zeros);
    const Backward bf16 = run_backward(pool, head, DType::bf16, dlogprobs, nullptr, zeros);
    const auto cosine = [](const std::vector<float>& a, const std::vector<float>& b) {
      const std::vector<double> x = widen(a), y = widen(b);
      return reference::dot(x, y) / std::sqrt(reference::dot(x, x) * reference::dot(y, y));
    };
    EXPECT_GT(cosine(f32.dhidden, bf16.dhidden), 0.9999) << isa;  // relative errors of 2^-9 at random: 1 - cosine is about 2^-18
    EXPECT_GT(cosine(f32.dhead, bf16.dhead), 0.9999) << isa;
  });
}

}  // namespace
}  // namespace longbow::kernels
