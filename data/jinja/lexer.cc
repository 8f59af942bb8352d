#include "data/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "core/errors.h"
#include "data/jinja/text.h"
#include "data/jinja/value.h"

namespace longbow::data::jinja {
namespace {

bool is_blank(std::string_view text) { return strip(text, true, false).empty(); }

/// "\r\n" and "\r" become "\n", and one line end at the very end goes.
std::string normalise(std::string_view source) {
  std::string text;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text.push_back(source[i]);
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      text.push_back('\n');
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalise(source)), text_(source_) {}

  std::vector<Token> run() {
    while (position_ < text_.size()) {
      const std::size_t tag = find_tag();
      add_data(tag);
      if (position_ >= text_.size()) break;
      const char kind = text_[position_ + 1];
      advance(2);
      if (peek() == '-' || peek() == '+') advance(1);
      if (kind == '#') {
        skip_comment();
      } else if (kind == '%' && raw_block()) {
        continue;
      } else {
        add(kind == '%' ? TokenKind::block_begin : TokenKind::variable_begin, "");
        expression(kind);
      }
    }
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }
  bool at(std::string_view what) const { return text_.substr(position_, what.size()) == what; }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  [[noreturn]] void fail(const std::string& message) const { throw Failure(message, line_); }

  void advance(std::size_t count) {
    for (const char c : text_.substr(position_, count)) line_ += c == '\n';
    position_ += count;
    line_starting_ = position_ > 0 && text_[position_ - 1] == '\n';
  }

  std::size_t find_tag() const {
    for (std::size_t i = text_.find('{', position_); i != std::string_view::npos; i = text_.find('{', i + 1)) {
      if (i + 1 < text_.size() && (text_[i + 1] == '{' || text_[i + 1] == '%' || text_[i + 1] == '#')) return i;
    }
    return text_.size();
  }

  /// Text up to a tag, stripped as the tag's sign or lstrip_blocks asks.
  void add_data(std::size_t tag) {
    std::string_view data = text_.substr(position_, tag - position_);
    const std::size_t whole = data.size();
    if (tag < text_.size()) {
      const char sign = tag + 2 < text_.size() ? text_[tag + 2] : '\0';
      if (sign == '-') {
        data = data.substr(0, strip(data, false, true).size());
      } else if (sign != '+' && text_[tag + 1] != '{') {
        const std::size_t line_start = data.rfind('\n') + 1;  // 0 when there is none
        if ((line_start > 0 || line_starting_) && is_blank(data.substr(line_start))) data = data.substr(0, line_start);
      }
    }
    if (!data.empty()) add(TokenKind::data, std::string(data));
    advance(whole);
  }

  /// What follows a tag's end: "-" swallows all white space, trim_blocks one line end (not after "{{ }}").
  void after_tag(bool minus, bool plus, bool trims) {
    if (minus) {
      while (position_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[position_])) != 0) advance(1);
    } else if (trims && !plus && peek() == '\n') {
      advance(1);
    }
  }

  void skip_comment() {
    const std::size_t end = text_.find("#}", position_);
    if (end == std::string_view::npos) fail("expected '#}' to end the comment, got the template's end");
    const char sign = end > position_ ? text_[end - 1] : '\0';
    advance(end + 2 - position_);
    after_tag(sign == '-', sign == '+', true);
  }

  /// {% raw %} … {% endraw %}: its text is data. False when the block is another.
  bool raw_block() {
    const auto tag_at = [&](std::size_t from, std::string_view name) -> std::size_t {  // bytes up to and with "%}", or 0
      std::size_t i = std::min(text_.find_first_not_of(" \t\n", from), text_.size());
      if (text_.substr(i, name.size()) != name) return 0;
      i = std::min(text_.find_first_not_of(" \t\n", i + name.size()), text_.size());
      if (text_.substr(i, 1) == "-" || text_.substr(i, 1) == "+") ++i;
      return text_.substr(i, 2) == "%}" ? i + 2 - from : 0;
    };
    const std::size_t begin = tag_at(position_, "raw");
    if (begin == 0) return false;
    advance(begin);
    after_tag(text_[position_ - 3] == '-', false, false);  // trim_blocks spares the line end here
    for (std::size_t i = text_.find("{%", position_); i != std::string_view::npos; i = text_.find("{%", i + 1)) {
      std::size_t name = i + 2;
      if (text_.substr(name, 1) == "-" || text_.substr(name, 1) == "+") ++name;
      const std::size_t end = tag_at(name, "endraw");
      if (end == 0) continue;
      add_data(i);
      advance(name + end - position_);
      after_tag(text_[position_ - 3] == '-', text_[position_ - 3] == '+', true);
      return true;
    }
    fail("expected {% endraw %}, got the template's end");
  }

  void expression(char kind) {
    const std::string_view end = kind == '%' ? "%}" : "}}";
    std::string brackets;
    while (true) {
      if (position_ >= text_.size()) fail(concat("expected '", end, "', got the template's end"));
      const char c = peek();
      if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        advance(1);
        continue;
      }
      if (brackets.empty()) {
        const bool signed_end = (c == '-' || (c == '+' && kind == '%')) && text_.substr(position_ + 1, 2) == end;
        if (signed_end || at(end)) {
          add(kind == '%' ? TokenKind::block_end : TokenKind::variable_end, "");
          advance(signed_end ? 3 : 2);
          after_tag(signed_end && c == '-', signed_end && c == '+', kind == '%');
          return;
        }
      }
      if (c == '\'' || c == '"') {
        string_literal(c);
      } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
        number();
      } else if (c == '_' || std::isalpha(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80) {
        name();
      } else {
        symbol(brackets);
      }
    }
  }

  void name() {
    std::size_t length = 1;
    const auto belongs = [](char c) {
      return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
    };
    while (belongs(peek(length))) ++length;
    add(TokenKind::name, std::string(text_.substr(position_, length)));
    advance(length);
  }

  void number() {
    std::string digits;
    bool floating = false;
    const auto take_digits = [&] {
      while (std::isdigit(static_cast<unsigned char>(peek())) != 0 ||
             (peek() == '_' && std::isdigit(static_cast<unsigned char>(peek(1))) != 0)) {
        if (peek() != '_') digits.push_back(peek());
        advance(1);
      }
    };
    take_digits();
    if (peek() == '.' && std::isdigit(static_cast<unsigned char>(peek(1))) != 0) {
      floating = true;
      digits.push_back('.');
      advance(1);
      take_digits();
    }
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && std::isdigit(static_cast<unsigned char>(peek(1 + sign))) != 0) {
      floating = true;
      digits += text_.substr(position_, 1 + sign);
      advance(1 + sign);
      take_digits();
    }
    add(floating ? TokenKind::floating : TokenKind::integer, digits);
  }

  void symbol(std::string& brackets) {
    static constexpr std::array<std::string_view, 6> kDouble = {"==", "!=", "<=", ">=", "//", "**"};
    for (const std::string_view two : kDouble) {
      if (at(two)) {
        add(TokenKind::symbol, std::string(two));
        advance(2);
        return;
      }
    }
    const char c = peek();
    if (std::string_view("+-*/%~|.,:()[]{}<>=").find(c) == std::string_view::npos) fail(concat("unexpected character '", c, "'"));
    if (c == '(' || c == '[' || c == '{') brackets.push_back(c);
    if (c == ')' || c == ']' || c == '}') {
      const char open = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (brackets.empty() || brackets.back() != open) fail(concat("unexpected '", c, "'"));
      brackets.pop_back();
    }
    add(TokenKind::symbol, std::string(1, c));
    advance(1);
  }

  void string_literal(char quote) {
    const int start_line = line_;
    std::string value;
    advance(1);
    while (peek() != quote) {
      if (position_ >= text_.size()) throw Failure("expected the string's closing quote, got the template's end", start_line);
      if (peek() == '\\') {
        escape(value);
      } else {
        value.push_back(peek());
        advance(1);
      }
    }
    advance(1);
    tokens_.push_back({TokenKind::string, std::move(value), start_line});
  }

  /// As in Python; an escape that Python does not know stays as it is written.
  void escape(std::string& value) {
    const char c = peek(1);
    static constexpr std::string_view kLetters = "ntr\\'\"abfv";
    static constexpr std::string_view kMeanings = "\n\t\r\\'\"\a\b\f\v";
    if (const std::size_t which = kLetters.find(c); which != std::string_view::npos && c != '\0') {
      value.push_back(kMeanings[which]);
      advance(2);
      return;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (c == '\n') {
      advance(2);
    } else if (digits > 0) {
      const std::string_view hex = text_.substr(position_ + 2, digits);
      unsigned long code = 0;
      const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
      if (error != std::errc() || end != hex.data() + digits || code > 0x10FFFF)
        fail(concat("expected ", digits, " hex digits after '\\", c, "'"));
      append_utf8(value, static_cast<char32_t>(code));
      advance(2 + digits);
    } else if (c >= '0' && c <= '7') {
      unsigned code = 0;
      advance(1);
      for (int k = 0; k < 3 && peek() >= '0' && peek() <= '7'; ++k, advance(1)) code = code * 8 + static_cast<unsigned>(peek() - '0');
      append_utf8(value, code);
    } else {
      value.push_back('\\');
      advance(1);
    }
  }

  std::string source_;
  std::string_view text_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace longbow::data::jinja
