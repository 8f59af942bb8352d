// What the attention tests share: a packed batch of random segments, run through the kernels and through the float64 reference.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/errors.h"
#include "core/random.h"
#include "core/thread_pool.h"
#include "kernels/attention.h"
#include "kernels/isa.h"
#include "tests/reference/attention.h"
#include "tests/tolerance.h"

namespace longbow::kernels {

struct ForwardResult {
  std::vector<float> out, lse;
};

/// Segments packed as rows of fused [q | k | v], with a few floats of padding a row so that strides matter.
struct AttentionBatch {
  AttentionShape shape;
  std::vector<TrainSegment> segments;
  std::int64_t num_rows = 0;
  std::int64_t stride = 0;
  std::vector<float> qkv = {};

  const float* q(std::int64_t row = 0) const { return qkv.data() + row * stride; }
  const float* k(std::int64_t row = 0) const { return q(row) + shape.num_heads * shape.head_dim; }
  const float* v(std::int64_t row = 0) const { return k(row) + shape.num_kv_heads * shape.head_dim; }
};

inline AttentionShape make_shape(int num_heads, int num_kv_heads, int head_dim, int window, DType kv_dtype = DType::f32) {
  return {num_heads, num_kv_heads, head_dim, window, 1.0f / std::sqrt(static_cast<float>(head_dim)), kv_dtype};
}

inline AttentionBatch random_batch(const AttentionShape& shape, std::vector<TrainSegment> segments, std::uint64_t seed = 1) {
  AttentionBatch batch{.shape = shape, .segments = std::move(segments)};
  for (const TrainSegment& segment : batch.segments) batch.num_rows = std::max(batch.num_rows, segment.first_row + segment.num_rows);
  batch.stride = (shape.num_heads + 2 * shape.num_kv_heads) * shape.head_dim + 3;
  batch.qkv.resize(batch.num_rows * batch.stride);
  Rng rng(seed, {stable_hash("attention test")});
  for (float& value : batch.qkv) value = static_cast<float>(rng.normal());
  return batch;
}

/// One sequence of n tokens.
inline std::vector<TrainSegment> one_sequence(std::int64_t n) { return {{0, n, 0, -1}}; }

/// A prompt, and continuations of the given lengths.
inline std::vector<TrainSegment> prompt_and_completions(std::int64_t prompt, const std::vector<std::int64_t>& completions) {
  std::vector<TrainSegment> segments = {{0, prompt, 0, -1}};
  for (const std::int64_t length : completions) {
    const std::int64_t first_row = segments.back().first_row + segments.back().num_rows;
    segments.push_back({first_row, length, prompt, 0});
  }
  return segments;
}

/// Rows [begin, end) of a segment's keys appended to `blocks`.
inline void append_rows(ThreadPool& pool, const AttentionBatch& batch, const TrainSegment& segment, std::int64_t begin, std::int64_t end,
                        KvBlocks& blocks) {
  blocks.append(pool, batch.k(segment.first_row + begin), batch.v(segment.first_row + begin), end - begin, batch.stride);
}

inline KvBlocks blocks_of(ThreadPool& pool, const AttentionBatch& batch, const TrainSegment& segment) {
  KvBlocks blocks(batch.shape, (segment.num_rows + kKeyBlock - 1) / kKeyBlock, segment.first_position);
  append_rows(pool, batch, segment, 0, segment.num_rows, blocks);
  return blocks;
}

/// The whole batch in one call, as training does it.
inline ForwardResult run_forward(ThreadPool& pool, const AttentionBatch& batch) {
  ForwardResult result{std::vector<float>(batch.num_rows * batch.shape.num_heads * batch.shape.head_dim),
                       std::vector<float>(batch.num_rows * batch.shape.num_heads)};
  std::vector<KvBlocks> blocks;
  for (const TrainSegment& segment : batch.segments) blocks.push_back(blocks_of(pool, batch, segment));
  std::vector<QuerySegment> queries;
  for (std::size_t s = 0; s < batch.segments.size(); ++s) {
    const TrainSegment& segment = batch.segments[s];
    const KvBlocks* prefix = segment.prefix < 0 ? nullptr : &blocks[segment.prefix];
    queries.push_back({segment.first_row, segment.num_rows, prefix, &blocks[s], 0});
  }
  attention_forward(pool, batch.shape, batch.q(), batch.stride, queries, result.out.data(), result.lse.data());
  return result;
}

inline reference::AttentionProblem reference_problem(const AttentionBatch& batch) {
  const AttentionShape& shape = batch.shape;
  reference::AttentionProblem problem{
      shape.num_heads, shape.num_kv_heads, shape.head_dim, shape.window, shape.softmax_scale, {}, {}, {}, {}};
  for (const TrainSegment& s : batch.segments) problem.segments.push_back({s.first_row, s.num_rows, s.first_position, s.prefix});
  const auto stored = [&](float value) -> double { return shape.kv_dtype == DType::f32 ? value : to_float(to_bf16(value)); };
  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
    for (int i = 0; i < shape.num_heads * shape.head_dim; ++i) problem.q.push_back(stored(batch.q(row)[i]));
    for (int i = 0; i < shape.num_kv_heads * shape.head_dim; ++i) {
      problem.k.push_back(stored(batch.k(row)[i]));
      problem.v.push_back(stored(batch.v(row)[i]));
    }
  }
  return problem;
}

/// Probabilities enter the second product as bf16: each off by up to kBf16Rounding of itself.
inline bool rounds_probabilities(DType kv_dtype) { return kv_dtype == DType::bf16 && active_isa() == Isa::avx512_bf16; }

/// Each element of `actual` within the tolerance, plus `scale` of the same element of `magnitude` (empty: none).
inline void expect_near(const std::vector<float>& actual, const std::vector<double>& expected, Tolerance tolerance,
                        const std::vector<double>& magnitude, double scale, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  WorstElement worst;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double allowed = tolerance.atol + tolerance.rtol * std::abs(expected[i]) + (magnitude.empty() ? 0 : scale * magnitude[i]);
    worst.add(i, std::abs(actual[i] - expected[i]), allowed);
  }
  EXPECT_LE(worst.excess, 1.0) << what << ": element " << worst.where << " is " << actual[worst.where] << ", expected "
                               << expected[worst.where];
}

/// Of bf16 roundings with independent signs: the whole is as accurate, in the root mean square, as one of them. An element's own bound is
/// for the worst signs, and wide enough to hide one wrong key among hundreds; this is not.
inline void expect_within_one_rounding(const std::vector<float>& actual, const std::vector<double>& expected, Tolerance tolerance,
                                       const std::string& what) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  const double count = static_cast<double>(actual.size());
  EXPECT_LE(std::sqrt(error / count), kBf16Rounding * std::sqrt(norm / count) + tolerance.atol) << what;
}

/// Runs `body(name)` under every instruction set of this machine, then restores the one that was in use.
template <class Body>
void for_each_isa(const Body& body) {
  const Isa before = active_isa();
  for (const Isa isa : available_isas()) {
    set_active_isa(isa);
    body(name_of(isa));
  }
  set_active_isa(before);
}

}  // namespace longbow::kernels
