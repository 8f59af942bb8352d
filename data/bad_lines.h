// What becomes of lines that a reader cannot take: the first stops the command or, where they are to be skipped, the first is told of
// and all are counted. One loop for every reader of lines and rows.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "core/errors.h"

namespace longbow::data {

inline constexpr const char* kSkipBadLinesHint = "--skip-bad-lines counts such lines and goes on";

class BadLines {
 public:
  /// `hint` goes with an error that brings none; `about` begins each message.
  explicit BadLines(bool skip, std::string hint = "", std::string about = "")
      : skip_(skip), hint_(std::move(hint)), about_(std::move(about)) {}

  /// Throws UserError, or counts.
  void refuse(const std::string& message, const std::string& hint = "");
  std::int64_t num_skipped() const { return num_skipped_; }

 private:
  bool skip_;
  std::string hint_, about_;
  std::int64_t num_skipped_ = 0;
};

/// Reads on until `take` returns, called with the text of a line (LineReader) or row (JsonRows); false at the end of the file. A UserError
/// of either is the line's fault, so `take` should do no more than understand the line.
template <class Reader, class Take>
bool next_good_line(Reader& reader, BadLines& bad_lines, const Take& take) {
  std::string line;
  for (;;) {
    try {
      if (!reader.next(line)) return false;
    } catch (const UserError& error) {  // too long, or corrupt: the reader knows where to go on
      bad_lines.refuse(error.what(), error.hint());
      continue;
    }
    try {
      take(line);
      return true;
    } catch (const UserError& error) {
      bad_lines.refuse(concat(reader.where(), ": ", error.what()), error.hint());
    }
  }
}

}  // namespace longbow::data
