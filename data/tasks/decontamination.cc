#include "data/tasks/decontamination.h"

#include <algorithm>
#include <array>

#include "core/errors.h"
#include "core/line_reader.h"
#include "data/tasks/word_hash.h"

namespace longbow::data {
namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15u;
constexpr std::uint64_t kBaseToWords = [] {  // kBase ^ kWords
  std::uint64_t power = 1;
  for (std::size_t i = 0; i < NgramIndex::kWords; ++i) power *= kBase;
  return power;
}();

// The hash of the last kWords words, as they come one by one: a polynomial, so that a word leaves as cheaply as it enters.
class RollingHash {
 public:
  /// False until there are kWords words. `start`: any number that goes with the word.
  bool add(std::uint64_t word, std::size_t start) {
    Place& place = places_[count_++ % NgramIndex::kWords];
    value_ = value_ * kBase + word - place.word * kBaseToWords;
    place = {word, start};
    return count_ >= NgramIndex::kWords;
  }
  std::uint64_t value() const { return value_; }
  /// What came with the first of the words.
  std::size_t first_start() const { return places_[count_ % NgramIndex::kWords].start; }

 private:
  struct Place {
    std::uint64_t word = 0;
    std::size_t start = 0;
  };
  std::array<Place, NgramIndex::kWords> places_{};
  std::size_t count_ = 0;
  std::uint64_t value_ = 0;
};

}  // namespace

NgramIndex::NgramIndex(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    LineReader reader(path);
    RollingHash run;  // runs cross line ends
    bool is_full = false;
    for (std::string line; reader.next(line);) {
      // A file that is no text, or next to none, would guard against nothing.
      if (line.find('\0') != std::string::npos)
        throw UserError(concat("decontaminate: expected text, got a NUL byte (", reader.where(), ")"));
      for (std::size_t at = line.find("\\n"); at != std::string::npos; at = line.find("\\n", at))
        line.replace(at, 2, "  ");  // JSON's line ends
      for_each_word(line, [&](std::uint64_t word, std::size_t start, std::size_t) {
        is_full = run.add(word, start);
        if (is_full) hashes_.insert(run.value());
      });
    }
    if (!is_full) throw UserError(concat("decontaminate: expected text of at least ", kWords, " words, got fewer (", path, ")"));
  }
  for (const std::uint64_t hash : hashes_) digest_ += hash;  // a sum, since a set has no order
}

std::string NgramIndex::shared_with(std::string_view text) const {
  std::string found;
  if (hashes_.empty()) return found;
  RollingHash run;
  for_each_word(text, [&](std::uint64_t word, std::size_t start, std::size_t end) {
    const bool is_full = run.add(word, start);
    if (is_full && found.empty() && hashes_.count(run.value()) > 0) found = text.substr(run.first_start(), end - run.first_start());
  });
  return found;
}

}  // namespace longbow::data
