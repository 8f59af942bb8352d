// Matrix products in float64, and central differences: the independent truth behind linear layers and gradients.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

namespace longbow::reference {

struct ProductResult {
  std::vector<double> value;         // [m, n]
  std::vector<double> absolute_sum;  // [m, n], Σ |a b|: what rounding errors are measured against
};

/// Σ_k a(i, k) b(k, j) with a(i, k) = a[i * a_row + k * a_step] and b(k, j) = b[k * b_step + j * b_column].
inline ProductResult product(const std::vector<double>& a, std::int64_t a_row, std::int64_t a_step, const std::vector<double>& b,
                             std::int64_t b_step, std::int64_t b_column, std::int64_t m, std::int64_t steps, std::int64_t n) {
  ProductResult result{std::vector<double>(m * n), std::vector<double>(m * n)};
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t k = 0; k < steps; ++k) {
      for (std::int64_t j = 0; j < n; ++j) {
        const double term = a[i * a_row + k * a_step] * b[k * b_step + j * b_column];
        result.value[i * n + j] += term;
        result.absolute_sum[i * n + j] += std::abs(term);
      }
    }
  }
  return result;
}

/// The gradient of f at x by central differences.
inline std::vector<double> finite_differences(const std::function<double(const std::vector<double>&)>& f, std::vector<double> x,
                                              double step = 1e-4) {
  std::vector<double> gradient;
  for (double& value : x) {
    const double at = value;
    value = at + step;
    const double above = f(x);
    value = at - step;
    const double below = f(x);
    value = at;
    gradient.push_back((above - below) / (2 * step));
  }
  return gradient;
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace longbow::reference
