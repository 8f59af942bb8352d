#include "rewards/sequence_ratio.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/errors.h"
#include "rewards/answer_reward.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kAutojunkFrom = 200;  // code points of b
constexpr std::size_t kShortText = 1000;    // bytes that are never too long

std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) points += next_code_point(text, at);
  return points;
}

struct Block {
  std::size_t a, b, size;
};

// Part of both texts: a[a_begin, a_end) and b[b_begin, b_end).
struct Window {
  std::size_t a_begin, a_end, b_begin, b_end;
};

class SequenceMatcher {
 public:
  SequenceMatcher(const std::u32string& a, const std::u32string& b) : a_(a), b_(b), length_(b.size() + 1), row_(b.size() + 1) {
    std::unordered_map<char32_t, std::vector<std::uint32_t>> positions;
    for (std::size_t j = 0; j < b.size(); ++j) positions[b[j]].push_back(static_cast<std::uint32_t>(j));
    if (b.size() >= kAutojunkFrom) {
      std::erase_if(positions, [&](const auto& entry) { return entry.second.size() > b.size() / 100 + 1; });
    }
    for (auto& [point, list] : positions) {
      starts_[point] = {static_cast<std::uint32_t>(places_.size()), static_cast<std::uint32_t>(places_.size() + list.size())};
      places_.insert(places_.end(), list.begin(), list.end());
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto found = starts_.find(a[i]);
      if (found != starts_.end()) anchors_.push_back({static_cast<std::uint32_t>(i), found->second.first, found->second.second});
    }
  }

  std::size_t matched() {
    std::size_t total = 0;
    std::vector<Window> open{{0, a_.size(), 0, b_.size()}};
    while (!open.empty()) {
      const Window window = open.back();
      open.pop_back();
      const Block block = longest(window);
      if (block.size == 0) continue;
      total += block.size;
      if (window.a_begin < block.a && window.b_begin < block.b) open.push_back({window.a_begin, block.a, window.b_begin, block.b});
      const std::size_t a_after = block.a + block.size, b_after = block.b + block.size;
      if (a_after < window.a_end && b_after < window.b_end) open.push_back({a_after, window.a_end, b_after, window.b_end});
    }
    return total;
  }

 private:
  // A place in a whose code point is in b and not too frequent, and where in places_ its places in b are listed.
  struct Anchor {
    std::uint32_t at, first, last;
  };

  // The longest block of anchors (the first in a, then in b, of equals), then widened over frequent code points, as difflib has it.
  Block longest(const Window& window) {
    Block best{window.a_begin, window.b_begin, 0};
    std::size_t best_row = SIZE_MAX;
    auto anchor = std::lower_bound(anchors_.begin(), anchors_.end(), window.a_begin,
                                   [](const Anchor& entry, std::size_t at) { return entry.at < at; });
    const std::uint32_t row_base = next_row_;
    for (; anchor != anchors_.end() && anchor->at < window.a_end; ++anchor) {
      const auto first = places_.begin() + anchor->first, last = places_.begin() + anchor->last;
      // length_[j + 1]: of the block that ends at (this row, j). From the last place on, so that length_[j] is still the row before's.
      const std::uint32_t row = row_base + static_cast<std::uint32_t>(anchor->at - window.a_begin) + 1;
      for (auto place = std::lower_bound(first, last, window.b_end); place != first && *(place - 1) >= window.b_begin;) {
        const std::size_t j = *--place;
        const std::uint32_t length = (j > window.b_begin && row_[j] == row - 1 ? length_[j] : 0) + 1;
        length_[j + 1] = length;
        row_[j + 1] = row;
        if (length > best.size || (length == best.size && best_row == row)) {
          best = {anchor->at + 1 - length, j + 1 - length, length};
          best_row = row;
        }
      }
    }
    next_row_ = row_base + static_cast<std::uint32_t>(window.a_end - window.a_begin) + 1;
    if (next_row_ > UINT32_MAX / 2) {
      std::fill(row_.begin(), row_.end(), 0);
      next_row_ = 1;
    }
    while (best.a > window.a_begin && best.b > window.b_begin && a_[best.a - 1] == b_[best.b - 1]) --best.a, --best.b, ++best.size;
    while (best.a + best.size < window.a_end && best.b + best.size < window.b_end && a_[best.a + best.size] == b_[best.b + best.size]) {
      ++best.size;
    }
    return best;
  }

  const std::u32string& a_;
  const std::u32string& b_;
  std::vector<std::uint32_t> places_;  // of every code point of b that is not too frequent, ascending
  std::unordered_map<char32_t, std::pair<std::uint32_t, std::uint32_t>> starts_;
  std::vector<Anchor> anchors_;
  std::vector<std::uint32_t> length_, row_;  // row_ says which row length_ is of, so that nothing is ever cleared
  std::uint32_t next_row_ = 1;
};

std::string_view prefix_of(const Json& params) {
  const Json* value = params.find("prefix");
  if (value == nullptr || value->is_null()) return "";
  if (!value->is_string()) throw UserError(concat("reward sequence_ratio: expected params.prefix to be a string, got ", value->dump()));
  return value->as_string();
}

}  // namespace

double sequence_ratio(std::string_view a, std::string_view b) {
  const std::u32string left = code_points(a), right = code_points(b);
  if (left.empty() && right.empty()) return 1;
  return 2.0 * static_cast<double>(SequenceMatcher(left, right).matched()) / static_cast<double>(left.size() + right.size());
}

RewardResult sequence_ratio_reward(const RewardInput& input) {
  const std::string_view prefix = prefix_of(input.params);
  std::string failure;
  const std::optional<std::string_view> text = after_thinking(input.prediction, failure);
  if (!text) return {0.0, "", failure};
  std::string_view answer = *text;
  if (answer.size() < input.prediction.size()) answer.remove_prefix(std::min(answer.find_first_not_of(" \t\r\n"), answer.size()));
  if (!answer.starts_with(prefix)) return {0.0, shown(answer), "does not start with the prefix"};
  answer.remove_prefix(prefix.size());
  RewardResult best{0.0, shown(answer), "no gold answer to compare with"};
  for (std::string_view gold : input.answers) {
    if (gold.starts_with(prefix)) gold.remove_prefix(prefix.size());
    if (gold.empty()) continue;
    const bool too_long = answer.size() > kShortText && answer.size() > kMaxSequenceRatio * gold.size();
    const double ratio = too_long ? 0 : sequence_ratio(answer, gold);
    if (ratio < *best.score) continue;
    best.score = ratio;
    best.reason = too_long ? "too long beside the gold answer" : "similarity of the texts after the prefix";
  }
  return best;
}

}  // namespace longbow::rewards
