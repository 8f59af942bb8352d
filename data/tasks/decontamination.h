// Decontamination: the runs of 13 words of named files (benchmarks), against which every item's text is held.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace longbow::data {

class NgramIndex {
 public:
  static constexpr std::size_t kWords = 13;  // as GPT-3 and most reports since

  /// Indexes text files; of a .json or .jsonl file (compressed too) every line is taken as it is, keys included. Throws UserError for a
  /// file that is no text or holds no run.
  explicit NgramIndex(const std::vector<std::string>& paths);

  /// The first run of 13 words that a file holds too; empty when there is none.
  std::string shared_with(std::string_view text) const;
  /// Of the files' runs; 0 for no files.
  std::uint64_t digest() const { return digest_; }

 private:
  std::unordered_set<std::uint64_t> hashes_;
  std::uint64_t digest_ = 0;
};

}  // namespace longbow::data
