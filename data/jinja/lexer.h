// A template's text as tokens, white space already as Jinja with trim_blocks and lstrip_blocks leaves it (transformers' settings).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longbow::data::jinja {

enum class TokenKind { data, block_begin, block_end, variable_begin, variable_end, name, string, integer, floating, symbol, end };

struct Token {
  TokenKind kind;
  std::string text;  // a string's value, a symbol's characters, a name, a number's digits
  int line;
};

/// Throws Failure with the line for characters, strings or comments that do not end as they should. The last token is `end`.
std::vector<Token> tokenize(std::string_view source);

}  // namespace longbow::data::jinja
