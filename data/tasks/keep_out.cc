#include "data/tasks/keep_out.h"

#include <algorithm>

#include "data/tasks/word_hash.h"

namespace longbow::data {
namespace {

std::vector<std::uint64_t> word_hashes(std::string_view text) {
  std::vector<std::uint64_t> words;
  for_each_word(text, [&](std::uint64_t hash, std::size_t, std::size_t) { words.push_back(hash); });
  return words;
}

}  // namespace

KeepOut::KeepOut(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    std::vector<std::uint64_t> words = word_hashes(entry);
    if (words.size() == 1) words_.insert(words.front());
    if (words.size() > 1) runs_.push_back(std::move(words));
  }
}

bool KeepOut::permits(std::string_view sentence) const {
  bool permitted = true;
  for_each_word(sentence, [&](std::uint64_t hash, std::size_t, std::size_t) { permitted = permitted && !words_.contains(hash); });
  if (!permitted || runs_.empty()) return permitted;
  const std::vector<std::uint64_t> words = word_hashes(sentence);
  return std::none_of(runs_.begin(), runs_.end(), [&](const std::vector<std::uint64_t>& run) {
    return std::search(words.begin(), words.end(), run.begin(), run.end()) != words.end();
  });
}

}  // namespace longbow::data
