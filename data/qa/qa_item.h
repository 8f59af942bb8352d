// One question of the user's own with its answer and, as far as its file tells, what the answer rests on. Every reader of
// data/qa gives this one form, so that a builder needs no knowledge of HotpotQA, MuSiQue or anybody's columns.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace longbow::data {

/// A paragraph beside the question: evidence, or a distractor that the file brought along.
struct QaParagraph {
  std::string title;
  std::vector<std::string> sentences;
  bool supporting = false;
  /// Indexes of the sentences that the file marks; empty when it marks whole paragraphs, or none.
  std::vector<std::size_t> supporting_sentences;

  /// The sentences joined by single spaces.
  std::string text() const;
};

/// (subject, relation, object), as 2WikiMultihopQA states its evidence: ("Rory", "date of birth", "3 May 1950").
struct QaTriple {
  std::string subject;
  std::string relation;
  std::string object;
};

/// One step of MuSiQue's decomposition; "#1" in a question stands for the first step's answer.
struct QaStep {
  std::string question;
  std::string answer;
  std::optional<std::size_t> paragraph;  // index into QaItem::paragraphs
};

struct QaItem {
  std::string id;
  std::string question;
  std::vector<std::string> answers;  // gold first, then aliases; never empty, none blank
  std::vector<QaParagraph> paragraphs;
  std::vector<QaTriple> evidence;
  std::vector<QaStep> steps;
  std::string type;                // as the file says: "bridge", "comparison", a data source …; may be empty
  Json metadata = Json::object();  // further fields that a format has: level, entity_ids, extra_info …
  std::string where;               // "FILE:LINE" it was read from

  const std::string& answer() const { return answers.front(); }
};

/// The paragraph about `subject`: titled so, or so but for case and a kind in brackets ("Red Sky (film)"), as 2WikiMultihopQA's triples
/// name their subjects; one that is marked before others. nullptr when there is none.
const QaParagraph* paragraph_about(const QaItem& item, std::string_view subject);

/// Whether the answer is one of yes, no, which no text needs to spell out.
bool is_yes_no(const QaItem& item);

/// Whether words of `text` in a row are the words of `phrase`, case and punctuation aside; false for a phrase without words.
bool holds_phrase(std::string_view text, std::string_view phrase);

}  // namespace longbow::data
