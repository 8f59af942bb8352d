// LongDocQA read back: pages are cut at empty lines, their sentences become facts about people and places, and the question is
// answered from these; every piece of evidence is left out once to see that the answer needs it.
#include <algorithm>
#include <map>
#include <set>

#include "data/tasks/long_doc_qa.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

// What a sentence says: a person's place by a tie, or a place's value of a fact.
struct Statement {
  bool is_tie = false;
  std::size_t index = 0;  // of the tie or fact
  std::string subject, value;
  EvidenceSpan span;
};

std::optional<Statement> parse_statement(std::string_view sentence, std::string_view title, const DocKind& kind) {
  for (std::size_t tie = 0; tie < kind.ties.size(); ++tie) {
    for (const char* pattern : kind.ties[tie].statements) {
      if (const auto words = match(sentence, pattern)) return Statement{true, tie, std::string((*words)[0]), std::string((*words)[1]), {}};
    }
  }
  for (std::size_t fact = 0; fact < kind.facts.size(); ++fact) {
    for (const char* statement : kind.facts[fact].statements) {
      if (const auto words = match(sentence, titled_statement(kind, statement)))
        return Statement{false, fact, std::string(title), std::string((*words)[0]), {}};
      if (const auto words = match(sentence, named_statement(kind, statement)))
        return Statement{false, fact, std::string((*words)[0]), std::string((*words)[1]), {}};
    }
  }
  return std::nullopt;
}

std::vector<Statement> parse_pages(std::string_view context, const DocKind& kind) {
  std::vector<Statement> statements;
  for (std::size_t start = 0; start < context.size();) {
    const std::size_t end = std::min(context.find(kPageBreak, start), context.size());
    const std::string_view page = context.substr(start, end - start);
    const std::size_t title_end = std::min(page.find('\n'), page.size());
    for (const Sentence& sentence : split_sentences(page.substr(title_end))) {
      if (auto statement = parse_statement(sentence.text, page.substr(0, title_end), kind)) {
        const auto offset = static_cast<std::int64_t>(start + title_end);
        statement->span = {sentence.span.start + offset, sentence.span.end + offset};
        statements.push_back(std::move(*statement));
      }
    }
    start = end + kPageBreak.size();
  }
  return statements;
}

// A way from a person to a value.
struct Path {
  const Statement* tie = nullptr;
  const Statement* fact = nullptr;
};

struct Solution {
  std::string answer;
  std::vector<const Statement*> evidence;
};

class Solver {
 public:
  Solver(const DocQuestion& question, const std::vector<Statement>& statements) : question_(question), statements_(statements) {}

  /// Every solution that does without the statement `left_out`.
  std::vector<Solution> solve(const Statement* left_out) const {
    std::vector<Solution> solutions;
    const std::vector<Path> paths = paths_from(question_.person, left_out);
    if (question_.ask == DocQuestion::Ask::fact) {
      for (const Path& path : paths) solutions.push_back({path.fact->value, {path.tie, path.fact}});
      return solutions;
    }
    for (const Path& path : paths) {
      for (const Path& other : paths_from(question_.other_person, left_out)) {
        solutions.push_back({compare(question_.ask, path.fact->subject, path.fact->value, other.fact->subject, other.fact->value),
                             {path.tie, path.fact, other.tie, other.fact}});
      }
    }
    return solutions;
  }

  static std::string compare(DocQuestion::Ask ask, const std::string& place, const std::string& year, const std::string& other_place,
                             const std::string& other_year) {
    const bool is_older = std::pair(year.size(), year) < std::pair(other_year.size(), other_year);
    if (ask == DocQuestion::Ask::yes_no) return is_older ? "yes" : "no";
    return is_older ? place : other_place;
  }

 private:
  std::vector<Path> paths_from(const std::string& person, const Statement* left_out) const {
    std::vector<Path> paths;
    for (const Statement& tie : statements_) {
      if (&tie == left_out || !tie.is_tie || tie.index != question_.tie || tie.subject != person) continue;
      for (const Statement& fact : statements_) {
        if (&fact != left_out && !fact.is_tie && fact.index == question_.fact && fact.subject == tie.value) paths.push_back({&tie, &fact});
      }
    }
    return paths;
  }

  const DocQuestion& question_;
  const std::vector<Statement>& statements_;
};

// The answer that the chain's steps give when they are taken as all there is.
std::string answer_in_chain(const DocQuestion& question, const DocKind& kind, const std::vector<std::string>& chain) {
  std::vector<Statement> statements;
  for (const std::string& step : chain) {
    if (auto statement = parse_statement(step, "", kind)) statements.push_back(std::move(*statement));
  }
  const std::vector<Solution> solutions = Solver(question, statements).solve(nullptr);
  return solutions.size() == 1 ? solutions.front().answer : "";
}

// Occurrences of `word` in the text, as a word of its own and in any case.
std::int64_t count_word(std::string_view text, const std::string& word) {
  const std::vector<std::string> words = lower_words(text), wanted = lower_words(word);
  return wanted.empty() ? 0 : std::count(words.begin(), words.end(), wanted.front());
}

// Values of the asked fact at the places that the asked person's page names, whatever the tie, in the page's order.
std::vector<std::string> values_by_any_tie(const DocQuestion& question, const std::vector<Statement>& statements) {
  std::vector<std::string> values;
  for (const Statement& tie : statements) {
    if (!tie.is_tie || tie.subject != question.person) continue;
    for (const Statement& fact : statements) {
      if (!fact.is_tie && fact.index == question.fact && fact.subject == tie.value) values.push_back(fact.value);
    }
  }
  return values;
}

void add_candidates(const DocQuestion& question, const std::vector<Statement>& statements, const std::vector<Solution>& solutions,
                    Reading& reading) {
  if (question.ask == DocQuestion::Ask::yes_no) {
    reading.guesses = {"no", "yes"};
    reading.shortcuts = {"", ""};
    return;
  }
  if (question.ask == DocQuestion::Ask::older) {
    for (const std::size_t tie : {0, 2}) {
      const Statement& found = *solutions.front().evidence[tie];
      reading.candidates.push_back({found.value, found.span.start});
    }
    std::sort(reading.candidates.begin(), reading.candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
    reading.guesses = {reading.candidates[0].text, reading.candidates[1].text};
    reading.shortcuts = {"", ""};
    return;
  }
  for (const Statement& statement : statements) {
    if (!statement.is_tie && statement.index == question.fact) reading.candidates.push_back({statement.value, statement.span.start});
  }
  reading.guesses = values_by_any_tie(question, statements);
  if (!reading.guesses.empty()) reading.shortcuts = {reading.guesses.front(), reading.guesses.back()};
}

void check_evidence(const Solver& solver, const Solution& solution, const DocQuestion& question, const MessageParts& parts,
                    Reading& reading) {
  for (const Statement* statement : solution.evidence) {
    const std::vector<Solution> without = solver.solve(statement);
    if (!without.empty()) reading.problem = concat("the answer does not need what is said of ", statement->subject);
  }
  if (question.ask == DocQuestion::Ask::yes_no) return;
  if (count_word(parts.question, solution.answer) > 0) reading.problem = "the question holds the answer";
  if (question.ask == DocQuestion::Ask::fact && count_word(parts.context, solution.answer) != 1) {
    reading.problem = concat("the answer ", solution.answer, " stands outside the evidence too");
  }
}

}  // namespace

Reading read_long_doc_qa(const Item& item, const Corpus&) {
  if (asks_user_question(item)) return read_long_doc_qa_of_question(item);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto question = parts ? parse_doc_question(parts->question) : std::nullopt;
  if (const auto walk = parts && !question ? parse_doc_walk(parts->question) : std::nullopt)
    return read_long_doc_qa_walk(item, *parts, *walk);
  if (!question) {
    reading.problem = "the question is none that long_doc_qa asks";
    return reading;
  }
  const DocKind& kind = doc_kinds()[question->kind];
  const std::vector<Statement> statements = parse_pages(parts->context, kind);
  for (const Statement& statement : statements) {
    reading.entities.push_back(statement.subject);
    if (statement.is_tie || (!kind.facts[statement.index].is_year && kind.facts[statement.index].category.empty()))
      reading.entities.push_back(statement.value);
  }
  reading.oracle_answer = answer_in_chain(*question, kind, item.gold_chain);
  const Solver solver(*question, statements);
  const std::vector<Solution> solutions = solver.solve(nullptr);
  if (solutions.empty()) return reading;
  std::set<std::string> answers;
  for (const Solution& solution : solutions) answers.insert(solution.answer);
  reading.answers.assign(answers.begin(), answers.end());
  add_candidates(*question, statements, solutions, reading);
  if (solutions.size() > 1) return reading;

  const Solution& solution = solutions.front();
  for (const Statement* statement : solution.evidence) {
    reading.evidence.push_back(statement->span);
    reading.gold_chain.push_back(statement->is_tie ? fill(kind.ties[statement->index].statements[0], {statement->subject, statement->value})
                                                   : fill(named_statement(kind, kind.facts[statement->index].statements[0]),
                                                          {statement->subject, statement->value}));
  }
  check_evidence(solver, solution, *question, *parts, reading);
  return reading;
}

}  // namespace longbow::data
