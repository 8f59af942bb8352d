// CrossEntity over the user's questions: dates that 2Wiki's evidence gives to people, films, firms … are compared by how far they lie
// apart. The paragraphs are the user's; what is asked about them is ours.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "data/tasks/cross_entity.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr std::int64_t kMinPeers = 3;
constexpr std::int64_t kLargestGap = 60;    // years that are asked for lie in [2, kLargestGap], evenly
constexpr std::string_view kMarks = "@#%";  // of the patterns below
// '@' what is compared, '#' whom with, '%' the peers.
constexpr std::array kNearest = {
    "Whose @ is nearest to that of #: %?",
    "Of %, who or what has the @ nearest to the @ of #?",
    "Take the @ of #. Among %, whose is the nearest to it?",
    "With which of these does # come closest in its @: %?",
    "The @ of which of these lies least far from the @ of #: %?",
    "Compare the @ of # with those of %. Whose differs least?",
};
// '%' the other one.
constexpr std::array kGaps = {
    "How many years lie between the @ of # and the @ of %?",
    "By how many years do the @ of # and that of % differ?",
    "Between the @ of # and that of %, how many years passed?",
    "What is the difference in years between the @ of # and that of %?",
    "Count the years from one to the other: the @ of # and the @ of %.",
    "The @ of # and the @ of %: how many years are they apart?",
};

// The only number of three or four digits.
std::optional<std::int64_t> year_of(std::string_view text) {
  std::optional<std::int64_t> year;
  for (const Sentence& number : find_numbers(text)) {
    if (number.text.size() < 3 || number.text.size() > 4) continue;
    if (year) return std::nullopt;
    year = std::stoll(std::string(number.text));
  }
  return year;
}

bool holds_number(std::string_view text, std::int64_t number) {
  const std::vector<Sentence> numbers = find_numbers(text);
  return std::any_of(numbers.begin(), numbers.end(), [&](const Sentence& one) { return one.text == std::to_string(number); });
}

std::vector<UserDates::Date> dates_of(const QaItem& question) {
  std::vector<UserDates::Date> dates;
  for (const QaTriple& triple : question.evidence) {
    const auto year = year_of(triple.object);
    const QaParagraph* paragraph = paragraph_about(question, triple.subject);
    if (!year || paragraph == nullptr) continue;
    QaItem alone;
    alone.paragraphs = {*paragraph};
    const std::vector<std::string> pages = quoted_evidence(alone);
    const std::string name = one_line(paragraph->title);
    const bool has_mark = concat(name, triple.relation).find_first_of(kMarks) != std::string::npos;
    if (pages.empty() || has_mark || !pages.front().starts_with(name + ": ") || !holds_number(pages.front(), *year)) continue;
    dates.push_back({name, one_line(triple.relation), one_line(triple.object), *year, pages.front()});
  }
  return dates;
}

// "A, B and C"
std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) list += concat(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
  return list;
}

std::string question_text(const char* pattern, const std::string& relation, const std::string& reference,
                          const std::vector<std::string>& peers) {
  return put(put(put(pattern, '@', relation), '#', reference), '%', listed(peers));
}

std::string date_step(const std::string& name, const std::string& relation, const std::string& stated) {
  return concat(name, ", ", relation, ": ", stated, ".");
}

std::string gap_step(const std::string& name, std::int64_t year, std::int64_t reference) {
  return concat(name, ": ", std::max(year, reference), " - ", std::min(year, reference), " = ", std::abs(year - reference), ".");
}

// The name, or the number, of the smallest difference that the chain's steps give.
std::string nearest_of_chain(const std::vector<std::string>& chain, bool asks_entity) {
  constexpr std::size_t kMaxDigits = 9;
  std::optional<std::int64_t> least;
  std::string nearest;
  for (const std::string& step : chain) {
    const std::size_t equals = step.rfind(" = ");
    if (equals == std::string::npos) continue;
    const std::vector<Sentence> numbers = find_numbers(std::string_view(step).substr(equals));
    if (numbers.size() != 1 || numbers.front().text.size() > kMaxDigits) continue;
    const std::int64_t gap = std::stoll(std::string(numbers.front().text));
    if (least && gap >= *least) continue;
    least = gap;
    nearest = asks_entity ? step.substr(0, step.rfind(": ")) : std::to_string(gap);
  }
  return nearest;
}

std::vector<std::string> gap_guesses(std::string_view context) {
  std::vector<std::string> guesses;
  for (std::int64_t gap = 2; gap <= kLargestGap; ++gap) {
    if (!holds_number(context, gap)) guesses.push_back(std::to_string(gap));
  }
  return guesses;
}

}  // namespace

UserDates::UserDates(const std::vector<const QaItem*>& questions) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const QaItem* question : questions) {
    for (Date& date : dates_of(*question)) {
      if (seen.emplace(date.relation, date.name).second) by_relation_[date.relation].push_back(std::move(date));
    }
  }
}

bool UserDates::gives_one(const QaItem& question) { return !dates_of(question).empty(); }

std::optional<Draft> UserDates::draft(const QaItem& question, std::int64_t count, bool asks_entity, Rng& rng) const {
  const std::vector<Date> own = dates_of(question);
  if (own.empty()) return std::nullopt;
  const Date& reference = rng.pick(own);
  const std::vector<Date>& known = by_relation_.at(reference.relation);
  const auto gap_to = [&](const Date& date) { return std::abs(date.year - reference.year); };
  std::vector<const Date*> peers;
  const auto suits = [&](const Date& date) {
    const auto clashes = [&](const Date& other) { return is_confusable(date.name, other.name) || date.page == other.page; };
    return !clashes(reference) && std::none_of(peers.begin(), peers.end(), [&](const Date* peer) { return clashes(*peer); });
  };
  // Adds up to `wanted` of the known dates that pass, in random order; says whether there were enough.
  const auto add = [&](std::int64_t wanted, const auto& passes) {
    std::vector<const Date*> pool;
    for (const Date& date : known) {
      if (passes(date)) pool.push_back(&date);
    }
    rng.shuffle(pool);
    for (const Date* date : pool) {
      if (wanted > 0 && suits(*date)) {
        peers.push_back(date);
        --wanted;
      }
    }
    return wanted == 0;
  };

  const std::int64_t wanted_gap = rng.between(2, kLargestGap);
  if (asks_entity) {
    // The one asked for first. Others lie further off: some before and some after, so that its place among them all is drawn evenly.
    if (!add(1, [&](const Date& date) { return gap_to(date) > 0 && gap_to(date) <= kLargestGap; })) return std::nullopt;
    const std::int64_t nearest = gap_to(*peers.front());
    const std::int64_t before = rng.between(0, count - 1);
    const bool enough = add(before, [&](const Date& date) { return date.year < reference.year - nearest; }) &&
                        add(count - 1 - before, [&](const Date& date) { return date.year > reference.year + nearest; });
    if (!enough || count < kMinPeers) return std::nullopt;
  } else {
    if (!add(1, [&](const Date& date) { return gap_to(date) == wanted_gap; })) return std::nullopt;
    add(count - 1, [](const Date&) { return true; });
  }
  const Date& gold = *peers.front();

  Draft draft;
  draft.evidence.push_back(0);
  draft.sentences.push_back(reference.page);
  draft.gold_chain.push_back(date_step(reference.name, reference.relation, reference.stated));
  std::vector<const Date*> compared(peers.begin(), asks_entity ? peers.end() : peers.begin() + 1);
  std::sort(compared.begin(), compared.end(), [](const Date* a, const Date* b) { return a->name < b->name; });
  std::vector<std::string> names, gaps;
  for (const Date* date : compared) {
    draft.evidence.push_back(draft.sentences.size());
    draft.sentences.push_back(date->page);
    draft.gold_chain.push_back(date_step(date->name, date->relation, date->stated));
    gaps.push_back(gap_step(date->name, date->year, reference.year));
    names.push_back(date->name);
  }
  draft.gold_chain.insert(draft.gold_chain.end(), gaps.begin(), gaps.end());
  for (std::size_t i = compared.size(); i < peers.size(); ++i) draft.sentences.push_back(peers[i]->page);
  std::string all;
  for (const std::string& page : draft.sentences) all += page + "\n";
  const std::vector<std::string> guesses = gap_guesses(all);
  if (!asks_entity && holds_number(all, wanted_gap)) return std::nullopt;

  rng.shuffle(names);
  draft.question = question_text(asks_entity ? kNearest[rng.below(kNearest.size())] : kGaps[rng.below(kGaps.size())], reference.relation,
                                 reference.name, names);
  draft.answer = asks_entity ? Answer{"exact_match", {gold.name}} : Answer{"numeric", {std::to_string(wanted_gap)}};
  note_question(draft, question, draft.evidence.size());
  draft.keep_out = {reference.name};
  for (const Date* peer : peers) draft.keep_out.push_back(peer->name);
  if (!asks_entity) draft.keep_out.push_back(std::to_string(wanted_gap));
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(asks_entity ? peers.size() : guesses.size());
  draft.difficulty["operation"] = asks_entity ? "nearest" : "gap";
  draft.difficulty["relation"] = reference.relation;
  draft.difficulty["compared"] = texts_as_json(names);
  draft.difficulty["reference"] = reference.name;
  return draft;
}

Reading read_cross_entity_of_questions(const Item& item) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto text_of = [&](std::string_view key) {
    const Json* text = item.difficulty.find(key);
    return text != nullptr && text->is_string() ? text->as_string() : std::string();
  };
  const std::string relation = text_of("relation"), reference = text_of("reference");
  std::vector<std::string> names = stored_texts(item, "compared");
  const auto asks = [&](const auto& patterns) {
    return parts && std::any_of(patterns.begin(), patterns.end(),
                                [&](const char* pattern) { return parts->question == question_text(pattern, relation, reference, names); });
  };
  const bool asks_entity = asks(kNearest);
  if (names.empty() || (!asks_entity && !(asks(kGaps) && names.size() == 1))) {
    reading.problem = "the question is none that cross_entity asks about dates";
    return reading;
  }
  std::sort(names.begin(), names.end());

  // Dates are the user's word, in the chain; that the paragraph about the name holds the year can be checked.
  std::vector<std::string> steps, gaps;
  std::vector<std::pair<std::int64_t, std::string>> years;
  names.insert(names.begin(), reference);
  for (std::size_t i = 0; i < names.size() && i < item.gold_chain.size() && i < item.evidence.size(); ++i) {
    const std::string head = date_step(names[i], relation, ""), &step = item.gold_chain[i];
    const auto year = step.starts_with(head.substr(0, head.size() - 1)) ? year_of(step.substr(head.size() - 1)) : std::nullopt;
    const std::size_t at = parts->context.find(names[i] + ": ");
    const std::size_t end = static_cast<std::size_t>(item.evidence[i].end);
    const bool ends_well = end <= parts->context.size() && end > at &&
                           std::string_view(".?").find(parts->context[end - 1]) != std::string_view::npos &&
                           (end == parts->context.size() || std::isspace(static_cast<unsigned char>(parts->context[end])));
    if (!year || at == std::string_view::npos || !ends_well || !holds_number(parts->context.substr(at, end - at), *year)) {
      reading.problem = concat("no paragraph gives the ", relation, " of ", names[i]);
      return reading;
    }
    reading.evidence.push_back({static_cast<std::int64_t>(at), static_cast<std::int64_t>(end)});
    reading.gold_chain.push_back(step);
    years.emplace_back(*year, names[i]);
    if (i > 0) gaps.push_back(gap_step(names[i], *year, years.front().first));
  }
  if (years.size() != names.size()) {
    reading.problem = "a date is missing from the gold chain";
    return reading;
  }
  reading.gold_chain.insert(reading.gold_chain.end(), gaps.begin(), gaps.end());
  std::int64_t nearest = std::abs(years[1].first - years[0].first);
  for (std::size_t i = 1; i < years.size(); ++i) nearest = std::min(nearest, std::abs(years[i].first - years[0].first));
  if (asks_entity) {
    for (std::size_t i = 1; i < years.size(); ++i) {
      if (std::abs(years[i].first - years[0].first) == nearest) reading.answers.push_back(years[i].second);
      reading.candidates.push_back({years[i].second, reading.evidence[i].start});
      reading.guesses.push_back(years[i].second);
    }
    std::sort(reading.candidates.begin(), reading.candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
    reading.shortcuts = {std::min_element(years.begin() + 1, years.end())->second,
                         std::max_element(years.begin() + 1, years.end())->second};
  } else {
    reading.answers = {std::to_string(nearest)};
    if (holds_number(parts->context, nearest)) reading.problem = "the text states the answer";
    for (const Sentence& number : find_numbers(parts->context)) reading.candidates.push_back({std::string(number.text), number.span.start});
    reading.guesses = gap_guesses(parts->context);
    reading.shortcuts = {"", ""};
  }
  reading.oracle_answer = nearest_of_chain(item.gold_chain, asks_entity);
  return reading;
}

}  // namespace longbow::data
