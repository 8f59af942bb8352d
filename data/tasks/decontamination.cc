#include "data/tasks/decontamination.h"

#include <algorithm>

#include "core/line_reader.h"
#include "core/random.h"
#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

std::string joined(const std::vector<std::string>& words, std::size_t from, std::size_t count) {
  std::string text;
  for (std::size_t i = from; i < from + count; ++i) text += words[i] + " ";
  return text;
}

}  // namespace

NgramIndex::NgramIndex(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    LineReader reader(path);
    std::vector<std::string> words;  // the last line's tail stays, so that runs cross line ends
    for (std::string line; reader.next(line);) {
      for (std::size_t at = line.find("\\n"); at != std::string::npos; at = line.find("\\n", at))
        line.replace(at, 2, "  ");  // JSON's line ends
      for (std::string& word : lower_words(line)) words.push_back(std::move(word));
      for (std::size_t i = 0; i + kWords <= words.size(); ++i) hashes_.insert(stable_hash(joined(words, i, kWords)));
      words.erase(words.begin(), words.end() - static_cast<std::ptrdiff_t>(std::min(words.size(), kWords - 1)));
    }
  }
  for (const std::uint64_t hash : hashes_) digest_ += hash;  // a sum, since a set has no order
}

std::string NgramIndex::shared_with(std::string_view text) const {
  if (hashes_.empty()) return "";
  const std::vector<std::string> words = lower_words(text);
  for (std::size_t i = 0; i + kWords <= words.size(); ++i) {
    std::string run = joined(words, i, kWords);
    if (hashes_.count(stable_hash(run)) > 0) {
      run.pop_back();
      return run;
    }
  }
  return "";
}

}  // namespace longbow::data
