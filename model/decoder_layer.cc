#include "model/decoder_layer.h"

#include "core/profile.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "model/saved_activations.h"

namespace longbow::model {
namespace {

/// One a thread: an engine runs layers for every token, so nothing may be allocated per call.
struct Scratch {
  kernels::Buffer<float> normed, gathered, gate_up, activated;
};

Scratch& this_threads_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

float* reserved(kernels::Buffer<float>& buffer, std::int64_t size) {
  buffer.reserve(size);
  return buffer.data();
}

const PackedModel::Layer& layer_of(const LayerPass& pass) { return pass.model.layers()[pass.layer]; }

}  // namespace

void project_qkv(const LayerPass& pass, const float* residual, float* qkv) {
  const ProfileScope scope("projections");
  const ModelConfig& config = pass.model.config();
  const RowWidths widths(config);
  const PackedModel::Layer& layer = layer_of(pass);
  for_row_blocks(static_cast<std::int64_t>(pass.position_ids.size()), [&](std::int64_t first, std::int64_t count) {
    float* normed = reserved(this_threads_scratch().normed, count * widths.hidden);
    kernels::rmsnorm_forward(pass.pool, residual + first * widths.hidden, count, widths.hidden, layer.input_norm, config.rms_norm_eps,
                             normed, nullptr);
    float* rows = qkv + first * widths.qkv;
    const bool queries = pass.active.any_of(first, count);
    if (queries) {
      kernels::linear_forward(pass.pool, normed, count, layer.qkv, rows);
    } else {
      rows += widths.q;
      kernels::linear_forward_columns(pass.pool, normed, count, layer.qkv, widths.q, 2 * widths.kv, rows, widths.qkv);
    }
    if (layer.inv_freq.empty()) return;
    const int heads = config.num_kv_heads + (queries ? config.num_heads : 0);  // q's and k's heads stand side by side
    kernels::rope(pass.pool, rows, count, widths.qkv, heads, config.head_dim, pass.position_ids.data() + first, layer.inv_freq, false);
  });
}

void copy_active(const LayerPass& pass, const float* residual, float* to) {
  const std::int64_t hidden = pass.model.config().hidden_size;
  if (to == residual) return;
  for_row_blocks(pass.active.count(), [&](std::int64_t first, std::int64_t count) {
    const float* rows = pass.active.gather(residual, hidden, first, count, this_threads_scratch().gathered);
    std::memcpy(to + first * hidden, rows, sizeof(float) * count * hidden);
  });
}

void add_attention(const LayerPass& pass, const float* attended, float* residual) {
  const ProfileScope scope("projections");
  const RowWidths widths(pass.model.config());
  for_row_blocks(pass.active.count(), [&](std::int64_t first, std::int64_t count) {
    const float* rows = pass.active.gather(attended, widths.q, first, count, this_threads_scratch().gathered);
    kernels::linear_forward(pass.pool, rows, count, layer_of(pass).o, residual + first * widths.hidden, true);
  });
}

void add_mlp(const LayerPass& pass, float* residual, float* gate_up) {
  const ProfileScope scope("mlp");
  const ModelConfig& config = pass.model.config();
  const RowWidths widths(config);
  const PackedModel::Layer& layer = layer_of(pass);
  Scratch& scratch = this_threads_scratch();
  for_row_blocks(pass.active.count(), [&](std::int64_t first, std::int64_t count) {
    float* rows = residual + first * widths.hidden;
    float* normed = reserved(scratch.normed, count * widths.hidden);
    float* activated = reserved(scratch.activated, count * widths.intermediate);
    float* middle = gate_up ? gate_up + first * 2 * widths.intermediate : reserved(scratch.gate_up, count * 2 * widths.intermediate);
    kernels::rmsnorm_forward(pass.pool, rows, count, widths.hidden, layer.post_attention_norm, config.rms_norm_eps, normed, nullptr);
    kernels::linear_forward(pass.pool, normed, count, layer.gate_up, middle);
    kernels::swiglu_forward(pass.pool, middle, count, widths.intermediate, activated);
    kernels::linear_forward(pass.pool, activated, count, layer.down, rows, true);
  });
}

}  // namespace longbow::model
