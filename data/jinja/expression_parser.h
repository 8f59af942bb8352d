// The expression half of the parser; the statement half (parser.cc) derives from it and shares its token stream.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "data/jinja/ast.h"
#include "data/jinja/lexer.h"

namespace longbow::data::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  const Token& peek(std::size_t ahead = 0) const;
  Token take() { return tokens_[position_ + 1 < tokens_.size() ? position_++ : position_]; }
  bool at_symbol(std::string_view text) const { return peek().kind == TokenKind::symbol && peek().text == text; }
  bool at_name(std::string_view text) const { return peek().kind == TokenKind::name && peek().text == text; }
  bool skip_symbol(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_symbol(std::string_view text);
  std::string expect_name();
  [[noreturn]] void fail(const std::string& message) const { throw Failure(message, peek().line); }
  [[noreturn]] void fail_expected(std::string_view what) const;

  /// An expression; with `tuples`, also `a, b` without brackets.
  ExpressionPtr expression(bool tuples = true, bool conditional = true);
  /// `name ( arguments ) | …` after the bar has been read; parts[0] is `subject`.
  ExpressionPtr filter_chain(ExpressionPtr subject);
  static ExpressionPtr make(ExpressionKind kind, int line, std::string text = "");

 private:
  class Depth;
  using Rule = ExpressionPtr (ExpressionParser::*)();

  ExpressionPtr conditional();
  ExpressionPtr logical_or();
  ExpressionPtr logical_and();
  ExpressionPtr logical_not();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary();
  ExpressionPtr postfix(ExpressionPtr node);
  ExpressionPtr subscript(ExpressionPtr node);
  ExpressionPtr filters_and_tests(ExpressionPtr node);
  ExpressionPtr filter(ExpressionPtr subject);
  ExpressionPtr test(ExpressionPtr subject);
  ExpressionPtr brackets();
  ExpressionPtr mapping();
  void arguments(Expression& call);
  std::string dotted_name();
  ExpressionPtr binary(ExpressionKind kind, Rule operand, std::initializer_list<std::string_view> operators);

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  /// Counts a part that hangs on the left of another (`a + b + c`, `a.b.c`), which nests as brackets do.
  void count_link();

  int depth_ = 0;
  int links_ = 0;  // of the expression being read
};

}  // namespace longbow::data::jinja
