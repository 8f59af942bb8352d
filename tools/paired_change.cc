#include "tools/paired_change.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace longbow::tools {
namespace {

constexpr double kZ = 1.959964;  // 95%

/// P(a fair coin thrown `throws` times splits at least as unevenly as `fewer` to the rest).
double sign_test(std::int64_t fewer, std::int64_t throws) {
  const auto n = static_cast<double>(throws);
  double tail = 0;
  for (std::int64_t k = 0; k <= fewer; ++k) {
    const auto heads = static_cast<double>(k);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(heads + 1) - std::lgamma(n - heads + 1) - n * std::numbers::ln2);
  }
  return std::min(1.0, 2 * tail);
}

bool is_binary(double score) { return score == 0 || score == 1; }

}  // namespace

PairedChange compare_items(const std::map<std::string, double>& before, const std::map<std::string, double>& after) {
  PairedChange change;
  std::vector<double> differences;
  bool binary = true;
  for (const auto& [id, score] : after) {
    const auto found = before.find(id);
    if (found == before.end()) continue;
    const double difference = score - found->second;
    binary = binary && is_binary(score) && is_binary(found->second);
    change.better += difference > 0;
    change.worse += difference < 0;
    change.gain += difference;
    differences.push_back(difference);
  }
  change.items = static_cast<std::int64_t>(differences.size());
  if (differences.empty()) return change;
  const auto n = static_cast<double>(differences.size());
  change.gain /= n;
  double center = change.gain, error = 0;
  if (binary) {
    const double better = static_cast<double>(change.better + 1) / (n + 2), worse = static_cast<double>(change.worse + 1) / (n + 2);
    center = better - worse;
    error = std::sqrt((better + worse - center * center) / (n + 2));
    change.p_value = sign_test(std::min(change.better, change.worse), change.better + change.worse);
  } else if (differences.size() > 1) {
    double variance = 0;
    for (const double difference : differences) variance += (difference - change.gain) * (difference - change.gain) / (n - 1);
    error = std::sqrt(variance / n);
    change.p_value = error > 0 ? std::erfc(std::abs(change.gain) / error / std::numbers::sqrt2) : change.gain == 0 ? 1 : 0;
  } else {
    error = INFINITY;  // one item says nothing
  }
  change.low = std::max(-1.0, std::min(change.gain, center - kZ * error));
  change.high = std::min(1.0, std::max(change.gain, center + kZ * error));
  return change;
}

}  // namespace longbow::tools
