// The table of rewards by name.
#include "rewards/reward.h"

#include <algorithm>

#include "core/did_you_mean.h"
#include "core/errors.h"
#include "rewards/answer_reward.h"
#include "rewards/number_rewards.h"
#include "rewards/unicode.h"
#include "rewards/word_rewards.h"

namespace longbow::rewards {
namespace {

struct Entry {
  std::string_view name;
  RewardFunction function;
};

constexpr Entry kRewards[] = {
    {"exact_match", exact_match}, {"sub_em", sub_em}, {"f1", f1}, {"recall_guarded", recall_guarded}, {"numeric", numeric}, {"math", math},
    {"key_code", key_code},
};

}  // namespace

RewardFunction find_reward(std::string_view name) {
  for (const Entry& entry : kRewards) {
    if (entry.name == name) return entry.function;
  }
  throw UserError(concat("reward: expected the name of a reward, got \"", name, "\"", did_you_mean(name, reward_names())));
}

std::vector<std::string> reward_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kRewards) names.emplace_back(entry.name);
  return names;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMaxBytes = 2000;
  if (text.size() <= kMaxBytes) return std::string(text);
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace longbow::rewards
