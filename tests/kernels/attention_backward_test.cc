// Backward attention against the float64 gradient, which finite differences of the float64 forward pass confirm first.
#include "tests/kernels/attention_cases.h"

namespace longbow::kernels {
namespace {

struct Gradients {
  std::vector<float> dq, dk, dv;  // contiguous, as the reference has them
};

std::vector<float> random_values(std::size_t n, std::uint64_t seed) {
  Rng rng(seed, {stable_hash("attention gradient test")});
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

Gradients run_backward(ThreadPool& pool, const AttentionBatch& batch, const std::vector<float>& dout) {
  const AttentionShape& shape = batch.shape;
  const ForwardResult forward = run_forward(pool, batch);
  std::vector<float> fused(batch.qkv.size(), -7.0f);  // gradients are overwritten, not added to
  const int q_width = shape.num_heads * shape.head_dim;
  const int kv_width = shape.num_kv_heads * shape.head_dim;
  attention_backward(pool, shape, batch.segments, batch.q(), batch.k(), batch.v(), batch.stride, forward.out.data(), forward.lse.data(),
                     dout.data(), fused.data(), fused.data() + q_width, fused.data() + q_width + kv_width);
  Gradients gradients;
  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
    const float* from = fused.data() + row * batch.stride;
    gradients.dq.insert(gradients.dq.end(), from, from + q_width);
    gradients.dk.insert(gradients.dk.end(), from + q_width, from + q_width + kv_width);
    gradients.dv.insert(gradients.dv.end(), from + q_width + kv_width, from + q_width + 2 * kv_width);
    EXPECT_EQ(from[q_width + 2 * kv_width], -7.0f);  // the padding between rows is not ours
  }
  return gradients;
}

/// What the kernels take: with bf16 keys they round the output's gradient too, where the instruction set multiplies bf16.
std::vector<float> random_dout(const AttentionBatch& batch) {
  std::vector<float> dout = random_values(batch.num_rows * batch.shape.num_heads * batch.shape.head_dim, 3);
  if (batch.shape.kv_dtype == DType::bf16) {
    for (float& value : dout) value = to_float(to_bf16(value));
  }
  return dout;
}

/// On every instruction set.
void expect_matches_reference(const AttentionBatch& batch, const std::string& what) {
  ThreadPool pool(2);
  const std::vector<float> dout = random_dout(batch);
  const reference::AttentionGradients expected = reference::attention_gradients(reference_problem(batch), {dout.begin(), dout.end()});
  for_each_isa([&](const std::string& isa) {
    const Gradients actual = run_backward(pool, batch, dout);
    const bool rounds = rounds_probabilities(batch.shape.kv_dtype);
    const auto check = [&](const std::vector<float>& gradient, const std::vector<double>& truth, const std::vector<double>& magnitude,
                           const char* name) {
      const std::string where = concat(isa, ", ", what, ", ", name_of(batch.shape.kv_dtype), ", ", name);
      expect_near(gradient, truth, kAttentionGradientTolerance, magnitude, rounds ? kBf16Rounding : 0, where);
      if (rounds) expect_within_one_rounding(gradient, truth, kAttentionGradientTolerance, where);
    };
    check(actual.dq, expected.dq, expected.dq_magnitude, "dq");
    check(actual.dk, expected.dk, expected.dk_magnitude, "dk");
    check(actual.dv, expected.dv, expected.dv_magnitude, "dv");
  });
}

TEST(AttentionBackward, ReferenceGradientIsTheFiniteDifference) {
  for (const int window : {0, 3}) {
    const AttentionBatch batch = random_batch(make_shape(4, 2, 16, window), prompt_and_completions(4, {3, 2}));
    reference::AttentionProblem problem = reference_problem(batch);
    const std::vector<float> weights = random_values(problem.q.size(), 5);
    const std::vector<double> dout(weights.begin(), weights.end());
    const reference::AttentionGradients gradients = reference::attention_gradients(problem, dout);
    const auto loss = [&] {
      const std::vector<double> out = reference::attention(problem).out;
      return reference::internal::dot(out.data(), dout.data(), static_cast<int>(out.size()));
    };
    const auto check = [&](std::vector<double>& values, const std::vector<double>& gradient, const char* name) {
      for (std::size_t i = 0; i < values.size(); i += 5) {
        const double value = values[i];
        constexpr double kStep = 1e-5;
        values[i] = value + kStep;
        const double above = loss();
        values[i] = value - kStep;
        const double below = loss();
        values[i] = value;
        EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-8) << name << " " << i;
      }
    };
    check(problem.q, gradients.dq, "dq");
    check(problem.k, gradients.dk, "dk");
    check(problem.v, gradients.dv, "dv");
  }
}

TEST(AttentionBackward, MatchesReferenceAtWindowEdges) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int window : {0, 1, 16, 128}) {
      for (const int length : {1, 7, 127, 128, 129, 300}) {
        expect_matches_reference(random_batch(make_shape(2, 1, 32, window, dtype), one_sequence(length)),
                                 concat("window ", window, ", length ", length));
      }
    }
  }
}

TEST(AttentionBackward, MatchesReferenceForEveryHeadLayout) {
  struct Case {
    int num_heads, num_kv_heads, head_dim;
  };
  for (const Case& c :
       {Case{2, 2, 16}, Case{4, 2, 64}, Case{4, 1, 80}, Case{6, 2, 48}, Case{3, 1, 112}, Case{2, 1, 128}, Case{1, 1, 256}}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const AttentionShape shape = make_shape(c.num_heads, c.num_kv_heads, c.head_dim, 50, dtype);
      expect_matches_reference(random_batch(shape, one_sequence(91)), concat(c.num_heads, ":", c.num_kv_heads, " x ", c.head_dim));
    }
  }
}

TEST(AttentionBackward, PromptGradientsSumOverCompletions) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int window : {0, 1, 40, 128}) {
      std::vector<TrainSegment> segments = prompt_and_completions(150, {70, 1, 129});
      segments.push_back({350, 20, 7, -1});  // a second group in the same batch, at other positions
      segments.push_back({370, 33, 27, 4});
      expect_matches_reference(random_batch(make_shape(4, 2, 32, window, dtype), segments), concat("window ", window));
    }
  }
}

// Several tiles of queries and of keys, which take turns at each other's sums.
TEST(AttentionBackward, MatchesReferenceOverTiles) {
  for (const int window : {0, 600}) {
    const AttentionShape shape = make_shape(2, 1, 16, window, DType::bf16);
    expect_matches_reference(random_batch(shape, prompt_and_completions(1100, {140, 3})), concat("window ", window));
  }
}

TEST(AttentionBackward, ThreadsDoNotChangeBits) {
  for_each_isa([](const std::string& isa) {
    for (const int window : {0, 48}) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        const AttentionBatch batch = random_batch(make_shape(4, 2, 16, window, dtype), prompt_and_completions(600, {65, 130, 1}));
        const std::vector<float> dout = random_dout(batch);
        ThreadPool one(1), five(5);
        const Gradients expected = run_backward(one, batch, dout);
        const Gradients actual = run_backward(five, batch, dout);
        expect_same_bits(actual.dq, expected.dq, isa + ", dq");
        expect_same_bits(actual.dk, expected.dk, isa + ", dk");
        expect_same_bits(actual.dv, expected.dv, isa + ", dv");
      }
    }
  });
}

}  // namespace
}  // namespace longbow::kernels
