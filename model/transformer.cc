#include "model/transformer.h"

#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "kernels/elementwise.h"
#include "model/saved_activations.h"

namespace longbow::model {
namespace {

/// Rows in flight of a pass that keeps nothing, and what every pass recomputes.
struct Workspace {
  kernels::Buffer<float> residual, normed, qkv, attention, gate_up, activated;
};

/// One workspace a thread: an engine calls forward() for every token, so nothing may be allocated per call.
Workspace& this_threads_workspace() {
  thread_local Workspace workspace;
  return workspace;
}

float* reserved(kernels::Buffer<float>& buffer, std::int64_t size) {
  buffer.reserve(size);
  return buffer.data();
}

void copy_rows(float* to, const float* from, std::int64_t floats) {
  if (to != from) std::memcpy(to, from, sizeof(float) * floats);
}

}  // namespace

void SavedActivations::reserve(const ModelConfig& config, std::int64_t rows) {
  const RowWidths widths(config);
  layers.resize(config.layers.size());
  for (Layer& layer : layers) {
    layer.input.reserve(rows * widths.hidden);
    layer.qkv.reserve(rows * widths.qkv);
    layer.attention.reserve(rows * widths.q);
    layer.lse.reserve(rows * config.num_heads);
    layer.middle.reserve(rows * widths.hidden);
    layer.gate_up.reserve(rows * 2 * widths.intermediate);
  }
  output.reserve(rows * widths.hidden);
}

kernels::AttentionShape attention_shape(const ModelConfig& config, int layer, kernels::DType kv_dtype) {
  const LayerConfig& description = config.layers[layer];
  return {.num_heads = config.num_heads,
          .num_kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim,
          .window = description.attention == AttentionKind::sliding ? description.window : 0,
          .softmax_scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim)),
          .kv_dtype = kv_dtype};
}

void forward(ThreadPool& pool, const PackedModel& model, PackedRows input, AttentionContext& attention, float* hidden,
             SavedActivations* saved) {
  const ModelConfig& config = model.config();
  const RowWidths widths(config);
  const auto rows = static_cast<std::int64_t>(input.tokens.size());
  LONGBOW_CHECK_EQ(input.position_ids.size(), input.tokens.size());
  for (const std::int32_t token : input.tokens) {
    LONGBOW_CHECK_GE(token, 0);
    LONGBOW_CHECK_LT(token, config.vocab_size);
  }
  Workspace& workspace = this_threads_workspace();
  float* normed = reserved(workspace.normed, rows * widths.hidden);
  float* activated = reserved(workspace.activated, rows * widths.intermediate);
  // Where the rows of a layer go: into what is saved, or into the workspace, which every layer overwrites.
  float* qkv = nullptr;
  float* attended = nullptr;
  float* gate_up = nullptr;
  float* lse = nullptr;
  if (saved) {
    saved->reserve(config, rows);
  } else {
    qkv = reserved(workspace.qkv, rows * widths.qkv);
    attended = reserved(workspace.attention, rows * widths.q);
    gate_up = reserved(workspace.gate_up, rows * 2 * widths.intermediate);
  }
  float* residual = saved ? saved->layers[0].input.data() : reserved(workspace.residual, rows * widths.hidden);
  kernels::embed_forward(pool, model.embedding(), input.tokens.data(), rows, widths.hidden, residual);

  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const PackedModel::Layer& layer = model.layers()[i];
    float* middle = residual;
    float* output = residual;
    if (saved) {
      SavedActivations::Layer& kept = saved->layers[i];
      qkv = kept.qkv.data();
      attended = kept.attention.data();
      lse = kept.lse.data();
      gate_up = kept.gate_up.data();
      middle = kept.middle.data();
      output = i + 1 < config.layers.size() ? saved->layers[i + 1].input.data() : saved->output.data();
    }
    kernels::rmsnorm_forward(pool, residual, rows, widths.hidden, layer.input_norm, config.rms_norm_eps, normed, nullptr);
    kernels::linear_forward(pool, normed, rows, layer.qkv, qkv);
    if (!layer.inv_freq.empty()) {  // q's and k's heads stand side by side
      kernels::rope(pool, qkv, rows, widths.qkv, config.num_heads + config.num_kv_heads, config.head_dim, input.position_ids.data(),
                    layer.inv_freq, false);
    }
    attention.attend(static_cast<int>(i), qkv, rows, attended, lse);
    copy_rows(middle, residual, rows * widths.hidden);
    kernels::linear_forward(pool, attended, rows, layer.o, middle, true);

    kernels::rmsnorm_forward(pool, middle, rows, widths.hidden, layer.post_attention_norm, config.rms_norm_eps, normed, nullptr);
    kernels::linear_forward(pool, normed, rows, layer.gate_up, gate_up);
    kernels::swiglu_forward(pool, gate_up, rows, widths.intermediate, activated);
    copy_rows(output, middle, rows * widths.hidden);
    kernels::linear_forward(pool, activated, rows, layer.down, output, true);
    residual = output;
  }
  kernels::rmsnorm_forward(pool, residual, rows, widths.hidden, model.final_norm(), config.rms_norm_eps, hidden, nullptr);
}

}  // namespace longbow::model
