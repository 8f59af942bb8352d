#include "data/tasks/token_counter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "data/chat_template.h"
#include "data/dataset.h"
#include "data/tokenizer.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

// Counts of short words, two to a set; a new one takes the place of whatever stood there, so that names and keys, which come once, cannot
// fill the memory.
class WordCounts {
 public:
  static constexpr std::size_t kMaxWordBytes = 23;

  /// The count of `word`, from `count_whole` when it is not known.
  template <class CountWhole>
  std::int64_t count(std::string_view word, CountWhole count_whole) {
    if (word.size() > kMaxWordBytes) return count_whole(word);
    std::array<std::uint64_t, 3> key{};
    std::memcpy(key.data(), word.data(), word.size());
    key[2] |= static_cast<std::uint64_t>(word.size()) << 56;
    std::uint64_t hash = (key[0] ^ std::rotl(key[1], 23) ^ std::rotl(key[2], 41)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    Entry* pair = &entries_[hash % (kEntries / 2) * 2];
    for (Entry* entry : {pair, pair + 1}) {
      const std::array<std::uint64_t, 3>& other = entry->key;  // == of arrays is a call, and this is the hottest line of a build
      if (((other[0] ^ key[0]) | (other[1] ^ key[1]) | (other[2] ^ key[2])) == 0) return entry->count;
    }
    Entry& victim = pair[next_victim_++ % 2];
    victim = {key, count_whole(word)};
    return victim.count;
  }

 private:
  struct Entry {
    std::array<std::uint64_t, 3> key{};  // the word's bytes, and its length in the last
    std::int64_t count = 0;              // of a word without bytes, which is no word
  };
  static constexpr std::size_t kEntries = 1 << 18;
  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
  std::size_t next_victim_ = 0;
};

class TemplatedCounter {
 public:
  explicit TemplatedCounter(const std::string& dir) : tokenizer_(dir), chat_template_(ChatTemplate::load(dir)) {}

  std::int64_t count(std::string_view content) {
    const std::string prompt = chat_template_.render({{"user", std::string(content)}}, true);
    if (!tokenizer_.words_apart()) return count_whole(prompt);
    std::unique_ptr<WordCounts> words = borrow();
    const auto whole = [this](std::string_view word) { return count_whole(word); };
    std::int64_t count = 0;
    for (std::size_t start = 0; start < prompt.size();) {
      std::size_t end = prompt.find_first_not_of(' ', start);
      end = end == std::string::npos ? prompt.size() : std::min(prompt.find(' ', end), prompt.size());
      count += words->count(std::string_view(prompt).substr(start, end - start), whole);
      start = end;
    }
    give_back(std::move(words));
    return count;
  }

 private:
  std::int64_t count_whole(std::string_view text) const { return static_cast<std::int64_t>(tokenizer_.encode(text).size()); }

  // Each call has a cache to itself, so that counting takes no lock.
  std::unique_ptr<WordCounts> borrow() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<WordCounts>();
    std::unique_ptr<WordCounts> words = std::move(idle_.back());
    idle_.pop_back();
    return words;
  }
  void give_back(std::unique_ptr<WordCounts> words) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(words));
  }

  const Tokenizer tokenizer_;
  const ChatTemplate chat_template_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCounts>> idle_;
};

}  // namespace

TokenCounter make_token_counter(const std::string& tokenizer_dir, double chars_per_token) {
  if (tokenizer_dir.empty()) {
    return [chars_per_token](std::string_view content) {
      return static_cast<std::int64_t>(std::ceil(static_cast<double>(content.size()) / chars_per_token));
    };
  }
  auto counter = std::make_shared<TemplatedCounter>(tokenizer_dir);
  return [counter](std::string_view content) { return counter->count(content); };
}

bool has_tokenizer(const std::string& tokenizer_dir) {
  const fs::path dir(tokenizer_dir);
  return !tokenizer_dir.empty() && (fs::exists(dir / "tokenizer.model") || fs::exists(dir / "tokenizer.json"));
}

std::string tokenizer_digest(const std::string& tokenizer_dir) {
  std::string digests;
  for (const char* name : {"tokenizer.model", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
    const fs::path path = fs::path(tokenizer_dir) / name;
    if (fs::exists(path)) digests += file_digest(path.string());
  }
  return bytes_digest(digests);
}

}  // namespace longbow::data
