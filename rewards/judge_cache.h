// Verdicts that need not be asked for again: in memory, and in a file of JSON lines when one is named.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace longbow::rewards {

class JudgeCache {
 public:
  /// Reads what `path` holds and appends to it from now on; an empty path keeps verdicts in memory alone. A line that a crash cut short is
  /// passed over. Throws UserError when the file cannot be read or written.
  explicit JudgeCache(const std::string& path);

  std::optional<double> find(const std::string& key) const;
  void add(const std::string& key, double score);
  std::size_t size() const { return scores_.size(); }

  /// Names a request by its bytes: 128 bits in hex.
  static std::string key_of(std::string_view request);

 private:
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, FileCloser> file_;
  std::unordered_map<std::string, double> scores_;
};

}  // namespace longbow::rewards
