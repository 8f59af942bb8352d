// LongMath read back: the statements about the asked things form a system that is solved with every statement, and again with
// each one left out.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "data/tasks/long_math.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

struct Statement {
  std::string owner;
  std::vector<std::string> needs;  // whose numbers it builds on
  char sign = 'g';                 // 'g' given, '+', '-', '*' with `amount`, 't' together
  std::int64_t amount = 0;
  EvidenceSpan span;
};

std::int64_t number_of(std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : -1;
}

std::optional<Statement> parse_statement(const Sentence& sentence, std::string_view things) {
  Statement statement;
  statement.span = sentence.span;
  const auto read = [&](const char* pattern, std::size_t things_at, int number_at, const std::vector<std::size_t>& needs, char sign,
                        std::int64_t amount) {
    const auto words = match(sentence.text, pattern);
    if (!words || (*words)[things_at] != things) return false;
    statement.owner = (*words)[0];
    statement.sign = sign;
    statement.amount = number_at < 0 ? amount : number_of((*words)[number_at]);
    for (const std::size_t need : needs) statement.needs.emplace_back((*words)[need]);
    return statement.amount >= 0 && statement.amount <= 1000000000;
  };
  if (read(kGivenPattern, 2, 1, {}, 'g', 0) || read(kMorePattern, 2, 1, {3}, '+', 0) || read(kFewerPattern, 2, 1, {3}, '-', 0) ||
      read(kTwicePattern, 1, -1, {2}, '*', 2) || read(kThricePattern, 1, -1, {2}, '*', 3) ||
      read(kTogetherPattern, 1, -1, {2, 3}, 't', 0)) {
    return statement;
  }
  return std::nullopt;
}

struct Value {
  std::int64_t number = 0;
  std::string step;
  std::size_t rank = 0;  // the how-manieth to be settled
};

// Everyone's number, as far as the statements but `without` settle it. Statements about one person twice give two values; `clash`
// then says so.
std::map<std::string, Value> solve(const std::vector<Statement>& statements, std::size_t without, bool& clash) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 50;  // beyond it a tampered text would overflow
  std::map<std::string, Value> values;
  std::vector<bool> used(statements.size(), false);
  for (bool progress = true; progress;) {
    progress = false;
    for (std::size_t i = 0; i < statements.size(); ++i) {
      const Statement& s = statements[i];
      if (used[i] || i == without) continue;
      std::vector<std::int64_t> known;
      for (const std::string& need : s.needs) {
        if (const auto found = values.find(need); found != values.end()) known.push_back(found->second.number);
      }
      if (known.size() < s.needs.size()) continue;
      used[i] = progress = true;
      Value value{s.amount, concat(s.owner, " has ", s.amount, "."), values.size()};
      if (s.sign != 'g') {
        const std::int64_t right = s.sign == 't' ? known[1] : s.amount;
        const char sign = s.sign == 't' ? '+' : s.sign;
        value.number = sign == '+' ? known[0] + right : sign == '-' ? known[0] - right : known[0] * right;
        value.step = concat(s.owner, " has ", known[0], " ", sign, " ", right, " = ", value.number, ".");
      }
      if (std::abs(value.number) > kLargest) continue;
      if (!values.emplace(s.owner, value).second) clash = true;
    }
  }
  return values;
}

}  // namespace

Reading read_long_math(const Item& item, const Corpus&) {
  if (asks_user_question(item)) return read_long_math_of_questions(item);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  std::optional<std::vector<std::string_view>> question;
  for (const char* pattern : kLongMathQuestions) {
    if (parts && !question) question = match(parts->question, pattern);
  }
  if (!question) {
    reading.problem = "the question is none that long_math asks";
    return reading;
  }
  const std::string things((*question)[0]), asked((*question)[1]);
  std::vector<Statement> statements;
  for (const Sentence& sentence : split_sentences(parts->context)) {
    if (auto statement = parse_statement(sentence, things)) {
      reading.entities.push_back(statement->owner);
      statements.push_back(std::move(*statement));
    }
  }
  std::set<std::string> shown;
  for (const Sentence& number : find_numbers(parts->context)) {
    reading.candidates.push_back({std::string(number.text), number.span.start});
    shown.emplace(number.text);
  }
  const Json* max_value = item.difficulty.find("max_value");
  const std::int64_t largest = max_value != nullptr && max_value->is_integer() ? max_value->as_integer() : 0;
  for (std::int64_t v = kSmallestAnswer; v <= std::min<std::int64_t>(largest, 1000000); ++v) {
    if (shown.count(std::to_string(v)) == 0) reading.guesses.push_back(std::to_string(v));
  }

  bool clash = false;
  const std::map<std::string, Value> values = solve(statements, statements.size(), clash);
  if (clash) {
    reading.problem = "one person's number is stated twice";
    return reading;
  }
  const auto gold = values.find(asked);
  if (gold != values.end()) reading.answers = {std::to_string(gold->second.number)};

  // The evidence is what the answer cannot be computed without; a statement more or less is a defect.
  std::vector<const Statement*> needed;
  std::vector<std::string> open = {asked};
  std::set<std::string> seen = {asked};
  while (!open.empty()) {
    const std::string owner = open.back();
    open.pop_back();
    for (const Statement& statement : statements) {
      if (statement.owner != owner) continue;
      needed.push_back(&statement);
      for (const std::string& need : statement.needs) {
        if (seen.insert(need).second) open.push_back(need);
      }
    }
  }
  const auto rank = [&](const Statement* statement) {
    const auto value = values.find(statement->owner);
    return value == values.end() ? values.size() : value->second.rank;
  };
  std::sort(needed.begin(), needed.end(), [&](const Statement* a, const Statement* b) { return rank(a) < rank(b); });
  for (const Statement* statement : needed) {
    reading.evidence.push_back(statement->span);
    if (const auto value = values.find(statement->owner); value != values.end()) reading.gold_chain.push_back(value->second.step);
    bool ignored = false;
    const auto rest = solve(statements, static_cast<std::size_t>(statement - statements.data()), ignored);
    if (rest.count(asked) > 0) reading.problem = concat("the answer does not need the statement about ", statement->owner);
  }
  const std::vector<Sentence> numbers = find_numbers(item.gold_chain.back());
  if (!numbers.empty()) reading.oracle_answer = numbers.back().text;
  return reading;
}

}  // namespace longbow::data
