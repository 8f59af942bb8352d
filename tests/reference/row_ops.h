// Row-wise operations of a decoder layer and the language-model head in float64, from their definitions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace longbow::reference {

using Values = std::vector<double>;

inline Values rmsnorm(const Values& x, std::int64_t rows, std::int64_t dim, const Values& weight, double eps) {
  Values y(x.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (std::int64_t i = 0; i < dim; ++i) squares += x[r * dim + i] * x[r * dim + i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(dim) + eps);
    for (std::int64_t i = 0; i < dim; ++i) y[r * dim + i] = x[r * dim + i] * scale * weight[i];
  }
  return y;
}

/// Rotates pairs (i, i + head_dim / 2) of one row of heads.
inline Values rope(const Values& x, int num_heads, int head_dim, std::int64_t position, const std::vector<float>& inv_freq) {
  Values y(x.size());
  const int half = head_dim / 2;
  for (int h = 0; h < num_heads; ++h) {
    for (int i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position) * inv_freq[i];
      const double a = x[h * head_dim + i];
      const double b = x[h * head_dim + half + i];
      y[h * head_dim + i] = a * std::cos(angle) - b * std::sin(angle);
      y[h * head_dim + half + i] = b * std::cos(angle) + a * std::sin(angle);
    }
  }
  return y;
}

/// gate_up [rows, 2 * dim], gate first.
inline Values swiglu(const Values& gate_up, std::int64_t rows, std::int64_t dim) {
  Values act(rows * dim);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < dim; ++i) {
      const double gate = gate_up[r * 2 * dim + i];
      act[r * dim + i] = gate / (1 + std::exp(-gate)) * gate_up[r * 2 * dim + dim + i];
    }
  }
  return act;
}

struct HeadResult {
  double logprob, entropy, lse;
};

/// One row of the language-model head: hidden [dim], head [vocab, dim].
inline HeadResult head_row(const double* hidden, const Values& head, std::int64_t vocab, std::int64_t dim, std::int64_t target,
                           double inv_temperature) {
  Values z(vocab);
  double largest = -1e300;
  for (std::int64_t v = 0; v < vocab; ++v) {
    for (std::int64_t i = 0; i < dim; ++i) z[v] += head[v * dim + i] * hidden[i];
    z[v] *= inv_temperature;
    largest = std::max(largest, z[v]);
  }
  double sum = 0;
  for (const double value : z) sum += std::exp(value - largest);
  const double lse = largest + std::log(sum);
  double entropy = 0;
  for (const double value : z) entropy -= std::exp(value - lse) * (value - lse);
  return {target < 0 ? 0 : z[target] - lse, entropy, lse};
}

}  // namespace longbow::reference
