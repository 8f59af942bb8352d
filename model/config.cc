#include "model/config.h"

#include <algorithm>
#include <initializer_list>

#include "core/errors.h"
#include "model/config_reader.h"

namespace longbow::model {
namespace {

// Bounds that no real model reaches; products of any four of these fit std::int64_t.
constexpr std::int64_t kMaxVocab = 1 << 24;
constexpr std::int64_t kMaxWidth = 1 << 20;
constexpr std::int64_t kMaxHeads = 1 << 12;
constexpr std::int64_t kMaxLayers = 1 << 12;
constexpr std::int64_t kMaxPositions = std::int64_t{1} << 30;
constexpr int kMaxHeadDim = 256;  // what kernels::AttentionShape takes
constexpr int kKernelMultiple = 16;

/// What differs between families whose layers are the same.
struct Family {
  std::string_view name;
  double default_theta;
  bool default_tie;
  std::int64_t default_max_positions;
  std::optional<int> default_kv_heads;  // none: as many as heads
  std::optional<int> default_bos, default_eos, default_pad;
};
constexpr Family kFamilies[] = {
    {"smollm3", 2e6, true, 32768, 4, 128000, 128001, 128004},
    {"llama", 1e4, false, 2048, std::nullopt, 1, 2, std::nullopt},
};

const Family& find_family(const ConfigReader& reader) {
  const std::string& name = reader.text("model_type");
  std::string known;
  for (const Family& family : kFamilies) {
    if (family.name == name) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.name);
  }
  reader.fail("model_type", concat("one of ", known), concat("'", name, "'"));
}

void refuse_unsupported(const ConfigReader& reader) {
  reader.require_absent_or("attention_bias", false);
  reader.require_absent_or("mlp_bias", false);
  reader.require_absent_or("hidden_act", "silu");
  reader.require_absent_or("attention_dropout", 0.0);
  reader.require_absent_or("partial_rotary_factor", 1.0);
  reader.require_absent_or("quantization_config", nullptr);
}

/// Theta from rope_parameters (flat), or the older rope_theta beside rope_scaling; only unscaled RoPE is supported.
double read_rope_theta(const ConfigReader& reader, double default_theta) {
  double theta = reader.number("rope_theta", 1, 1e12, default_theta);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const Json* rope = reader.find(key);
    if (!rope || rope->is_null()) continue;
    const ConfigReader nested = reader.nested(key);
    if (nested.find("full_attention") || nested.find("sliding_attention")) {
      reader.fail(key, "one set of RoPE parameters for all layers", "one for each layer type");
    }
    nested.require_absent_or("rope_type", "default");
    nested.require_absent_or("type", "default");
    nested.require_absent_or("factor", 1.0);
    nested.require_absent_or("partial_rotary_factor", 1.0);
    theta = nested.number("rope_theta", 1, 1e12, theta);
  }
  return theta;
}

/// llama: its layers are all alike. transformers passes over keys that say otherwise, other engines obey some of them: refused.
void refuse_layer_layouts(const ConfigReader& reader) {
  reader.require_absent_or("use_sliding_window", false);
  reader.require_absent_or("no_rope_layer_interval", nullptr);
  const auto require_everywhere = [&](const char* key, std::string_view expected, std::initializer_list<Json> allowed) {
    const Json* values = reader.find(key);
    if (!values || values->is_null()) return;
    const auto is_allowed = [&](const Json& value) { return std::ranges::find(allowed, value) != allowed.end(); };
    if (!values->is_array() || !std::ranges::all_of(values->as_array(), is_allowed)) {
      reader.fail(key, concat(expected, " in every layer of a llama"), values->dump());
    }
  };
  require_everywhere("layer_types", "full_attention", {Json("full_attention")});
  require_everywhere("no_rope_layers", "RoPE", {Json(1), Json(true)});
}

/// smollm3: no_rope_layers (1 = RoPE, 0 = none) may be longer than the model; without it every interval-th layer has none.
void read_rope_layers(const ConfigReader& reader, std::vector<LayerConfig>& layers) {
  const Json* flags = reader.find("no_rope_layers");
  if (!flags || flags->is_null()) {
    const std::int64_t interval = reader.integer("no_rope_layer_interval", 1, kMaxLayers, 4);
    for (std::size_t i = 0; i < layers.size(); ++i) layers[i].rope = (static_cast<std::int64_t>(i) + 1) % interval != 0;
    return;
  }
  if (!flags->is_array() || flags->size() < layers.size()) {
    reader.fail("no_rope_layers", concat("a list of at least ", layers.size(), " flags"),
                flags->is_array() ? concat(flags->size()) : concat("a value of type ", flags->type_name()));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Json& flag = flags->as_array()[i];
    const bool valid = flag.is_bool() || (flag.is_integer() && (flag.as_integer() == 0 || flag.as_integer() == 1));
    if (!valid) reader.fail(concat("no_rope_layers/", i), "0 or 1", flag.dump());
    layers[i].rope = flag.is_bool() ? flag.as_bool() : flag.as_integer() == 1;
  }
}

/// smollm3: explicit layer_types, or else (use_sliding_window) windows on the layers without RoPE, as transformers has it.
void read_attention_kinds(const ConfigReader& reader, std::vector<LayerConfig>& layers) {
  const bool use_window = reader.boolean("use_sliding_window", false);
  const Json* window_value = reader.find("sliding_window");
  const bool has_window = use_window && window_value && !window_value->is_null();
  const int window = has_window ? static_cast<int>(reader.integer("sliding_window", 1, kMaxPositions)) : 0;
  const Json* types = reader.find("layer_types");
  const bool explicit_types = types && !types->is_null();
  if (explicit_types && (!types->is_array() || types->size() != layers.size())) {
    reader.fail("layer_types", concat("a list of ", layers.size(), " names"),
                types->is_array() ? concat(types->size()) : concat("a value of type ", types->type_name()));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    bool sliding = has_window && !layers[i].rope;
    if (explicit_types) {
      const Json& type = types->as_array()[i];
      const std::string pointer = concat("layer_types/", i);
      if (type == Json("sliding_attention")) {
        if (!has_window) reader.fail(pointer, "full_attention, as use_sliding_window is false or sliding_window missing", type.dump());
        sliding = true;
      } else if (type == Json("full_attention")) {
        sliding = false;
      } else {
        reader.fail(pointer, "full_attention or sliding_attention", type.dump());
      }
    }
    if (sliding) {
      layers[i].attention = AttentionKind::sliding;
      layers[i].window = window;
    }
  }
}

void check_multiple(const ConfigReader& reader, const char* key, std::int64_t value, std::int64_t multiple) {
  if (value % multiple != 0) reader.fail(key, concat("a multiple of ", multiple), concat(value));
}

}  // namespace

ModelConfig parse_model_config(const Json& json, const std::string& source) {
  const ConfigReader reader(json, source);
  const Family& family = find_family(reader);
  refuse_unsupported(reader);

  ModelConfig config;
  config.family = family.name;
  config.vocab_size = static_cast<int>(reader.integer("vocab_size", 2, kMaxVocab));
  config.hidden_size = static_cast<int>(reader.integer("hidden_size", 1, kMaxWidth));
  config.intermediate_size = static_cast<int>(reader.integer("intermediate_size", 1, kMaxWidth));
  config.num_heads = static_cast<int>(reader.integer("num_attention_heads", 1, kMaxHeads));
  const Json* kv_heads = reader.find("num_key_value_heads");
  const bool as_many_as_heads = kv_heads ? kv_heads->is_null() : !family.default_kv_heads.has_value();
  config.num_kv_heads =
      as_many_as_heads ? config.num_heads : static_cast<int>(reader.integer("num_key_value_heads", 1, kMaxHeads, family.default_kv_heads));
  if (config.num_heads % config.num_kv_heads != 0) {
    reader.fail("num_key_value_heads", concat("a divisor of num_attention_heads = ", config.num_heads), concat(config.num_kv_heads));
  }
  const Json* head_dim = reader.find("head_dim");
  if (head_dim && !head_dim->is_null()) {
    config.head_dim = static_cast<int>(reader.integer("head_dim", 1, kMaxHeadDim));
  } else {
    check_multiple(reader, "hidden_size", config.hidden_size, config.num_heads);
    config.head_dim = config.hidden_size / config.num_heads;
  }
  if (config.head_dim > kMaxHeadDim) reader.fail("head_dim", concat("at most ", kMaxHeadDim), concat(config.head_dim));
  check_multiple(reader, "head_dim", config.head_dim, kKernelMultiple);
  check_multiple(reader, "hidden_size", config.hidden_size, kKernelMultiple);
  check_multiple(reader, "intermediate_size", config.intermediate_size, kKernelMultiple);

  config.rms_norm_eps = static_cast<float>(reader.number("rms_norm_eps", 0, 1, 1e-6));
  config.tie_word_embeddings = reader.boolean("tie_word_embeddings", family.default_tie);
  config.max_position_embeddings = reader.integer("max_position_embeddings", 1, kMaxPositions, family.default_max_positions);

  config.layers.resize(reader.integer("num_hidden_layers", 1, kMaxLayers));
  const double theta = read_rope_theta(reader, family.default_theta);
  for (LayerConfig& layer : config.layers) layer.rope_theta = theta;
  if (family.name == "smollm3") {
    read_rope_layers(reader, config.layers);
    read_attention_kinds(reader, config.layers);
  } else {
    refuse_layer_layouts(reader);
  }

  const auto first = [](std::vector<int> ids) { return ids.empty() ? std::nullopt : std::optional<int>(ids[0]); };
  config.bos_token_id = first(reader.token_ids("bos_token_id", config.vocab_size, family.default_bos));
  config.eos_token_ids = reader.token_ids("eos_token_id", config.vocab_size, family.default_eos);
  config.pad_token_id = first(reader.token_ids("pad_token_id", config.vocab_size, family.default_pad));
  return config;
}

ModelConfig read_model_config(const std::string& dir) {
  const std::string path = dir + "/config.json";
  return parse_model_config(read_json_file(path), path);
}

std::int64_t ModelConfig::num_parameters() const {
  const std::int64_t hidden = hidden_size;
  const std::int64_t embedding = hidden * vocab_size * (tie_word_embeddings ? 1 : 2);
  const std::int64_t attention = hidden * head_dim * (2 * std::int64_t{num_heads} + 2 * std::int64_t{num_kv_heads});
  const std::int64_t mlp = 3 * hidden * intermediate_size;
  return embedding + hidden + static_cast<std::int64_t>(layers.size()) * (attention + mlp + 2 * hidden);
}

Json model_config_to_json(const ModelConfig& config, const std::string& dtype) {
  int window = 0;
  Json layer_types = Json::array();
  Json rope_flags = Json::array();
  for (const LayerConfig& layer : config.layers) {
    const bool sliding = layer.attention == AttentionKind::sliding;
    if (sliding && window != 0 && layer.window != window) {
      throw UserError(concat("config.json: expected one window for all sliding layers, got ", window, " and ", layer.window));
    }
    if (layer.rope_theta != config.layers[0].rope_theta) {
      throw UserError(
          concat("config.json: expected one RoPE theta for all layers, got ", config.layers[0].rope_theta, " and ", layer.rope_theta));
    }
    if (sliding) window = layer.window;
    layer_types.push_back(sliding ? "sliding_attention" : "full_attention");
    rope_flags.push_back(layer.rope ? 1 : 0);
  }
  const auto token = [](std::optional<int> id) { return id ? Json(*id) : Json(); };
  Json eos;
  if (config.eos_token_ids.size() == 1) eos = config.eos_token_ids[0];
  if (config.eos_token_ids.size() > 1) {
    for (const int id : config.eos_token_ids) eos.push_back(id);
  }
  Json json;
  json["architectures"].push_back("SmolLM3ForCausalLM");
  json["model_type"] = "smollm3";
  json["dtype"] = dtype;
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = static_cast<std::int64_t>(config.layers.size());
  json["num_attention_heads"] = config.num_heads;
  json["num_key_value_heads"] = config.num_kv_heads;
  json["head_dim"] = config.head_dim;
  json["hidden_act"] = "silu";
  json["rms_norm_eps"] = shortest_double(config.rms_norm_eps);
  json["tie_word_embeddings"] = config.tie_word_embeddings;
  json["attention_bias"] = false;
  json["mlp_bias"] = false;
  json["attention_dropout"] = 0.0;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["layer_types"] = std::move(layer_types);
  json["no_rope_layers"] = std::move(rope_flags);
  json["use_sliding_window"] = window > 0;
  json["sliding_window"] = window > 0 ? Json(window) : Json();
  json["rope_theta"] = config.layers[0].rope_theta;  // read by transformers 4; 5 reads the next one
  json["rope_parameters"]["rope_type"] = "default";
  json["rope_parameters"]["rope_theta"] = config.layers[0].rope_theta;
  json["bos_token_id"] = token(config.bos_token_id);
  json["eos_token_id"] = std::move(eos);
  json["pad_token_id"] = token(config.pad_token_id);
  json["use_cache"] = true;
  return json;
}

}  // namespace longbow::model
