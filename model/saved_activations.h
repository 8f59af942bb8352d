// What a forward pass keeps for its backward pass. Kept: inputs of the residual additions, rotated qkv, attention's output and
// lse, and the MLP's gate and up rows. Recomputed instead: the norms and SwiGLU, which cost a read of what is kept.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/dtype.h"
#include "model/config.h"

namespace longbow::model {

struct SavedActivations {
  struct Layer {
    kernels::Buffer<float> input;      // [rows, hidden] residual stream before the layer
    kernels::Buffer<float> qkv;        // [rows, (heads + 2 kv heads) * head_dim], rotated
    kernels::Buffer<float> attention;  // [rows, heads * head_dim]
    kernels::Buffer<float> lse;        // [rows, heads]
    kernels::Buffer<float> middle;     // [rows, hidden] residual stream between attention and MLP
    kernels::Buffer<float> gate_up;    // [rows, 2 * intermediate]
  };
  std::vector<Layer> layers;
  kernels::Buffer<float> output;  // [rows, hidden] residual stream before the final norm

  void reserve(const ModelConfig& config, std::int64_t rows);
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
