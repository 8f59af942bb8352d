// A file mapped for reading: checkpoints and snapshots are parsed where they lie, without a copy.
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

}  // namespace longbow::model
