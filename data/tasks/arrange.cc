#include "data/tasks/arrange.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "data/tasks/keep_out.h"

namespace longbow::data {
namespace {

constexpr int kMaxCounts = 48;        // a text that still does not fit is dropped, so that building always ends
constexpr double kFirstGuess = 0.28;  // tokens a byte, before anything was counted
constexpr double kTrialShare = 0.2;   // of a long text, filled first to learn better than that

// Filler sentences one by one, without repetition: a Fisher-Yates shuffle that stops where it is.
class FillerDeck {
 public:
  FillerDeck(const std::vector<std::string>& filler, const std::vector<std::string>& keep_out, Rng& rng)
      : filler_(filler), keep_out_(keep_out), rng_(rng), order_(filler.size()) {
    std::iota(order_.begin(), order_.end(), 0u);
  }
  /// nullptr when all were dealt.
  const std::string* deal() {
    while (dealt_ < order_.size()) {
      std::swap(order_[dealt_], order_[dealt_ + rng_.below(order_.size() - dealt_)]);
      const std::string& sentence = filler_[order_[dealt_++]];
      if (keep_out_.permits(sentence)) return &sentence;
    }
    return nullptr;
  }

 private:
  const std::vector<std::string>& filler_;
  const KeepOut keep_out_;
  Rng& rng_;
  std::vector<std::uint32_t> order_;
  std::size_t dealt_ = 0;
};

// A sentence or unit of filler. `key` says where it stands: what was dealt last was picked to be short, and short filler at the end would
// push the evidence there.
struct Piece {
  const std::string* text = nullptr;
  std::uint32_t key = 0;
};

// The filler as the draft wants it: sentences, or units made of them.
class Filler {
 public:
  Filler(const Draft& draft, const std::vector<std::string>& sentences, Rng& rng)
      : draft_(draft), deck_(sentences, draft.keep_out, rng), rng_(rng) {}

  /// nullopt when there is no more.
  std::optional<Piece> next(double room_bytes) {
    const std::string* text = draft_.filler_unit ? next_unit(room_bytes) : deck_.deal();
    return text == nullptr ? std::nullopt : std::optional(Piece{text, rng_.next_u32()});
  }

 private:
  const std::string* next_unit(double room_bytes) {
    std::string unit = draft_.filler_unit([this] { return deck_.deal(); }, static_cast<std::size_t>(std::max(0.0, room_bytes)), rng_);
    return unit.empty() ? nullptr : &units_.emplace_back(std::move(unit));
  }

  const Draft& draft_;
  FillerDeck deck_;
  Rng& rng_;
  std::deque<std::string> units_;  // whose addresses stay
};

class Layout {
 public:
  Layout(const Draft& draft, Rng& rng) : draft_(draft), depths_(draft.sentences.size()), by_depth_(draft.sentences.size()) {
    for (double& depth : depths_) depth = rng.uniform();
    for (const std::vector<std::size_t>& group : draft.ordered) {
      std::vector<double> drawn;
      for (const std::size_t sentence : group) drawn.push_back(depths_[sentence]);
      std::sort(drawn.begin(), drawn.end());
      for (std::size_t i = 0; i < group.size(); ++i) depths_[group[i]] = drawn[i];
    }
    std::iota(by_depth_.begin(), by_depth_.end(), std::size_t{0});
    std::sort(by_depth_.begin(), by_depth_.end(), [&](std::size_t a, std::size_t b) { return depths_[a] < depths_[b]; });
  }

  Arrangement render(std::vector<Piece> filler) const {
    std::stable_sort(filler.begin(), filler.end(), [](const Piece& a, const Piece& b) { return a.key < b.key; });
    Arrangement result;
    std::vector<EvidenceSpan> spans(draft_.sentences.size());
    std::string& text = result.content;
    const auto append = [&](const std::string& sentence) {
      if (!text.empty()) text += draft_.separator;
      text += sentence;
    };
    std::size_t next = 0;
    for (std::size_t slot = 0; slot <= filler.size(); ++slot) {
      for (; next < by_depth_.size() && slot_of(by_depth_[next], filler.size()) == slot; ++next) {
        const std::size_t sentence = by_depth_[next];
        append(draft_.sentences[sentence]);
        spans[sentence] = {static_cast<std::int64_t>(text.size() - draft_.sentences[sentence].size()),
                           static_cast<std::int64_t>(text.size())};
      }
      if (slot < filler.size()) append(*filler[slot].text);
    }
    for (std::size_t i = 0; i < draft_.evidence.size(); ++i) {
      EvidenceSpan& span = result.evidence.emplace_back(spans[draft_.evidence[i]]);
      if (draft_.evidence_bytes.empty()) continue;
      span = {span.start + draft_.evidence_bytes[i].start, span.start + draft_.evidence_bytes[i].end};
    }
    result.spans = std::move(spans);
    if (!result.evidence.empty() && !text.empty()) {
      result.first_depth = static_cast<double>(result.evidence[0].start) / static_cast<double>(text.size());
    }
    text += "\n\nQuestion: " + draft_.question;
    return result;
  }

 private:
  std::size_t slot_of(std::size_t sentence, std::size_t num_filler) const {
    return static_cast<std::size_t>(depths_[sentence] * static_cast<double>(num_filler + 1));
  }

  const Draft& draft_;
  std::vector<double> depths_;
  std::vector<std::size_t> by_depth_;
};

std::size_t bytes_of(const std::vector<Piece>& filler) {
  std::size_t bytes = 0;
  for (const Piece& piece : filler) bytes += piece.text->size() + 1;
  return bytes;
}

}  // namespace

std::optional<Arrangement> arrange(const Draft& draft, const std::vector<std::string>& filler, std::int64_t limit_tokens,
                                   const TokenCounter& count_tokens, Rng& rng) {
  const Layout layout(draft, rng);
  Filler deck(draft, filler, rng);
  std::vector<Piece> chosen;
  Arrangement current = layout.render(chosen);
  const std::int64_t bare = current.num_tokens = count_tokens(current.content);
  if (bare > limit_tokens) return std::nullopt;
  double tokens_per_byte = kFirstGuess;
  // Counting a long text is most of the work, so it should end in two or three counts: a trial stretch tells what a byte of this filler
  // costs, and the rest aims at the middle of what is allowed, where an estimate may miss to either side.
  const std::int64_t slack = length_slack(limit_tokens), lowest = limit_tokens - slack;
  const double trial = kTrialShare * static_cast<double>(limit_tokens - bare), near = 8.0 * static_cast<double>(slack);
  for (int counts = 1; current.num_tokens < lowest && counts < kMaxCounts; ++counts) {
    // Fill the gap as estimated; near the end that means looking for the one sentence that is short enough.
    std::vector<Piece> grown = chosen;
    double gap = static_cast<double>(limit_tokens - current.num_tokens);
    if (gap > near) gap = chosen.empty() ? trial : gap - 0.5 * static_cast<double>(slack);
    const int max_misses = gap > 64 ? 4 : 256;
    for (int misses = 0; misses < max_misses && gap > 0;) {
      const std::optional<Piece> piece = deck.next(gap / tokens_per_byte);
      if (!piece) return std::nullopt;
      const double cost = tokens_per_byte * static_cast<double>(piece->text->size() + 1) + 0.5;
      if (cost > gap) {
        ++misses;
        continue;
      }
      grown.push_back(*piece);
      gap -= cost;
    }
    if (grown.size() == chosen.size()) {  // nothing is short enough: take one sentence back and look again
      if (chosen.empty()) return std::nullopt;
      grown.pop_back();
      chosen.pop_back();
    }
    Arrangement next = layout.render(grown);
    next.num_tokens = count_tokens(next.content);
    const std::size_t filler_bytes = bytes_of(grown);
    if (filler_bytes > 0) tokens_per_byte = std::max(0.01, static_cast<double>(next.num_tokens - bare) / static_cast<double>(filler_bytes));
    // Too long: give back what was added last until the estimate fits.
    while (next.num_tokens > limit_tokens && grown.size() > chosen.size() && counts < kMaxCounts) {
      double over = static_cast<double>(next.num_tokens - limit_tokens);
      while (over > 0 && grown.size() > chosen.size()) {
        over -= tokens_per_byte * static_cast<double>(grown.back().text->size() + 1);
        grown.pop_back();
      }
      next = layout.render(grown);
      next.num_tokens = count_tokens(next.content);
      ++counts;
    }
    if (next.num_tokens <= limit_tokens) {
      chosen = std::move(grown);
      current = std::move(next);
    }
  }
  if (current.num_tokens < lowest) return std::nullopt;
  return current;
}

}  // namespace longbow::data
