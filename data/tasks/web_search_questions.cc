// WebSearch over the user's questions: the hops of 2Wiki's evidence or MuSiQue's steps become letters. Siblings are other questions
// with the same relations at every hop, whose paragraphs stand beside those of the question that is asked.
#include <algorithm>
#include <set>
#include <utility>

#include "data/tasks/user_question.h"
#include "data/tasks/web_search.h"

namespace longbow::data {
namespace {

constexpr std::size_t kMinWalks = 3;       // the one that is asked included
constexpr int kMaxTries = 400;             // draws of siblings
constexpr double kBytesPerToken = 2.5;     // fewer than tokenizers need, so that what is planned fits
constexpr double kShareForPages = 0.8;     // of the limit; the rest is filler
constexpr std::string_view kMarks = "@#";  // of patterns: a question with one of them is left alone
constexpr std::array kAsks = {"What is @?", "Who or what is @?", "What does @ stand for?", "Give the name that @ stands for."};

std::string page_of(const QaParagraph& paragraph) {
  QaItem alone;
  alone.paragraphs = {paragraph};
  const std::vector<std::string> lines = quoted_evidence(alone);
  return lines.empty() ? "" : lines.front();
}

UserWalks::Walk walk_of_triples(const QaItem& question) {
  UserWalks::Walk walk;
  for (std::size_t i = 0; i < question.evidence.size(); ++i) {
    const QaTriple& triple = question.evidence[i];
    if (i > 0 && triple.subject != question.evidence[i - 1].object) return {};
    const QaParagraph* page = paragraph_about(question, triple.subject);
    if (page == nullptr) return {};
    const std::string of = i == 0 ? quotable(triple.subject) : "@";
    walk.push_back({concat("the ", triple.relation, " of ", of), triple.relation, one_line(triple.object), page_of(*page)});
  }
  return walk;
}

// "Low Tide >> author" or "Who wrote Low Tide?"; in later steps "#1" stands for what the first is answered by.
UserWalks::Walk walk_of_steps(const QaItem& question) {
  UserWalks::Walk walk;
  for (std::size_t i = 0; i < question.steps.size(); ++i) {
    const QaStep& step = question.steps[i];
    std::string asked = quotable(step.question);
    if (i > 0) {
      const std::string mark = concat("#", i);
      const std::size_t at = asked.find(mark);
      if (at == std::string::npos) return {};
      asked = concat(asked.substr(0, at), "@", asked.substr(at + mark.size()));
    }
    if (asked.find('#') != std::string::npos || !step.paragraph) return {};
    UserWalks::Hop hop{"", "", one_line(step.answer), page_of(question.paragraphs[*step.paragraph])};
    constexpr std::string_view kArrow = " >> ";
    if (const std::size_t arrow = asked.find(kArrow); arrow != std::string::npos) {
      hop.relation = asked.substr(arrow + kArrow.size());
      hop.definition = concat("the ", hop.relation, " of ", asked.substr(0, arrow));
    } else {
      hop.relation = i == 0 ? "answer" : asked;  // the first step's own words name what it starts from
      hop.definition = concat("the answer to \"", asked, "\"");
    }
    walk.push_back(std::move(hop));
  }
  return walk;
}

std::string relations_of(const UserWalks::Walk& walk) {
  std::string all;
  for (const UserWalks::Hop& hop : walk) all += hop.relation + "\n";
  return all;
}

std::string question_text(const std::vector<std::string>& definitions, const char* frame, const char* ask) {
  std::string text, letter;
  for (const std::string& definition : definitions) {
    const std::string before = std::exchange(letter, std::string(1, static_cast<char>('A' + (text.empty() ? 0 : letter[0] - 'A' + 1))));
    text += put(put(frame, '@', letter), '#', put(definition, '@', before)) + " ";
  }
  return text + put(ask, '@', letter);
}

bool shares_a_page(const UserWalks::Walk& one, const UserWalks::Walk& other) {
  return std::any_of(one.begin(), one.end(), [&](const UserWalks::Hop& a) {
    return std::any_of(other.begin(), other.end(), [&](const UserWalks::Hop& b) { return a.page == b.page; });
  });
}

std::size_t bytes_of(const UserWalks::Walk& walk) {
  std::size_t bytes = 0;
  for (const UserWalks::Hop& hop : walk) bytes += hop.page.size() + 1;
  return bytes;
}

}  // namespace

UserWalks::UserWalks(const std::vector<const QaItem*>& questions) {
  for (const QaItem* question : questions) {
    if (const Walk walk = walk_of(*question); !walk.empty()) by_relations_[relations_of(walk)].push_back(question);
  }
}

UserWalks::Walk UserWalks::walk_of(const QaItem& question) {
  constexpr std::size_t kMaxHops = 8;
  Walk walk = question.steps.empty() ? walk_of_triples(question) : walk_of_steps(question);
  if (walk.size() < 2 || walk.size() > kMaxHops || is_yes_no(question)) return {};
  if (std::none_of(question.answers.begin(), question.answers.end(),
                   [&](const std::string& answer) { return is_confusable(answer, walk.back().object); })) {
    return {};
  }
  for (std::size_t i = 0; i < walk.size(); ++i) {
    const auto marks = std::count_if(walk[i].definition.begin(), walk[i].definition.end(),
                                     [](char c) { return kMarks.find(c) != std::string_view::npos; });
    if (marks != (i == 0 ? 0 : 1) || !holds_phrase(walk[i].page, walk[i].object)) return {};
    for (std::size_t j = 0; j < i; ++j) {
      if (walk[j].page == walk[i].page) return {};  // a hop within one page is none
    }
  }
  return holds_answer({walk.back().page}, question) ? walk : Walk();
}

bool UserWalks::has_siblings(const QaItem& question) const {
  const Walk walk = walk_of(question);
  const auto siblings = by_relations_.find(relations_of(walk));
  return !walk.empty() && siblings != by_relations_.end() && siblings->second.size() >= kMinWalks;
}

std::optional<Draft> UserWalks::draft(const QaItem& question, std::size_t num_siblings, Rng& rng, std::int64_t limit_tokens) const {
  const Walk gold = walk_of(question);
  const auto siblings = by_relations_.find(relations_of(gold));
  if (gold.empty() || siblings == by_relations_.end()) return std::nullopt;
  const double budget = kShareForPages * kBytesPerToken * static_cast<double>(limit_tokens);
  std::vector<std::pair<const QaItem*, Walk>> walks = {{&question, gold}};
  std::size_t bytes = bytes_of(gold);
  for (int tries = 0; tries < kMaxTries && walks.size() < std::min(num_siblings, siblings->second.size()); ++tries) {
    const QaItem& other = *rng.pick(siblings->second);
    Walk walk = walk_of(other);
    const std::size_t more = bytes_of(walk);
    if (static_cast<double>(bytes + more) > budget) continue;
    std::vector<std::string> pages;
    for (const Hop& hop : walk) pages.push_back(hop.page);
    const auto clashes = [&](const std::pair<const QaItem*, Walk>& before) {
      return shares_a_page(before.second, walk) || is_confusable(before.second.back().object, walk.back().object);
    };
    if (holds_answer(pages, question) || std::any_of(walks.begin(), walks.end(), clashes)) continue;
    bytes += more;
    walks.emplace_back(&other, std::move(walk));
  }
  if (walks.size() < kMinWalks) return std::nullopt;

  Draft draft;
  std::vector<std::string> definitions, others;
  for (const auto& [asked, walk] : walks) {
    for (const Hop& hop : walk) {
      if (asked == &question) {
        draft.evidence.push_back(draft.sentences.size());
        draft.gold_chain.push_back(hop.page);
        definitions.push_back(hop.definition);
      }
      draft.sentences.push_back(hop.page);
    }
    if (asked != &question) others.push_back(walk.back().object);
  }
  draft.gold_chain.push_back(answer_step(question.answer()));
  draft.question = question_text(definitions, rng.pick(web_tellings()).definition, kAsks[rng.below(kAsks.size())]);
  draft.answer = {"sub_em", question.answers};
  draft.keep_out = question.answers;
  note_question(draft, question, gold.size());
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(walks.size());
  draft.difficulty["num_hops"] = static_cast<std::int64_t>(gold.size());
  draft.difficulty["definitions"] = texts_as_json(definitions);
  draft.difficulty["other_answers"] = texts_as_json(others);
  return draft;
}

Reading read_web_search_of_questions(const Item& item) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const std::vector<std::string> definitions = stored_texts(item, "definitions"), others = stored_texts(item, "other_answers");
  const auto is_asked = [&] {
    for (const WebTelling& telling : web_tellings()) {
      for (const char* ask : kAsks) {
        if (parts && parts->question == question_text(definitions, telling.definition, ask)) return true;
      }
    }
    return false;
  };
  if (definitions.size() < 2 || definitions.size() + 1 != item.gold_chain.size() || !is_asked()) {
    reading.problem = "the question is not the stored walk in letters";
    return reading;
  }
  // What each hop says is the user's: no program reads it off the text. That each has a page of its own can be checked.
  read_quoted(item, parts->context, {item.gold_chain.begin(), item.gold_chain.end() - 1}, reading);
  if (std::set<std::string>(item.gold_chain.begin(), item.gold_chain.end()).size() != item.gold_chain.size())
    reading.problem = "two hops are on one page";

  reading.guesses = others;
  reading.guesses.push_back(item.answer.answers.front());
  std::sort(reading.guesses.begin(), reading.guesses.end());
  reading.guesses.erase(std::unique(reading.guesses.begin(), reading.guesses.end()), reading.guesses.end());
  for (const std::string& guess : reading.guesses) {
    // Without a page of the walk, any sibling's end is as good.
    const std::size_t at = parts->context.find(guess);
    if (at != std::string_view::npos) reading.candidates.push_back({guess, static_cast<std::int64_t>(at)});
    if (guess == item.answer.answers.front()) continue;
    if (!holds_phrase(parts->context, guess)) reading.problem = concat("a sibling's end, ", guess, ", is not in the text");
    for (const std::string& answer : item.answer.answers) {
      if (is_confusable(answer, guess)) reading.problem = concat("a sibling's end, ", guess, ", could be taken for ", answer);
    }
  }
  std::sort(reading.candidates.begin(), reading.candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
  if (!reading.evidence.empty() && !reading.candidates.empty()) {
    const auto after = std::find_if(reading.candidates.begin(), reading.candidates.end(),
                                    [&](const Candidate& one) { return one.position >= reading.evidence.front().start; });
    reading.shortcuts = {(after == reading.candidates.end() ? reading.candidates.front() : *after).text, "", "", ""};
  }
  return reading;
}

}  // namespace longbow::data
