// Rewards of a batch to advantages: the baseline is always the group's mean, the scale is a choice.
// Sources: GRPO, arXiv 2402.03300, eq. 3-4 (group); Dr. GRPO, arXiv 2503.20783 (none); task-level normalisation as QwenLong-L1.5,
// arXiv 2512.12967, publishes it: (r - group mean) / (std of all that task's samples in the batch + eps).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace longbow::trainer {

enum class AdvantageScale { group, task, batch, none };

struct GroupRewards {
  std::string task;
  std::vector<double> rewards;  // one per completion
};

struct AdvantageOptions {
  AdvantageScale scale = AdvantageScale::group;
  double eps = 1e-6;
};

/// One advantage per completion, in the shape of `groups`. Standard deviations are unbiased (n - 1). A group without spread gets
/// zeros; each group's advantages sum to 0 up to rounding. Throws UserError for a group of one: it has no baseline.
std::vector<std::vector<double>> compute_advantages(const std::vector<GroupRewards>& groups, const AdvantageOptions& options);

/// True when all rewards are equal: the group teaches nothing.
bool has_zero_spread(const std::vector<double>& rewards);

}  // namespace longbow::trainer
