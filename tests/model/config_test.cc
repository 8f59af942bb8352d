#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "model/weights.h"
#include "tests/model/tiny_model.h"

namespace longbow::model {
namespace {

constexpr const char* kBase = R"({"model_type": "smollm3", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2})";

/// kBase with the members of `changes` replaced or added.
Json with(const std::string& changes) {
  Json json = parse_json(kBase, "base");
  const Json patch = parse_json(changes, "changes");
  for (const auto& [key, value] : patch.as_object()) json[key] = value;
  return json;
}

/// One letter a layer: s sliding, f full; upper case with RoPE.
std::string layers_text(const ModelConfig& config) {
  std::string text;
  for (const LayerConfig& layer : config.layers) {
    const bool sliding = layer.attention == AttentionKind::sliding;
    text += layer.rope ? (sliding ? 'S' : 'F') : (sliding ? 's' : 'f');
  }
  return text;
}

TEST(Config, LayerLayouts) {
  struct Case {
    const char* changes;
    const char* layers;
    int window;
  };
  const Case cases[] = {
      {"{}", "FFFf", 0},  // smollm3's own default: every fourth layer has no RoPE
      {R"({"no_rope_layer_interval": 2})", "FfFf", 0},
      {R"({"no_rope_layers": [1, 0, 1, 0]})", "FfFf", 0},
      {R"({"no_rope_layers": [true, false, true, false]})", "FfFf", 0},
      {R"({"no_rope_layers": [0, 0, 1, 1, 1, 1, 0]})", "ffFF", 0},  // may be longer than the model
      {R"({"sliding_window": 8})", "FFFf", 0},                      // ignored without use_sliding_window
      {R"({"use_sliding_window": true, "sliding_window": null})", "FFFf", 0},
      {R"({"use_sliding_window": true, "sliding_window": 8})", "FFFs", 8},  // transformers: windows on the layers without RoPE
      {R"({"use_sliding_window": true, "sliding_window": 8, "no_rope_layers": [1, 0, 1, 0],
           "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]})",
       "SfSf", 8},
      {R"({"layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"]})", "FFFf", 0},
      {R"({"model_type": "llama"})", "FFFF", 0},
      {R"({"model_type": "llama", "sliding_window": 8, "use_sliding_window": false, "no_rope_layers": [1, 1, 1, 1],
           "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"]})",
       "FFFF", 0},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.changes);
    const ModelConfig config = parse_model_config(with(test.changes), "test");
    EXPECT_EQ(layers_text(config), test.layers);
    for (const LayerConfig& layer : config.layers) EXPECT_EQ(layer.window, layer.attention == AttentionKind::sliding ? test.window : 0);
  }
}

TEST(Config, DefaultsOfTheFamilies) {
  const ModelConfig smollm3 = parse_model_config(with("{}"), "test");
  EXPECT_EQ(smollm3.layers[0].rope_theta, 2e6);
  EXPECT_TRUE(smollm3.tie_word_embeddings);
  EXPECT_EQ(smollm3.head_dim, 16);
  EXPECT_FLOAT_EQ(smollm3.rms_norm_eps, 1e-6f);
  EXPECT_FALSE(smollm3.bos_token_id.has_value());  // the family's default lies outside this vocabulary
  const ModelConfig large = parse_model_config(with(R"({"vocab_size": 128256})"), "test");
  EXPECT_EQ(large.bos_token_id, 128000);
  EXPECT_THAT(large.eos_token_ids, testing::ElementsAre(128001));
  const ModelConfig llama = parse_model_config(with(R"({"model_type": "llama", "head_dim": 32})"), "test");
  EXPECT_EQ(llama.layers[0].rope_theta, 1e4);
  EXPECT_FALSE(llama.tie_word_embeddings);
  EXPECT_EQ(llama.head_dim, 32);
  EXPECT_EQ(llama.bos_token_id, 1);
  EXPECT_EQ(parse_model_config(with(R"({"num_key_value_heads": null})"), "test").num_kv_heads, 4);
  EXPECT_THAT(parse_model_config(with(R"({"eos_token_id": [3, 4]})"), "test").eos_token_ids, testing::ElementsAre(3, 4));
}

TEST(Config, RopeThetaInBothSpellings) {
  struct Case {
    const char* changes;
    double theta;
  };
  const Case cases[] = {
      {R"({"rope_theta": 5000})", 5000},
      {R"({"rope_theta": 5000, "rope_scaling": null})", 5000},
      {R"({"rope_theta": 5000, "rope_scaling": {"type": "default"}})", 5000},
      {R"({"rope_parameters": {"rope_type": "default", "rope_theta": 7000.5}})", 7000.5},
      {R"({"rope_theta": 5000, "rope_parameters": {"rope_theta": 7000}})", 7000},
      {R"({"rope_theta": 5000, "rope_parameters": {"rope_type": "default"}})", 5000},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(parse_model_config(with(test.changes), "test").layers[0].rope_theta, test.theta) << test.changes;
  }
}

TEST(Config, RefusesWithThePointer) {
  struct Case {
    const char* changes;
    const char* message;
  };
  const Case cases[] = {
      {R"({"model_type": "qwen3"})", "/model_type: expected one of smollm3, llama, got 'qwen3' (test)"},
      {R"({"model_type": "gemma3"})", "got 'gemma3'"},
      {R"({"attention_bias": true})", "/attention_bias: expected false"},
      {R"({"mlp_bias": true})", "/mlp_bias: expected false"},
      {R"({"hidden_act": "gelu"})", "/hidden_act: expected \"silu\""},
      {R"({"attention_dropout": 0.1})", "/attention_dropout"},
      {R"({"quantization_config": {}})", "/quantization_config"},
      {R"({"rope_scaling": {"type": "linear", "factor": 2}})", "/rope_scaling/type: expected \"default\""},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 4}})", "/rope_scaling/rope_type: expected \"default\""},
      {R"({"rope_parameters": {"rope_type": "llama3"}})", "/rope_parameters/rope_type"},
      {R"({"rope_parameters": {"full_attention": {"rope_theta": 1e6}}})", "/rope_parameters: expected one set"},
      {R"({"rope_parameters": [1]})", "expected an object at '/rope_parameters'"},
      {R"({"rope_theta": 0})", "/rope_theta: expected a number in [1, 1e+12], got 0"},
      {R"({"vocab_size": 1e3})", "/vocab_size: expected an integer"},
      {R"({"vocab_size": 99999999999})", "/vocab_size: expected an integer in [2, 16777216]"},
      {R"({"hidden_size": 0})", "/hidden_size"},
      {R"({"hidden_size": -64})", "/hidden_size"},
      {R"({"hidden_size": 9223372036854775807})", "/hidden_size"},
      {R"({"hidden_size": 66})", "/hidden_size: expected a multiple of 4, got 66"},
      {R"({"intermediate_size": 100})", "/intermediate_size: expected a multiple of 16, got 100"},
      {R"({"num_attention_heads": 8})", "/head_dim: expected a multiple of 16, got 8"},
      {R"({"head_dim": 512})", "/head_dim"},
      {R"({"num_key_value_heads": 3})", "/num_key_value_heads: expected a divisor of num_attention_heads = 4, got 3"},
      {R"({"num_hidden_layers": 1000000})", "/num_hidden_layers"},
      {R"({"rms_norm_eps": "small"})", "/rms_norm_eps"},
      {R"({"tie_word_embeddings": 1})", "/tie_word_embeddings: expected true or false"},
      {R"({"no_rope_layers": [1, 0]})", "/no_rope_layers: expected a list of at least 4 flags, got 2"},
      {R"({"no_rope_layers": [1, 0, 2, 0]})", "/no_rope_layers/2: expected 0 or 1, got 2"},
      {R"({"no_rope_layer_interval": 0})", "/no_rope_layer_interval"},
      {R"({"layer_types": ["full_attention"]})", "/layer_types: expected a list of 4 names, got 1"},
      {R"({"layer_types": ["full_attention", "chunked_attention", "full_attention", "full_attention"]})", "/layer_types/1: expected full_"},
      {R"({"layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"], "sliding_window": 8})",
       "/layer_types/0: expected full_attention, as use_sliding_window is false"},
      {R"({"use_sliding_window": true, "sliding_window": 0})", "/sliding_window: expected an integer in [1,"},
      {R"({"model_type": "llama", "use_sliding_window": true, "sliding_window": 8})", "/use_sliding_window: expected false"},
      {R"({"model_type": "llama", "no_rope_layers": [1, 1, 1, 0]})",
       "/no_rope_layers: expected RoPE in every layer of a llama, got [1, 1, 1, 0]"},
      {R"({"model_type": "llama", "no_rope_layer_interval": 4})", "/no_rope_layer_interval"},
      {R"({"model_type": "llama", "layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"]})",
       "/layer_types: expected full_attention in every layer of a llama"},
      {R"({"model_type": "llama", "layer_types": "full_attention"})", "/layer_types"},
      {R"({"eos_token_id": 100})", "/eos_token_id: expected a token id below vocab_size = 100, got 100"},
      {R"({"eos_token_id": [1, -1]})", "/eos_token_id"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.changes);
    try {
      parse_model_config(with(test.changes), "test");
      ADD_FAILURE() << "accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(test.message));
    }
  }
  for (const char* key : {"model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"}) {
    Json json = parse_json(kBase, "base");
    std::erase_if(json.as_object(), [&](const auto& member) { return member.first == key; });
    EXPECT_THROW(parse_model_config(json, "test"), UserError) << key;
  }
  EXPECT_THROW(parse_model_config(Json::array(), "test"), UserError);
}

TEST(Config, RoundTripsThroughHuggingFaceJson) {
  for (const bool tied : {true, false}) {
    ModelConfig config = tiny_config(8, tied);
    config.bos_token_id = 1;
    config.eos_token_ids = {2, 3};
    config.pad_token_id = 0;
    config.rms_norm_eps = 1e-5f;
    const Json json = model_config_to_json(config, "bfloat16");
    EXPECT_EQ(json.at("rms_norm_eps").dump(), Json(1e-5).dump());
    const ModelConfig again = parse_model_config(parse_json(json.dump(2), "again"), "again");
    EXPECT_EQ(layers_text(again), "SfSf");
    EXPECT_EQ(again.layers[0].window, 8);
    EXPECT_EQ(again.tie_word_embeddings, tied);
    EXPECT_EQ(again.rms_norm_eps, config.rms_norm_eps);
    EXPECT_EQ(again.eos_token_ids, config.eos_token_ids);
    EXPECT_EQ(again.pad_token_id, 0);
    EXPECT_EQ(model_config_to_json(again, "bfloat16"), json);
    EXPECT_EQ(json.at("dtype").as_string(), "bfloat16");
  }
}

TEST(Config, SaysWhatSmollm3CannotSay) {
  ModelConfig windows = tiny_config(8);
  windows.layers[2].window = 16;
  EXPECT_THROW(model_config_to_json(windows, "float32"), UserError);
  ModelConfig thetas = tiny_config(8);
  thetas.layers[2].rope_theta = 5;
  EXPECT_THROW(model_config_to_json(thetas, "float32"), UserError);
}

TEST(Config, CountsParameters) {
  const ModelConfig tied = tiny_config(8, true);
  // By hand: embedding 61·32; a layer: q 64·32, k and v 32·32, o 32·64, gate, up, down 48·32, two norms of 32; the last norm.
  EXPECT_EQ(tied.num_parameters(), 61 * 32 + 4 * (2048 + 2 * 1024 + 2048 + 3 * 1536 + 64) + 32);
  EXPECT_EQ(tiny_config(8, false).num_parameters(), tied.num_parameters() + 61 * 32);
  EXPECT_EQ(ParameterLayout(tied).total, tied.num_parameters());
}

TEST(Layout, PutsFusedTensorsSideBySide) {
  const ParameterLayout layout(tiny_config(8, false));
  for (const LayerOffsets& layer : layout.layers) {
    EXPECT_EQ(layer.k, layer.q + 64 * 32);
    EXPECT_EQ(layer.v, layer.k + 32 * 32);
    EXPECT_EQ(layer.up, layer.gate + 48 * 32);
  }
  EXPECT_EQ(layout.find("model.layers.2.mlp.down_proj.weight").offset, layout.layers[2].down);
  EXPECT_EQ(layout.find("lm_head.weight").offset, layout.head);
  EXPECT_THROW(layout.find("model.layers.4.mlp.down_proj.weight"), InternalError);
}

}  // namespace
}  // namespace longbow::model
