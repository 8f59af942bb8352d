#include "data/tasks/foreign_item.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "data/tasks/phrase.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {
namespace {

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80; }

// Runs of capitalised words, a sentence's first word included: "New York City".
std::vector<Candidate> find_names(std::string_view text) {
  std::vector<Candidate> names;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_capital(text[at]) || (at > 0 && is_letter(text[at - 1]))) {
      ++at;
      continue;
    }
    const std::size_t start = at;
    std::size_t end = at;
    while (at < text.size() && is_capital(text[at])) {
      while (at < text.size() && (is_letter(text[at]) || text[at] == '\'' || text[at] == '-')) ++at;
      end = at;
      if (at < text.size() && text[at] == ' ') ++at;
    }
    names.push_back({std::string(text.substr(start, end - start)), static_cast<std::int64_t>(start)});
  }
  return names;
}

}  // namespace

std::vector<Candidate> candidates_like(const std::string& answer, std::string_view context) {
  const bool is_number = !answer.empty() && std::all_of(answer.begin(), answer.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return !answer.empty() && is_capital(answer.front()) ? find_names(context) : std::vector<Candidate>();
  std::vector<Candidate> numbers;
  for (const Sentence& number : find_numbers(context)) numbers.push_back({std::string(number.text), number.span.start});
  return numbers;
}

bool is_foreign(const Item& item) {
  const std::vector<std::string> ours = task_names();
  return std::find(ours.begin(), ours.end(), item.task) == ours.end();
}

Reading read_foreign_item(const Item& item) {
  Reading reading;
  const std::string& content = item.messages.back().content;
  const auto size = static_cast<std::int64_t>(content.size());
  if (item.messages.back().role != "user") reading.problem = "the last message is not the user's";
  for (const EvidenceSpan& span : item.evidence) {
    if (span.start < 0 || span.start >= span.end || span.end > size)
      reading.problem = concat("expected evidence within the message's ", size, " bytes, got ", span.start, "-", span.end);
  }
  reading.answers = {item.answer.answers.front()};
  reading.evidence = item.evidence;
  reading.gold_chain = item.gold_chain;
  reading.oracle_answer = item.answer.answers.front();
  const auto parts = split_message(content);
  reading.candidates = candidates_like(item.answer.answers.front(), parts ? parts->context : std::string_view(content));
  std::set<std::string> different;
  for (const Candidate& candidate : reading.candidates) different.insert(candidate.text);
  reading.guesses.assign(different.begin(), different.end());
  return reading;
}

}  // namespace longbow::data
