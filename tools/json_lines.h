// The lines of a JSONL file as every command reads them: blank ones are passed over; a bad one stops the command with FILE:LINE or,
// with --skip-bad-lines, is reported, counted and passed over.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"
#include "core/log.h"

namespace longbow::tools {

class JsonLines {
 public:
  /// `path` "-" is standard input.
  JsonLines(std::string path, bool skip_bad_lines) : reader_(std::move(path)), skip_bad_lines_(skip_bad_lines) {}

  /// Reads on until `take`, called with each line's object, returns; false at the end of the file. A UserError that `take` throws is the
  /// line's fault, so it should do no more than understand the line. A file that is truncated or corrupt always stops the command.
  template <class Take>
  bool next(const Take& take) {
    while (true) {
      const std::int64_t lines_before = reader_.line_number();
      try {
        if (!reader_.next(line_)) {
          if (num_skipped_ > 0) log_warning(concat("skipped ", num_skipped_, " bad lines"));
          return false;
        }
      } catch (const UserError& error) {
        const bool is_long = reader_.line_number() > lines_before;  // the reader goes on behind it
        refuse(error.what(), error, is_long);
        continue;
      }
      if (line_.find_first_not_of(" \t") == std::string::npos) continue;
      try {
        Json value = parse_json(line_, "line");
        if (!value.is_object()) throw UserError(concat("expected an object, got a value of type ", value.type_name()));
        take(std::move(value));
        return true;
      } catch (const UserError& error) {
        refuse(concat(where(), ": ", error.what()), error, true);
      }
    }
  }

  /// FILE:LINE of the line that was read last.
  std::string where() const { return reader_.where(); }

 private:
  void refuse(const std::string& message, const UserError& error, bool can_go_on) {
    if (!skip_bad_lines_ || !can_go_on) throw UserError(message, error.hint());
    ++num_skipped_;
    log_warning(message + " (skipped)");
  }

  LineReader reader_;
  const bool skip_bad_lines_;
  std::int64_t num_skipped_ = 0;
  std::string line_;
};

}  // namespace longbow::tools
