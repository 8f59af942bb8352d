// KeyChain over the user's questions: one chain ends in the question that is asked, the others in other questions with other answers;
// what each question rests on stands in the text.
#include <algorithm>
#include <map>
#include <utility>

#include "data/tasks/key_chain.h"
#include "data/tasks/phrase.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr std::size_t kMinChains = 2;
constexpr std::size_t kMaxTries = 400;      // draws of other questions before the chains at hand must do
constexpr double kBytesPerToken = 2.5;      // fewer than tokenizers need, so that what is planned fits
constexpr double kShareForQuestions = 0.8;  // of the limit; the rest is filler
constexpr std::size_t kBytesOfAPair = 48;

struct Terminal {
  const QaItem* question = nullptr;
  std::string asked;  // as it is quoted
  std::vector<std::string> paragraphs;

  explicit Terminal(const QaItem& item) : question(&item), asked(quotable(item.question)), paragraphs(quoted_evidence(item)) {}

  std::size_t bytes(std::size_t keys_per_chain) const {
    std::size_t total = kBytesOfAPair * keys_per_chain + asked.size();
    for (const std::string& paragraph : paragraphs) total += paragraph.size() + 1;
    return total;
  }
};

// No answer of the one may be taken for an answer of the other, or stand in the other's text.
bool are_apart(const Terminal& one, const Terminal& other) {
  for (const std::string& a : one.question->answers) {
    for (const std::string& b : other.question->answers) {
      if (is_confusable(a, b)) return false;
    }
  }
  const auto holds = [](const Terminal& text, const Terminal& answers) {
    return !is_yes_no(*answers.question) &&
           (holds_answer(text.paragraphs, *answers.question) || holds_answer({text.asked}, *answers.question));
  };
  return one.asked != other.asked && !holds(other, one);
}

// An answer quoted from a text may be quoted a little longer or shorter. One that is worked out is right or wrong as a whole: half a list,
// or another sign between two numbers, is wrong.
const char* reward_for(const Terminal& gold) {
  const std::string& answer = gold.question->answer();
  if (is_yes_no(*gold.question)) return "exact_match";
  if (!gold.paragraphs.empty()) return "sub_em";
  return std::any_of(answer.begin(), answer.end(), [](unsigned char c) { return std::isdigit(c) != 0; }) ? "math" : "exact_match";
}

// The gold question first, then others as far as the limit reaches.
std::vector<Terminal> draw_terminals(const KeyChainConfig& config, const QaItem& gold, const std::vector<const QaItem*>& questions,
                                     Rng& rng, std::int64_t limit_tokens) {
  const std::size_t wanted = config.num_chains > 0 ? config.num_chains : std::max<std::int64_t>(kMinChains, 4 * limit_tokens / 1024);
  const std::size_t length = config.keys_per_chain;
  const double budget = kShareForQuestions * kBytesPerToken * static_cast<double>(limit_tokens);
  std::vector<Terminal> terminals;
  terminals.emplace_back(gold);
  std::size_t bytes = terminals.front().bytes(length);
  for (std::size_t tries = 0; terminals.size() < wanted && tries < kMaxTries; ++tries) {
    Terminal other(*rng.pick(questions));
    if (static_cast<double>(bytes + other.bytes(length)) > budget || !are_apart(terminals.front(), other)) continue;
    const auto clashes = [&](const Terminal& before) {  // equal answers would make one candidate of two, equal paragraphs stand twice
      const bool shares = std::any_of(other.paragraphs.begin(), other.paragraphs.end(), [&](const std::string& paragraph) {
        return std::find(before.paragraphs.begin(), before.paragraphs.end(), paragraph) != before.paragraphs.end();
      });
      return shares || before.asked == other.asked || before.question->answer() == other.question->answer();
    };
    if (std::any_of(terminals.begin(), terminals.end(), clashes)) continue;
    bytes += other.bytes(length);
    terminals.push_back(std::move(other));
  }
  return terminals;
}

struct Hidden {
  std::string asked;
  EvidenceSpan span;
};

// What stands between `pattern`'s last blank and its end, for every key that the pattern is filled with in the text.
void find_hidden(std::string_view context, std::string_view pattern, std::map<std::string, Hidden>& hidden) {
  const std::size_t blank = pattern.find("{}"), last = pattern.rfind("{}");
  const std::string_view head = pattern.substr(0, blank), middle = pattern.substr(blank + 2, last - blank - 2),
                         tail = pattern.substr(last + 2);
  for (std::size_t at = context.find(head); at != std::string_view::npos; at = context.find(head, at + 1)) {
    const std::size_t key = at + head.size();
    std::size_t end = key;
    while (end < context.size() && std::isalnum(static_cast<unsigned char>(context[end]))) ++end;
    if (end == key || context.substr(end, middle.size()) != middle) continue;
    const std::size_t asked = end + middle.size(), close = context.find(tail, asked);
    if (close == std::string_view::npos) continue;
    hidden.emplace(context.substr(key, end - key), Hidden{std::string(context.substr(asked, close - asked)),
                                                          {static_cast<std::int64_t>(at), static_cast<std::int64_t>(close + tail.size())}});
  }
}

}  // namespace

std::optional<Draft> draft_key_chain_of_questions(const KeyChainConfig& config, const QaItem& question,
                                                  const std::vector<const QaItem*>& questions, const KeySource& draw_keys, Rng& rng,
                                                  std::int64_t limit_tokens) {
  const std::vector<Terminal> terminals = draw_terminals(config, question, questions, rng, limit_tokens);
  const std::size_t length = config.keys_per_chain;
  const std::vector<std::string> keys = draw_keys(terminals.size() * length);
  const Terminal& gold = terminals.front();
  if (terminals.size() < kMinChains || keys.size() < terminals.size() * length) return std::nullopt;
  if (!gold.paragraphs.empty() && !is_yes_no(question) && !holds_answer(gold.paragraphs, question)) return std::nullopt;

  Draft draft;
  std::vector<std::string> asked, answers;
  for (std::size_t chain = 0; chain < terminals.size(); ++chain) {
    const auto add = [&](std::string sentence) {
      if (chain == 0) {
        draft.evidence.push_back(draft.sentences.size());
        draft.gold_chain.push_back(sentence);
      }
      draft.sentences.push_back(std::move(sentence));
    };
    const auto key = [&](std::size_t i) -> const std::string& { return keys[chain * length + i]; };
    for (std::size_t i = 0; i + 1 < length; ++i) add(fill(kPairPatterns[rng.below(config.num_phrasings)], {key(i), key(i + 1)}));
    add(fill(kUserQuestionPatterns[rng.below(kUserQuestionPatterns.size())], {key(length - 1), terminals[chain].asked}));
    for (const std::string& paragraph : terminals[chain].paragraphs) add(paragraph);
    if (chain == 0) continue;
    asked.push_back(terminals[chain].asked);
    answers.push_back(terminals[chain].question->answer());
  }
  draft.gold_chain.push_back(answer_step(question.answer()));
  draft.question = fill(kUserKeyChainQuestions[rng.below(static_cast<std::uint64_t>(config.num_question_wordings))], {keys[0]});
  draft.answer = {reward_for(gold), question.answers};
  if (!is_yes_no(question)) draft.keep_out = question.answers;
  note_question(draft, question, gold.paragraphs.size());
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(terminals.size());
  draft.difficulty["keys_per_chain"] = config.keys_per_chain;
  draft.difficulty["key_digits"] = config.key_digits;
  draft.difficulty["other_questions"] = texts_as_json(asked);
  draft.difficulty["other_answers"] = texts_as_json(answers);
  return draft;
}

Reading read_key_chain_of_questions(const Item& item) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  std::string key;
  for (const char* pattern : kUserKeyChainQuestions) {
    if (const auto words = parts ? match(parts->question, pattern) : std::nullopt) key = (*words)[0];
  }
  if (key.empty()) {
    reading.problem = "the question is none that key_chain asks about a user's question";
    return reading;
  }
  std::multimap<std::string, std::pair<std::string, std::string>> pairs;  // key -> next key and the sentence
  for (const Sentence& sentence : split_sentences(parts->context)) {
    for (const char* pattern : kPairPatterns) {
      if (const auto words = match(sentence.text, pattern))
        pairs.emplace((*words)[0], std::pair{std::string((*words)[1]), std::string(sentence.text)});
    }
  }
  std::map<std::string, Hidden> hidden;
  for (const char* pattern : kUserQuestionPatterns) find_hidden(parts->context, pattern, hidden);

  std::vector<std::string> chain;
  for (std::size_t steps = 0; pairs.count(key) == 1 && steps <= pairs.size(); ++steps) {
    const auto& [next, sentence] = pairs.find(key)->second;
    chain.push_back(sentence);
    key = next;
  }
  const auto found = hidden.find(key);
  if (pairs.count(key) > 0 || found == hidden.end()) {
    reading.problem = concat("the keys do not lead to one hidden question but to ", key);
    return reading;
  }
  const EvidenceSpan& span = found->second.span;
  chain.emplace_back(parts->context.substr(static_cast<std::size_t>(span.start), static_cast<std::size_t>(span.end - span.start)));
  // What the question rests on is stored, not found: no program reads that off the text.
  for (std::size_t i = chain.size(); i + 1 < item.gold_chain.size(); ++i) chain.push_back(item.gold_chain[i]);
  read_quoted(item, parts->context, chain, reading);

  const std::vector<std::string> asked = stored_texts(item, "other_questions"), answers = stored_texts(item, "other_answers");
  if (asked.size() != answers.size() || asked.size() + 1 != hidden.size()) reading.problem = "the hidden questions are not those stored";
  for (const auto& [hiding, question] : hidden) {
    const auto other = std::find(asked.begin(), asked.end(), question.asked);
    if (hiding == key) {
      reading.candidates.push_back({item.answer.answers.front(), question.span.start});
    } else if (other == asked.end()) {
      reading.problem = concat("a hidden question is not stored: ", question.asked.substr(0, 80));
    } else if (const std::size_t i = static_cast<std::size_t>(other - asked.begin()); i < answers.size()) {
      reading.candidates.push_back({answers[i], question.span.start});
    }
  }
  std::sort(reading.candidates.begin(), reading.candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
  for (const Candidate& candidate : reading.candidates) {
    if (std::find(reading.guesses.begin(), reading.guesses.end(), candidate.text) == reading.guesses.end())
      reading.guesses.push_back(candidate.text);
  }
  for (const std::string& other : answers) {
    for (const std::string& answer : item.answer.answers) {
      if (is_confusable(answer, other)) reading.problem = concat("another question's answer, ", other, ", could be taken for ", answer);
    }
  }
  return reading;
}

}  // namespace longbow::data
