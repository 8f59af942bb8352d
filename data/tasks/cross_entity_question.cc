// CrossEntity's questions in words, the steps that answer them, and what a guesser chooses from.
#include <algorithm>
#include <cstdlib>

#include "data/tasks/cross_entity.h"

namespace longbow::data {
namespace {

// "the second oldest"
std::string rank_phrase(const CrossTheme& theme, int rank) {
  constexpr std::array kOrdinals = {"", "second ", "third ", "fourth "};
  static_assert(kOrdinals.size() == kLastCrossRank);
  return concat("the ", kOrdinals[std::abs(rank) - 1], rank > 0 ? theme.highest : theme.lowest);
}

}  // namespace

std::int64_t cross_window(const CrossTheme& theme, std::int64_t num_entities, CrossQuestion::Ask ask) {
  constexpr std::int64_t kRoom = 2, kSpacing = 16;  // windows a peer that the range must have, and preferably has
  const std::int64_t range = theme.high - theme.low, halves = 2 * num_entities;
  const std::int64_t widest = std::min(theme.derived_high - theme.derived_low, range / (kRoom * num_entities)) / 2 * 2;
  if (widest < halves) return 0;
  // Half of a count's or sum's must hold everyone, no two level; a rank's holds everyone.
  const std::int64_t narrowest = ask == CrossQuestion::Ask::rank ? (num_entities + 3) / 2 * 2 : halves;
  return std::clamp(range / (kSpacing * num_entities) / 2 * 2, narrowest, widest);
}

std::size_t num_cross_wordings(const CrossQuestion& question) {
  return question.ask == CrossQuestion::Ask::rank ? cross_themes()[question.theme].which.size() : 1;
}

std::string cross_question_pattern(const CrossQuestion& question, std::size_t wording) {
  const CrossTheme& theme = cross_themes()[question.theme];
  const std::string_view plural = theme.kinds[question.kind].plural;
  switch (question.ask) {
    case CrossQuestion::Ask::rank:
      return put(put(theme.which[wording], '@', plural), '#', rank_phrase(theme, question.rank));
    case CrossQuestion::Ask::more:
      return put(theme.more, '@', plural);
    case CrossQuestion::Ask::less:
      return put(theme.less, '@', plural);
    case CrossQuestion::Ask::sum:
      return put(theme.sum, '@', plural);
  }
  return "";
}

std::vector<std::string> cross_chain(const CrossQuestion& question, std::vector<CrossEntity> entities) {
  std::sort(entities.begin(), entities.end(), [](const CrossEntity& a, const CrossEntity& b) { return a.name < b.name; });
  std::vector<std::string> chain;
  for (const CrossEntity& entity : entities)
    chain.push_back(concat(entity.name, ": ", entity.second, " - ", entity.first, " = ", entity.derived(), "."));
  std::string last;
  if (question.ask == CrossQuestion::Ask::rank) {
    std::vector<CrossEntity> ordered = entities;
    std::sort(ordered.begin(), ordered.end(), [](const CrossEntity& a, const CrossEntity& b) { return a.derived() > b.derived(); });
    const std::size_t at = question.rank > 0 ? question.rank - 1 : ordered.size() + question.rank;
    if (at < ordered.size()) {
      last = concat(put("#: ", '#', rank_phrase(cross_themes()[question.theme], question.rank)), ordered[at].name, ".");
    }
  } else if (question.ask == CrossQuestion::Ask::sum) {
    std::int64_t sum = 0;
    for (const CrossEntity& entity : entities) {
      last += (last.empty() ? "" : " + ") + std::to_string(entity.derived());
      sum += entity.derived();
    }
    last += concat(" = ", sum, ".");
  } else {
    const bool more = question.ask == CrossQuestion::Ask::more;
    std::int64_t count = 0;
    last = concat(more ? "More than " : "Less than ", question.threshold, ":");
    for (const CrossEntity& entity : entities) {
      if (more ? entity.derived() <= question.threshold : entity.derived() >= question.threshold) continue;
      last += concat(count++ == 0 ? " " : ", ", entity.name);
    }
    last += concat("; that makes ", count, ".");
  }
  chain.push_back(std::move(last));
  return chain;
}

std::vector<std::string> cross_guesses(const CrossQuestion& question, const std::vector<CrossEntity>& entities,
                                       const std::set<std::string>& shown_numbers) {
  std::vector<std::string> guesses;
  if (question.ask == CrossQuestion::Ask::rank) {
    for (const CrossEntity& entity : entities) guesses.push_back(entity.name);
    std::sort(guesses.begin(), guesses.end());
    return guesses;
  }
  const CrossTheme& theme = cross_themes()[question.theme];
  const auto count = static_cast<std::int64_t>(entities.size());
  const bool sum = question.ask == CrossQuestion::Ask::sum;
  const std::int64_t low = sum ? count * theme.derived_low : 1, high = sum ? count * theme.derived_high : count - 1;
  for (std::int64_t number = low; number <= high; ++number) {
    std::string text = std::to_string(number);
    if (shown_numbers.count(text) == 0) guesses.push_back(std::move(text));
  }
  return guesses;
}

}  // namespace longbow::data
