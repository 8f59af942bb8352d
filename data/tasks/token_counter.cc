#include "data/tasks/token_counter.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/chat_template.h"
#include "data/dataset.h"
#include "data/tokenizer.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxWords = 200'000;       // a cache; beyond it starts anew, since keys and codes would fill it without end
constexpr std::size_t kMaxCachedWordBytes = 24;  // longer ones are rarely met twice

class TemplatedCounter {
 public:
  explicit TemplatedCounter(const std::string& dir) : tokenizer_(dir), chat_template_(ChatTemplate::load(dir)) {}

  std::int64_t count(std::string_view content) {
    const std::string prompt = chat_template_.render({{"user", std::string(content)}}, true);
    if (!tokenizer_.words_apart()) return count_whole(prompt);
    std::unique_ptr<Words> words = borrow();
    std::int64_t count = 0;
    for (std::size_t start = 0; start < prompt.size();) {
      std::size_t end = prompt.find_first_not_of(' ', start);
      end = end == std::string::npos ? prompt.size() : std::min(prompt.find(' ', end), prompt.size());
      count += count_word(std::string_view(prompt).substr(start, end - start), *words);
      start = end;
    }
    give_back(std::move(words));
    return count;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };
  using Words = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;

  std::int64_t count_whole(std::string_view text) const { return static_cast<std::int64_t>(tokenizer_.encode(text).size()); }

  std::int64_t count_word(std::string_view word, Words& words) const {
    if (word.size() > kMaxCachedWordBytes) return count_whole(word);
    const auto known = words.find(word);
    if (known != words.end()) return known->second;
    if (words.size() >= kMaxWords) words.clear();
    return words.emplace(std::string(word), count_whole(word)).first->second;
  }

  // Each call has a cache to itself, so that counting takes no lock.
  std::unique_ptr<Words> borrow() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Words>();
    std::unique_ptr<Words> words = std::move(idle_.back());
    idle_.pop_back();
    return words;
  }
  void give_back(std::unique_ptr<Words> words) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(words));
  }

  const Tokenizer tokenizer_;
  const ChatTemplate chat_template_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Words>> idle_;
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
