#include "rewards/number_rewards.h"

#include <algorithm>

#include "core/errors.h"
#include "rewards/answer_reward.h"
#include "rewards/normalize.h"
#include "rewards/number_reader.h"
#include "rewards/plain_math.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kMaxExpressionBytes = std::size_t{64} << 10;  // beyond it an answer is no number and no expression

double relative_tolerance(const Json& params) {
  const Json* value = params.find("rel_tol");
  if (value == nullptr) return 0;
  if (!value->is_number() || !(value->as_number() >= 0 && value->as_number() < 1)) {
    throw UserError(concat("reward numeric: expected params.rel_tol between 0 and 1, got ", value->dump()));
  }
  return value->as_number();
}

std::string without_spaces(std::string_view text) {
  std::string compact;
  for (const char c : text) {
    if (c != ' ' && c != kThinSpace) compact += c;
  }
  while (!compact.empty() && compact.back() == '.') compact.pop_back();
  return compact;
}

// Whether a fraction stands over nothing but zeros, which comparing two equal expressions would never notice.
bool divides_by_zero(std::string_view expression) {
  const auto zeros_to = [&](std::size_t at, bool in_braces) {
    const std::size_t end = std::min(expression.find_first_not_of("0.", at), expression.size());
    const bool zero = expression.substr(at, end - at).find('0') != std::string_view::npos;
    const bool more_digits = end < expression.size() && expression[end] >= '1' && expression[end] <= '9';
    return zero && (in_braces ? end < expression.size() && expression[end] == '}' : !more_digits);
  };
  const bool has_fraction = expression.find("\\frac") != std::string_view::npos;
  for (std::size_t at = 0; at + 1 < expression.size(); ++at) {
    if (expression[at] == '/' && zeros_to(at + 1, false)) return true;
    if (has_fraction && expression.substr(at, 2) == "}{" && zeros_to(at + 2, true)) return true;
  }
  return false;
}

std::vector<std::string> codes(std::string_view text) {
  std::vector<std::string> found;
  std::string word;
  const auto finish = [&] {
    while (!word.empty() && word.back() == '-') word.pop_back();
    if (word.find_first_of("0123456789") != std::string::npos) found.push_back(word);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (is_invisible(c)) continue;
    const bool inner_hyphen = c == '-' && !word.empty();
    if (inner_hyphen || c == '_' || !(is_space(c) || is_punctuation(c))) {
      append_utf8(to_lower(c), word);  // letters of any script: a code glued to one is another word
    } else {
      finish();
    }
  }
  finish();
  return found;
}

}  // namespace

RewardResult numeric(const RewardInput& input) {
  const double tolerance = relative_tolerance(input.params);
  return best_over_answers(input, [&](const Extraction& extraction, std::string_view gold) -> Comparison {
    const std::optional<Number> expected = read_number(gold);
    if (!expected) return {0, "the gold answer is no number"};
    if (extraction.text.size() > kMaxExpressionBytes) return {0, "too long for a number"};
    std::optional<Number> number = read_number(extraction.text);
    if (!number) number = read_only_number(extraction.text);
    if (!number) return {0, "the answer is not one number"};
    if (*number == *expected) return {1, "equal"};
    return number->within(*expected, tolerance) ? Comparison{1, "within the tolerance"} : Comparison{0, "another number"};
  });
}

RewardResult math(const RewardInput& input) {
  return best_over_answers(input, [](const Extraction& extraction, std::string_view gold) -> Comparison {
    if (extraction.text.size() > kMaxExpressionBytes) return {0, "too long for an expression"};
    const std::optional<Number> number = read_number(extraction.text), expected = read_number(gold);
    if (number && expected) return *number == *expected ? Comparison{1, "equal"} : Comparison{0, "another number"};
    if (number || expected) return {0, number ? "a number where none is expected" : "not a number"};
    if (normalize(gold).empty() || normalize(extraction.text).empty()) return {0, "empty after normalisation"};
    const std::string left = without_spaces(plain_math(extraction.text)), right = without_spaces(plain_math(gold));
    if (left.empty() || left != right) return {0, "not the same expression"};
    return divides_by_zero(left) ? Comparison{0, "divides by zero"} : Comparison{1, "the same expression"};
  });
}

RewardResult key_code(const RewardInput& input) {
  return best_over_answers(input, [](const Extraction& extraction, std::string_view gold) -> Comparison {
    const std::vector<std::string> expected = codes(gold), found = codes(extraction.text);
    if (expected.size() != 1) return {0, "the gold answer is not one code"};
    if (found.empty()) return {0, "no code"};
    for (const std::string& code : found) {
      if (code != found.front()) return {0, "more than one code"};
    }
    return found.front() == expected.front() ? Comparison{1, "the code"} : Comparison{0, "another code"};
  });
}

}  // namespace longbow::rewards
