// Attention over segments in float64, as plainly as it can be said: every visible pair, one at a time. Independent of the kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace longbow::reference {

struct AttentionSegment {
  std::int64_t first_row = 0;
  std::int64_t num_rows = 0;
  std::int64_t first_position = 0;
  int prefix = -1;  // the segment whose keys it sees besides its own
};

/// q [rows, num_heads, head_dim]; k, v [rows, num_kv_heads, head_dim].
struct AttentionProblem {
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int window = 0;
  double softmax_scale = 0;
  std::vector<AttentionSegment> segments;
  std::vector<double> q, k, v;
};

struct AttentionResult {
  std::vector<double> out, lse;
  std::vector<double> magnitude;  // as out, with the absolute values of v: what relative errors of probabilities add up to at most
};

struct AttentionGradients {
  std::vector<double> dq, dk, dv;
  // What relative errors of one unit in the probabilities and score gradients that enter products, and in the terms of `out`, add up to
  // at most.
  std::vector<double> dq_magnitude, dk_magnitude, dv_magnitude;
};

namespace internal {

/// Calls visit(row, [rows of the keys it sees]) for every row, keys in order.
template <class Visit>
void for_each_row(const AttentionProblem& problem, const Visit& visit) {
  for (const AttentionSegment& segment : problem.segments) {
    for (std::int64_t i = 0; i < segment.num_rows; ++i) {
      const std::int64_t position = segment.first_position + i;
      std::vector<std::int64_t> keys;
      const auto see = [&](const AttentionSegment& from, std::int64_t count) {
        for (std::int64_t j = 0; j < count; ++j) {
          if (problem.window == 0 || from.first_position + j > position - problem.window) keys.push_back(from.first_row + j);
        }
      };
      if (segment.prefix >= 0) see(problem.segments[segment.prefix], problem.segments[segment.prefix].num_rows);
      see(segment, i + 1);
      visit(segment.first_row + i, keys);
    }
  }
}

inline double dot(const double* a, const double* b, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace internal

inline AttentionResult attention(const AttentionProblem& p) {
  AttentionResult result{std::vector<double>(p.q.size()), std::vector<double>(p.q.size() / p.head_dim), std::vector<double>(p.q.size())};
  internal::for_each_row(p, [&](std::int64_t row, const std::vector<std::int64_t>& keys) {
    for (int head = 0; head < p.num_heads; ++head) {
      const int kv_head = head / (p.num_heads / p.num_kv_heads);
      const std::int64_t query = row * p.num_heads + head;
      std::vector<double> scores;
      double top = -HUGE_VAL;
      for (const std::int64_t key : keys) {
        const double* k = &p.k[(key * p.num_kv_heads + kv_head) * p.head_dim];
        scores.push_back(p.softmax_scale * internal::dot(&p.q[query * p.head_dim], k, p.head_dim));
        top = std::max(top, scores.back());
      }
      double sum = 0;
      for (const double score : scores) sum += std::exp(score - top);
      result.lse[query] = top + std::log(sum);
      for (std::size_t j = 0; j < keys.size(); ++j) {
        const double probability = std::exp(scores[j] - result.lse[query]);
        const double* v = &p.v[(keys[j] * p.num_kv_heads + kv_head) * p.head_dim];
        for (int d = 0; d < p.head_dim; ++d) {
          result.out[query * p.head_dim + d] += probability * v[d];
          result.magnitude[query * p.head_dim + d] += probability * std::abs(v[d]);
        }
      }
    }
  });
  return result;
}

/// Gradients of sum(dout * out).
inline AttentionGradients attention_gradients(const AttentionProblem& p, const std::vector<double>& dout) {
  const AttentionResult result = attention(p);
  const std::vector<double> query_zeros(p.q.size()), key_zeros(p.k.size());
  AttentionGradients g{query_zeros, key_zeros, key_zeros, query_zeros, key_zeros, key_zeros};
  internal::for_each_row(p, [&](std::int64_t row, const std::vector<std::int64_t>& keys) {
    for (int head = 0; head < p.num_heads; ++head) {
      const int kv_head = head / (p.num_heads / p.num_kv_heads);
      const std::int64_t query = row * p.num_heads + head;
      const std::int64_t at = query * p.head_dim;
      const double delta = internal::dot(&dout[at], &result.out[at], p.head_dim);
      double delta_magnitude = 0;
      for (int d = 0; d < p.head_dim; ++d) delta_magnitude += std::abs(dout[at + d]) * result.magnitude[at + d];
      for (const std::int64_t key : keys) {
        const std::int64_t key_at = (key * p.num_kv_heads + kv_head) * p.head_dim;
        const double score = p.softmax_scale * internal::dot(&p.q[at], &p.k[key_at], p.head_dim);
        const double probability = std::exp(score - result.lse[query]);
        const double dscore = probability * (internal::dot(&dout[at], &p.v[key_at], p.head_dim) - delta) * p.softmax_scale;
        for (int d = 0; d < p.head_dim; ++d) {
          g.dv[key_at + d] += probability * dout[at + d];
          g.dk[key_at + d] += dscore * p.q[at + d];
          g.dq[at + d] += dscore * p.k[key_at + d];
          const double dscore_magnitude = std::abs(dscore) + probability * delta_magnitude * p.softmax_scale;
          g.dv_magnitude[key_at + d] += probability * std::abs(dout[at + d]);
          g.dk_magnitude[key_at + d] += dscore_magnitude * std::abs(p.q[at + d]);
          g.dq_magnitude[at + d] += dscore_magnitude * std::abs(p.k[key_at + d]);
        }
      }
    }
  });
  return g;
}

}  // namespace longbow::reference
