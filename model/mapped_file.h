// A file mapped for reading, and a file that replaces another in one step.
#pragma once

#include <cstdint>
#include <string>

namespace longbow::model {

/// The whole of a regular file, mapped read-only. Throws UserError when it cannot be opened or mapped.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::uint8_t* data() const { return data_; }
  std::int64_t size() const { return size_; }

 private:
  std::string path_;
  const std::uint8_t* data_ = nullptr;
  std::int64_t size_ = 0;
};

/// Collects a file's bytes beside `path` and puts them there in commit(): a reader sees the old file or the new one, never
/// half. Without commit() nothing is left behind. Throws UserError (disk full, no permission) with the path.
class ReplacementFile {
 public:
  explicit ReplacementFile(std::string path);
  ~ReplacementFile();
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;

  void write(const void* bytes, std::int64_t size);
  /// Overwrites bytes written earlier, for a header that is known last.
  void write_at(std::int64_t offset, const void* bytes, std::int64_t size);
  /// Flushes to disk and renames.
  void commit();

 private:
  [[noreturn]] void fail(const char* action) const;
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  std::int64_t size_ = 0;
};

}  // namespace longbow::model
