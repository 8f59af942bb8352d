// The table of rewards by name.
#include "rewards/reward.h"

#include "core/did_you_mean.h"
#include "core/errors.h"
#include "rewards/answer_reward.h"
#include "rewards/context_fbeta.h"
#include "rewards/gates.h"
#include "rewards/judge.h"
#include "rewards/list_rewards.h"
#include "rewards/multiple_choice.h"
#include "rewards/number_rewards.h"
#include "rewards/sequence_ratio.h"
#include "rewards/unicode.h"
#include "rewards/word_rewards.h"

namespace longbow::rewards {
namespace {

struct Entry {
  std::string_view name;
  RewardFunction function;
  bool needs_answers;
};

constexpr Entry kRewards[] = {
    {"exact_match", exact_match, true},
    {"sub_em", sub_em, true},
    {"f1", f1, true},
    {"recall_guarded", recall_guarded, true},
    {"multiple_choice", multiple_choice, true},
    {"numeric", numeric, true},
    {"math", math, true},
    {"key_code", key_code, true},
    {"ordered_list", ordered_list, true},
    {"set_f1", set_f1, false},  // the empty set is an answer
    {"sequence_ratio", sequence_ratio_reward, true},
    {"table_rows", table_rows, true},
    {"ndcg", ndcg, true},
    {"pairwise", pairwise, true},
    {"context_fbeta", context_fbeta, true},
    {"judge_parse", judge_parse, false},
    {"format", format, false},
    {"repetition", repetition, false},
    {"overlong", overlong, false},
};

const Entry& entry_of(std::string_view name) {
  for (const Entry& entry : kRewards) {
    if (entry.name == name) return entry;
  }
  if (name == kJudgeReward) {
    throw UserError("reward judge: expected an endpoint to ask, got none",
                    "train: /reward/judge in the recipe; score: --judge-endpoint and --judge-model");
  }
  throw UserError(concat("reward: expected the name of a reward, got \"", name, "\"", did_you_mean(name, reward_names())));
}

}  // namespace

RewardFunction find_reward(std::string_view name) { return entry_of(name).function; }

void check_reward(std::string_view name, const std::vector<std::string>& answers, const Json& params) {
  find_reward(name)({"", answers, "", params});  // every reward reads its parameters first
}

bool reward_needs_answers(std::string_view name) { return entry_of(name).needs_answers; }

std::vector<std::string> reward_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kRewards) names.emplace_back(entry.name);
  return names;
}

std::string shown(std::string_view text) {
  if (text.size() <= kMaxShownBytes) return std::string(text);
  std::size_t end = kMaxShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace longbow::rewards
