#include "data/jinja/expression_parser.h"

#include <charconv>

#include "core/errors.h"

namespace longbow::data::jinja {
namespace {

constexpr int kMaxLinks = 1000;
constexpr int kMaxDepth = 200;  // of nested expressions: a template must not exhaust the stack

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::block_end:
      return "the end of the block";
    case TokenKind::variable_end:
      return "the end of the expression";
    case TokenKind::end:
      return "the template's end";
    case TokenKind::string:
      return "a string";
    default:
      return concat("'", token.text, "'");
  }
}

}  // namespace

class ExpressionParser::Depth {
 public:
  explicit Depth(ExpressionParser& parser) : parser_(parser) {
    if (++parser_.depth_ > kMaxDepth) parser_.fail(concat("expected at most ", kMaxDepth, " nested expressions"));
  }
  ~Depth() { --parser_.depth_; }

 private:
  ExpressionParser& parser_;
};

void ExpressionParser::count_link() {
  if (++links_ > kMaxLinks) fail(concat("expected at most ", kMaxLinks, " terms in an expression"));
}

const Token& ExpressionParser::peek(std::size_t ahead) const {
  return tokens_[position_ + ahead < tokens_.size() ? position_ + ahead : tokens_.size() - 1];
}

bool ExpressionParser::skip_symbol(std::string_view text) {
  if (!at_symbol(text)) return false;
  take();
  return true;
}

bool ExpressionParser::skip_name(std::string_view text) {
  if (!at_name(text)) return false;
  take();
  return true;
}

void ExpressionParser::fail_expected(std::string_view what) const { fail(concat("expected ", what, ", got ", describe(peek()))); }

void ExpressionParser::expect_symbol(std::string_view text) {
  if (!skip_symbol(text)) fail_expected(concat("'", text, "'"));
}

std::string ExpressionParser::expect_name() {
  if (peek().kind != TokenKind::name) fail_expected("a name");
  return take().text;
}

ExpressionPtr ExpressionParser::make(ExpressionKind kind, int line, std::string text) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  node->text = std::move(text);
  return node;
}

ExpressionPtr ExpressionParser::expression(bool tuples, bool with_conditional) {
  if (depth_ == 0) links_ = 0;
  const int line = peek().line;
  const auto item = [&] { return with_conditional ? conditional() : logical_or(); };
  ExpressionPtr first = item();
  if (!tuples || !at_symbol(",")) return first;
  ExpressionPtr tuple = make(ExpressionKind::tuple, line);
  tuple->parts.push_back(std::move(first));
  while (skip_symbol(",")) {
    const TokenKind next = peek().kind;
    if (next == TokenKind::block_end || next == TokenKind::variable_end || at_symbol(")")) break;  // a trailing comma
    tuple->parts.push_back(item());
  }
  return tuple;
}

ExpressionPtr ExpressionParser::conditional() {
  const Depth depth(*this);
  ExpressionPtr node = logical_or();
  while (at_name("if")) {
    count_link();
    ExpressionPtr choice = make(ExpressionKind::conditional, take().line);
    choice->parts.push_back(std::move(node));
    choice->parts.push_back(logical_or());
    choice->parts.push_back(skip_name("else") ? conditional() : nullptr);
    node = std::move(choice);
  }
  return node;
}

ExpressionPtr ExpressionParser::logical_or() {
  ExpressionPtr node = logical_and();
  while (at_name("or")) {
    count_link();
    ExpressionPtr both = make(ExpressionKind::logical_or, take().line);
    both->parts.push_back(std::move(node));
    both->parts.push_back(logical_and());
    node = std::move(both);
  }
  return node;
}

ExpressionPtr ExpressionParser::logical_and() {
  ExpressionPtr node = logical_not();
  while (at_name("and")) {
    count_link();
    ExpressionPtr both = make(ExpressionKind::logical_and, take().line);
    both->parts.push_back(std::move(node));
    both->parts.push_back(logical_not());
    node = std::move(both);
  }
  return node;
}

ExpressionPtr ExpressionParser::logical_not() {
  if (!at_name("not")) return comparison();
  const Depth depth(*this);
  ExpressionPtr node = make(ExpressionKind::logical_not, take().line);
  node->parts.push_back(logical_not());
  return node;
}

ExpressionPtr ExpressionParser::comparison() {
  ExpressionPtr first = sum();
  ExpressionPtr chain;
  while (true) {
    std::string op;
    for (const char* symbol : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (at_symbol(symbol)) op = symbol;
    }
    const bool not_in = at_name("not") && peek(1).kind == TokenKind::name && peek(1).text == "in";
    if (at_name("in")) op = "in";
    if (not_in) op = "not in";
    if (op.empty()) return chain ? std::move(chain) : std::move(first);
    if (!chain) {
      chain = make(ExpressionKind::comparison, peek().line);
      chain->parts.push_back(std::move(first));
    }
    take();
    if (not_in) take();
    chain->operators.push_back(op);
    chain->parts.push_back(sum());
  }
}

ExpressionPtr ExpressionParser::binary(ExpressionKind kind, Rule operand, std::initializer_list<std::string_view> operators) {
  ExpressionPtr node = (this->*operand)();
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view op : operators) {
      if (!at_symbol(op)) continue;
      count_link();
      ExpressionPtr both = make(kind, take().line, std::string(op));
      both->parts.push_back(std::move(node));
      both->parts.push_back((this->*operand)());
      node = std::move(both);
      more = true;
      break;
    }
  }
  return node;
}

ExpressionPtr ExpressionParser::sum() { return binary(ExpressionKind::arithmetic, &ExpressionParser::concatenation, {"+", "-"}); }
ExpressionPtr ExpressionParser::concatenation() { return binary(ExpressionKind::arithmetic, &ExpressionParser::product, {"~"}); }
ExpressionPtr ExpressionParser::product() { return binary(ExpressionKind::arithmetic, &ExpressionParser::power, {"*", "/", "//", "%"}); }
ExpressionPtr ExpressionParser::power() { return binary(ExpressionKind::arithmetic, &ExpressionParser::unary, {"**"}); }
ExpressionPtr ExpressionParser::unary() { return unary(true); }

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Depth depth(*this);
  ExpressionPtr node;
  if (at_symbol("-") || at_symbol("+")) {
    const Token sign = take();
    node = make(sign.text == "-" ? ExpressionKind::negative : ExpressionKind::positive, sign.line);
    node->parts.push_back(unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filters ? filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::primary() {
  const Token token = peek();
  ExpressionPtr node = make(ExpressionKind::constant, token.line);
  switch (token.kind) {
    case TokenKind::name:
      take();
      if (token.text == "true" || token.text == "True") {
        node->value = true;
      } else if (token.text == "false" || token.text == "False") {
        node->value = false;
      } else if (token.text == "none" || token.text == "None") {
        node->value = None{};
      } else {
        node->kind = ExpressionKind::name;
        node->text = token.text;
      }
      return node;
    case TokenKind::string: {
      std::string text;
      while (peek().kind == TokenKind::string) text += take().text;  // neighbours join, as in Python
      node->value = std::move(text);
      return node;
    }
    case TokenKind::integer: {
      std::int64_t number = 0;
      if (std::from_chars(token.text.data(), token.text.data() + token.text.size(), number).ec != std::errc()) {
        fail(concat("expected an integer of 64 bits, got ", token.text));
      }
      node->value = number;
      take();
      return node;
    }
    case TokenKind::floating:
      node->value = std::stod(take().text);
      return node;
    default:
      break;
  }
  if (at_symbol("(") || at_symbol("[")) return brackets();
  if (at_symbol("{")) return mapping();
  fail_expected("an expression");
}

ExpressionPtr ExpressionParser::brackets() {
  const Token open = take();
  if (open.text == "(") {
    ExpressionPtr node = at_symbol(")") ? make(ExpressionKind::tuple, open.line) : expression();
    expect_symbol(")");
    return node;
  }
  ExpressionPtr list = make(ExpressionKind::list, open.line);
  while (!at_symbol("]")) {
    list->parts.push_back(expression(false));
    if (!skip_symbol(",")) break;
  }
  expect_symbol("]");
  return list;
}

ExpressionPtr ExpressionParser::mapping() {
  ExpressionPtr node = make(ExpressionKind::mapping, take().line);
  while (!at_symbol("}")) {
    node->parts.push_back(expression(false));
    expect_symbol(":");
    node->parts.push_back(expression(false));
    if (!skip_symbol(",")) break;
  }
  expect_symbol("}");
  return node;
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  for (;; count_link()) {
    if (at_symbol(".")) {
      const int line = take().line;
      if (peek().kind == TokenKind::integer) {
        ExpressionPtr part = make(ExpressionKind::element, line);
        part->parts.push_back(std::move(node));
        part->parts.push_back(primary());
        node = std::move(part);
      } else {
        ExpressionPtr part = make(ExpressionKind::attribute, line, expect_name());
        part->parts.push_back(std::move(node));
        node = std::move(part);
      }
    } else if (at_symbol("[")) {
      node = subscript(std::move(node));
    } else if (at_symbol("(")) {
      ExpressionPtr call = make(ExpressionKind::call, peek().line);
      call->parts.push_back(std::move(node));
      arguments(*call);
      node = std::move(call);
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr node) {
  ExpressionPtr part = make(ExpressionKind::element, take().line);
  part->parts.push_back(std::move(node));
  part->parts.push_back(at_symbol(":") ? nullptr : expression());
  if (at_symbol(":")) {
    part->kind = ExpressionKind::slice;
    while (part->parts.size() < 4) {
      const bool given = skip_symbol(":") && !at_symbol(":") && !at_symbol("]");
      part->parts.push_back(given ? expression(false) : nullptr);
    }
  }
  expect_symbol("]");
  return part;
}

void ExpressionParser::arguments(Expression& call) {
  expect_symbol("(");
  while (!at_symbol(")")) {
    if (at_symbol("*") || at_symbol("**")) fail("'*' and '**' in calls are not supported");
    if (peek().kind == TokenKind::name && peek(1).kind == TokenKind::symbol && peek(1).text == "=") {
      std::string name = take().text;
      take();
      call.keywords.emplace_back(std::move(name), expression(false));
    } else {
      if (!call.keywords.empty()) fail("expected keyword arguments after a keyword argument, got a positional one");
      call.parts.push_back(expression(false));
    }
    if (!skip_symbol(",")) break;
  }
  expect_symbol(")");
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr node) {
  for (;; count_link()) {
    if (skip_symbol("|")) {
      node = filter(std::move(node));
    } else if (at_name("is")) {
      node = test(std::move(node));
    } else if (at_symbol("(")) {
      node = postfix(std::move(node));
    } else {
      return node;
    }
  }
}

std::string ExpressionParser::dotted_name() {
  std::string name = expect_name();
  while (skip_symbol(".")) name += '.' + expect_name();
  return name;
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr subject) {
  const int line = peek().line;
  ExpressionPtr node = make(ExpressionKind::filter, line, dotted_name());
  node->parts.push_back(std::move(subject));
  if (at_symbol("(")) arguments(*node);
  return node;
}

ExpressionPtr ExpressionParser::filter_chain(ExpressionPtr subject) {
  do subject = filter(std::move(subject));
  while (skip_symbol("|"));
  return subject;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr subject) {
  const int line = take().line;
  const bool negated = skip_name("not");
  ExpressionPtr node = make(ExpressionKind::test, line, dotted_name());
  node->parts.push_back(std::move(subject));
  const TokenKind next = peek().kind;
  const bool is_operator =
      at_name("else") || at_name("or") || at_name("and") || at_name("is") || at_name("if") || at_name("in") || at_name("not");
  if (at_symbol("(")) {
    arguments(*node);
  } else if ((next == TokenKind::name && !is_operator) || next == TokenKind::string || next == TokenKind::integer ||
             next == TokenKind::floating || at_symbol("[") || at_symbol("{")) {
    node->parts.push_back(postfix(primary()));
  }
  if (!negated) return node;
  ExpressionPtr opposite = make(ExpressionKind::logical_not, line);
  opposite->parts.push_back(std::move(node));
  return opposite;
}

}  // namespace longbow::data::jinja
