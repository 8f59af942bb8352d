// What the parser makes of a template and the evaluator walks. A node is its kind, its line and its parts; each kind's
// comment says which parts it uses.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/jinja/value.h"

namespace longbow::data::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using StatementPtr = std::unique_ptr<Statement>;
using Block = std::vector<StatementPtr>;

enum class ExpressionKind {
  constant,     // value
  name,         // text
  list,         // parts
  tuple,        // parts
  mapping,      // parts: key, value, key, value …
  attribute,    // parts[0] . text
  element,      // parts[0] [parts[1]]
  slice,        // parts[0] [parts[1] : parts[2] : parts[3]]; absent ones are null
  call,         // parts[0] ( parts[1…], keywords )
  filter,       // parts[0] | text ( parts[1…], keywords ); parts[0] is null inside a filter block
  test,         // parts[0] is text ( parts[1…], keywords )
  logical_not,  // parts[0]
  logical_and,  // parts[0], parts[1]
  logical_or,   // parts[0], parts[1]
  negative,     // parts[0]
  positive,     // parts[0]
  arithmetic,   // parts[0] text parts[1]: + - * / // % ** ~
  comparison,   // parts[0] operators[0] parts[1] operators[1] parts[2] …
  conditional,  // parts[0] if parts[1] else parts[2]; parts[2] may be null
};

struct Expression {
  ExpressionKind kind;
  int line = 0;
  std::string text;
  Value value;
  std::vector<ExpressionPtr> parts;
  std::vector<std::pair<std::string, ExpressionPtr>> keywords;
  std::vector<std::string> operators;
};

enum class StatementKind {
  data,       // text
  output,     // expressions[0]
  if_chain,   // expressions[i] guards blocks[i]; one block more is the else
  for_loop,   // names in expressions[0], filtered by expressions[1] (may be null): blocks[0], else blocks[1]
  set,        // names = expressions[0]; "ns.member" as one name
  set_block,  // names[0] = the text of blocks[0], through expressions[0] (a filter, may be null)
  macro,      // text ( names, defaults in expressions, aligned; null where there is none ): blocks[0]
  filter,     // the text of blocks[0] through expressions[0]
  group,      // blocks[0]: {% generation %}, which only marks a span for training
  loop_break,
  loop_continue,
};

struct Statement {
  StatementKind kind;
  int line = 0;
  std::string text;
  std::vector<std::string> names;
  std::vector<ExpressionPtr> expressions;
  std::vector<Block> blocks;
};

}  // namespace longbow::data::jinja
