#include "data/tasks/shortcut_bots.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "core/random.h"
#include "data/tasks/phrase.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {
namespace {

struct IndexedSentence {
  EvidenceSpan span;
  std::unordered_map<std::string, int> counts;
  double length = 0;
};

// The context as a retriever sees it.
class SentenceIndex {
 public:
  explicit SentenceIndex(std::string_view context) {
    for (const Sentence& sentence : split_sentences(context)) {
      IndexedSentence indexed{sentence.span, {}, 0};
      for (std::string& word : lower_words(sentence.text)) {
        ++indexed.length;
        ++indexed.counts[std::move(word)];
      }
      for (const auto& [word, count] : indexed.counts) ++frequency_[word];
      mean_length_ += indexed.length;
      sentences_.push_back(std::move(indexed));
    }
    mean_length_ = sentences_.empty() ? 1 : mean_length_ / static_cast<double>(sentences_.size());
  }

  /// Okapi BM25 with its usual constants (S. Robertson, H. Zaragoza, 2009).
  const IndexedSentence* best_bm25(const std::vector<std::string>& query) const {
    constexpr double k1 = 1.2, b = 0.75;
    return best([&](const IndexedSentence& sentence) {
      double score = 0;
      for (const std::string& word : query) {
        const auto found = sentence.counts.find(word);
        if (found == sentence.counts.end()) continue;
        const double holding = frequency_.at(word), count = found->second;
        const double idf = std::log(1 + (static_cast<double>(sentences_.size()) - holding + 0.5) / (holding + 0.5));
        score += idf * count * (k1 + 1) / (count + k1 * (1 - b + b * sentence.length / mean_length_));
      }
      return score;
    });
  }
  const IndexedSentence* best_keywords(const std::vector<std::string>& query) const {
    return best([&](const IndexedSentence& sentence) {
      double shared = 0;
      for (const std::string& word : query) shared += !content_stem(word).empty() && sentence.counts.count(word) > 0;
      return shared;
    });
  }
  const IndexedSentence* with_rarest(const std::vector<std::string>& query) const {
    int fewest = 0;
    std::string rarest;
    for (const std::string& word : query) {
      const auto found = frequency_.find(word);
      if (found != frequency_.end() && (fewest == 0 || found->second < fewest)) {
        fewest = found->second;
        rarest = word;
      }
    }
    return best([&](const IndexedSentence& sentence) { return static_cast<double>(sentence.counts.count(rarest)); });
  }

 private:
  template <class Score>
  const IndexedSentence* best(Score score) const {  // the first of the highest; nullptr when nothing scores
    const IndexedSentence* found = nullptr;
    double highest = 0;
    for (const IndexedSentence& sentence : sentences_) {
      const double value = score(sentence);
      if (value > highest) {
        highest = value;
        found = &sentence;
      }
    }
    return found;
  }

  std::vector<IndexedSentence> sentences_;
  std::unordered_map<std::string, int> frequency_;
  double mean_length_ = 0;
};

std::string nearest_to(const std::vector<Candidate>& candidates, const IndexedSentence* sentence) {
  if (sentence == nullptr || candidates.empty()) return "";
  const auto distance = [&](const Candidate& candidate) {
    if (candidate.position >= sentence->span.start && candidate.position < sentence->span.end) return std::int64_t{0};
    return std::min(std::abs(candidate.position - sentence->span.start), std::abs(candidate.position - sentence->span.end));
  };
  return std::min_element(candidates.begin(), candidates.end(),
                          [&](const Candidate& a, const Candidate& b) { return distance(a) < distance(b); })
      ->text;
}

std::string most_frequent(const std::vector<Candidate>& candidates) {
  std::map<std::string_view, int> counts;
  for (const Candidate& candidate : candidates) ++counts[candidate.text];
  std::string best;
  int highest = 0;
  for (const Candidate& candidate : candidates) {
    if (counts[candidate.text] > highest) {
      highest = counts[candidate.text];
      best = candidate.text;
    }
  }
  return best;
}

}  // namespace

const std::vector<std::string>& bot_names() {
  static const std::vector<std::string> names = {"bm25", "keyword", "nearest", "first", "last", "most_frequent", "random", "constant"};
  return names;
}

std::vector<bool> run_bots(const Item& item, const Reading& reading) {
  const auto parts = split_message(item.messages.back().content);
  const SentenceIndex index(parts ? parts->context : std::string_view());
  const std::vector<std::string> query = lower_words(item.question);
  const std::vector<Candidate>& candidates = reading.candidates;
  Rng rng(item.seed, {stable_hash("random bot"), stable_hash(item.id)});
  const std::string answers[] = {
      nearest_to(candidates, index.best_bm25(query)),           nearest_to(candidates, index.best_keywords(query)),
      nearest_to(candidates, index.with_rarest(query)),         candidates.empty() ? "" : candidates.front().text,
      candidates.empty() ? "" : candidates.back().text,         most_frequent(candidates),
      reading.guesses.empty() ? "" : rng.pick(reading.guesses),
  };
  std::vector<bool> right;  // "constant" is BotTally's: it needs the whole file
  for (const std::string& answer : answers) right.push_back(answer == item.answer.answers.front());
  return right;
}

BotTally::BotTally() : right_(bot_names().size(), 0) {}

void BotTally::add(const std::string& gold, const std::vector<bool>& right, std::size_t num_candidates) {
  right_.back() = std::max(right_.back(), ++answers_[gold]);
  const double chance = num_candidates == 0 ? 1.0 : 1.0 / static_cast<double>(num_candidates);
  ++items_;
  chance_sum_ += chance;
  variance_sum_ += chance * (1 - chance);
  for (std::size_t bot = 0; bot < right.size(); ++bot) right_[bot] += right[bot];
}

std::vector<BotTally::Row> BotTally::rows() const {
  std::vector<Row> rows;
  const double n = static_cast<double>(std::max<std::int64_t>(items_, 1));
  for (std::size_t bot = 0; bot < right_.size(); ++bot) {
    Row row{bot_names()[bot], static_cast<double>(right_[bot]) / n, chance_sum_ / n, 0};
    row.allowed = row.chance + 4 * std::sqrt(variance_sum_) / n + 0.01;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<BotTally::Row> BotTally::failure() const {
  for (const Row& row : rows()) {
    if (row.accuracy > row.allowed) return row;
  }
  return std::nullopt;
}

Json BotTally::to_json() const {
  Json json = Json::object();
  const auto all = rows();
  json["chance"] = all.front().chance;
  json["allowed"] = all.front().allowed;
  for (const Row& row : all) json["accuracy"][row.bot] = row.accuracy;
  return json;
}

}  // namespace longbow::data
