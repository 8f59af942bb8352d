#include "rewards/number_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "rewards/plain_math.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxSentenceBytes = 400;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Reads one number from the plain form; every read_x leaves `rest_` untouched when it returns nothing.
class NumberReader {
 public:
  explicit NumberReader(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }

  // sign? unsigned value, then scale words, units, percent.
  std::optional<Number> quantity() {
    std::optional<Number> number = signed_value(0);
    while (number && apply_suffix(*number)) {  // "1 hundred thousand"; each word shortens the rest
    }
    return number;
  }

  bool percent_seen() const { return percent_seen_; }

 private:
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void skip_spaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == kThinSpace)) rest_.remove_prefix(1);
  }
  std::string_view digits() {
    std::size_t n = 0;
    while (n < rest_.size() && is_digit(rest_[n])) ++n;
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  std::optional<Number> signed_value(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    skip_spaces();
    const bool negative = take("-");
    if (!negative) take("+");
    skip_spaces();
    std::optional<Number> value = unsigned_value(depth);
    return value && negative ? value->negated() : value;
  }

  std::optional<Number> unsigned_value(int depth) {
    if (rest_.starts_with("\\frac")) return fraction(depth);
    if (take("{")) {  // a group around the whole value
      std::optional<Number> value = signed_value(depth + 1);
      skip_spaces();
      return take("}") ? value : std::nullopt;
    }
    std::optional<Number> value = decimal();
    if (!value) return std::nullopt;
    const std::string_view after = rest_;
    skip_spaces();
    if (rest_.starts_with("\\frac")) {
      const std::optional<Number> part = fraction(depth);
      return part ? value->whole_plus(*part) : std::nullopt;
    }
    if (take("/")) {
      skip_spaces();
      const std::optional<Number> denominator = decimal();
      return denominator ? value->divided_by(*denominator) : std::nullopt;
    }
    if (after.starts_with(' ') && !rest_.empty() && is_digit(rest_[0])) {  // "3 1/2"
      if (const auto part = plain_fraction()) return value->whole_plus(*part);
    }
    rest_ = after;
    return value;
  }

  std::optional<Number> plain_fraction() {
    const std::string_view top = digits();
    if (top.empty() || !take("/")) return std::nullopt;
    const std::string_view bottom = digits();
    const auto numerator = Number::from_digits(top, "", 0), denominator = Number::from_digits(bottom, "", 0);
    return numerator && denominator ? numerator->divided_by(*denominator) : std::nullopt;
  }

  // \frac{a}{b}, \frac12, \frac{1}2
  std::optional<Number> fraction(int depth) {
    take("\\frac");
    const std::optional<Number> numerator = argument(depth), denominator = numerator ? argument(depth) : std::nullopt;
    return denominator ? numerator->divided_by(*denominator) : std::nullopt;
  }

  std::optional<Number> argument(int depth) {
    skip_spaces();
    if (take("{")) {
      std::optional<Number> value = signed_value(depth + 1);
      skip_spaces();
      return take("}") ? value : std::nullopt;
    }
    if (rest_.empty() || !is_digit(rest_[0])) return std::nullopt;
    const std::string_view digit = rest_.substr(0, 1);
    rest_.remove_prefix(1);
    return Number::from_digits(digit, "", 0);
  }

  // digits with thousands separators, fraction, exponent
  std::optional<Number> decimal() {
    const std::string_view before = rest_;
    std::string whole(digits());
    if (!whole.empty() && whole.size() <= 3) {
      for (const char separator : {',', kThinSpace}) {
        while (rest_.size() > 3 && rest_[0] == separator && std::all_of(rest_.begin() + 1, rest_.begin() + 4, is_digit) &&
               (rest_.size() == 4 || !is_digit(rest_[4]))) {
          whole.append(rest_.substr(1, 3));
          rest_.remove_prefix(4);
        }
      }
    }
    std::string_view fraction;
    if (rest_.size() > 1 && rest_[0] == '.' && is_digit(rest_[1])) {
      rest_.remove_prefix(1);
      fraction = digits();
    } else if (!whole.empty() && rest_ == ".") {
      rest_ = {};  // the end of a sentence
    }
    if (whole.empty() && fraction.empty()) {
      rest_ = before;
      return std::nullopt;
    }
    const std::optional<std::int64_t> exponent = read_exponent();
    return exponent ? Number::from_digits(whole, fraction, *exponent) : std::nullopt;
  }

  // "e5", "E-3", "*10^5", "* 10^{-3}"; 0 when there is none, nothing when it does not fit.
  std::optional<std::int64_t> read_exponent() {
    const std::string_view before = rest_;
    bool grouped = false;
    if (take("e") || take("E")) {
      // as in 1e5
    } else {
      skip_spaces();
      const bool power = take("*") && (skip_spaces(), take("10^"));
      if (!power) {
        rest_ = before;
        return 0;
      }
      grouped = take("{");
    }
    const bool negative = take("-");
    if (!negative) take("+");
    const std::string_view written = digits();
    if (written.empty() || (grouped && !take("}"))) {
      rest_ = before;
      return 0;
    }
    std::int64_t exponent = 0;
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (error != std::errc{} || exponent > Number::kMaxExponent) return std::nullopt;
    return negative ? -exponent : exponent;
  }

  // A scale word, behind which another may stand, or a percent sign; false when nothing more can follow.
  bool apply_suffix(Number& number) {
    struct Scale {
      std::string_view word;
      int powers;
    };
    static constexpr std::array<Scale, 5> kScales{{{"hundred", 2}, {"thousand", 3}, {"million", 6}, {"billion", 9}, {"trillion", 12}}};
    const std::string_view before = rest_;
    skip_spaces();
    if (take("%")) {
      percent_seen_ = true;
      number = number.shifted(-2);
      return false;
    }
    const std::string word = ascii_lower(rest_.substr(0, 16));
    for (const Scale& scale : kScales) {
      if (word.starts_with(scale.word) && (word.size() == scale.word.size() || !is_letter(word[scale.word.size()]))) {
        rest_.remove_prefix(scale.word.size());
        number = number.shifted(scale.powers);
        return true;
      }
    }
    if (word.starts_with("percent")) {
      rest_.remove_prefix(7);
      percent_seen_ = true;
      number = number.shifted(-2);
      return false;
    }
    rest_ = before;
    return false;
  }

  std::string_view rest_;
  bool percent_seen_ = false;
};

bool is_listed(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A letter alone is more often a variable than a unit or a word.
bool is_variable(std::string_view word) {
  return word.size() == 1 && std::string_view("mgshLNJWVCFKaAI").find(word[0]) == std::string_view::npos;
}

// Whether what follows a number names its unit and leaves its value alone: words, each with an optional square or cube.
bool is_unit(std::string_view text) {
  if (text.size() > 64) return false;
  std::string word;
  const auto harmless = [&] {
    if (is_variable(word)) return false;
    return !is_listed(ascii_lower(word),
                      {"pi",      "sqrt",   "or",         "and",      "to",        "over",     "times",    "plus",    "minus",    "by",
                       "squared", "cubed",  "not",        "half",     "halves",    "third",    "thirds",   "quarter", "quarters", "fifths",
                       "sixths",  "tenths", "hundredths", "hundreds", "thousands", "millions", "billions", "dozen",   "factorial"});
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_letter(c)) {
      word += c;
    } else if (c == ' ' || c == '.' || c == kThinSpace) {
      if (!word.empty() && !harmless()) return false;
      word.clear();
    } else if (c == '^' && !word.empty() && at + 1 < text.size() && (text[at + 1] == '2' || text[at + 1] == '3')) {
      ++at;
    } else {
      return false;
    }
  }
  return word.empty() || harmless();
}

// "x = 5": the name and the equals sign go.
std::string_view without_name(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals > 16) return text;
  const std::string_view name = text.substr(0, equals);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || c == ' ' || c == '_' || is_digit(c); });
  return plain && !name.empty() && is_letter(name[0]) ? text.substr(equals + 1) : text;
}

std::string_view without_currency(std::string_view text) {
  for (const std::string_view sign : {"€", "£", "¥", "₹", "US"}) {  // "US$": the dollar sign is gone in plain form
    if (text.starts_with(sign)) return text.substr(sign.size());
  }
  return text;
}

// "(5)"; but "(1,200)" may be a pair.
std::string_view without_parentheses(std::string_view text) {
  const bool enclosed = text.size() > 2 && text.front() == '(' && text.back() == ')' && text.find(',') == std::string_view::npos;
  return enclosed ? trim(text.substr(1, text.size() - 2)) : text;
}

// What may touch a number from outside ASCII: currency and typography. A letter, a raised digit or "½" would change what it says.
bool is_sign_or_quote(char32_t c) { return c >= 0x80 && (is_punctuation(c) || (c >= 0xA2 && c <= 0xA5) || (c >= 0x20A0 && c <= 0x20C0)); }

char32_t code_point_before(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) --at;
  return next_code_point(text, at);
}

std::optional<Number> read_plain(std::string_view plain, bool& percent) {
  plain = trim(without_currency(without_parentheses(trim(without_name(plain)))));
  NumberReader reader(plain);
  std::optional<Number> number = reader.quantity();
  percent = reader.percent_seen();
  const std::string_view rest = reader.rest();
  const bool unit = rest.empty() || ((rest[0] == ' ' || rest[0] == '.' || rest[0] == kThinSpace) && is_unit(rest));
  return number && unit ? number : std::nullopt;
}

}  // namespace

std::optional<Number> read_number(std::string_view text) {
  bool percent = false;
  return read_plain(plain_math(text), percent);
}

std::optional<Number> read_only_number(std::string_view text) {
  if (text.size() > kMaxSentenceBytes) return std::nullopt;
  const std::string plain = plain_math(text);
  std::optional<Number> found;
  bool negative_word = false;
  std::string word;
  for (std::size_t at = 0; at <= plain.size();) {
    const char c = at < plain.size() ? plain[at] : ' ';
    if (is_letter(c) || c == '\'') {
      word += c;
      ++at;
      continue;
    }
    const std::string lower = ascii_lower(word);
    if (is_variable(word) ||
        is_listed(lower, {"not", "isn't", "never", "neither", "or", "either", "between", "maybe", "perhaps", "plus", "times"}))
      return std::nullopt;
    if (!word.empty()) negative_word = lower == "minus" || lower == "negative";
    const bool starts = is_digit(c) || ((c == '-' || c == '+' || c == '.') && at + 1 < plain.size() && is_digit(plain[at + 1])) ||
                        std::string_view(plain).substr(at).starts_with("\\frac");
    if (!starts) {
      word.clear();
      ++at;
      continue;
    }
    const bool apart = at == 0 || std::string_view(" (:=\x01\"").find(plain[at - 1]) != std::string_view::npos ||
                       is_sign_or_quote(code_point_before(plain, at));
    NumberReader reader(std::string_view(plain).substr(at));
    std::optional<Number> number = reader.quantity();
    const std::string_view rest = reader.rest();
    std::size_t next = 0;
    const bool ends = rest.empty() || std::string_view(" .,;:)?\"").find(rest[0]) != std::string_view::npos ||
                      is_sign_or_quote(next_code_point(rest, next));
    const bool split = rest.size() > 1 && (rest[0] == '.' || rest[0] == ',' || rest[0] == ':') && is_digit(rest[1]);
    if (found || !apart || !number || !ends || split) return std::nullopt;
    found = negative_word ? number->negated() : *number;
    negative_word = false;
    word.clear();
    at = plain.size() - rest.size();
  }
  return found;
}

bool are_different_numbers(std::string_view a, std::string_view b) {
  if (std::max(a.size(), b.size()) > kMaxSentenceBytes) return false;
  bool a_percent = false, b_percent = false;
  const std::optional<Number> left = read_plain(plain_math(a), a_percent), right = read_plain(plain_math(b), b_percent);
  if (!left || !right) return false;
  return !(left->shifted(a_percent ? 2 : 0) == right->shifted(b_percent ? 2 : 0));
}

}  // namespace longbow::rewards
