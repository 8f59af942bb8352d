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
/// Eight layers and logits of up to 20, both sides in float32: twice the largest difference seen (5.2e-5 in log-probabilities).
constexpr double kEmbeddedTolerance = 1e-4;
const std::string kGolden = LONGBOW_SOURCE_DIR "/tests/model/golden";

struct Loaded {
  ModelConfig config;
  ParameterLayout layout;
  Weights weights;
  explicit Loaded(const std::string& dir) : config(read_model_config(dir)), layout(config), weights(load_weights(dir, config, layout)) {}
};

void expect_golden(const Loaded& model, double tolerance, const std::string& file = "/logits_and_logprobs.json") {
  ThreadPool pool(2);
  const PackedModel packed(pool, model.config, model.layout, model.weights.values.data(), kernels::DType::f32);
  TrainingPass pass(pool, model.config, model.layout);
  const Json golden = read_json_file(kGolden + file);
  ASSERT_GE(golden.at("rows").size(), 2u);
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
  const Loaded model(kGolden + "/checkpoint");
  EXPECT_EQ(model.config.layers[0].attention, AttentionKind::sliding);
  EXPECT_EQ(model.config.layers[0].window, 8);
  EXPECT_TRUE(model.config.layers[0].rope);
  EXPECT_EQ(model.config.layers[1].attention, AttentionKind::full);
  EXPECT_FALSE(model.config.layers[1].rope);
  expect_golden(model, kTolerance);
}

// Recorded by tools/oracle/check_checkpoint.py --record, again for each new model; 281 tokens reach over the window of 128.
TEST(Golden, TheEmbeddedModelMatchesTransformers) {
  expect_golden(Loaded(LONGBOW_SOURCE_DIR "/models/quickstart"), kEmbeddedTolerance, "/quickstart.json");
}

TEST(Golden, TheFloat64ReferenceMatchesTransformersToo) {
  const Loaded model(kGolden + "/checkpoint");
  reference::Tensors tensors;
  for (const ParameterInfo& parameter : model.layout.parameters) {
    const float* values = model.weights.values.data() + parameter.offset;
    tensors[parameter.name] = {values, values + parameter.size};
  }
  const Json golden = read_json_file(kGolden + "/logits_and_logprobs.json");
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
  const Loaded model(kGolden + "/checkpoint");
  const std::string dir = testing::TempDir() + "longbow_golden_" + std::to_string(::getpid());
  save_checkpoint_dir(dir, model.config, model.layout, model.weights, kernels::DType::bf16, "");
  expect_golden(Loaded(dir), kTolerance);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace longbow::model
