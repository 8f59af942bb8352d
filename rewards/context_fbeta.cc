#include "rewards/context_fbeta.h"

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "rewards/answer_reward.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::string_view kOpen = "<useful_chunks>", kClose = "</useful_chunks>";
constexpr double kContextShare = 0.1;  // of F that counts whatever the answer is

// "CHUNK_07" → "7"; names that are no numbers in lower case; nothing for the word itself ("chunks 3 and 4").
std::string chunk_name(std::string_view word) {
  const std::string lower = ascii_lower(word);
  std::string_view name = lower;
  if (name.starts_with("chunk")) name.remove_prefix(std::min(name.find_first_not_of("_-", 5), name.size()));
  if (name == "s") return "";
  if (name.find_first_not_of("0123456789") == std::string_view::npos) {
    while (name.size() > 1 && name.front() == '0') name.remove_prefix(1);
  }
  return std::string(name);
}

std::vector<std::string> chunk_names(std::string_view text) {
  std::vector<std::string> names;
  std::string word;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const char c = at < text.size() ? text[at] : ' ';
    const bool part =
        (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
    if (part) {
      word += c;
      continue;
    }
    if (std::string name = chunk_name(word); !name.empty()) names.push_back(std::move(name));
    word.clear();
  }
  return names;
}

std::set<std::string> gold_chunks(const Json& params) {
  const Json* value = params.find("chunks");
  std::set<std::string> chunks;
  if (value != nullptr && value->is_array()) {
    for (const Json& chunk : value->as_array()) {
      if (chunk.is_integer() || chunk.is_string()) chunks.insert(chunk_name(chunk.is_string() ? chunk.as_string() : chunk.dump()));
    }
  }
  if (chunks.empty() || chunks.size() != value->size()) {
    throw UserError(concat("reward context_fbeta: expected params.chunks to be an array of different chunk numbers or names, got ",
                           value == nullptr ? "nothing" : value->dump()));
  }
  return chunks;
}

double beta_of(const Json& params) {
  const Json* value = params.find("beta");
  if (value == nullptr) return 2;
  if (!value->is_number() || !(value->as_number() > 0 && value->as_number() <= 100)) {
    throw UserError(concat("reward context_fbeta: expected params.beta above 0 and at most 100, got ", value->dump()));
  }
  return value->as_number();
}

RewardFunction answer_reward(const Json& params) {
  const Json* value = params.find("answer_reward");
  const std::string name = value == nullptr ? "exact_match" : value->is_string() ? value->as_string() : value->dump();
  if (name == "context_fbeta" || !reward_needs_answers(name)) {
    throw UserError(concat("reward context_fbeta: expected params.answer_reward to be a reward of an answer, got ", name));
  }
  return find_reward(name);
}

}  // namespace

RewardResult context_fbeta(const RewardInput& input) {
  const std::set<std::string> gold = gold_chunks(input.params);
  const double beta_squared = beta_of(input.params) * beta_of(input.params);
  const RewardFunction reward = answer_reward(input.params);
  std::string failure;
  const auto text = after_thinking(input.prediction, failure);
  if (!text) return {0.0, "", failure};

  std::string rest(*text);  // the answer's own words
  double f = 0;
  std::string context = "no <useful_chunks> block";
  const std::size_t open = text->find(kOpen), close = text->find(kClose);
  if (open != std::string_view::npos && close != std::string_view::npos && open < close) {
    const bool one = text->find(kOpen, open + 1) == std::string_view::npos && text->find(kClose, close + 1) == std::string_view::npos;
    const std::vector<std::string> named = chunk_names(text->substr(open + kOpen.size(), close - open - kOpen.size()));
    std::set<std::string> found;
    std::copy_if(named.begin(), named.end(), std::inserter(found, found.end()),
                 [&](const std::string& name) { return gold.contains(name); });
    const auto common = static_cast<double>(found.size());
    if (one && common > 0) {
      const double precision = common / static_cast<double>(named.size()), recall = common / static_cast<double>(gold.size());
      f = (1 + beta_squared) * precision * recall / (beta_squared * precision + recall);
    }
    context = one ? concat(common, " of ", gold.size(), " chunks in ", named.size(), " named") : "more than one <useful_chunks> block";
    rest.erase(open, close + kClose.size() - open);
  }
  RewardResult result = reward({rest, input.answers, input.question, input.params});
  const double answer = result.score.value_or(0);
  result.score = answer + kContextShare * f + (1 - kContextShare) * answer * f;
  result.reason = concat("answer ", answer, " (", result.reason, "), F ", f, " (", context, ")");
  return result;
}

}  // namespace longbow::rewards
