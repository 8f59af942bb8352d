// CrossEntity read back: pages are found by their words, each entity's two numbers are collected, and the question is answered
// by sorting, counting or adding what they differ by.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "data/tasks/cross_entity.h"
#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

std::int64_t number_of(std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value < 1000000000 ? value : -1;
}

std::optional<CrossQuestion> parse_question(std::string_view text) {
  CrossQuestion question;
  for (question.theme = 0; question.theme < cross_themes().size(); ++question.theme) {
    for (question.kind = 0; question.kind < cross_themes()[question.theme].kinds.size(); ++question.kind) {
      const auto matches = [&] {
        for (std::size_t wording = 0; wording < num_cross_wordings(question); ++wording) {
          const auto words = match(text, cross_question_pattern(question, wording));
          if (!words) continue;
          if (!words->empty()) question.threshold = number_of(words->front());
          return question.threshold >= 0;
        }
        return false;
      };
      for (question.rank = -kLastCrossRank; question.rank <= kLastCrossRank; ++question.rank) {
        question.ask = CrossQuestion::Ask::rank;
        if (question.rank != 0 && matches()) return question;
      }
      question.rank = 0;
      for (const auto ask : {CrossQuestion::Ask::more, CrossQuestion::Ask::less, CrossQuestion::Ask::sum}) {
        question.ask = ask;
        if (matches()) return question;
      }
    }
  }
  return std::nullopt;
}

// What a sentence says: nothing of interest, or one of the two numbers.
struct Said {
  std::string name;  // empty where the subject is "it"
  int which = 0;     // 1: the first number, 2: the second, 0: neither
  std::int64_t number = -1;
};

// The patterns of a kind with its name, or with "it", put in.
class KindReader {
 public:
  KindReader(const CrossTheme& theme, const Naming& kind) {
    const auto add = [&](const std::vector<const char*>& patterns, int which) {
      for (const char* pattern : patterns) {
        const std::string_view text(pattern);
        named_.push_back({put(pattern, '@', kind.full), which, text.find('@') > text.find("{}")});
        for (const char* again : kind.again) again_.push_back({put(pattern, '@', again), which, true});
      }
    };
    add(theme.first, 1);
    add(theme.second, 2);
    add(theme.intro, 0);
    add(theme.noise, 0);
  }
  std::optional<Said> opens(std::string_view sentence) const {
    for (const Form& form : named_) {
      const auto words = match(sentence, form.pattern);
      if (!words) continue;
      const std::string_view name = words->at(form.number_first ? 1 : 0);
      return Said{std::string(name), form.which, words->size() > 1 ? number_of(words->at(form.number_first ? 0 : 1)) : -1};
    }
    return std::nullopt;
  }
  std::optional<Said> continues(std::string_view sentence) const {
    for (const Form& form : again_) {
      if (const auto words = match(sentence, form.pattern)) return Said{"", form.which, words->empty() ? -1 : number_of(words->front())};
    }
    return std::nullopt;
  }

 private:
  struct Form {
    std::string pattern;
    int which = 0;
    bool number_first = false;
  };
  std::vector<Form> named_;
  std::vector<Form> again_;
};

struct Found {
  std::optional<std::int64_t> numbers[2];
  EvidenceSpan pages[2];
};

struct Page {
  std::size_t kind = 0;
  std::string name;
  EvidenceSpan span;
  std::vector<Said> said;
};

std::vector<Page> find_pages(const CrossTheme& theme, std::string_view context) {
  std::vector<KindReader> kinds;
  for (const Naming& kind : theme.kinds) kinds.emplace_back(theme, kind);
  std::vector<Page> pages;
  walk_pages(
      context,
      [&](const Sentence& sentence) {
        for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
          if (const auto said = kinds[kind].opens(sentence.text)) {
            pages.push_back({kind, said->name, sentence.span, {*said}});
            return true;
          }
        }
        return false;
      },
      [&](const Sentence& sentence) {
        const auto said = kinds[pages.back().kind].continues(sentence.text);
        if (!said) return false;
        pages.back().said.push_back(*said);
        pages.back().span.end = sentence.span.end;
        return true;
      });
  return pages;
}

std::vector<std::string> solve(const CrossQuestion& question, const std::vector<CrossEntity>& entities) {
  std::vector<std::string> answers;
  std::int64_t number = 0;
  for (const CrossEntity& entity : entities) {
    std::int64_t above = 0, below = 0;
    for (const CrossEntity& other : entities) {
      above += other.derived() > entity.derived();
      below += other.derived() < entity.derived();
    }
    switch (question.ask) {
      case CrossQuestion::Ask::rank: {
        // Level entities share their places, so all of them answer for each.
        const std::int64_t place = std::abs(question.rank), before = question.rank > 0 ? above : below;
        const std::int64_t behind = question.rank > 0 ? below : above;
        if (before < place && place <= static_cast<std::int64_t>(entities.size()) - behind) answers.push_back(entity.name);
        break;
      }
      case CrossQuestion::Ask::more:
        number += entity.derived() > question.threshold;
        break;
      case CrossQuestion::Ask::less:
        number += entity.derived() < question.threshold;
        break;
      case CrossQuestion::Ask::sum:
        number += entity.derived();
        break;
    }
  }
  if (question.ask != CrossQuestion::Ask::rank) answers.push_back(std::to_string(number));
  return answers;
}

// What one would say who takes a stated number for what is asked.
std::string ranked_by(const CrossQuestion& question, std::vector<CrossEntity> entities, std::int64_t CrossEntity::*number) {
  if (question.ask != CrossQuestion::Ask::rank || entities.size() < static_cast<std::size_t>(std::abs(question.rank))) return "";
  std::sort(entities.begin(), entities.end(), [&](const CrossEntity& a, const CrossEntity& b) { return a.*number > b.*number; });
  return entities[question.rank > 0 ? question.rank - 1 : entities.size() + question.rank].name;
}

// The same of one who never looks at the other number, but at how far each stands off an even row of this one: a large difference moves a
// second number up, and a first number down.
std::string ranked_by_spacing(const CrossQuestion& question, std::vector<CrossEntity> entities, std::int64_t CrossEntity::*number) {
  std::sort(entities.begin(), entities.end(), [&](const CrossEntity& a, const CrossEntity& b) { return a.*number < b.*number; });
  const auto steps = static_cast<std::int64_t>(entities.size()) - 1;
  const std::int64_t lowest = entities.empty() ? 0 : entities.front().*number,
                     range = entities.empty() ? 0 : entities.back().*number - lowest;
  std::vector<CrossEntity> moved = entities;
  for (std::int64_t i = 0; i <= steps; ++i) {
    const std::int64_t off_row = (entities[i].*number - lowest) * steps - range * i;
    moved[i].second = number == &CrossEntity::second ? off_row : -off_row;
  }
  return ranked_by(question, std::move(moved), &CrossEntity::second);
}

// The entities as the gold chain gives them: "Kessel Bridge: 1931 - 1902 = 29.".
std::vector<CrossEntity> entities_of_chain(const std::vector<std::string>& chain) {
  std::vector<CrossEntity> entities;
  for (const std::string& step : chain) {
    const std::size_t colon = step.find(": ");
    if (colon == std::string::npos) continue;
    const auto words = match(std::string_view(step).substr(colon + 2), "{} - {} = {}.");
    if (!words) continue;
    const std::int64_t second = number_of(words->at(0)), first = number_of(words->at(1));
    if (second - first == number_of(words->at(2))) entities.push_back({step.substr(0, colon), first, second});
  }
  return entities;
}

}  // namespace

Reading read_cross_entity(const Item& item, const Corpus&) {
  if (asks_user_question(item)) return read_cross_entity_of_questions(item);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto question = parts ? parse_question(parts->question) : std::nullopt;
  if (!question) {
    reading.problem = "the question is none that cross_entity asks";
    return reading;
  }
  const CrossTheme& theme = cross_themes()[question->theme];
  const Naming& asked = theme.kinds[question->kind];
  const bool asks_entity = question->ask == CrossQuestion::Ask::rank;
  std::map<std::string, Found> found;  // by the name as an answer states it
  for (const Page& page : find_pages(theme, parts->context)) {
    reading.entities.push_back(page.name);
    if (page.kind != question->kind) continue;
    const std::string name = asked.answer(page.name);
    if (asks_entity) reading.candidates.push_back({name, page.span.start});
    for (const Said& said : page.said) {
      if (said.which == 0) continue;
      std::optional<std::int64_t>& number = found[name].numbers[said.which - 1];
      if (number) reading.problem = concat("one of the numbers of ", name, " is stated twice");
      number = said.number;
      found[name].pages[said.which - 1] = page.span;
    }
  }
  std::vector<CrossEntity> entities;
  for (const auto& [name, one] : found) {
    if (!one.numbers[0] || !one.numbers[1]) {
      reading.problem = concat("one of the numbers of ", name, " is missing");
      return reading;
    }
    entities.push_back({name, *one.numbers[0], *one.numbers[1]});
    reading.evidence.insert(reading.evidence.end(), one.pages, one.pages + 2);
  }

  std::set<std::string> shown;
  for (const Sentence& number : find_numbers(parts->context)) {
    if (!asks_entity) reading.candidates.push_back({std::string(number.text), number.span.start});
    shown.emplace(number.text);
  }
  reading.guesses = cross_guesses(*question, entities, shown);
  reading.answers = solve(*question, entities);
  reading.gold_chain = cross_chain(*question, entities);
  for (const auto number : {&CrossEntity::first, &CrossEntity::second}) reading.shortcuts.push_back(ranked_by(*question, entities, number));
  for (const auto number : {&CrossEntity::first, &CrossEntity::second})
    reading.shortcuts.push_back(ranked_by_spacing(*question, entities, number));
  for (const CrossEntity& entity : entities) {
    if (shown.count(std::to_string(entity.derived())) > 0) reading.problem = concat("the text states what sets ", entity.name, " apart");
  }
  if (!asks_entity && shown.count(reading.answers.front()) > 0) reading.problem = "the text states the answer";
  const std::vector<CrossEntity> told = entities_of_chain(item.gold_chain);
  if (const std::vector<std::string> answers = solve(*question, told); answers.size() == 1) reading.oracle_answer = answers.front();
  return reading;
}

}  // namespace longbow::data
