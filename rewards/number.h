// Exact rational numbers as decimal digits: an answer is right or wrong, never nearly, and no number a model writes overflows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace longbow::rewards {

/// (negative ? -1 : 1) * numerator / denominator * 10^exponent. Digit strings have no zero at either end; zero is "0" / "1", exponent 0.
/// Arithmetic works on at most kMaxDigits digits; a longer number can still be compared with another of the same form.
class Number {
 public:
  static constexpr std::size_t kMaxDigits = 1000;
  static constexpr std::int64_t kMaxExponent = 1'000'000'000'000;

  /// `whole`.`fraction` * 10^exponent, from digits. Nothing when both are empty or the exponent is beyond kMaxExponent.
  static std::optional<Number> from_digits(std::string_view whole, std::string_view fraction, std::int64_t exponent);

  bool is_zero() const { return numerator_ == "0"; }
  Number negated() const;
  Number shifted(std::int64_t powers_of_ten) const;
  /// Nothing when `divisor` is zero or a part would pass kMaxDigits.
  std::optional<Number> divided_by(const Number& divisor) const;
  /// this + part, for mixed numbers ("3 1/2"): nothing unless this is a whole number of at most kMaxDigits digits.
  std::optional<Number> whole_plus(const Number& part) const;

  bool operator==(const Number& other) const;
  /// Same sign, and |this - gold| <= tolerance * |gold|; equality when the tolerance is 0.
  bool within(const Number& gold, double tolerance) const;

 private:
  long double mantissa(std::int64_t& exponent) const;

  bool negative_ = false;
  std::string numerator_ = "0", denominator_ = "1";
  std::int64_t exponent_ = 0;
};

}  // namespace longbow::rewards
