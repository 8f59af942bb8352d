// One file that a fuzz target writes its input to, again and again: readers take paths.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace longbow::fuzz {

class ScratchFile {
 public:
  explicit ScratchFile(const std::string& name, const std::string& extension = "")
      : path_((std::filesystem::temp_directory_path() / (name + std::to_string(::getpid()) + extension)).string()) {}
  ~ScratchFile() { std::filesystem::remove(path_); }

  void write(const std::uint8_t* data, std::size_t size) const {
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace longbow::fuzz
