#include "data/qa/json_rows.h"

#include <cctype>
#include <utility>

#include "core/errors.h"

namespace longbow::data {
namespace {

constexpr std::size_t kMaxRowBytes = std::size_t{64} << 20;

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r") == std::string::npos; }

// Whether the file's first character that is no white space opens an array. Only the first bytes are read.
bool holds_array(const std::string& path) {
  LineReader reader(path);
  std::string bytes;
  while (reader.next_bytes(bytes)) {
    std::size_t first = bytes.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    first = bytes.find_first_not_of(" \t\r\n", first);
    if (first != std::string::npos) return bytes[first] == '[';
  }
  return false;
}

std::string shown(char c) {
  return std::isprint(static_cast<unsigned char>(c)) ? concat("'", c, "'")
                                                     : concat("byte ", static_cast<int>(static_cast<unsigned char>(c)));
}

}  // namespace

JsonRows::JsonRows(std::string path) : path_(std::move(path)), reader_(path_), is_array_(holds_array(path_)) {}

bool JsonRows::next(std::string& row) { return is_array_ ? next_element(row) : next_line(row); }

std::string JsonRows::where() const { return is_array_ ? concat(path_, ":", row_line_) : reader_.where(); }

bool JsonRows::next_line(std::string& row) {
  while (reader_.next(row)) {
    if (!is_blank(row)) return true;
  }
  return false;
}

// Finds the end of one element by its brackets and strings; whether it is JSON is the parser's business.
bool JsonRows::next_element(std::string& row) {
  if (stage_ == Stage::before) {
    skip_space();
    ++at_;  // the bracket that holds_array saw
    stage_ = Stage::inside;
    skip_space();
    if (at_ < bytes_.size() && bytes_[at_] == ']') {
      ++at_;
      stage_ = Stage::behind;
    }
  }
  if (stage_ == Stage::behind) {
    skip_space();
    if (at_ < bytes_.size()) fail("nothing after the array", shown(bytes_[at_]));
    stage_ = Stage::ended;
  }
  if (stage_ == Stage::ended) return false;
  row.clear();
  row_line_ = line_;
  int depth = 0;
  bool in_string = false, escaped = false;
  for (;; ++at_) {
    if (at_ == bytes_.size() && !fill()) fail("the array's end", "the end of the file");
    const char c = bytes_[at_];
    if (!in_string && depth == 0 && (c == ',' || c == ']')) break;
    if (row.size() == kMaxRowBytes) fail(concat("a row of at most ", kMaxRowBytes, " bytes"), "more");
    row += c;
    if (c == '\n') ++line_;
    if (in_string) {
      if (!escaped && c == '"') in_string = false;
      escaped = !escaped && c == '\\';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  if (bytes_[at_++] == ']') stage_ = Stage::behind;
  skip_space();
  return true;
}

bool JsonRows::fill() {
  at_ = 0;
  bytes_.clear();
  return reader_.next_bytes(bytes_);
}

void JsonRows::skip_space() {
  for (;; ++at_) {
    if (at_ == bytes_.size() && !fill()) return;
    const char c = bytes_[at_];
    if (c == '\n') ++line_;
    const bool mark = c == '\xEF' || c == '\xBB' || c == '\xBF';  // a byte order mark; anywhere else the parser refuses it
    if (!std::isspace(static_cast<unsigned char>(c)) && !(mark && stage_ == Stage::before)) return;
  }
}

void JsonRows::fail(const std::string& expected, const std::string& got) {
  stage_ = Stage::ended;
  throw UserError(concat(path_, ":", line_, ": expected ", expected, ", got ", got));
}

}  // namespace longbow::data
