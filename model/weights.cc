#include "model/weights.h"

#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "core/errors.h"
#include "core/random.h"
#include "model/safetensors.h"

namespace longbow::model {
namespace {

constexpr std::string_view kEmbedding = "model.embed_tokens.weight";
constexpr std::string_view kFinalNorm = "model.norm.weight";
constexpr std::string_view kHead = "lm_head.weight";

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  for (const std::string_view suffix : suffixes) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

[[noreturn]] void fail(const std::string& where, std::string_view tensor, const std::string& problem) {
  throw UserError(concat("checkpoint: tensor '", tensor, "': ", problem, " (", where, ")"));
}

/// Standard deviation of a fresh matrix.
double initial_std(const ParameterInfo& parameter, InitScheme scheme, std::size_t num_layers) {
  if (scheme == InitScheme::normal) return 0.02;
  if (parameter.name == kEmbedding) return 0.0625;
  const double std = 1 / std::sqrt(static_cast<double>(parameter.shape[1]));
  const bool writes_residual = ends_with_any(parameter.name, {"o_proj.weight", "down_proj.weight"});
  return writes_residual ? std / std::sqrt(2.0 * static_cast<double>(num_layers)) : std;
}

/// A tied checkpoint may repeat the embedding as the head; it must be the same one.
void check_tied_head(const std::string& path, const StoredTensor& head, const StoredTensor* embedding) {
  const bool same = embedding && head.dtype == embedding->dtype && head.shape == embedding->shape &&
                    std::memcmp(head.data, embedding->data, head.size * size_of(head.dtype)) == 0;
  if (!same) fail(path, kHead, "expected none or a copy of the embedding, as tie_word_embeddings is true");
}

}  // namespace

ParameterLayout::ParameterLayout(const ModelConfig& config) {
  const auto add = [this](std::string name, std::vector<std::int64_t> shape) {
    std::int64_t size = 1;
    for (const std::int64_t extent : shape) size *= extent;
    parameters.push_back({std::move(name), std::move(shape), total, size});
    return std::exchange(total, total + size);
  };
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t intermediate = config.intermediate_size;
  const std::int64_t q_width = std::int64_t{config.num_heads} * config.head_dim;
  const std::int64_t kv_width = std::int64_t{config.num_kv_heads} * config.head_dim;
  embedding = add(std::string(kEmbedding), {config.vocab_size, hidden});
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const std::string prefix = concat("model.layers.", i, ".");
    LayerOffsets& layer = layers.emplace_back();
    layer.input_norm = add(prefix + "input_layernorm.weight", {hidden});
    layer.q = add(prefix + "self_attn.q_proj.weight", {q_width, hidden});
    layer.k = add(prefix + "self_attn.k_proj.weight", {kv_width, hidden});
    layer.v = add(prefix + "self_attn.v_proj.weight", {kv_width, hidden});
    layer.o = add(prefix + "self_attn.o_proj.weight", {hidden, q_width});
    layer.post_attention_norm = add(prefix + "post_attention_layernorm.weight", {hidden});
    layer.gate = add(prefix + "mlp.gate_proj.weight", {intermediate, hidden});
    layer.up = add(prefix + "mlp.up_proj.weight", {intermediate, hidden});
    layer.down = add(prefix + "mlp.down_proj.weight", {hidden, intermediate});
  }
  final_norm = add(std::string(kFinalNorm), {hidden});
  head = config.tie_word_embeddings ? embedding : add(std::string(kHead), {config.vocab_size, hidden});
  LONGBOW_CHECK_EQ(total, config.num_parameters());
}

const ParameterInfo& ParameterLayout::find(std::string_view name) const {
  for (const ParameterInfo& parameter : parameters) {
    if (parameter.name == name) return parameter;
  }
  throw InternalError(concat("no parameter named '", name, "'"));
}

Weights init_weights(const ModelConfig& config, const ParameterLayout& layout, InitScheme scheme, std::uint64_t seed) {
  Weights weights{kernels::Buffer<float>(layout.total)};
  for (const ParameterInfo& parameter : layout.parameters) {
    float* values = weights.values.data() + parameter.offset;
    if (parameter.shape.size() == 1) {
      for (std::int64_t i = 0; i < parameter.size; ++i) values[i] = 1;
      continue;
    }
    const double std = initial_std(parameter, scheme, config.layers.size());
    Rng rng(seed, {stable_hash("init_weights"), stable_hash(parameter.name)});
    for (std::int64_t i = 0; i < parameter.size; ++i) values[i] = static_cast<float>(std * rng.normal());
  }
  return weights;
}

Weights load_weights(const std::string& dir, const ModelConfig& config, const ParameterLayout& layout) {
  const std::vector<SafetensorsFile> files = open_checkpoint(dir);
  struct Found {
    const StoredTensor* tensor;
    const std::string* path;
  };
  std::map<std::string_view, Found> found;
  for (const SafetensorsFile& file : files) {
    for (const StoredTensor& tensor : file.tensors()) {
      if (!found.try_emplace(tensor.name, Found{&tensor, &file.path()}).second) fail(file.path(), tensor.name, "stored twice");
    }
  }
  // Everything is checked before the values are allocated: a config cannot ask for more than the files hold.
  for (const ParameterInfo& parameter : layout.parameters) {
    const auto it = found.find(parameter.name);
    if (it == found.end()) fail(dir, parameter.name, concat("expected shape ", shape_text(parameter.shape), ", got no such tensor"));
    if (it->second.tensor->shape != parameter.shape) {
      fail(*it->second.path, parameter.name,
           concat("expected shape ", shape_text(parameter.shape), ", got ", shape_text(it->second.tensor->shape)));
    }
  }
  std::map<std::string_view, Found> rest = found;
  for (const ParameterInfo& parameter : layout.parameters) rest.erase(parameter.name);
  for (const auto& [name, stored] : rest) {
    if (name.ends_with(".rotary_emb.inv_freq")) continue;  // older transformers saved this constant
    if (name != kHead || !config.tie_word_embeddings) fail(*stored.path, name, "unexpected: this model has no such tensor");
    check_tied_head(*stored.path, *stored.tensor, found.at(kEmbedding).tensor);
  }
  Weights weights{kernels::Buffer<float>(layout.total)};
  for (const ParameterInfo& parameter : layout.parameters) {
    read_tensor(*found.at(parameter.name).tensor, weights.values.data() + parameter.offset);
  }
  return weights;
}

void save_weights(const std::string& dir, const ParameterLayout& layout, const Weights& weights, kernels::DType dtype) {
  LONGBOW_CHECK_EQ(weights.values.size(), layout.total);
  std::vector<TensorToWrite> tensors;
  for (const ParameterInfo& parameter : layout.parameters) {
    tensors.push_back({parameter.name, parameter.shape, weights.values.data() + parameter.offset});
  }
  write_safetensors(dir + "/model.safetensors", tensors, dtype);
}

}  // namespace longbow::model
