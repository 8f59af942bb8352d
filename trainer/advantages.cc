#include "trainer/advantages.h"

#include <cmath>
#include <map>
#include <numeric>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double unbiased_std(const std::vector<double>& values) {
  if (values.size() < 2) return 0.0;
  const double center = mean(values);
  double sum = 0;
  for (double value : values) sum += (value - center) * (value - center);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

}  // namespace

bool has_zero_spread(const std::vector<double>& rewards) {
  for (double reward : rewards) {
    if (reward != rewards.front()) return false;
  }
  return true;
}

std::vector<std::vector<double>> compute_advantages(const std::vector<GroupRewards>& groups, const AdvantageOptions& options) {
  std::map<std::string, std::vector<double>> pooled;  // rewards that share one scale; unused for group and none
  for (const GroupRewards& group : groups) {
    if (group.rewards.size() < 2) {
      throw UserError(
          concat("advantages: expected groups of at least 2 completions, got ", group.rewards.size(), " (task '", group.task, "')"),
          "a group of one has no baseline; raise group_size");
    }
    if (options.scale == AdvantageScale::task || options.scale == AdvantageScale::batch) {
      auto& pool = pooled[options.scale == AdvantageScale::task ? group.task : std::string()];
      pool.insert(pool.end(), group.rewards.begin(), group.rewards.end());
    }
  }
  std::map<std::string, double> pooled_std;
  for (const auto& [name, rewards] : pooled) pooled_std[name] = unbiased_std(rewards);

  std::vector<std::vector<double>> advantages;
  advantages.reserve(groups.size());
  for (const GroupRewards& group : groups) {
    std::vector<double>& row = advantages.emplace_back(group.rewards.size(), 0.0);
    if (has_zero_spread(group.rewards)) continue;
    double scale = 1.0;
    switch (options.scale) {
      case AdvantageScale::group:
        scale = unbiased_std(group.rewards) + options.eps;
        break;
      case AdvantageScale::task:
        scale = pooled_std.at(group.task) + options.eps;
        break;
      case AdvantageScale::batch:
        scale = pooled_std.at("") + options.eps;
        break;
      case AdvantageScale::none:
        break;
    }
    const double baseline = mean(group.rewards);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = (group.rewards[i] - baseline) / scale;
  }
  return advantages;
}

}  // namespace longbow::trainer
