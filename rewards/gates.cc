#include "rewards/gates.h"

#include <algorithm>
#include <vector>

#include "core/errors.h"
#include "rewards/answer_reward.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kLoopBytes = 512, kLoopTurns = 6;
constexpr std::size_t kWindow = 4096, kStep = 512, kEndWindow = 65536;

// A parameter of a gate that takes one of a few words; empty when absent.
std::string_view choice_of(const RewardInput& input, const char* reward, std::string_view key,
                           const std::vector<std::string_view>& choices) {
  const Json* value = input.params.find(key);
  if (value == nullptr || value->is_null()) return "";
  if (value->is_string()) {
    for (const std::string_view choice : choices) {
      if (value->as_string() == choice) return choice;
    }
  }
  std::string expected;
  for (const std::string_view choice : choices) expected += concat(expected.empty() ? "\"" : " or \"", choice, "\"");
  throw UserError(concat("reward ", reward, ": expected params.", key, " to be ", expected, ", got ", value->dump()));
}

std::int64_t tokens_of(const RewardInput& input, std::string_view key) {
  const Json* value = input.params.find(key);
  if (value == nullptr || !value->is_integer() || value->as_integer() < 0) {
    throw UserError(
        concat("reward overlong: expected params.", key, " to be a number of tokens, got ", value == nullptr ? "nothing" : value->dump()));
  }
  return value->as_integer();
}

// The period of the longest loop that ends where `text` ends; 0 when there is none. The failure function of the reversed text:
// a prefix of it of length n whose longest border has length b has the period n - b.
std::size_t loop_at_end(std::string_view text, std::vector<std::uint32_t>& border) {
  const std::size_t size = text.size();
  const auto reversed = [&](std::size_t i) { return text[size - 1 - i]; };
  border.assign(size, 0);
  for (std::size_t i = 1; i < size; ++i) {
    std::size_t length = border[i - 1];
    while (length > 0 && reversed(i) != reversed(length)) length = border[length - 1];
    if (reversed(i) == reversed(length)) ++length;
    border[i] = static_cast<std::uint32_t>(length);
    const std::size_t period = i + 1 - length;
    if (i + 1 >= kLoopBytes && i + 1 >= kLoopTurns * period) return period;
  }
  return 0;
}

std::size_t count_word(std::string_view text, std::string_view word) {
  const auto letter = [&](std::size_t i) {
    return i < text.size() && ((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= 'a' && text[i] <= 'z'));
  };
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; at += word.size()) {
    count += !(at > 0 && letter(at - 1)) && !letter(at + word.size());
  }
  return count;
}

std::size_t count_text(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
  return count;
}

}  // namespace

RewardResult format(const RewardInput& input) {
  const bool think = !choice_of(input, "format", "think", {"required"}).empty();
  const std::string_view answer = choice_of(input, "format", "answer", {"boxed", "tag"});
  std::string failure;
  const std::optional<std::string_view> text = after_thinking(input.prediction, failure);
  if (!text) return {0.0, "", failure};
  if (think) {
    if (text->size() == input.prediction.size()) return {0.0, "", "no thinking"};
    std::string_view thinking = trim(input.prediction.substr(0, input.prediction.find("</think>")));
    if (thinking.starts_with("<think>")) thinking.remove_prefix(7);
    if (trim(thinking).empty()) return {0.0, "", "no thinking"};
  }
  if (answer.empty()) return {1.0, "", "well formed"};
  const std::optional<std::string_view> found = answer == "boxed" ? last_box(*text) : last_tag(*text, true);
  if (!found || trim(*found).empty())
    return {0.0, "", answer == "boxed" ? "no \\boxed{} with an answer" : "no <answer></answer> with an answer"};
  return {1.0, shown(trim(*found)), "well formed"};
}

RewardResult repetition(const RewardInput& input) {
  const std::string_view text = input.prediction;
  std::vector<std::uint32_t> border;
  std::size_t period = loop_at_end(text.substr(text.size() - std::min(text.size(), kEndWindow)), border);
  for (std::size_t end = kStep; end < text.size() && period == 0; end += kStep) {
    const std::size_t begin = end - std::min(end, kWindow);
    period = loop_at_end(text.substr(begin, end - begin), border);
  }
  if (period > 0) return {0.0, "", concat("a loop of ", period, period == 1 ? " byte" : " bytes")};
  return {1.0, "", "no loop"};
}

RewardResult overlong(const RewardInput& input) {
  const std::int64_t length = tokens_of(input, "length"), max_length = tokens_of(input, "max_len"), buffer = tokens_of(input, "buffer");
  const std::int64_t over = length - std::max<std::int64_t>(max_length - buffer, 0);
  if (over <= 0) return {0.0, "", "within the length"};
  const double score =
      length >= max_length || buffer == 0 ? -1.0 : -static_cast<double>(over) / static_cast<double>(std::min(buffer, max_length));
  return {score, "", concat(over, " tokens into the buffer of ", buffer)};
}

RewardResult judge_parse(const RewardInput& input) {
  const bool words = !choice_of(input, "judge_parse", "format", {"yes_no", "correct_incorrect"}).empty() &&
                     input.params.at("format").as_string() == "correct_incorrect";
  std::string failure;
  const std::optional<std::string_view> text = after_thinking(input.prediction, failure);
  if (!text) return {std::nullopt, "", failure};
  const std::size_t yes = words ? count_word(*text, "CORRECT") : count_text(*text, "[[YES]]");
  const std::size_t no = words ? count_word(*text, "INCORRECT") : count_text(*text, "[[NO]]");
  if (yes + no != 1) return {std::nullopt, "", concat("expected one verdict, got ", yes + no)};
  return {yes == 1 ? 1.0 : 0.0, yes == 1 ? (words ? "CORRECT" : "[[YES]]") : (words ? "INCORRECT" : "[[NO]]"), "one verdict"};
}

}  // namespace longbow::rewards
