// The three block products that attention is made of, one table of them per instruction set. attention*.cc decide which
// queries meet which key blocks; cpu/attention_tiles.h (compiled once per instruction set) does the arithmetic.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/isa.h"

namespace longbow::kernels {

inline constexpr int kQueryGroup = 4;  // queries that the kernels handle at a time

/// Query vectors of one kv head (rows x the query heads that share it) with the state of their online softmax.
/// Arrays hold kQueryGroup - 1 more (readable, unused) elements than there are queries.
struct QueryTile {
  int head_dim = 0;
  float* query = nullptr;        // [n, head_dim], times softmax_scale
  float* accumulator = nullptr;  // [n, head_dim], the sum of p * value
  float* max = nullptr;          // [n], initially kNoMax
  float* sum = nullptr;          // [n], the sum of p
  // Query i sees keys [key_begin[i], key_end[i]) of the segment that is being walked.
  std::int64_t* key_begin = nullptr;
  std::int64_t* key_end = nullptr;
};

inline constexpr float kNoMax = -1e30f;

/// Keys [first_key, first_key + kKeyBlock) of one kv head, for the backward pass; all f32.
struct KeyBlockView {
  std::int64_t first_key = 0;
  const float* key_columns = nullptr;    // [head_dim, kKeyBlock]
  const float* value_columns = nullptr;  // [head_dim, kKeyBlock]
};

/// Query vectors of one kv head in the backward pass; arrays are padded as in QueryTile.
struct GradientTile {
  int num_queries = 0;
  int head_dim = 0;
  float* query = nullptr;  // [n, head_dim], times softmax_scale
  float* dout = nullptr;   // [n, head_dim]
  float* lse = nullptr;    // [n]
  float* delta = nullptr;  // [n], dout . out
  std::int64_t* key_begin = nullptr;
  std::int64_t* key_end = nullptr;
  // Written by score_gradients for one block of keys; exactly 0 where a key is not visible.
  float* probability = nullptr;     // [n, kKeyBlock]
  float* score_gradient = nullptr;  // [n, kKeyBlock], of the scaled score
};

struct AttentionKernels {
  /// Takes queries [begin, end) through the block of keys that starts at `first_key`; key [head_dim, kKeyBlock] and
  /// value [kKeyBlock, head_dim] of the named type. A query that sees none of the block is left as it is, bit for bit.
  void (*forward_block_f32)(const QueryTile& tile, int begin, int end, std::int64_t first_key, const void* key, const void* value);
  void (*forward_block_bf16)(const QueryTile& tile, int begin, int end, std::int64_t first_key, const void* key, const void* value);

  /// Fills tile.probability and tile.score_gradient for the block.
  void (*score_gradients)(const GradientTile& tile, const KeyBlockView& block);

  /// For m in [0, kQueryGroup): sum[m, 0..width) += over i in [begin, end) of weight[m * m_stride + i * i_stride] * rows[i, 0..width).
  /// `sum` and `rows` are contiguous; width is a multiple of 16.
  void (*accumulate)(float* sum, const float* weight, int m_stride, int i_stride, const float* rows, int width, int begin, int end);
};

AttentionKernels attention_kernels_scalar();
AttentionKernels attention_kernels_avx2();
AttentionKernels attention_kernels_avx512();

/// Heads divide, head_dim is one the kernels can do.
void check_attention_shape(const AttentionShape& shape);

/// The kernels of active_isa().
AttentionKernels attention_kernels();

}  // namespace longbow::kernels
