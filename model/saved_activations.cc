#include "model/saved_activations.h"

namespace longbow::model {
namespace {

/// Floats of a layer beside its input, per row, and per active row.
struct LayerFloats {
  std::int64_t row, active_row;
};

LayerFloats detail_floats(const ModelConfig& config, KeptActivations kept) {
  const RowWidths widths(config);
  const std::int64_t mlp = kept == KeptActivations::everything ? 2 * widths.intermediate : 0;
  return {widths.qkv + widths.q + config.num_heads, widths.hidden + mlp};
}

}  // namespace

std::string_view name_of(KeptActivations kept) {
  switch (kept) {
    case KeptActivations::everything:
      return "everything";
    case KeptActivations::all_but_mlp:
      return "all but the MLP";
    case KeptActivations::layer_inputs:
      return "layer inputs";
  }
  return "unknown";
}

std::int64_t kept_bytes(const ModelConfig& config, KeptActivations kept, std::int64_t rows, std::int64_t active_rows) {
  const auto layers = static_cast<std::int64_t>(config.layers.size());
  const LayerFloats detail = detail_floats(config, kept);
  const std::int64_t whole = detail.row * rows + detail.active_row * rows, last = detail.row * rows + detail.active_row * active_rows;
  const std::int64_t inputs = layers * rows * config.hidden_size + active_rows * config.hidden_size;
  const std::int64_t details = kept == KeptActivations::layer_inputs ? whole : (layers - 1) * whole + last;
  return (inputs + details) * static_cast<std::int64_t>(sizeof(float));
}

KeptActivations choose_kept(const ModelConfig& config, std::int64_t rows, std::int64_t active_rows, std::int64_t budget_bytes) {
  for (const KeptActivations kept : {KeptActivations::everything, KeptActivations::all_but_mlp}) {
    if (kept_bytes(config, kept, rows, active_rows) <= budget_bytes) return kept;
  }
  return KeptActivations::layer_inputs;
}

void SavedActivations::reserve(const ModelConfig& config, std::int64_t rows, std::int64_t active_rows, KeptActivations size) {
  const RowWidths widths(config);
  if (size != kept) {
    layers.clear();
    working = {};
  }
  kept = size;
  working_layer = kNone;
  layers.resize(config.layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].input.reserve(rows * widths.hidden);
    const bool last = i + 1 == layers.size();
    if (kept == KeptActivations::layer_inputs && i > 0) continue;  // they share one
    Layer& layer = detail(i);
    const std::int64_t active = last ? active_rows : rows;
    layer.qkv.reserve(rows * widths.qkv);
    layer.attention.reserve(rows * widths.q);
    layer.lse.reserve(rows * config.num_heads);
    layer.middle.reserve(active * widths.hidden);
    if (kept == KeptActivations::everything) layer.gate_up.reserve(active * 2 * widths.intermediate);
  }
  output.reserve(active_rows * widths.hidden);
}

}  // namespace longbow::model
