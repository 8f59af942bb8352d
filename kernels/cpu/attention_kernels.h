// What attention computes with, one table per instruction set. attention*.cc decide which queries meet which key blocks;
// cpu/attention_tiles.h (compiled once per instruction set) does the arithmetic.
//
// Block layouts. f32: K [head_dim][kKeyBlock], V [kKeyBlock][head_dim]. bf16, pairs of summed values together, as bf16 products take
// them: K [head_dim / 2][kKeyBlock][2], V [kKeyBlock / 2][head_dim][2].
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/isa.h"

namespace longbow::kernels {

inline constexpr float kNoMax = -1e30f;
inline constexpr int kSumLanes = 16;
inline constexpr int kProbabilityQueries = 72;  // whose probabilities of a block stand in the first-level cache at a time

/// Query vectors of one kv head (rows x the query heads that share it) with the state of their online softmax.
struct QueryTile {
  int head_dim = 0;
  float scale = 0;               // softmax_scale * log2(e): exponentials are powers of two
  float* query = nullptr;        // as load_query leaves them; room for [n, head_dim]
  float* probability = nullptr;  // scratch [kProbabilityQueries, kKeyBlock]
  float* correction = nullptr;   // scratch [kProbabilityQueries]
  float* accumulator = nullptr;  // [n, head_dim], the sum of p * value
  float* max = nullptr;          // [n], of the unscaled scores; kNoMax: nothing seen yet
  float* sum = nullptr;          // [n, kSumLanes], the sum of p in as many parts as vectors have lanes
  // Query i sees keys [key_begin[i], key_end[i]) of the segment that is being walked.
  std::int64_t* key_begin = nullptr;
  std::int64_t* key_end = nullptr;
};

/// Keys [first_key, first_key + kKeyBlock) of one kv head as KvBlocks holds them.
struct StoredBlock {
  std::int64_t first_key = 0;
  const std::uint8_t* key = nullptr;
  const std::uint8_t* value = nullptr;
  bool whole = false;  // every query in the call sees all of it
};

struct ForwardKernels {
  /// Stores a query vector; bf16 rounds it.
  void (*load_query)(const QueryTile& tile, int query, const float* from);
  /// Takes queries [begin, end) through a block. One that sees none of it is left as it is, bit for bit.
  void (*block)(const QueryTile& tile, int begin, int end, const StoredBlock& block);
};

/// Keys [first_key, first_key + kKeyBlock) of one kv head, for the backward pass; all f32.
struct KeyBlockView {
  std::int64_t first_key = 0;
  const float* key_columns = nullptr;    // [head_dim, kKeyBlock]
  const float* value_columns = nullptr;  // [head_dim, kKeyBlock]
};

inline constexpr int kQueryGroup = 4;

/// Query vectors of one kv head in the backward pass; arrays are padded by kQueryGroup - 1.
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
  ForwardKernels forward_f32;
  ForwardKernels forward_bf16;
  /// Joins the softmax of `from`'s query i, over later keys, to that of `to`'s query j; head_dim and scale are the same.
  void (*merge)(const QueryTile& from, int i, const QueryTile& to, int j);
  /// Writes out [head_dim] and returns the sum of exponentials relative to tile.max.
  float (*finish)(const QueryTile& tile, int query, float* out);

  /// Fills tile.probability and tile.score_gradient for the block.
  void (*score_gradients)(const GradientTile& tile, const KeyBlockView& block);

  /// For m in [0, kQueryGroup): sum[m, 0..width) += over i in [begin, end) of weight[m * m_stride + i * i_stride] * rows[i, 0..width).
  /// `sum` and `rows` are contiguous; width is a multiple of 16.
  void (*accumulate)(float* sum, const float* weight, int m_stride, int i_stride, const float* rows, int width, int begin, int end);
};

AttentionKernels attention_kernels_scalar();
AttentionKernels attention_kernels_avx2();
AttentionKernels attention_kernels_avx512();
AttentionKernels attention_kernels_avx512bf16();

/// Heads divide, head_dim is one the kernels can do.
void check_attention_shape(const AttentionShape& shape);

/// The kernels of active_isa().
AttentionKernels attention_kernels();

}  // namespace longbow::kernels
