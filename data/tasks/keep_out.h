// What no filler may hold: the names, answers and entities of an item, so that the padding neither answers nor contradicts it.
// Every sentence of filler goes through it, so it compares hashes of words and allocates nothing for single words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace longbow::data {

class KeepOut {
 public:
  /// Words as lower_words gives them, or several with spaces between: "norway", "new york". An entry without a word forbids nothing.
  explicit KeepOut(const std::vector<std::string>& entries);

  /// Whether `sentence` holds none of the words, and none of the runs of words. Cost: linear in the sentence.
  bool permits(std::string_view sentence) const;

 private:
  std::unordered_set<std::uint64_t> words_;       // word_hash of each
  std::vector<std::vector<std::uint64_t>> runs_;  // of several words
};

}  // namespace longbow::data
