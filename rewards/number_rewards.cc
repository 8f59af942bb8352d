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

// A number, or else the text in plain form; neither when nothing is left after normalisation or there is too much.
struct Expression {
  explicit Expression(std::string_view text) {
    if (text.size() > kMaxExpressionBytes) return;
    number = read_number(text);
    if (!number && !normalize(text).empty()) plain = without_spaces(plain_math(text));
  }
  std::optional<Number> number;
  std::string plain;
};

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

// The first code of a text, and whether a different one follows.
struct Codes {
  explicit Codes(std::string_view text) {
    std::string word;
    for (std::size_t at = 0; at <= text.size() && !several;) {
      const char32_t c = at < text.size() ? next_code_point(text, at) : (++at, U' ');
      const CharKind kind = kind_of(c);
      if (kind == CharKind::invisible) continue;
      const bool inner_hyphen = c == '-' && !word.empty();
      if (inner_hyphen || c == '_' || kind == CharKind::content) {
        append_utf8(to_lower(c), word);  // letters of any script: a code glued to one is another word
      } else if (!word.empty()) {
        take(word);
        word.clear();
      }
    }
  }
  void take(std::string& word) {
    word.resize(word.find_last_not_of('-') + 1);
    if (word.find_first_of("0123456789") == std::string::npos) return;
    several = !first.empty() && word != first;
    if (first.empty()) first = word;
  }
  std::string first;
  bool several = false;
};

}  // namespace

RewardResult numeric(const RewardInput& input) {
  const double tolerance = relative_tolerance(input.params);
  const auto read = [](const Extraction& extraction) -> std::optional<Number> {
    if (extraction.text.size() > kMaxExpressionBytes) return std::nullopt;
    const std::optional<Number> number = read_number(extraction.text);
    return number ? number : read_only_number(extraction.text);
  };
  return best_over_answers(input, read, [&](const std::optional<Number>& number, std::string_view gold) -> Comparison {
    const std::optional<Number> expected = read_number(gold);
    if (!expected) return {0, "the gold answer is no number"};
    if (!number) return {0, "the answer is not one number"};
    if (*number == *expected) return {1, "equal"};
    return number->within(*expected, tolerance) ? Comparison{1, "within the tolerance"} : Comparison{0, "another number"};
  });
}

RewardResult math(const RewardInput& input) {
  const auto read = [](const Extraction& extraction) { return Expression(extraction.text); };
  return best_over_answers(input, read, [](const Expression& answer, std::string_view gold_text) -> Comparison {
    const Expression gold(gold_text);
    if (answer.number && gold.number) return *answer.number == *gold.number ? Comparison{1, "equal"} : Comparison{0, "another number"};
    if (answer.number || gold.number) return {0, answer.number ? "a number where none is expected" : "not a number"};
    if (answer.plain.empty() || gold.plain.empty()) return {0, "empty, or too long for an expression"};
    if (answer.plain != gold.plain) return {0, "not the same expression"};
    return divides_by_zero(answer.plain) ? Comparison{0, "divides by zero"} : Comparison{1, "the same expression"};
  });
}

RewardResult key_code(const RewardInput& input) {
  const auto read = [](const Extraction& extraction) { return Codes(extraction.text); };
  return best_over_answers(input, read, [](const Codes& answer, std::string_view gold_text) -> Comparison {
    const Codes gold(gold_text);
    if (gold.first.empty() || gold.several) return {0, "the gold answer is not one code"};
    if (answer.first.empty()) return {0, "no code"};
    if (answer.several) return {0, "more than one code"};
    return answer.first == gold.first ? Comparison{1, "the code"} : Comparison{0, "another code"};
  });
}

}  // namespace longbow::rewards
