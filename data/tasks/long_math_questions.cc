// LongMath over the user's mathematics: a problem's sentences are scattered one by one under the label of their case, beside other
// problems' sentences under theirs.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <utility>

#include "data/corpus/sentences.h"
#include "data/tasks/long_math.h"
#include "data/tasks/phrase.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr std::array kOrdinals = {"one",     "two",     "three",     "four",     "five",     "six",      "seven",
                                  "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen", "fourteen",
                                  "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
constexpr std::size_t kLongestAnswer = 64;
constexpr int kMaxTries = 200;

struct Problem {
  std::vector<std::string> premises;
  std::string asked;
  std::string answer;
};

// GSM8K's answers end in "#### 72"; others are the number alone. Empty when it is no mathematics.
std::string final_answer(std::string_view answer) {
  constexpr std::string_view kMark = "####";
  if (const std::size_t mark = answer.rfind(kMark); mark != std::string_view::npos) answer.remove_prefix(mark + kMark.size());
  const std::string line = one_line(answer);
  const bool has_number =
      std::any_of(line.begin(), line.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)) || c == '\\'; });
  return has_number && line.size() <= kLongestAnswer ? line : "";
}

// The sentences before the first that asks are premises; all from there on is asked. A problem that asks nowhere ("Find x.") asks with its
// last sentence.
Problem problem_of(const QaItem& item) {
  std::vector<std::string> sentences;
  for (const std::string& sentence : split_prose(item.question)) sentences.push_back(one_line(sentence));
  auto asks = std::find_if(sentences.begin(), sentences.end(), [](const std::string& sentence) { return sentence.ends_with('?'); });
  if (asks == sentences.end() && !sentences.empty()) --asks;
  Problem problem;
  problem.premises.assign(sentences.begin(), asks);
  for (; asks != sentences.end(); ++asks) problem.asked += (problem.asked.empty() ? "" : " ") + *asks;
  problem.answer = final_answer(item.answer());
  return problem;
}

std::string fragment(std::string_view label, std::size_t part, std::string_view sentence) {
  std::string text = fill(kCaseFragment, {label, kOrdinals.at(part), sentence});
  if (text.back() != '.' && text.back() != '?') text += '.';
  return text;
}

std::set<std::string> numbers_in(const std::vector<std::string>& sentences) {
  std::set<std::string> numbers;
  for (const std::string& sentence : sentences) {
    for (const Sentence& number : find_numbers(sentence)) numbers.emplace(number.text);
  }
  return numbers;
}

std::string draw_label(Rng& rng) {
  std::string label;
  while (label.size() < 2) label += static_cast<char>('A' + rng.below(26));
  return label;
}

// What a guesser would try who knows that answers are whole numbers up to `largest` and never ones that the text shows.
std::vector<std::string> unshown_numbers(const std::set<std::string>& shown, std::int64_t largest, const std::string& gold) {
  std::vector<std::string> guesses;
  for (std::int64_t v = kSmallestAnswer; v <= std::min<std::int64_t>(largest, 1000000); ++v) {
    if (shown.count(std::to_string(v)) == 0) guesses.push_back(std::to_string(v));
  }
  if (std::find(guesses.begin(), guesses.end(), gold) == guesses.end()) guesses.push_back(gold);
  return guesses;
}

}  // namespace

std::optional<Draft> draft_long_math_of_questions(const LongMathConfig& config, const QaItem& question,
                                                  const std::vector<const QaItem*>& questions, Rng& rng) {
  const Problem gold = problem_of(question);
  const auto fits = [&](const Problem& problem) {
    return !problem.answer.empty() && problem.premises.size() >= static_cast<std::size_t>(config.min_fragments) &&
           problem.premises.size() <= kOrdinals.size();
  };
  if (!fits(gold)) return std::nullopt;

  Draft draft;
  std::set<std::string> labels = {draw_label(rng)};
  const std::string label = *labels.begin();
  for (std::size_t i = 0; i < gold.premises.size(); ++i) {
    draft.evidence.push_back(i);
    draft.sentences.push_back(fragment(label, i, gold.premises[i]));
  }
  draft.gold_chain = draft.sentences;
  std::set<const QaItem*> told = {&question};
  int cases = 0;
  for (int tries = 0; cases < config.num_decoy_cases && tries < kMaxTries; ++tries) {
    const QaItem* drawn = rng.pick(questions);
    const Problem other = problem_of(*drawn);
    if (!fits(other) || other.answer == gold.answer || !told.insert(drawn).second) continue;
    std::string its_label = draw_label(rng);
    if (!labels.insert(its_label).second) continue;
    for (std::size_t i = 0; i < other.premises.size(); ++i) draft.sentences.push_back(fragment(its_label, i, other.premises[i]));
    ++cases;
  }
  if (cases < config.num_decoy_cases) return std::nullopt;
  draft.question = fill(kCaseQuestion, {label, gold.asked});
  std::set<std::string> shown = numbers_in(draft.sentences);
  shown.merge(numbers_in({draft.question}));
  if (shown.count(gold.answer) > 0) return std::nullopt;  // the answer is computed, never copied
  draft.answer = {"math", {gold.answer}};
  draft.gold_chain.push_back(answer_step(gold.answer));
  draft.keep_out = {gold.answer};
  note_question(draft, question, 0);
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(unshown_numbers(shown, config.max_value, gold.answer).size());
  draft.difficulty["num_fragments"] = static_cast<std::int64_t>(gold.premises.size());
  draft.difficulty["num_decoy_cases"] = config.num_decoy_cases;
  draft.difficulty["max_value"] = config.max_value;
  return draft;
}

Reading read_long_math_of_questions(const Item& item) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  constexpr std::string_view kPattern = kCaseQuestion;
  const std::string_view head = kPattern.substr(0, kPattern.find("{}"));
  if (!parts || !parts->question.starts_with(head) || parts->question.size() < head.size() + 2) {
    reading.problem = "the question is none that long_math asks about a user's problem";
    return reading;
  }
  const std::string_view label = parts->question.substr(head.size(), 2);
  // All fragments of the asked case, in their order; each ends where the stored one does, since sentences of users end as they like.
  std::vector<std::string> chain;
  for (std::size_t part = 0; part < kOrdinals.size(); ++part) {
    const std::string start = fill(kCaseFragment, {label, kOrdinals[part], ""});
    const std::size_t at = parts->context.find(start);
    if (at == std::string_view::npos) break;
    const bool is_stored = part < item.gold_chain.size() && item.gold_chain[part].starts_with(start);
    if (!is_stored) {
      reading.problem = concat("the text tells more of case ", label, " than is stored");
      return reading;
    }
    chain.push_back(item.gold_chain[part]);
  }
  if (chain.size() + 1 != item.gold_chain.size()) reading.problem = concat("the text tells less of case ", label, " than is stored");
  read_quoted(item, parts->context, chain, reading);

  std::set<std::string> shown;
  for (const std::string_view text : {parts->context, parts->question}) {
    for (const Sentence& number : find_numbers(text)) shown.emplace(number.text);
  }
  for (const Sentence& number : find_numbers(parts->context)) reading.candidates.push_back({std::string(number.text), number.span.start});
  const std::string& gold = item.answer.answers.front();
  if (shown.count(gold) > 0) reading.problem = concat("the text shows the answer ", gold);
  const Json* max_value = item.difficulty.find("max_value");
  reading.guesses = unshown_numbers(shown, max_value != nullptr && max_value->is_integer() ? max_value->as_integer() : 0, gold);
  return reading;
}

}  // namespace longbow::data
