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

// How many words a text has besides LaTeX's commands and the like of "0x1f".
std::size_t num_plain_words(std::string_view text) {
  constexpr std::size_t kShortestWord = 3;  // "x", "km", "pi" are part of a formula
  std::size_t words = 0;
  for (std::size_t i = 0, end = 0; i < text.size(); i = end + 1) {
    end = i;
    while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end]))) ++end;
    const bool is_command = i > 0 && text[i - 1] == '\\';
    const bool is_word = end - i >= kShortestWord && std::isalpha(static_cast<unsigned char>(text[i]));
    words += is_word && !is_command ? 1 : 0;
  }
  return words;
}

// GSM8K's answers end in "#### 72"; others are the number or formula alone, perhaps with its unit. Empty when it is no mathematics.
std::string final_answer(std::string_view answer) {
  constexpr std::string_view kMark = "####";
  if (const std::size_t mark = answer.rfind(kMark); mark != std::string_view::npos) answer.remove_prefix(mark + kMark.size());
  const std::string line = one_line(answer);
  const bool has_number =
      std::any_of(line.begin(), line.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)) || c == '\\'; });
  return has_number && num_plain_words(line) <= 1 && line.size() <= kLongestAnswer ? line : "";
}

// "How many …?", "Find x.", "If so, what is x?"
bool is_asking(std::string_view sentence) {
  constexpr std::array kOrders = {"calculate", "compute",  "count", "determine", "estimate", "evaluate", "express",
                                  "find",      "simplify", "solve", "state",     "tell",     "what",     "work"};
  const std::vector<std::string> words = lower_words(sentence);
  return sentence.ends_with('?') || (!words.empty() && std::find(kOrders.begin(), kOrders.end(), words.front()) != kOrders.end());
}

// Digits, or a number in words: what a fragment must tell so that the case cannot be solved without it.
bool tells_quantity(std::string_view sentence) {
  constexpr std::array kNumberWords = {"one",    "two",    "three", "four",   "five",   "six",   "seven",  "eight", "nine",  "ten",
                                       "eleven", "twelve", "dozen", "double", "triple", "twice", "thrice", "half",  "third", "quarter"};
  const std::vector<std::string> words = lower_words(sentence);
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; }) ||
           std::find(kNumberWords.begin(), kNumberWords.end(), word) != kNumberWords.end();
  });
}

// The sentences before the first that asks are premises; all from there on is asked: nothing, where no sentence asks.
Problem problem_of(const QaItem& item) {
  std::vector<std::string> sentences;
  for (const std::string& sentence : split_prose(item.question)) sentences.push_back(one_line(sentence));
  auto asks = std::find_if(sentences.begin(), sentences.end(), is_asking);
  Problem problem;
  problem.premises.assign(sentences.begin(), asks);
  for (; asks != sentences.end(); ++asks) problem.asked += (problem.asked.empty() ? "" : " ") + *asks;
  problem.answer = final_answer(item.answer());
  return problem;
}

bool suits(const LongMathConfig& config, const Problem& problem) {
  const auto telling = std::count_if(problem.premises.begin(), problem.premises.end(), tells_quantity);
  return !problem.answer.empty() && !problem.asked.empty() && telling >= config.min_fragments &&
         problem.premises.size() <= kOrdinals.size();
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

bool suits_long_math(const LongMathConfig& config, const QaItem& question) { return suits(config, problem_of(question)); }

std::optional<Draft> draft_long_math_of_questions(const LongMathConfig& config, const QaItem& question,
                                                  const std::vector<const QaItem*>& questions, Rng& rng) {
  const Problem gold = problem_of(question);
  if (!suits(config, gold)) return std::nullopt;

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
    if (!suits(config, other) || other.answer == gold.answer || !told.insert(drawn).second) continue;
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
