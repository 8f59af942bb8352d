#include "data/jinja/arithmetic.h"

#include <cmath>

#include "core/errors.h"

namespace longbow::data::jinja {
namespace {

constexpr std::int64_t kMaxRepeated = std::int64_t{1} << 24;  // characters or elements that `'-' * n` may make

[[noreturn]] void no_such(const std::string& op, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    if (const auto* missing = side->get<Undefined>()) throw Failure(concat(missing->what, " is undefined"));
  }
  throw Failure(concat("cannot compute ", type_name(left), " ", op, " ", type_name(right)));
}

[[noreturn]] void overflow() { throw Failure("integer overflow"); }

Value integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  std::int64_t result = 1;
  for (std::int64_t i = 0; i < exponent && result != 0 && !(base == 1) && !(base == -1); ++i) {
    if (__builtin_mul_overflow(result, base, &result)) overflow();
  }
  return base == -1 && exponent % 2 != 0 ? std::int64_t{-1} : result;
}

Value of_integers(const std::string& op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (op == "+" && !__builtin_add_overflow(a, b, &result)) return result;
  if (op == "-" && !__builtin_sub_overflow(a, b, &result)) return result;
  if (op == "*" && !__builtin_mul_overflow(a, b, &result)) return result;
  if (op == "**") return integer_power(a, b);
  if (op == "/" || op == "//" || op == "%") {
    if (b == 0) throw Failure("division by zero");
    if (op == "/") return static_cast<double>(a) / static_cast<double>(b);
    if (b == -1) return op == "%" ? Value(0) : negative(Value(a));
    const std::int64_t remainder = a % b;
    const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);  // Python rounds down, C++ towards zero
    if (op == "%") return adjust ? remainder + b : remainder;
    return a / b - (adjust ? 1 : 0);
  }
  overflow();
}

Value of_doubles(const std::string& op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") return std::pow(a, b);
  if (b == 0) throw Failure("division by zero");
  if (op == "/") return a / b;
  if (op == "//") return std::floor(a / b);
  const double remainder = std::fmod(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

void check_repeat(std::int64_t size, std::int64_t count) {
  if (count > 0 && size > kMaxRepeated / count) throw Failure(concat("expected at most ", kMaxRepeated, " repeated elements"));
}

Value repeat(const Value& subject, std::int64_t count) {
  if (const auto* text = subject.get<std::string>()) {
    check_repeat(static_cast<std::int64_t>(text->size()), count);
    std::string out;
    for (std::int64_t i = 0; i < count && !text->empty(); ++i) out += *text;
    return out;
  }
  const List& list = *subject.as_list();
  check_repeat(static_cast<std::int64_t>(list.items.size()), count);
  List out{{}, list.kind};
  for (std::int64_t i = 0; i < count && !list.items.empty(); ++i) out.items.insert(out.items.end(), list.items.begin(), list.items.end());
  return out;
}

bool repeats(const Value& value) {
  return value.is_string() || (value.as_list() != nullptr && value.as_list()->kind != ListKind::generator);
}

}  // namespace

Value negative(const Value& value) {
  std::int64_t integer = 0, result = 0;
  if (value.to_integer(integer)) {
    if (__builtin_sub_overflow(std::int64_t{0}, integer, &result)) overflow();
    return result;
  }
  if (value.is_number()) return -value.to_double();
  if (const auto* missing = value.get<Undefined>()) throw Failure(concat(missing->what, " is undefined"));
  throw Failure(concat("cannot negate ", type_name(value)));
}

Value arithmetic(const std::string& op, const Value& left, const Value& right) {
  if (op == "~") return to_text(left) + to_text(right);
  std::int64_t a = 0, b = 0;
  if (left.is_number() && right.is_number()) {
    return left.to_integer(a) && right.to_integer(b) ? of_integers(op, a, b) : of_doubles(op, left.to_double(), right.to_double());
  }
  if (op == "+" && left.is_string() && right.is_string()) return *left.get<std::string>() + *right.get<std::string>();
  const List *x = left.as_list(), *y = right.as_list();
  if (op == "+" && x != nullptr && y != nullptr && x->kind == y->kind && x->kind != ListKind::generator) {
    List out{x->items, x->kind};
    out.items.insert(out.items.end(), y->items.begin(), y->items.end());
    return out;
  }
  if (op == "*" && repeats(left) && right.to_integer(b)) return repeat(left, b);
  if (op == "*" && repeats(right) && left.to_integer(a)) return repeat(right, a);
  if (op == "%" && left.is_string()) throw Failure("formatting with '%' is not supported");
  no_such(op, left, right);
}

}  // namespace longbow::data::jinja
