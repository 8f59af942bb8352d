// MultiQuery read back: the text's sentences are played in order, questions asked, taken back and replaced, as often as the text likes,
// numbers stated and corrected; what stands at the end, in the order of the last askings, is the answer.
#include <algorithm>
#include <map>

#include "data/tasks/multi_query.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

using Key = std::pair<std::string, std::string>;  // kind, name

struct Stated {
  std::string number;
  EvidenceSpan span;
  bool is_correction = false;
};

struct Played {
  std::map<Key, std::vector<Stated>> numbers;
  std::vector<Key> standing;         // in the order of the last asking
  std::vector<EvidenceSpan> events;  // questions asked, taken back and replaced
  std::vector<std::pair<Key, std::string>> withdrawals;
  std::vector<Key> asked;  // at any time, in the order of the last asking
  std::map<Key, QueryMentions> mentions;
  std::string problem;
};

std::string describe(const Key& key) { return concat("the ", key.first, " number of ", key.second); }

class Player {
 public:
  explicit Player(Reading& reading) : reading_(reading) {}

  void play(const Sentence& sentence) {
    any_of(kStated, sentence, [&](const QueryWords& words) { state(sentence, words, false); }) ||
        any_of(kCorrected, sentence, [&](const QueryWords& words) { state(sentence, words, true); }) ||
        any_of(kReplaced, sentence,
               [&](const QueryWords& words) {
                 withdraw(sentence, words, {std::string(words.kind), std::string(words.name)});
                 ask(sentence, words, {std::string(words.new_kind), std::string(words.new_name)});
               }) ||
        any_of(kCancelled, sentence,
               [&](const QueryWords& words) {
                 withdraw(sentence, words, {std::string(words.kind), std::string(words.name)});
               }) ||
        any_of(kAsked, sentence, [&](const QueryWords& words) {
          played_.events.push_back(sentence.span);
          ask(sentence, words, {std::string(words.kind), std::string(words.name)});
        });
  }
  Played finish() { return std::move(played_); }

 private:
  template <class Wordings, class Use>
  static bool any_of(const Wordings& wordings, const Sentence& sentence, Use use) {
    for (const QueryWording& wording : wordings) {
      const auto words = hear(sentence.text, wording);
      if (!words || std::find(kQueryKinds.begin(), kQueryKinds.end(), words->kind) == kQueryKinds.end()) continue;
      use(*words);
      return true;
    }
    return false;
  }

  void state(const Sentence& sentence, const QueryWords& words, bool is_correction) {
    const Key key(words.kind, words.name);
    std::vector<Stated>& stated = played_.numbers[key];
    if (is_correction && stated.empty()) played_.problem = describe(key) + " is corrected before it is stated";
    stated.push_back({std::string(words.number), sentence.span, is_correction});
    reading_.entities.push_back(key.second);
  }
  void ask(const Sentence& sentence, const QueryWords& words, const Key& key) {
    std::erase(played_.standing, key);
    played_.standing.push_back(key);
    std::erase(played_.asked, key);
    played_.asked.push_back(key);
    ++played_.mentions[key].askings;
    played_.mentions[key].last_length = length_of_wording(sentence, words);
    reading_.entities.push_back(key.second);
  }
  void withdraw(const Sentence& sentence, const QueryWords& words, const Key& key) {
    std::erase(played_.standing, key);
    played_.events.push_back(sentence.span);
    played_.withdrawals.emplace_back(key, sentence.text);
    ++played_.mentions[key].withdrawals;
    played_.mentions[key].last_length = length_of_wording(sentence, words);
    reading_.entities.push_back(key.second);
  }

  static int length_of_wording(const Sentence& sentence, const QueryWords& words) {
    return static_cast<int>(sentence.text.size() - words.kind.size() - words.name.size() - words.new_kind.size() - words.new_name.size());
  }

  Reading& reading_;
  Played played_;
};

// Numbers that a key may have when corrections are believed: the last one, and any other that is stated without being a correction.
std::vector<std::string> possible_numbers(const std::vector<Stated>& stated) {
  std::vector<std::string> numbers = {stated.back().number};
  for (std::size_t i = 1; i < stated.size(); ++i) {
    if (!stated[i].is_correction && stated[i - 1].number != numbers.front()) numbers.push_back(stated[i - 1].number);
  }
  return numbers;
}

// Numbers side by side in the text, as many as the answer has lines: what a bot that looks at places alone can offer.
void add_candidates(const Played& played, Reading& reading) {
  std::vector<Candidate> numbers;
  for (const auto& [key, stated] : played.numbers) {
    for (const Stated& one : stated) numbers.push_back({one.number, one.span.start});
  }
  std::sort(numbers.begin(), numbers.end(), [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
  const std::size_t length = played.standing.size();
  for (std::size_t i = 0; length > 0 && i + length <= numbers.size(); ++i) {
    std::vector<std::string> lines;
    for (std::size_t k = i; k < i + length; ++k) lines.push_back(numbers[k].text);
    reading.candidates.push_back({numbered_lines(lines), numbers[i].position});
  }
}

std::string list_in_chain(const std::vector<std::string>& chain) {
  std::vector<std::string> lines;
  for (const std::string& step : chain) {
    const auto words = match(step, "{}. The {} number of {} is {}.");
    if (words && (*words)[0] == std::to_string(lines.size() + 1)) lines.emplace_back((*words)[3]);
  }
  return numbered_lines(lines);
}

}  // namespace

Reading read_multi_query(const Item& item, const Corpus&) {
  if (asks_user_question(item)) return read_multi_query_of_questions(item);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  if (!parts || std::find(kMultiQueryQuestions.begin(), kMultiQueryQuestions.end(), parts->question) == kMultiQueryQuestions.end()) {
    reading.problem = "the question is none that multi_query asks";
    return reading;
  }
  Player player(reading);
  for (const Sentence& sentence : split_sentences(parts->context)) player.play(sentence);
  const Played played = player.finish();
  reading.problem = played.problem;
  reading.oracle_answer = list_in_chain(item.gold_chain);
  if (played.standing.empty()) return reading;
  for (const Key& key : played.asked) {
    if (played.numbers.count(key) == 0) reading.problem = describe(key) + " is asked for but not stated";
  }
  if (!reading.problem.empty()) return reading;

  std::vector<std::vector<std::string>> believed, guessed;
  std::vector<std::string> steps;
  for (const Key& key : played.standing) {
    const std::vector<Stated>& stated = played.numbers.at(key);
    believed.push_back(possible_numbers(stated));
    for (const Stated& one : stated) reading.evidence.push_back(one.span);
    steps.push_back(query_step(steps.size() + 1, key.first, key.second, stated.back().number));
  }
  reading.gold_chain = settling_withdrawals(played.withdrawals, played.standing);
  reading.evidence.insert(reading.evidence.end(), played.events.begin(), played.events.end());
  reading.gold_chain.insert(reading.gold_chain.end(), steps.begin(), steps.end());
  reading.answers = all_lists(believed, believed.size(), kMaxQueryGuesses);
  for (const Key& key : played.asked) {
    std::vector<std::string>& choices = guessed.emplace_back();  // any number that was ever stated
    for (const Stated& one : played.numbers.at(key)) choices.push_back(one.number);
  }
  reading.guesses = all_lists(guessed, believed.size(), kMaxQueryGuesses);
  std::vector<QueryMentions> asked;
  for (const Key& key : played.asked) {
    asked.push_back(played.mentions.at(key));
    asked.back().answer = played.numbers.at(key).back().number;
  }
  reading.shortcuts = query_shortcuts(asked, believed.size());
  add_candidates(played, reading);
  return reading;
}

}  // namespace longbow::data
