// Reading files whole or line by line: plain, gzip (.gz; .dz, its variant dictzip), zstd (.zst) and "-" for standard input. Everything is
// bounded, so a corrupt or malicious file (a decompression bomb, a line without end) is one UserError, never a machine out of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace longbow {

struct LineReaderLimits {
  std::size_t max_line_bytes = std::size_t{64} << 20;
  std::int64_t max_bytes = std::int64_t{1} << 40;  // of text, after decompression
  double max_expansion = 200;                      // text bytes per file byte; held against it beyond the first 64 MiB of text
};

class LineReader {
 public:
  /// Opens `path`. Throws UserError when it is missing, a folder or unreadable.
  explicit LineReader(std::string path, LineReaderLimits limits = {});
  ~LineReader();
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;

  /// Reads the next line into `line`, without its end ("\n" or "\r\n") and a file's byte order mark; false at the end of the file. A
  /// last line without an end counts. Throws UserError naming file and line when the input is truncated, corrupt or beyond a limit.
  /// After a line that is too long the next call gives the line behind it; after any other failure it says that the file is at its end.
  bool next(std::string& line);
  /// Reads the bytes at hand, at most 256 KiB with line ends and all, for formats whose records are no lines; false at the end of
  /// the file. Lines are then the caller's to count.
  bool next_bytes(std::string& bytes);

  /// Of the line that `next` gave last, from 1; 0 before the first.
  std::int64_t line_number() const;
  /// "FILE:LINE" of that line, for messages.
  std::string where() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The bytes of a file of at most `max_bytes`, as they are (nothing is decompressed). Throws UserError when it is missing, a
/// folder, unreadable or larger.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{1} << 32);

}  // namespace longbow
