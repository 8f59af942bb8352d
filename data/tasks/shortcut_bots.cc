#include "data/tasks/shortcut_bots.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/random.h"
#include "data/item_statistics.h"
#include "data/tasks/multi_query.h"
#include "data/tasks/phrase.h"
#include "data/tasks/task_builder.h"
#include "data/tasks/word_hash.h"

namespace longbow::data {
namespace {

// A question's words in order, repeated ones included, as indexes into the different ones.
struct Query {
  std::vector<std::uint64_t> words;
  std::vector<std::size_t> order;
  std::vector<bool> is_content;  // of each different word

  explicit Query(std::string_view question) {
    for_each_word(question, [&](std::uint64_t hash, std::size_t, std::size_t) {
      const auto known = std::find(words.begin(), words.end(), hash);
      order.push_back(static_cast<std::size_t>(known - words.begin()));
      if (known == words.end()) words.push_back(hash);
    });
    const std::vector<std::string> texts = lower_words(question);
    is_content.resize(words.size());
    for (std::size_t i = 0; i < order.size(); ++i) is_content[order[i]] = !content_stem(texts[i]).empty();
  }
};

// The context as a retriever sees it. Only the question's words are counted: no other can change a score.
class SentenceIndex {
 public:
  SentenceIndex(std::string_view context, const Query& query) : query_(query), frequency_(query.words.size(), 0) {
    std::unordered_map<std::uint64_t, std::size_t> places;
    for (std::size_t i = 0; i < query.words.size(); ++i) places.emplace(query.words[i], i);
    for (const Sentence& sentence : split_sentences(context)) {
      spans_.push_back(sentence.span);
      counts_.resize(counts_.size() + query.words.size(), 0);
      int* counts = counts_.data() + counts_.size() - query.words.size();
      double length = 0;
      for_each_word(sentence.text, [&](std::uint64_t hash, std::size_t, std::size_t) {
        ++length;
        const auto place = places.find(hash);
        if (place != places.end() && counts[place->second]++ == 0) ++frequency_[place->second];
      });
      lengths_.push_back(length);
      mean_length_ += length;
    }
    mean_length_ = spans_.empty() ? 1 : mean_length_ / static_cast<double>(spans_.size());
  }

  /// Okapi BM25 with its usual constants (S. Robertson, H. Zaragoza, 2009).
  std::optional<EvidenceSpan> best_bm25() const {
    constexpr double k1 = 1.2, b = 0.75;
    std::vector<double> idf;
    for (const int holding : frequency_)
      idf.push_back(std::log(1 + (static_cast<double>(spans_.size()) - holding + 0.5) / (holding + 0.5)));
    return best([&](std::size_t sentence) {
      double score = 0;
      for (const std::size_t word : query_.order) {
        const double count = count_of(sentence, word);
        if (count > 0) score += idf[word] * count * (k1 + 1) / (count + k1 * (1 - b + b * lengths_[sentence] / mean_length_));
      }
      return score;
    });
  }
  std::optional<EvidenceSpan> best_keywords() const {
    return best([&](std::size_t sentence) {
      double shared = 0;
      for (const std::size_t word : query_.order) shared += query_.is_content[word] && count_of(sentence, word) > 0;
      return shared;
    });
  }
  std::optional<EvidenceSpan> with_rarest() const {
    std::optional<std::size_t> rarest;
    for (const std::size_t word : query_.order) {
      if (frequency_[word] > 0 && (!rarest || frequency_[word] < frequency_[*rarest])) rarest = word;
    }
    if (!rarest) return std::nullopt;
    return best([&](std::size_t sentence) { return count_of(sentence, *rarest) > 0 ? 1.0 : 0.0; });
  }

 private:
  int count_of(std::size_t sentence, std::size_t word) const { return counts_[sentence * query_.words.size() + word]; }

  template <class Score>
  std::optional<EvidenceSpan> best(Score score) const {  // the first of the highest; nullopt when nothing scores
    std::optional<EvidenceSpan> found;
    double highest = 0;
    for (std::size_t sentence = 0; sentence < spans_.size(); ++sentence) {
      const double value = score(sentence);
      if (value > highest) {
        highest = value;
        found = spans_[sentence];
      }
    }
    return found;
  }

  const Query& query_;
  std::vector<EvidenceSpan> spans_;
  std::vector<double> lengths_;  // words, of each sentence
  std::vector<int> counts_;      // [sentence][different word of the query]
  std::vector<int> frequency_;   // sentences that hold each word
  double mean_length_ = 0;
};

std::string nearest_to(const std::vector<Candidate>& candidates, const std::optional<EvidenceSpan>& sentence) {
  if (!sentence || candidates.empty()) return "";
  const auto distance = [&](const Candidate& candidate) {
    if (candidate.position >= sentence->start && candidate.position < sentence->end) return std::int64_t{0};
    return std::min(std::abs(candidate.position - sentence->start), std::abs(candidate.position - sentence->end));
  };
  return std::min_element(candidates.begin(), candidates.end(),
                          [&](const Candidate& a, const Candidate& b) { return distance(a) < distance(b); })
      ->text;
}

// The candidates, each once, in the order in which they first appear, with what tells them apart.
struct Different {
  std::string_view text;
  int count = 0;
};
std::vector<Different> different_of(const std::vector<Candidate>& candidates) {
  std::vector<Different> different;
  std::unordered_map<std::string_view, std::size_t> places;
  for (const Candidate& candidate : candidates) {
    const auto [place, is_new] = places.emplace(candidate.text, different.size());
    if (is_new) different.push_back({candidate.text, 0});
    ++different[place->second].count;
  }
  return different;
}

// The one with the highest score; one of them by chance when several have it, so that the bot is not "first" again.
template <class Score>
std::string highest(const std::vector<Different>& different, Rng& rng, Score score) {
  std::string_view found;
  std::int64_t best = 0;
  std::uint64_t ties = 0;
  for (const Different& one : different) {
    const std::int64_t value = score(one);
    if (ties == 0 || value > best) {
      best = value;
      ties = 0;
    }
    if (value == best && rng.below(++ties) == 0) found = one.text;
  }
  return std::string(found);
}

// The last number in the id, or a hash of an id without one.
std::uint64_t number_in(const std::string& id) {
  const std::size_t end = id.find_last_of("0123456789");
  if (end == std::string::npos) return stable_hash(id);
  std::uint64_t number = 0, scale = 1;
  for (std::size_t at = end + 1; at-- > 0 && id[at] >= '0' && id[at] <= '9'; scale *= 10)
    number += scale * static_cast<std::uint64_t>(id[at] - '0');
  return number;
}

}  // namespace

const std::vector<std::string>& item_bot_names() {
  static const std::vector<std::string> names = {"bm25",          "keyword", "nearest",  "first", "last",  "middle",
                                                 "most_frequent", "longest", "shortest", "id",    "random"};
  return names;
}

std::vector<std::string> task_bot_names(std::string_view task) {
  // As if a stated number were the one asked for; as if it told that by where it stands among the others.
  if (task == "cross_entity") return {"by_first_number", "by_second_number", "by_first_spacing", "by_second_spacing"};
  if (task == "fuzzy_needle") return {"lone_kind"};             // whoever's thing is the only one of its kind
  if (task == "long_doc_qa") return {"first_tie", "last_tie"};  // whatever place the asked person's page names first or last
  if (task == "multi_query") return query_bot_names();
  // The nearest thing of the last kind; a walk along any links; where the most, or the fewest, of such walks end.
  if (task == "web_search") return {"last_hop", "any_link", "most_walks", "fewest_walks"};
  return {};
}

BotAnswers run_bots(const Item& item, const Reading& reading) {
  const auto parts = split_message(item.messages.back().content);
  const Query query(item.question);
  const SentenceIndex index(parts ? parts->context : std::string_view(), query);
  const std::vector<Candidate>& candidates = reading.candidates;
  const std::vector<Different> different = different_of(candidates);
  const auto at = [&](std::uint64_t rank) {
    return different.empty() ? std::string() : std::string(different[rank % different.size()].text);
  };
  Rng rng(item.seed, {stable_hash("shortcut bots"), stable_hash(item.id)});
  const auto guess = [&] { return reading.guesses.empty() ? std::string() : rng.pick(reading.guesses); };
  std::vector<std::string> answers = {
      nearest_to(candidates, index.best_bm25()),
      nearest_to(candidates, index.best_keywords()),
      nearest_to(candidates, index.with_rarest()),
      at(0),
      candidates.empty() ? "" : candidates.back().text,
      at(different.size() / 2),
      highest(different, rng, [](const Different& one) { return one.count; }),
      highest(different, rng, [](const Different& one) { return static_cast<std::int64_t>(one.text.size()); }),
      highest(different, rng, [](const Different& one) { return -static_cast<std::int64_t>(one.text.size()); }),
      at(number_in(item.id)),
      guess(),
  };
  for (std::size_t i = 0; i < task_bot_names(item.task).size(); ++i) {  // a text that was tampered with may give none
    const bool has_answer = i < reading.shortcuts.size() && !reading.shortcuts[i].empty();
    answers.push_back(has_answer ? reading.shortcuts[i] : guess());
  }
  const std::vector<std::string>& gold = item.answer.answers;
  const auto is_gold = [&](std::string_view answer) { return std::find(gold.begin(), gold.end(), answer) != gold.end(); };
  BotAnswers result;
  for (const std::string& answer : answers) result.right.push_back(is_gold(answer));
  result.num_candidates = reading.guesses.size();
  result.gold = short_answer(gold.front());
  result.num_different = static_cast<int>(different.size());
  const auto found = std::find_if(different.begin(), different.end(), [&](const Different& one) { return is_gold(one.text); });
  if (found != different.end()) result.gold_rank = static_cast<int>(found - different.begin());
  return result;
}

}  // namespace longbow::data
