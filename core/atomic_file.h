// Files that are there whole or not at all: written under a temporary name beside their place, synced, then renamed, so that
// neither a crash nor a full disk leaves half a checkpoint. Compressed by extension: .gz, .zst, anything else plain.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace longbow {

class AtomicFile {
 public:
  /// Opens the temporary file and removes those of killed writers of `path`, which itself is untouched until commit(). Throws UserError
  /// when its folder is missing or not writable. The same bytes give the same file: no time or name is stored in compressed ones.
  explicit AtomicFile(const std::string& path);
  /// Removes the temporary file unless commit() was called.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws UserError with the path and the bytes that found no room when the disk is full.
  void write(std::string_view bytes);
  /// Makes the file appear at its path, replacing what was there, and syncs file and folder; nothing may be written after.
  void commit();

  /// Given to write() so far, before compression.
  std::int64_t bytes_written() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One AtomicFile from open to commit.
void write_file_atomically(const std::string& path, std::string_view bytes);

/// Makes `path` and its parents where they are missing. Throws UserError when one of them cannot be, or is a file.
void make_directories(const std::string& path);

}  // namespace longbow
