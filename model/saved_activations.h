// What a forward pass keeps for its backward pass, in three sizes; what is not kept is computed again, to the same bits, so the size
// is a matter of memory and time only. The norms and SwiGLU are always computed again: they cost a read of what is kept.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/dtype.h"
#include "model/config.h"

namespace longbow::model {

enum class KeptActivations {
  everything,    // every row that backward reads
  all_but_mlp,   // not the gate and up rows, more than half of it: one product more a layer
  layer_inputs,  // only the residual stream before each layer: most of a forward pass more
};

std::string_view name_of(KeptActivations kept);

/// Bytes that stay between forward and backward over `rows`, of which `active_rows` reach the end of the last layer, and of the one
/// layer that recomputation works on.
std::int64_t kept_bytes(const ModelConfig& config, KeptActivations kept, std::int64_t rows, std::int64_t active_rows);

/// The most that fits into `budget_bytes`; layer_inputs where nothing does.
KeptActivations choose_kept(const ModelConfig& config, std::int64_t rows, std::int64_t active_rows, std::int64_t budget_bytes);

struct SavedActivations {
  struct Layer {
    kernels::Buffer<float> input;      // [rows, hidden] residual stream before the layer
    kernels::Buffer<float> qkv;        // [rows, (heads + 2 kv heads) * head_dim], rotated
    kernels::Buffer<float> attention;  // [rows, heads * head_dim]
    kernels::Buffer<float> lse;        // [rows, heads]
    kernels::Buffer<float> middle;     // [active rows, hidden] residual stream between attention and MLP
    kernels::Buffer<float> gate_up;    // [active rows, 2 * intermediate]
  };
  static constexpr std::size_t kNone = SIZE_MAX;

  KeptActivations kept = KeptActivations::everything;
  std::vector<Layer> layers;
  Layer working;                      // with layer_inputs: the rest of layer `working_layer`
  std::size_t working_layer = kNone;  // kNone: of none
  kernels::Buffer<float> output;      // [active rows, hidden] residual stream before the final norm

  /// Makes room; what another size held is freed.
  void reserve(const ModelConfig& config, std::int64_t rows, std::int64_t active_rows, KeptActivations size);
  /// Where everything of layer i but its input stands.
  Layer& detail(std::size_t i) { return kept == KeptActivations::layer_inputs ? working : layers[i]; }
};

/// Widths of the rows that a layer works on, in floats.
struct RowWidths {
  std::int64_t hidden, q, kv, qkv, intermediate;
  explicit RowWidths(const ModelConfig& config)
      : hidden(config.hidden_size),
        q(std::int64_t{config.num_heads} * config.head_dim),
        kv(std::int64_t{config.num_kv_heads} * config.head_dim),
        qkv(q + 2 * kv),
        intermediate(config.intermediate_size) {}
};

}  // namespace longbow::model
