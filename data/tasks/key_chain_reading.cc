// KeyChain read back: pairs, hidden questions and codes are collected from the text; every path from the asked key is followed.
#include <map>
#include <set>

#include "data/tasks/key_chain.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

struct Link {
  std::string to;
  EvidenceSpan span;
};

struct Graph {
  std::multimap<std::string, Link> pairs;      // key -> next key
  std::multimap<std::string, Link> questions;  // key -> name
  std::multimap<std::string, Link> codes;      // name -> code
};

// Every way from `key` to a code; `path` stops at cycles.
void follow(const Graph& graph, const std::string& key, std::vector<std::string> path, const std::vector<EvidenceSpan>& spans,
            Reading& reading, std::set<std::string>& answers) {
  for (const std::string& before : path) {
    if (before == key) {
      reading.problem = concat("the keys run in a circle at ", key);
      return;
    }
  }
  path.push_back(key);
  for (auto [at, end] = graph.questions.equal_range(key); at != end; ++at) {
    for (auto [code, last] = graph.codes.equal_range(at->second.to); code != last; ++code) {
      if (!answers.insert(code->second.to).second || answers.size() > 1) continue;
      reading.evidence = spans;
      reading.evidence.push_back(at->second.span);
      reading.evidence.push_back(code->second.span);
    }
  }
  for (auto [at, end] = graph.pairs.equal_range(key); at != end; ++at) {
    std::vector<EvidenceSpan> longer = spans;
    longer.push_back(at->second.span);
    follow(graph, at->second.to, path, longer, reading, answers);
  }
}

}  // namespace

Reading read_key_chain(const Item& item, const Corpus&) {
  if (asks_user_question(item)) return read_key_chain_of_questions(item);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  std::string head;
  for (const char* pattern : kKeyChainQuestions) {
    if (const auto words = parts ? match(parts->question, pattern) : std::nullopt) head = (*words)[0];
  }
  if (head.empty()) {
    reading.problem = "the question is none that key_chain asks";
    return reading;
  }
  Graph graph;
  std::set<std::string> codes;
  for (const Sentence& sentence : split_sentences(parts->context)) {
    const auto note = [&](const char* pattern, std::multimap<std::string, Link>& into) {
      auto words = match(sentence.text, pattern);
      if (words) into.emplace(std::string((*words)[0]), Link{std::string((*words)[1]), sentence.span});
      return words;
    };
    for (const char* pattern : kPairPatterns) note(pattern, graph.pairs);
    for (const char* pattern : kHiddenQuestionPatterns) note(pattern, graph.questions);
    if (const auto words = note(kCodePattern, graph.codes)) {
      reading.candidates.push_back({std::string((*words)[1]), sentence.span.start});
      reading.entities.emplace_back((*words)[0]);
      codes.emplace((*words)[1]);
    }
  }
  reading.guesses.assign(codes.begin(), codes.end());
  for (const auto& [key, link] : graph.pairs) {
    if (graph.pairs.count(key) > 1 || graph.questions.count(key) > 0) reading.problem = concat("the key ", key, " leads to two places");
  }
  if (!reading.problem.empty()) return reading;  // without forks there is one path to follow, however the text was tampered with
  std::set<std::string> answers;
  follow(graph, head, {}, {}, reading, answers);
  for (const EvidenceSpan& span : reading.evidence)
    reading.gold_chain.emplace_back(parts->context.substr(span.start, span.end - span.start));
  reading.answers.assign(answers.begin(), answers.end());
  for (const std::string& code : reading.guesses) {
    for (const std::string& answer : reading.answers) {
      if (code != answer && code.find(answer) != std::string::npos) reading.problem = concat("another code holds the answer ", answer);
    }
  }
  const std::vector<Sentence> numbers = find_numbers(item.gold_chain.back());
  if (!numbers.empty()) reading.oracle_answer = numbers.back().text;
  return reading;
}

}  // namespace longbow::data
