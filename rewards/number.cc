#include "rewards/number.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace longbow::rewards {
namespace {

std::string_view without_leading_zeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// Drops the zeros at the end and counts them.
std::int64_t drop_trailing_zeros(std::string& digits) {
  const std::size_t kept = digits.find_last_not_of('0') + 1;
  const auto dropped = static_cast<std::int64_t>(digits.size() - kept);
  digits.resize(kept);
  return dropped;
}

std::string product(std::string_view a, std::string_view b) {
  if (a == "1") return std::string(b);
  if (b == "1") return std::string(a);
  std::vector<std::uint32_t> cells(a.size() + b.size());
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      const std::uint32_t sum = cells[i + j + 1] + static_cast<std::uint32_t>((a[i] - '0') * (b[j] - '0'));
      cells[i + j + 1] = sum % 10;
      cells[i + j] += sum / 10;
    }
  }
  std::string digits;
  for (const std::uint32_t cell : cells) digits += static_cast<char>('0' + cell);
  return std::string(without_leading_zeros(digits));
}

std::string sum(std::string_view a, std::string_view b) {
  std::string digits;
  for (std::size_t i = 0, carry = 0; i < std::max(a.size(), b.size()) || carry > 0; ++i) {
    if (i < a.size()) carry += a[a.size() - 1 - i] - '0';
    if (i < b.size()) carry += b[b.size() - 1 - i] - '0';
    digits += static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace

std::optional<Number> Number::from_digits(std::string_view whole, std::string_view fraction, std::int64_t exponent) {
  if ((whole.empty() && fraction.empty()) || std::abs(exponent) > kMaxExponent) return std::nullopt;
  Number number;
  std::string digits(without_leading_zeros(std::string(whole).append(fraction)));
  if (digits.empty()) return number;
  number.exponent_ = exponent - static_cast<std::int64_t>(fraction.size()) + drop_trailing_zeros(digits);
  number.numerator_ = std::move(digits);
  return number;
}

Number Number::negated() const {
  Number result = *this;
  result.negative_ = !negative_ && !is_zero();
  return result;
}

Number Number::shifted(std::int64_t powers_of_ten) const {
  Number result = *this;
  if (!is_zero()) result.exponent_ += powers_of_ten;
  return result;
}

std::optional<Number> Number::divided_by(const Number& divisor) const {
  for (const std::string* digits : {&numerator_, &denominator_, &divisor.numerator_, &divisor.denominator_}) {
    if (digits->size() > kMaxDigits) return std::nullopt;
  }
  if (divisor.is_zero()) return std::nullopt;
  if (is_zero()) return *this;
  Number result;
  result.negative_ = negative_ != divisor.negative_;
  result.numerator_ = product(numerator_, divisor.denominator_);
  result.denominator_ = product(denominator_, divisor.numerator_);
  result.exponent_ = exponent_ - divisor.exponent_ + drop_trailing_zeros(result.numerator_);
  result.exponent_ -= drop_trailing_zeros(result.denominator_);
  if (std::max(result.numerator_.size(), result.denominator_.size()) > kMaxDigits) return std::nullopt;
  return result;
}

std::optional<Number> Number::whole_plus(const Number& part) const {
  const auto limit = static_cast<std::int64_t>(kMaxDigits);
  if (denominator_ != "1" || exponent_ < 0 || exponent_ > limit || numerator_.size() > kMaxDigits) return std::nullopt;
  if (part.negative_ || part.denominator_.size() > kMaxDigits || part.numerator_.size() > kMaxDigits) return std::nullopt;
  if (std::abs(part.exponent_) > limit || part.is_zero()) return std::nullopt;
  // (w * d * 10^k + p) / d / 10^k for a part p / d / 10^k; a part with powers of ten above is p * 10^e first.
  const auto zeros = [](std::int64_t count) { return std::string(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), '0'); };
  const std::string whole = product(is_zero() ? "0" : numerator_ + zeros(exponent_), part.denominator_) + zeros(-part.exponent_);
  std::string digits(without_leading_zeros(sum(whole, part.numerator_ + zeros(part.exponent_))));
  Number result;
  result.negative_ = negative_;
  result.denominator_ = part.denominator_;
  result.exponent_ = std::min<std::int64_t>(part.exponent_, 0) + drop_trailing_zeros(digits);
  result.numerator_ = std::move(digits);
  return result;
}

bool Number::operator==(const Number& other) const {
  if (negative_ != other.negative_) return false;
  if (denominator_ == other.denominator_) return numerator_ == other.numerator_ && exponent_ == other.exponent_;
  for (const Number* number : {this, &other}) {
    if (std::max(number->numerator_.size(), number->denominator_.size()) > kMaxDigits) return false;
  }
  std::string left = product(numerator_, other.denominator_), right = product(other.numerator_, denominator_);
  const std::int64_t left_exponent = exponent_ + drop_trailing_zeros(left), right_exponent = other.exponent_ + drop_trailing_zeros(right);
  return left == right && left_exponent == right_exponent;
}

// The value as mantissa * 10^exponent, from the leading 30 digits of each part: more than a long double holds.
long double Number::mantissa(std::int64_t& exponent) const {
  const auto leading = [&](const std::string& digits, int sign) {
    const std::string head = digits.substr(0, 30);
    exponent += sign * static_cast<std::int64_t>(digits.size() - head.size());
    return std::strtold(head.c_str(), nullptr);
  };
  exponent = exponent_;
  const long double top = leading(numerator_, 1);
  return top / leading(denominator_, -1);
}

bool Number::within(const Number& gold, double tolerance) const {
  if (*this == gold) return true;
  if (!(tolerance > 0) || negative_ != gold.negative_ || is_zero() || gold.is_zero()) return false;
  std::int64_t exponent = 0, gold_exponent = 0;
  const long double value = mantissa(exponent), gold_value = gold.mantissa(gold_exponent);
  const std::int64_t powers = exponent - gold_exponent;
  if (std::abs(powers) > 4000) return false;  // beyond what a long double spans; mantissas lie within 10^-30 and 10^30
  const long double ratio = value / gold_value * std::pow(10.0L, static_cast<long double>(powers));
  constexpr long double kRounding = 1e-12L;  // a tolerance of 0.3 is a double just below 0.3
  return std::fabs(ratio - 1) <= static_cast<long double>(tolerance) * (1 + kRounding);
}

}  // namespace longbow::rewards
