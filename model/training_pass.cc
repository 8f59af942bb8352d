#include <cstring>

#include "core/errors.h"
#include "kernels/elementwise.h"
#include "model/saved_activations.h"
#include "model/transformer.h"

namespace longbow::model {
namespace {

/// Attention of a training batch: each layer's keys and values live in KvBlocks, rounded exactly as a cache rounds them,
/// for as long as that layer runs.
class TrainingAttention : public AttentionContext {
 public:
  TrainingAttention(ThreadPool& pool, const ModelConfig& config, kernels::DType dtype, const std::vector<kernels::TrainSegment>& segments)
      : pool_(pool), config_(config), dtype_(dtype), segments_(segments) {}

  void attend(int layer, const float* qkv, std::int64_t rows, float* out, float* lse) override {
    const RowWidths widths(config_);
    const kernels::AttentionShape shape = attention_shape(config_, layer, dtype_);
    std::vector<kernels::KvBlocks> blocks;
    blocks.reserve(segments_.size());  // queries point at them
    std::vector<kernels::QuerySegment> queries;
    std::int64_t expected_row = 0;
    for (const kernels::TrainSegment& segment : segments_) {
      LONGBOW_CHECK_EQ(segment.first_row, expected_row);
      LONGBOW_CHECK_GT(segment.num_rows, 0);
      LONGBOW_CHECK_LT(segment.prefix, static_cast<int>(blocks.size()));
      expected_row += segment.num_rows;
      const std::int64_t num_slots = (segment.num_rows + kernels::kKeyBlock - 1) / kernels::kKeyBlock;
      const float* k = qkv + segment.first_row * widths.qkv + widths.q;
      kernels::KvBlocks& own = blocks.emplace_back(shape, num_slots, segment.first_position);
      own.append(pool_, k, k + widths.kv, segment.num_rows, widths.qkv);
      queries.push_back({.first_row = segment.first_row,
                         .num_rows = segment.num_rows,
                         .prefix = segment.prefix < 0 ? nullptr : &blocks[segment.prefix],
                         .own = &own,
                         .own_offset = 0});
    }
    LONGBOW_CHECK_EQ(expected_row, rows);
    kernels::attention_forward(pool_, shape, qkv, widths.qkv, queries, out, lse);
  }

 private:
  ThreadPool& pool_;
  const ModelConfig& config_;
  kernels::DType dtype_;
  const std::vector<kernels::TrainSegment>& segments_;
};

}  // namespace

struct TrainingPass::State {
  ThreadPool& pool;
  const ModelConfig& config;
  const ParameterLayout& layout;
  SavedActivations saved;
  std::int64_t saved_rows = -1;  // of the last forward(keep); -1: none
  kernels::Buffer<float> hidden;
  kernels::Buffer<float> dresidual, dnormed, dmlp, dactivated, dattention, dqkv;
  kernels::Buffer<float> normed, rstd, activated;

  void backward_mlp(const PackedModel& model, std::size_t layer_idx, const float* values, std::int64_t rows, float* gradient);
  void backward_attention(const PackedModel& model, std::size_t layer_idx, const float* values, const TrainBatch& batch, float* gradient);
};

TrainingPass::TrainingPass(ThreadPool& pool, const ModelConfig& config, const ParameterLayout& layout)
    : state_(new State{pool, config, layout, {}, -1, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}) {}
TrainingPass::~TrainingPass() = default;

const float* TrainingPass::forward(const PackedModel& model, const TrainBatch& batch, bool keep) {
  State& s = *state_;
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  s.hidden.reserve(rows * s.config.hidden_size);
  TrainingAttention attention(s.pool, s.config, model.dtype(), batch.segments);
  model::forward(s.pool, model, {batch.tokens, batch.position_ids}, attention, s.hidden.data(), keep ? &s.saved : nullptr);
  s.saved_rows = keep ? rows : -1;
  return s.hidden.data();
}

void TrainingPass::backward(const PackedModel& model, const float* values, const TrainBatch& batch, const float* dhidden, float* gradient) {
  State& s = *state_;
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  LONGBOW_CHECK_EQ(s.saved_rows, rows);
  const RowWidths widths(s.config);
  s.dresidual.reserve(rows * widths.hidden);
  s.dnormed.reserve(rows * widths.hidden);
  s.normed.reserve(rows * widths.hidden);
  s.rstd.reserve(rows);
  s.activated.reserve(rows * widths.intermediate);
  s.dactivated.reserve(rows * widths.intermediate);
  s.dmlp.reserve(rows * 2 * widths.intermediate);
  s.dattention.reserve(rows * widths.q);
  s.dqkv.reserve(rows * widths.qkv);

  std::memset(s.dresidual.data(), 0, sizeof(float) * rows * widths.hidden);
  kernels::rmsnorm_forward(s.pool, s.saved.output.data(), rows, widths.hidden, model.final_norm(), s.config.rms_norm_eps, s.normed.data(),
                           s.rstd.data());
  kernels::rmsnorm_backward(s.pool, dhidden, s.saved.output.data(), s.rstd.data(), model.final_norm(), rows, widths.hidden,
                            s.dresidual.data(), gradient + s.layout.final_norm);
  for (std::size_t i = s.config.layers.size(); i-- > 0;) {
    s.backward_mlp(model, i, values, rows, gradient);
    s.backward_attention(model, i, values, batch, gradient);
  }
  kernels::embed_backward(s.pool, s.dresidual.data(), batch.tokens.data(), rows, widths.hidden, gradient + s.layout.embedding);
}

/// dresidual: from the layer's output to the residual stream between attention and MLP.
void TrainingPass::State::backward_mlp(const PackedModel& model, std::size_t layer_idx, const float* values, std::int64_t rows,
                                       float* gradient) {
  const RowWidths widths(config);
  const LayerOffsets& at = layout.layers[layer_idx];
  const float* norm = model.layers()[layer_idx].post_attention_norm;
  const SavedActivations::Layer& kept = saved.layers[layer_idx];
  const kernels::WeightBlock down[] = {{values + at.down, gradient + at.down, widths.hidden}};
  const kernels::WeightBlock gate_up[] = {{values + at.gate, gradient + at.gate, 2 * widths.intermediate}};

  kernels::swiglu_forward(pool, kept.gate_up.data(), rows, widths.intermediate, activated.data());
  kernels::linear_backward_weight(pool, dresidual.data(), activated.data(), rows, widths.intermediate, down, model.dtype());
  kernels::linear_backward_input(pool, dresidual.data(), rows, widths.intermediate, down, model.dtype(), dactivated.data());
  kernels::swiglu_backward(pool, dactivated.data(), kept.gate_up.data(), rows, widths.intermediate, dmlp.data());

  kernels::rmsnorm_forward(pool, kept.middle.data(), rows, widths.hidden, norm, config.rms_norm_eps, normed.data(), rstd.data());
  kernels::linear_backward_weight(pool, dmlp.data(), normed.data(), rows, widths.hidden, gate_up, model.dtype());
  kernels::linear_backward_input(pool, dmlp.data(), rows, widths.hidden, gate_up, model.dtype(), dnormed.data());
  kernels::rmsnorm_backward(pool, dnormed.data(), kept.middle.data(), rstd.data(), norm, rows, widths.hidden, dresidual.data(),
                            gradient + at.post_attention_norm);
}

/// dresidual: from the residual stream between attention and MLP to the layer's input.
void TrainingPass::State::backward_attention(const PackedModel& model, std::size_t layer_idx, const float* values, const TrainBatch& batch,
                                             float* gradient) {
  const RowWidths widths(config);
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  const LayerOffsets& at = layout.layers[layer_idx];
  const PackedModel::Layer& layer = model.layers()[layer_idx];
  const SavedActivations::Layer& kept = saved.layers[layer_idx];
  const kernels::WeightBlock o[] = {{values + at.o, gradient + at.o, widths.hidden}};
  const kernels::WeightBlock qkv[] = {{values + at.q, gradient + at.q, widths.qkv}};

  kernels::linear_backward_weight(pool, dresidual.data(), kept.attention.data(), rows, widths.q, o, model.dtype());
  kernels::linear_backward_input(pool, dresidual.data(), rows, widths.q, o, model.dtype(), dattention.data());

  const kernels::AttentionShape shape = attention_shape(config, static_cast<int>(layer_idx), model.dtype());
  const float* q = kept.qkv.data();
  float* dq = dqkv.data();
  kernels::attention_backward(pool, shape, batch.segments, q, q + widths.q, q + widths.q + widths.kv, widths.qkv, kept.attention.data(),
                              kept.lse.data(), dattention.data(), dq, dq + widths.q, dq + widths.q + widths.kv);
  if (!layer.inv_freq.empty()) {
    kernels::rope(pool, dq, rows, widths.qkv, config.num_heads + config.num_kv_heads, config.head_dim, batch.position_ids.data(),
                  layer.inv_freq, true);
  }
  kernels::rmsnorm_forward(pool, kept.input.data(), rows, widths.hidden, layer.input_norm, config.rms_norm_eps, normed.data(), rstd.data());
  kernels::linear_backward_weight(pool, dqkv.data(), normed.data(), rows, widths.hidden, qkv, model.dtype());
  kernels::linear_backward_input(pool, dqkv.data(), rows, widths.hidden, qkv, model.dtype(), dnormed.data());
  kernels::rmsnorm_backward(pool, dnormed.data(), kept.input.data(), rstd.data(), layer.input_norm, rows, widths.hidden, dresidual.data(),
                            gradient + at.input_norm);
}

}  // namespace longbow::model
