#include "data/jinja/parser.h"

#include <algorithm>

#include "core/errors.h"
#include "data/jinja/expression_parser.h"

namespace longbow::data::jinja {
namespace {

constexpr int kMaxBlockDepth = 100;

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(tokenize(source)) {}

  Block run() {
    Block block = body({});
    if (peek().kind != TokenKind::end) fail(concat("unexpected {% ", peek(1).text, " %}"));
    return block;
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  static StatementPtr make_statement(StatementKind kind, int line) {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = line;
    return statement;
  }

  bool at_any(Names names) const {
    return peek().kind == TokenKind::block_begin && peek(1).kind == TokenKind::name &&
           std::find(names.begin(), names.end(), peek(1).text) != names.end();
  }

  void end_block() {
    if (peek().kind != TokenKind::block_end) fail_expected("the end of the block");
    take();
  }

  /// Statements up to a block that one of `ends` names; that block's begin is left unread.
  Block body(Names ends) {
    if (++depth_ > kMaxBlockDepth) fail(concat("expected at most ", kMaxBlockDepth, " nested blocks"));
    Block block;
    while (peek().kind != TokenKind::end && !at_any(ends)) {
      if (ends.size() == 0 && at_any({"endif", "else", "elif", "endfor", "endset", "endmacro", "endfilter", "endgeneration"})) break;
      const int line = peek().line;
      if (peek().kind == TokenKind::data) {
        StatementPtr data = make_statement(StatementKind::data, line);
        data->text = take().text;
        block.push_back(std::move(data));
      } else if (peek().kind == TokenKind::variable_begin) {
        take();
        StatementPtr output = make_statement(StatementKind::output, line);
        output->expressions.push_back(expression());
        if (peek().kind != TokenKind::variable_end) fail_expected("the end of the expression");
        take();
        block.push_back(std::move(output));
      } else {
        block.push_back(statement());
      }
    }
    --depth_;
    return block;
  }

  /// A body and the block that ends it: {% endfor %} and its like.
  Block body_until(std::string_view end) {
    Block block = body({end});
    finish(end);
    return block;
  }

  void finish(std::string_view end) {
    if (!at_any({end})) fail_expected(concat("{% ", end, " %}"));
    take();
    take();
    end_block();
  }

  StatementPtr statement() {
    take();
    const int line = peek().line;
    if (peek().kind != TokenKind::name) fail_expected("a statement");
    const std::string name = take().text;
    if (name == "if") return if_chain(line);
    if (name == "for") return for_loop(line);
    if (name == "set") return set(line);
    if (name == "macro") return macro(line);
    if (name == "filter") {
      StatementPtr node = make_statement(StatementKind::filter, line);
      node->expressions.push_back(filter_chain(nullptr));
      end_block();
      node->blocks.push_back(body_until("endfilter"));
      return node;
    }
    if (name == "generation") {
      StatementPtr node = make_statement(StatementKind::group, line);
      end_block();
      node->blocks.push_back(body_until("endgeneration"));
      return node;
    }
    if (name == "break" || name == "continue") {
      if (loop_depth_ == 0) throw Failure(concat("{% ", name, " %} outside of a loop"), line);
      end_block();
      return make_statement(name == "break" ? StatementKind::loop_break : StatementKind::loop_continue, line);
    }
    throw Failure(concat("the statement {% ", name, " %} is not supported"), line);
  }

  StatementPtr if_chain(int line) {
    StatementPtr node = make_statement(StatementKind::if_chain, line);
    node->expressions.push_back(expression());
    end_block();
    while (true) {
      node->blocks.push_back(body({"elif", "else", "endif"}));
      if (at_any({"endif"})) break;
      if (peek().kind == TokenKind::end) fail_expected("{% endif %}");
      if (node->blocks.size() > node->expressions.size()) fail("expected {% endif %} after {% else %}");
      take();
      if (take().text == "elif") node->expressions.push_back(expression());
      end_block();
    }
    finish("endif");
    return node;
  }

  /// `a`, `a, b` or `(a, b)`.
  std::vector<std::string> targets() {
    const bool bracket = skip_symbol("(");
    std::vector<std::string> names = {expect_name()};
    while (skip_symbol(",")) names.push_back(expect_name());
    if (bracket) expect_symbol(")");
    return names;
  }

  StatementPtr for_loop(int line) {
    StatementPtr node = make_statement(StatementKind::for_loop, line);
    node->names = targets();
    if (!skip_name("in")) fail_expected("'in'");
    node->expressions.push_back(expression(true, false));
    node->expressions.push_back(skip_name("if") ? expression(false) : nullptr);
    if (at_name("recursive")) fail("recursive loops are not supported");
    end_block();
    ++loop_depth_;
    node->blocks.push_back(body({"endfor", "else"}));
    --loop_depth_;
    node->blocks.emplace_back();
    if (at_any({"else"})) {
      take();
      take();
      end_block();
      node->blocks[1] = body({"endfor"});
    }
    finish("endfor");
    return node;
  }

  StatementPtr set(int line) {
    StatementPtr node = make_statement(StatementKind::set, line);
    if (peek().kind == TokenKind::name && peek(1).kind == TokenKind::symbol && peek(1).text == ".") {
      std::string name = expect_name();
      take();
      node->names.push_back(name + '.' + expect_name());
    } else {
      node->names = targets();
    }
    if (skip_symbol("=")) {
      node->expressions.push_back(expression());
      end_block();
      return node;
    }
    node->kind = StatementKind::set_block;
    if (node->names.size() != 1) fail_expected("'='");
    node->expressions.push_back(skip_symbol("|") ? filter_chain(nullptr) : nullptr);
    end_block();
    node->blocks.push_back(body_until("endset"));
    return node;
  }

  StatementPtr macro(int line) {
    StatementPtr node = make_statement(StatementKind::macro, line);
    node->text = expect_name();
    expect_symbol("(");
    while (!at_symbol(")")) {
      node->names.push_back(expect_name());
      node->expressions.push_back(skip_symbol("=") ? expression(false) : nullptr);
      if (!skip_symbol(",")) break;
    }
    expect_symbol(")");
    end_block();
    const int outer_loops = std::exchange(loop_depth_, 0);
    node->blocks.push_back(body_until("endmacro"));
    loop_depth_ = outer_loops;
    return node;
  }

  int depth_ = 0;
  int loop_depth_ = 0;
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).run(); }

}  // namespace longbow::data::jinja
