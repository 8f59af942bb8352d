// Logits and log-probabilities of transformers' SmolLM3ForCausalLM on a tiny SWA-NoPE checkpoint that transformers itself wrote
// (tools/oracle/model_golden.py), around the window's edge. We write the checkpoint again and read it back, too.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "model/checkpoint_dir.h"
#include "tests/model/tiny_model.h"

namespace longbow::model {
namespace {

/// Both sides stand 4e-6 from the float64 reference in log-probabilities; logits also share an error that cancels there.
constexpr double kTolerance = 3e-5;
constexpr const char* kGolden = LONGBOW_SOURCE_DIR "/tests/model/golden";

struct Loaded {
  ModelConfig config;
  ParameterLayout layout;
  Weights weights;
  explicit Loaded(const std::string& dir) : config(read_model_config(dir)), layout(config), weights(load_weights(dir, config, layout)) {}
};

void expect_golden(const Loaded& model, kernels::DType dtype, double tolerance) {
  ThreadPool pool(2);
  const PackedModel packed(pool, model.config, model.layout, model.weights.values.data(), dtype);
  TrainingPass pass(pool, model.config, model.layout);
  const Json golden = read_json_file(std::string(kGolden) + "/logits_and_logprobs.json");
  ASSERT_GE(golden.at("rows").size(), 5u);
  for (const Json& row : golden.at("rows").as_array()) {
    std::vector<std::int32_t> tokens;
    for (const Json& token : row.at("tokens").as_array()) tokens.push_back(static_cast<std::int32_t>(token.as_integer()));
    const auto length = static_cast<std::int64_t>(tokens.size());
    SCOPED_TRACE(testing::Message() << "length " << length);
    TrainBatch batch;
    append_segment(batch, tokens);
    const float* hidden = pass.forward(packed, batch, false);
    std::vector<float> logits(length * model.config.vocab_size);
    kernels::linear_forward(pool, hidden, length, packed.head(), logits.data());
    for (int token = 0; token < model.config.vocab_size; ++token) {
      EXPECT_NEAR(logits[(length - 1) * model.config.vocab_size + token], row.at("last_logits").as_array()[token].as_number(), tolerance);
    }
    std::vector<std::int32_t> next(tokens.begin() + 1, tokens.end());
    std::vector<float> logprobs(next.size());
    kernels::lm_head_logprobs(pool, hidden, length - 1, packed.head(), next.data(), 1, logprobs.data(), nullptr, nullptr);
    EXPECT_TRUE(row.at("logprobs").as_array()[0].is_null());
    for (std::int64_t i = 1; i < length; ++i) {
      EXPECT_NEAR(logprobs[i - 1], row.at("logprobs").as_array()[i].as_number(), tolerance) << "token " << i;
    }
  }
}

TEST(Golden, MatchesTransformers) {
  const Loaded model(std::string(kGolden) + "/checkpoint");
  EXPECT_EQ(model.config.layers[0].attention, AttentionKind::sliding);
  EXPECT_EQ(model.config.layers[0].window, 8);
  EXPECT_TRUE(model.config.layers[0].rope);
  EXPECT_EQ(model.config.layers[1].attention, AttentionKind::full);
  EXPECT_FALSE(model.config.layers[1].rope);
  expect_golden(model, kernels::DType::f32, kTolerance);
}

TEST(Golden, TheFloat64ReferenceMatchesTransformersToo) {
  const Loaded model(std::string(kGolden) + "/checkpoint");
  reference::Tensors tensors;
  for (const ParameterInfo& parameter : model.layout.parameters) {
    const float* values = model.weights.values.data() + parameter.offset;
    tensors[parameter.name] = {values, values + parameter.size};
  }
  const Json golden = read_json_file(std::string(kGolden) + "/logits_and_logprobs.json");
  for (const Json& row : golden.at("rows").as_array()) {
    std::vector<std::int32_t> tokens;
    for (const Json& token : row.at("tokens").as_array()) tokens.push_back(static_cast<std::int32_t>(token.as_integer()));
    const reference::Rows logprobs = reference::next_token_logprobs(model.config, tensors, tokens);
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      EXPECT_NEAR(logprobs[i - 1][tokens[i]], row.at("logprobs").as_array()[i].as_number(), 1e-5);
    }
  }
}

TEST(Golden, SurvivesOurOwnWriter) {
  const Loaded model(std::string(kGolden) + "/checkpoint");
  const std::string dir = testing::TempDir() + "longbow_golden_" + std::to_string(::getpid());
  save_checkpoint_dir(dir, model.config, model.layout, model.weights, kernels::DType::bf16, "");
  expect_golden(Loaded(dir), kernels::DType::f32, kTolerance);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace longbow::model
