// Forward and backward over a training batch. Backward goes layer by layer, a block of rows at a time, and computes again what the
// forward pass did not keep; a layer's keys and values, and the gradients of its attention, are the only other arrays as long as the batch.
#include <cstring>

#include "core/errors.h"
#include "core/profile.h"
#include "kernels/elementwise.h"
#include "model/decoder_layer.h"
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
    const bool last = layer + 1 == static_cast<int>(config_.layers.size());
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
      const std::int64_t first = last ? segment.first_query : 0;
      if (first == segment.num_rows) continue;
      queries.push_back({.first_row = segment.first_row + first,
                         .num_rows = segment.num_rows - first,
                         .prefix = segment.prefix < 0 ? nullptr : &blocks[segment.prefix],
                         .own = &own,
                         .own_offset = first});
    }
    LONGBOW_CHECK_EQ(expected_row, rows);
    if (!queries.empty()) kernels::attention_forward(pool_, shape, qkv, widths.qkv, queries, out, lse);
  }

 private:
  ThreadPool& pool_;
  const ModelConfig& config_;
  kernels::DType dtype_;
  const std::vector<kernels::TrainSegment>& segments_;
};

float* reserved(kernels::Buffer<float>& buffer, std::int64_t size) {
  buffer.reserve(size);
  return buffer.data();
}

}  // namespace

std::vector<std::int32_t> wanted_rows(const TrainBatch& batch) {
  std::vector<std::int32_t> rows;
  for (const kernels::TrainSegment& segment : batch.segments) {
    LONGBOW_CHECK_LE(segment.first_query, segment.num_rows);
    for (std::int64_t row = segment.first_query; row < segment.num_rows; ++row) {
      rows.push_back(static_cast<std::int32_t>(segment.first_row + row));
    }
  }
  return rows;
}

struct TrainingPass::State {
  ThreadPool& pool;
  const ModelConfig& config;
  const ParameterLayout& layout;
  std::int64_t activation_budget_bytes;
  SavedActivations saved{};
  std::int64_t saved_rows = -1;           // of the last forward(keep); -1: none
  std::vector<std::int32_t> wanted = {};  // rows of the last forward()
  kernels::Buffer<float> hidden{};
  // Gradients as long as the batch: of the residual stream (and of its wanted rows in the last layer), and around attention.
  kernels::Buffer<float> dresidual{}, dwanted{}, dattention{}, dqkv{};
  // Of a block of rows; where nobody needs a value any more, its gradient takes its place.
  kernels::Buffer<float> normed{}, rstd{}, activated{}, gate_up{}, gathered{}, placed{};

  void recompute(const LayerPass& pass, const TrainBatch& batch);
  void backward_mlp(const LayerPass& pass, const float* values, float* dstream, float* gradient);
  void backward_output(const LayerPass& pass, const float* values, const float* dstream, float* gradient);
  void backward_qkv(const LayerPass& pass, const float* values, const TrainBatch& batch, float* gradient);
};

TrainingPass::TrainingPass(ThreadPool& pool, const ModelConfig& config, const ParameterLayout& layout, std::int64_t activation_budget_bytes)
    : state_(new State{pool, config, layout, activation_budget_bytes}) {}
TrainingPass::~TrainingPass() = default;

const float* TrainingPass::forward(const PackedModel& model, const TrainBatch& batch, bool keep) {
  State& s = *state_;
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  s.wanted = wanted_rows(batch);
  const auto active = static_cast<std::int64_t>(s.wanted.size());
  if (keep) s.saved.reserve(s.config, rows, active, choose_kept(s.config, rows, active, s.activation_budget_bytes));
  s.hidden.reserve(active * s.config.hidden_size);
  TrainingAttention attention(s.pool, s.config, model.dtype(), batch.segments);
  model::forward(s.pool, model, {batch.tokens, batch.position_ids, s.wanted}, attention, s.hidden.data(), keep ? &s.saved : nullptr);
  s.saved_rows = keep ? rows : -1;
  return s.hidden.data();
}

void TrainingPass::backward(const PackedModel& model, const float* values, const TrainBatch& batch, const float* dhidden, float* gradient) {
  State& s = *state_;
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  LONGBOW_CHECK_EQ(s.saved_rows, rows);
  const RowWidths widths(s.config);
  const ActiveRows all(rows), wanted(s.wanted, rows);
  const std::int64_t active = wanted.count();
  float* dresidual = reserved(s.dresidual, rows * widths.hidden);
  float* dstream = wanted.are_all() ? dresidual : reserved(s.dwanted, active * widths.hidden);

  std::memset(dstream, 0, sizeof(float) * active * widths.hidden);
  for_row_blocks(active, [&](std::int64_t first, std::int64_t count) {
    const float* output = s.saved.output.data() + first * widths.hidden;
    float* normed = reserved(s.normed, count * widths.hidden);
    float* rstd = reserved(s.rstd, count);
    kernels::rmsnorm_forward(s.pool, output, count, widths.hidden, model.final_norm(), s.config.rms_norm_eps, normed, rstd);
    kernels::rmsnorm_backward(s.pool, dhidden + first * widths.hidden, output, rstd, model.final_norm(), count, widths.hidden,
                              dstream + first * widths.hidden, gradient + s.layout.final_norm);
  });
  for (std::size_t i = s.config.layers.size(); i-- > 0;) {
    const bool last = i + 1 == s.config.layers.size();
    const LayerPass pass{s.pool, model, i, batch.position_ids, last ? wanted : all};
    s.recompute(pass, batch);
    s.backward_mlp(pass, values, dstream, gradient);
    s.backward_output(pass, values, dstream, gradient);
    if (dstream != dresidual) {  // below the last layer's queries every row counts
      std::memset(dresidual, 0, sizeof(float) * rows * widths.hidden);
      wanted.scatter(dstream, widths.hidden, 0, active, dresidual);
      dstream = dresidual;
    }
    s.backward_qkv(pass, values, batch, gradient);
  }
  kernels::embed_backward(s.pool, dresidual, batch.tokens.data(), rows, widths.hidden, gradient + s.layout.embedding);
}

/// With only the layers' inputs kept: the layer up to its MLP, as forward() computed it.
void TrainingPass::State::recompute(const LayerPass& pass, const TrainBatch& batch) {
  if (saved.kept != KeptActivations::layer_inputs) return;
  const ProfileScope scope("recompute");
  SavedActivations::Layer& working = saved.working;
  const float* input = saved.layers[pass.layer].input.data();
  if (saved.working_layer != pass.layer) {  // the forward pass has left the last layer's
    project_qkv(pass, input, working.qkv.data());
    TrainingAttention attention(pool, config, pass.model.dtype(), batch.segments);
    attention.attend(static_cast<int>(pass.layer), working.qkv.data(), static_cast<std::int64_t>(batch.tokens.size()),
                     working.attention.data(), working.lse.data());
    saved.working_layer = pass.layer;
  }
  copy_active(pass, input, working.middle.data());
  add_attention(pass, working.attention.data(), working.middle.data());
}

/// dstream [active rows]: from the layer's output to the residual stream between attention and MLP.
void TrainingPass::State::backward_mlp(const LayerPass& pass, const float* values, float* dstream, float* gradient) {
  const ProfileScope scope("mlp");
  const RowWidths widths(config);
  const LayerOffsets& at = layout.layers[pass.layer];
  const PackedModel::Layer& layer = pass.model.layers()[pass.layer];
  const kernels::DType dtype = pass.model.dtype();
  SavedActivations::Layer& kept = saved.detail(pass.layer);
  const kernels::WeightBlock down[] = {{values + at.down, gradient + at.down, widths.hidden}};
  const kernels::WeightBlock gate_and_up[] = {{values + at.gate, gradient + at.gate, 2 * widths.intermediate}};
  for_row_blocks(pass.active.count(), [&](std::int64_t first, std::int64_t count) {
    const float* middle = kept.middle.data() + first * widths.hidden;
    float* rows_normed = reserved(normed, count * widths.hidden);
    float* rows_rstd = reserved(rstd, count);
    kernels::rmsnorm_forward(pool, middle, count, widths.hidden, layer.post_attention_norm, config.rms_norm_eps, rows_normed, rows_rstd);
    float* rows_dgate_up = reserved(gate_up, count * 2 * widths.intermediate);
    const float* rows_gate_up = rows_dgate_up;
    if (saved.kept == KeptActivations::everything) {
      rows_gate_up = kept.gate_up.data() + first * 2 * widths.intermediate;
    } else {
      kernels::linear_forward(pool, rows_normed, count, layer.gate_up, rows_dgate_up);
    }
    float* rows_activated = reserved(activated, count * widths.intermediate);
    float* drows = dstream + first * widths.hidden;
    kernels::swiglu_forward(pool, rows_gate_up, count, widths.intermediate, rows_activated);
    kernels::linear_backward_weight(pool, drows, rows_activated, count, widths.intermediate, down, dtype);
    float* rows_dactivated = rows_activated;
    kernels::linear_backward_input(pool, drows, count, widths.intermediate, down, dtype, rows_dactivated);
    kernels::swiglu_backward(pool, rows_dactivated, rows_gate_up, count, widths.intermediate, rows_dgate_up);

    kernels::linear_backward_weight(pool, rows_dgate_up, rows_normed, count, widths.hidden, gate_and_up, dtype);
    float* rows_dnormed = rows_normed;
    kernels::linear_backward_input(pool, rows_dgate_up, count, widths.hidden, gate_and_up, dtype, rows_dnormed);
    kernels::rmsnorm_backward(pool, rows_dnormed, middle, rows_rstd, layer.post_attention_norm, count, widths.hidden, drows,
                              gradient + at.post_attention_norm);
  });
}

/// From dstream [active rows] between attention and MLP to dattention [rows], of which only active rows are written.
void TrainingPass::State::backward_output(const LayerPass& pass, const float* values, const float* dstream, float* gradient) {
  const ProfileScope scope("projections");
  const RowWidths widths(config);
  const LayerOffsets& at = layout.layers[pass.layer];
  const kernels::WeightBlock o[] = {{values + at.o, gradient + at.o, widths.hidden}};
  float* dout = reserved(dattention, static_cast<std::int64_t>(pass.position_ids.size()) * widths.q);
  float* out = saved.detail(pass.layer).attention.data();
  for_row_blocks(pass.active.count(), [&](std::int64_t first, std::int64_t count) {
    const float* drows = dstream + first * widths.hidden;
    const float* rows = pass.active.gather(out, widths.q, first, count, gathered);
    kernels::linear_backward_weight(pool, drows, rows, count, widths.q, o, pass.model.dtype());
    float* rows_dout = pass.active.place(dout, widths.q, first, count, placed);
    kernels::linear_backward_input(pool, drows, count, widths.q, o, pass.model.dtype(), rows_dout);
    pass.active.scatter(rows_dout, widths.q, first, count, dout);
  });
}

/// dresidual [rows]: += what flows through attention to the layer's input.
void TrainingPass::State::backward_qkv(const LayerPass& pass, const float* values, const TrainBatch& batch, float* gradient) {
  const RowWidths widths(config);
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  const LayerOffsets& at = layout.layers[pass.layer];
  const PackedModel::Layer& layer = pass.model.layers()[pass.layer];
  const kernels::DType dtype = pass.model.dtype();
  const SavedActivations::Layer& kept = saved.detail(pass.layer);
  std::vector<kernels::TrainSegment> segments = batch.segments;
  const bool last = pass.layer + 1 == config.layers.size();
  for (kernels::TrainSegment& segment : segments) segment.first_query = last ? segment.first_query : 0;
  float* dq = reserved(dqkv, rows * widths.qkv);
  {
    const ProfileScope scope("attention");
    const float* q = kept.qkv.data();
    kernels::attention_backward(pool, attention_shape(config, static_cast<int>(pass.layer), dtype), segments, q, q + widths.q,
                                q + widths.q + widths.kv, widths.qkv, kept.attention.data(), kept.lse.data(), dattention.data(), dq,
                                dq + widths.q, dq + widths.q + widths.kv);
  }
  const ProfileScope scope("projections");
  // Two blocks, so that a row's sum is the same whether its neighbours have queries or not.
  const kernels::WeightBlock q_and_kv[] = {{values + at.q, gradient + at.q, widths.q}, {values + at.k, gradient + at.k, 2 * widths.kv}};
  for_row_blocks(rows, [&](std::int64_t first, std::int64_t count) {
    float* drows = dq + first * widths.qkv;
    const bool queries = pass.active.any_of(first, count);
    if (!queries) {  // keys and values alone, side by side
      float* pairs = reserved(placed, count * 2 * widths.kv);
      for (std::int64_t r = 0; r < count; ++r) {
        std::memcpy(pairs + r * 2 * widths.kv, drows + r * widths.qkv + widths.q, sizeof(float) * 2 * widths.kv);
      }
      drows = pairs;
    }
    const std::span<const kernels::WeightBlock> blocks = std::span(q_and_kv).subspan(queries ? 0 : 1);
    if (!layer.inv_freq.empty()) {
      kernels::rope(pool, drows, count, queries ? widths.qkv : 2 * widths.kv, config.num_kv_heads + (queries ? config.num_heads : 0),
                    config.head_dim, batch.position_ids.data() + first, layer.inv_freq, true);
    }
    const float* input = saved.layers[pass.layer].input.data() + first * widths.hidden;
    float* rows_normed = reserved(normed, count * widths.hidden);
    float* rows_rstd = reserved(rstd, count);
    kernels::rmsnorm_forward(pool, input, count, widths.hidden, layer.input_norm, config.rms_norm_eps, rows_normed, rows_rstd);
    kernels::linear_backward_weight(pool, drows, rows_normed, count, widths.hidden, blocks, dtype);
    float* rows_dnormed = rows_normed;
    kernels::linear_backward_input(pool, drows, count, widths.hidden, blocks, dtype, rows_dnormed);
    kernels::rmsnorm_backward(pool, rows_dnormed, input, rows_rstd, layer.input_norm, count, widths.hidden,
                              dresidual.data() + first * widths.hidden, gradient + at.input_norm);
  });
}

}  // namespace longbow::model
