// A model's parameters: one flat f32 array, with a name, shape and offset for each tensor in Hugging Face's names.
// The flat array is what the optimizer walks, what a gradient mirrors, and what a weight snapshot carries.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/dtype.h"
#include "model/config.h"

namespace longbow::model {

struct ParameterInfo {
  std::string name;                 // "model.layers.0.self_attn.q_proj.weight"
  std::vector<std::int64_t> shape;  // row-major, [out, in]
  std::int64_t offset = 0;          // elements from the start of the flat array
  std::int64_t size = 0;
};

/// Offsets of one layer's tensors in the flat array.
struct LayerOffsets {
  std::int64_t input_norm, q, k, v, o, post_attention_norm, gate, up, down;
};

/// Where each tensor of `config` stands in the flat array; q, k, v of a layer are adjacent, gate and up too. No padding.
struct ParameterLayout {
  std::vector<ParameterInfo> parameters;
  std::int64_t total = 0;
  std::int64_t embedding = 0;  // offsets of the tensors outside of layers
  std::int64_t final_norm = 0;
  std::int64_t head = 0;  // of the embedding when they are tied
  std::vector<LayerOffsets> layers;

  explicit ParameterLayout(const ModelConfig& config);
  const ParameterInfo& find(std::string_view name) const;  // throws InternalError when there is none
};

/// Which rule fills a fresh model.
enum class InitScheme {
  fan_in,  // N(0, 1/sqrt(fan_in)), embeddings std 0.0625, o and down divided by sqrt(2 L), norms one (docs/results.md: learns retrieval)
  normal,  // N(0, 0.02) everywhere, norms one
};

/// Weights to be loaded, in layout order, f32 or bf16, and whatever keeps them alive: a buffer, a mapped snapshot, a message's bytes.
class WeightValues {
 public:
  WeightValues() = default;
  WeightValues(kernels::DType dtype, const void* values, std::shared_ptr<const void> owner)
      : dtype_(dtype), values_(values), owner_(std::move(owner)) {}
  /// Takes `values` over.
  explicit WeightValues(kernels::Buffer<float> values) {
    const auto kept = std::make_shared<const kernels::Buffer<float>>(std::move(values));
    values_ = kept->data();
    owner_ = kept;
  }

  kernels::DType dtype() const { return dtype_; }
  const float* floats() const { return static_cast<const float*>(values_); }                  // of dtype f32
  const kernels::bf16* halves() const { return static_cast<const kernels::bf16*>(values_); }  // of dtype bf16

 private:
  kernels::DType dtype_ = kernels::DType::f32;
  const void* values_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// f32 values in layout order. Movable.
struct Weights {
  kernels::Buffer<float> values;
};

Weights init_weights(const ModelConfig& config, const ParameterLayout& layout, InitScheme scheme, std::uint64_t seed);

/// Reads model.safetensors, or the shards of model.safetensors.index.json; F32, BF16 and F16. Throws UserError naming file, tensor,
/// expected and found shape for anything missing, unexpected, out of bounds or of another shape.
Weights load_weights(const std::string& dir, const ModelConfig& config, const ParameterLayout& layout);

/// Writes `dir`/model.safetensors atomically.
void save_weights(const std::string& dir, const ParameterLayout& layout, const Weights& weights, kernels::DType dtype);

}  // namespace longbow::model
