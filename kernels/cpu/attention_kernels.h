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
  std::int64_t next = 0;  // bytes to the block that is walked after it: memory is asked for that meanwhile
  bool whole = false;     // every query in the call sees all of it
};

struct ForwardKernels {
  /// Stores rows [begin, end) of a block; k and v point at the row for `begin`.
  void (*store_keys)(const float* k, const float* v, std::int64_t stride, int begin, int end, int head_dim, std::uint8_t* key,
                     std::uint8_t* value);
  /// Stores a query vector; bf16 rounds it.
  void (*load_query)(const QueryTile& tile, int query, const float* from);
  /// Takes queries [begin, end) through a block. One that sees none of it is left as it is, bit for bit.
  void (*block)(const QueryTile& tile, int begin, int end, const StoredBlock& block);
};

/// Query vectors of one kv head in the backward pass, consecutive rows of a segment: key_begin and key_end never fall. "Steps" are rows
/// of a product that sums over queries: pairs of queries in bf16, single ones (and the rows themselves) in f32.
struct GradientTile {
  int num_queries = 0;
  int head_dim = 0;
  float softmax_scale = 0;
  float scale = 0;               // softmax_scale * log2(e)
  float* query = nullptr;        // [n, head_dim]
  float* dout = nullptr;         // [n, head_dim]
  float* query_steps = nullptr;  // bf16: [(n + 1) / 2, head_dim] pairs
  float* dout_steps = nullptr;
  float* lse2 = nullptr;   // [n], lse * log2(e)
  float* delta = nullptr;  // [n], dout . out
  std::int64_t* key_begin = nullptr;
  std::int64_t* key_end = nullptr;
  // Scratch for one block of keys; exactly 0 where a key is not visible.
  float* probability = nullptr;    // steps of [kKeyBlock]
  float* gradient = nullptr;       // the same, of the unscaled score
  float* gradient_rows = nullptr;  // bf16: [n, kKeyBlock]
  float* dq = nullptr;             // [n, head_dim], sums without softmax_scale
};

/// Keys [first_key, first_key + num_keys) of one kv head, as pack_keys leaves them, and where their gradients are added up.
struct GradientBlock {
  std::int64_t first_key = 0;
  int num_keys = 0;
  float* key_columns = nullptr;    // [head_dim, kKeyBlock]; bf16: pairs of rows
  float* value_columns = nullptr;  // the same
  float* key_rows = nullptr;       // [kKeyBlock, head_dim]; bf16: pairs of rows
  float* dk = nullptr;             // rows gradient_stride floats apart
  float* dv = nullptr;
  std::int64_t gradient_stride = 0;
};

struct BackwardKernels {
  int value_bytes;  // of a packed key's or value's element
  /// Packs `count` keys and values; absent ones are zeros.
  void (*pack_keys)(const float* k, const float* v, std::int64_t stride, int count, int head_dim, const GradientBlock& block);
  /// Stores query i; queries are stored in order.
  void (*load_query)(const GradientTile& tile, int i, const float* q, const float* out, const float* dout, float lse);
  /// Adds what the tile's queries and the block's keys give to each other's gradients.
  void (*block)(const GradientTile& tile, const GradientBlock& block);
};

struct AttentionKernels {
  ForwardKernels forward_f32;
  ForwardKernels forward_bf16;
  /// Joins the softmax of `from`'s query i, over later keys, to that of `to`'s query j; head_dim and scale are the same.
  void (*merge)(const QueryTile& from, int i, const QueryTile& to, int j);
  /// Writes out [head_dim] and returns the sum of exponentials relative to tile.max.
  float (*finish)(const QueryTile& tile, int query, float* out);

  BackwardKernels backward_f32;
  BackwardKernels backward_bf16;
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
