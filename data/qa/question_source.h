// A task entry's key "questions": files of the user's own in one of the formats that circulate, read line by line within
// bounds. Every defect is FILE:LINE, or counted where the recipe says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/json.h"
#include "data/qa/qa_item.h"

namespace longbow::data {

enum class QuestionFormat { automatic, hotpotqa, two_wiki, musique, verl, reasoning_gym, jsonl };

/// Where plain JSONL keeps what; a path such as "extra.gold" goes into nested objects.
struct FieldMap {
  std::string id = "id";
  std::string question = "question";
  std::string answer = "answer";
  std::string aliases = "aliases";
  std::string paragraphs = "paragraphs";
  std::string type = "type";

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("id", id, {.help = "Names the question; a file without it is numbered by line."});
    v.field("question", question, {.help = "The question: a string."});
    v.field("answer", answer, {.help = "The answer: a string, a number, or a list whose first element is gold."});
    v.field("aliases", aliases, {.help = "Further right answers: a list; may be absent."});
    v.field("paragraphs", paragraphs,
            {.help = "The text it rests on: a string, or a list of strings or of {title, text, supporting}; may be absent."});
    v.field("type", type, {.help = "A kind of question; may be absent."});
  }
};

struct QuestionSource {
  std::vector<std::string> path;
  QuestionFormat format = QuestionFormat::automatic;
  FieldMap fields;
  double heldout_share = 0.2;
  bool skip_bad_lines = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("path", path, {.help = "Files of questions (.json, .jsonl, also .gz and .zst).", .required = true});
    v.choice("format", format,
             {{"auto", QuestionFormat::automatic},
              {"hotpotqa", QuestionFormat::hotpotqa},
              {"2wiki", QuestionFormat::two_wiki},
              {"musique", QuestionFormat::musique},
              {"verl", QuestionFormat::verl},
              {"reasoning_gym", QuestionFormat::reasoning_gym},
              {"jsonl", QuestionFormat::jsonl}},
             {.help = "The files' format; auto looks at each line's fields."});
    v.section("fields", fields, "Plain JSONL: where what is.");
    v.field("heldout_share", heldout_share,
            {.help = "Share of the questions, by a hash of their ids, that only the split heldout gets; 0 and 1 give all to one.",
             .min = 0,
             .max = 1});
    v.field("skip_bad_lines", skip_bad_lines, {.help = "Count bad lines and go on instead of stopping at the first."});
  }
};

struct QuestionSet {
  std::vector<QaItem> items;
  std::int64_t num_skipped = 0;       // bad lines
  std::int64_t num_unanswerable = 0;  // without an answer, or without what it rests on, in a file that says so
  std::uint64_t digest = 0;           // equal for equal questions in equal order
};

/// Reads all files. The set is shared: entries of one recipe that name the same files get the same object.
/// Throws UserError "FILE:LINE: expected …, got …": a broken line, a missing or mistyped field, an id seen before, an answer that its
/// evidence does not hold, and when no question is left. Memory: the questions, and one line of at most 64 MiB.
std::shared_ptr<const QuestionSet> load_questions(const QuestionSource& source);

/// Whether the question belongs to the held-out share: a property of its id alone.
bool is_heldout(const QaItem& item, double heldout_share);

}  // namespace longbow::data
