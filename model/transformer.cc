#include "model/transformer.h"

#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "core/profile.h"
#include "kernels/elementwise.h"
#include "model/decoder_layer.h"
#include "model/saved_activations.h"

namespace longbow::model {
namespace {

/// Rows in flight of a pass that keeps nothing; the last layer's wanted rows stand apart.
struct Workspace {
  kernels::Buffer<float> residual, wanted_residual, qkv, attention;
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

}  // namespace

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
  const ActiveRows all(rows);
  const ActiveRows wanted = input.wanted ? ActiveRows(*input.wanted, rows) : all;
  float* residual = saved ? saved->layers[0].input.data() : reserved(workspace.residual, rows * widths.hidden);
  model.embed(pool, input.tokens, residual);

  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const bool last = i + 1 == config.layers.size();
    const LayerPass pass{pool, model, i, input.position_ids, last ? wanted : all};
    SavedActivations::Layer* kept = saved ? &saved->detail(i) : nullptr;
    float* qkv = kept ? kept->qkv.data() : reserved(workspace.qkv, rows * widths.qkv);
    float* attended = kept ? kept->attention.data() : reserved(workspace.attention, rows * widths.q);
    project_qkv(pass, residual, qkv);
    {
      const ProfileScope scope("attention");
      attention.attend(static_cast<int>(i), qkv, rows, attended, kept ? kept->lse.data() : nullptr);
    }
    if (saved) saved->working_layer = i;

    float* output = residual;
    if (saved) {
      output = last ? saved->output.data() : saved->layers[i + 1].input.data();
    } else if (!pass.active.are_all()) {
      output = reserved(workspace.wanted_residual, wanted.count() * widths.hidden);
    }
    // Without a place of its own, the stream between attention and MLP stands where the layer's output will.
    float* middle = kept && saved->kept != KeptActivations::layer_inputs ? kept->middle.data() : output;
    copy_active(pass, residual, middle);
    add_attention(pass, attended, middle);
    if (output != middle) std::memcpy(output, middle, sizeof(float) * pass.active.count() * widths.hidden);
    const bool keeps_mlp = kept && saved->kept == KeptActivations::everything;
    add_mlp(pass, output, keeps_mlp ? kept->gate_up.data() : nullptr);
    residual = output;
  }
  kernels::rmsnorm_forward(pool, residual, wanted.count(), widths.hidden, model.final_norm(), config.rms_norm_eps, hidden, nullptr);
}

}  // namespace longbow::model
