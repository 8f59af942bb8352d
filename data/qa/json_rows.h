// The rows of a question file: one object a line, or one array of objects as HotpotQA and 2WikiMultihopQA are released (half a
// gigabyte in one line). A row at a time is in memory.
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "core/line_reader.h"

namespace longbow::data {

class JsonRows {
 public:
  /// Opens `path`. Throws UserError when it cannot be read.
  explicit JsonRows(std::string path);

  /// Reads the next row's text; false at the end of the file. Throws UserError FILE:LINE for a row beyond 64 MiB, corrupt
  /// compression or an array that does not end; the next call then goes on with the next line where there is one, else it says false.
  bool next(std::string& row);

  /// "FILE:LINE" where that row begins.
  std::string where() const;

 private:
  bool next_line(std::string& row);
  bool next_element(std::string& row);
  bool fill();
  void skip_space();
  [[noreturn]] void fail(const std::string& expected, const std::string& got);

  std::string path_;
  LineReader reader_;
  bool is_array_ = false;
  enum class Stage { before, inside, behind, ended } stage_ = Stage::before;  // of an array: around its brackets
  std::string bytes_;                                                         // of an array: read and not yet used from at_ on
  std::size_t at_ = 0;
  std::int64_t line_ = 1;      // of an array: at at_
  std::int64_t row_line_ = 0;  // where the row began
};

}  // namespace longbow::data
