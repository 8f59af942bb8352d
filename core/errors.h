// Errors: UserError for what a user can mend (one line, exit code 2), InternalError for a defect of Longbow (exit code 1).
// Expected outcomes are values, not exceptions.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace longbow {

/// A bad recipe, file, flag, peer or machine. The message is one line: *what failed: expected …, got … (where)*.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& message, std::string hint = "") : std::runtime_error(message), hint_(std::move(hint)) {}

  /// At most one further line that says what to try; empty when there is none.
  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

/// A broken promise inside Longbow itself; raised by LONGBOW_CHECK*.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace internal {
[[noreturn]] void check_failed(const char* file, int line, std::string_view expression, const std::string& detail);

template <class A, class B>
[[noreturn]] void comparison_failed(const char* file, int line, const char* expression, const A& a, const B& b) {
  std::ostringstream detail;
  detail << a << " vs. " << b;
  check_failed(file, line, expression, detail.str());
}
}  // namespace internal

/// Joins its arguments' `<<` representations: `UserError(concat("data set: expected …, got ", n))`.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace longbow

/// Active in release builds too; prints both values.
#define LONGBOW_CHECK(condition)                                                             \
  do {                                                                                       \
    if (!(condition)) ::longbow::internal::check_failed(__FILE__, __LINE__, #condition, ""); \
  } while (false)
#define LONGBOW_CHECK_OP(op, a, b)                                                                                                      \
  do {                                                                                                                                  \
    const auto& longbow_a = (a);                                                                                                        \
    const auto& longbow_b = (b);                                                                                                        \
    if (!(longbow_a op longbow_b)) ::longbow::internal::comparison_failed(__FILE__, __LINE__, #a " " #op " " #b, longbow_a, longbow_b); \
  } while (false)
#define LONGBOW_CHECK_EQ(a, b) LONGBOW_CHECK_OP(==, a, b)
#define LONGBOW_CHECK_NE(a, b) LONGBOW_CHECK_OP(!=, a, b)
#define LONGBOW_CHECK_LT(a, b) LONGBOW_CHECK_OP(<, a, b)
#define LONGBOW_CHECK_LE(a, b) LONGBOW_CHECK_OP(<=, a, b)
#define LONGBOW_CHECK_GT(a, b) LONGBOW_CHECK_OP(>, a, b)
#define LONGBOW_CHECK_GE(a, b) LONGBOW_CHECK_OP(>=, a, b)
