#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "model/transformer.h"

namespace longbow::model {
namespace {

constexpr std::int64_t kBlock = std::int64_t{1} << 15;

/// out[i] = convert(in[i] as a float).
template <class Value, class Out, class Convert>
void convert_values(ThreadPool& pool, const Value* in, std::int64_t size, Out* out, const Convert& convert) {
  pool.parallel_for((size + kBlock - 1) / kBlock, [&](std::int64_t block, int) {
    const std::int64_t end = std::min(size, (block + 1) * kBlock);
    for (std::int64_t i = block * kBlock; i < end; ++i) out[i] = convert(kernels::to_float(in[i]));
  });
}

/// out = in, rounded to the compute type.
template <class Value>
void round_values(ThreadPool& pool, const Value* in, std::int64_t size, kernels::DType dtype, float* out) {
  convert_values(pool, in, size, out,
                 [dtype](float value) { return dtype == kernels::DType::f32 ? value : kernels::to_float(kernels::to_bf16(value)); });
}

/// out = in, in the type that `out` stores.
template <class Value>
void store_values(ThreadPool& pool, const Value* in, kernels::Buffer<float>& out) {
  round_values(pool, in, out.size(), kernels::DType::f32, out.data());
}
template <class Value>
void store_values(ThreadPool& pool, const Value* in, kernels::Buffer<kernels::bf16>& out) {
  convert_values(pool, in, out.size(), out.data(), [](float value) { return kernels::to_bf16(value); });
}

void pack_matrix(ThreadPool& pool, const float* values, kernels::PackedMatrix& out) { kernels::pack_rows(pool, values, out.n(), 0, out); }

/// A few rows at a time become f32 in a cache, and go from there into their panels.
void pack_matrix(ThreadPool& pool, const kernels::bf16* values, kernels::PackedMatrix& out) {
  constexpr std::int64_t kRows = 256;  // a multiple of a panel's width
  kernels::Buffer<float> rows(kRows * out.k());
  for (std::int64_t first = 0; first < out.n(); first += kRows) {
    const std::int64_t count = std::min(kRows, out.n() - first);
    round_values(pool, values + first * out.k(), count * out.k(), kernels::DType::f32, rows.data());
    kernels::pack_rows(pool, rows.data(), count, first, out);
  }
}

/// In f32 arithmetic, as the reference implementations of these families compute it.
std::vector<float> inverse_frequencies(double theta, int head_dim) {
  std::vector<float> frequencies(head_dim / 2);
  for (int i = 0; i < head_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    frequencies[i] = 1.0f / std::pow(static_cast<float>(theta), exponent);
  }
  return frequencies;
}

}  // namespace

PackedModel::PackedModel(ThreadPool& pool, const ModelConfig& config, const ParameterLayout& layout, const float* values,
                         kernels::DType dtype)
    : config_(&config),
      layout_(&layout),
      dtype_(dtype),
      norms_((2 * static_cast<std::int64_t>(config.layers.size()) + 1) * config.hidden_size),
      head_(kernels::make_packed(config.vocab_size, config.hidden_size, dtype)) {
  const std::int64_t hidden = config.hidden_size, embedding_size = config.vocab_size * hidden;
  if (dtype == kernels::DType::f32) {
    embedding_ = kernels::Buffer<float>(embedding_size);
  } else {
    embedding_ = kernels::Buffer<kernels::bf16>(embedding_size);
  }
  const std::int64_t q_width = std::int64_t{config.num_heads} * config.head_dim;
  const std::int64_t kv_width = std::int64_t{config.num_kv_heads} * config.head_dim;
  const float* norm = norms_.data();
  for (const LayerConfig& layer_config : config.layers) {
    Layer& layer = layers_.emplace_back();
    layer.input_norm = norm;
    layer.post_attention_norm = norm + hidden;
    norm += 2 * hidden;
    layer.qkv = kernels::make_packed(q_width + 2 * kv_width, hidden, dtype);
    layer.o = kernels::make_packed(hidden, q_width, dtype);
    layer.gate_up = kernels::make_packed(2 * std::int64_t{config.intermediate_size}, hidden, dtype);
    layer.down = kernels::make_packed(hidden, config.intermediate_size, dtype);
    if (layer_config.rope) layer.inv_freq = inverse_frequencies(layer_config.rope_theta, config.head_dim);
  }
  final_norm_ = norm;
  update(pool, values);
}

void PackedModel::embed(ThreadPool& pool, std::span<const std::int32_t> tokens, float* out) const {
  const auto gather = [&](const auto& embedding) {
    kernels::embed_forward(pool, embedding.data(), tokens.data(), static_cast<std::int64_t>(tokens.size()), config_->hidden_size, out);
  };
  std::visit(gather, embedding_);
}

void PackedModel::update(ThreadPool& pool, const float* values) { pack(pool, values); }

void PackedModel::update(ThreadPool& pool, const WeightValues& values) {
  if (values.dtype() == kernels::DType::f32) {
    pack(pool, values.floats());
  } else {
    pack(pool, values.halves());
  }
}

template <class Value>
void PackedModel::pack(ThreadPool& pool, const Value* values) {
  const std::int64_t hidden = config_->hidden_size;
  std::visit([&](auto& embedding) { store_values(pool, values + layout_->embedding, embedding); }, embedding_);
  pack_matrix(pool, values + layout_->head, head_);
  float* norm = norms_.data();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const LayerOffsets& at = layout_->layers[i];
    Layer& layer = layers_[i];
    round_values(pool, values + at.input_norm, hidden, dtype_, norm);
    round_values(pool, values + at.post_attention_norm, hidden, dtype_, norm + hidden);
    norm += 2 * hidden;
    // q, k and v stand one after another in the layout, and so do gate and up.
    pack_matrix(pool, values + at.q, layer.qkv);
    pack_matrix(pool, values + at.o, layer.o);
    pack_matrix(pool, values + at.gate, layer.gate_up);
    pack_matrix(pool, values + at.down, layer.down);
  }
  round_values(pool, values + layout_->final_norm, hidden, dtype_, norm);
}

}  // namespace longbow::model
