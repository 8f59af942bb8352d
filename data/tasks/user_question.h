// What builders share that hide the user's own questions: the question stands in the item as it is, and what it rests on is quoted.
// No program can solve such a question, so its reader checks what can be checked: everything quoted stands in the text, once, and the
// stored answer stands there and nowhere else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/qa/qa_item.h"
#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

/// Marks the draft as one of the user's questions: difficulty "mode", "question_id" and "paragraphs" (how many are quoted).
void note_question(Draft& draft, const QaItem& question, std::size_t num_paragraphs);
/// Whether note_question marked the item.
bool asks_user_question(const Item& item);

/// White space, line ends included, as single spaces.
std::string one_line(std::string_view text);
/// one_line with single quotes for double ones, so that it can stand between those.
std::string quotable(std::string_view text);

/// "Its answer is Norway.", the last step of such an item's gold chain, and the answer read off it; empty when it is no such step.
std::string answer_step(std::string_view answer);
std::string answer_of_step(std::string_view step);

/// The paragraphs that the question rests on as one line each, "Title: text": the marked ones, or all where none is marked.
std::vector<std::string> quoted_evidence(const QaItem& question);

/// Whether one of the question's answers stands in `texts`.
bool holds_answer(const std::vector<std::string>& texts, const QaItem& question);

/// Whether `one` could pass for `other`, or give it away: equal, or the words of one among the other's.
bool is_confusable(std::string_view one, std::string_view other);

/// Where `text` stands in `context`; nullopt when it does not, or twice.
std::optional<EvidenceSpan> only_place(std::string_view context, std::string_view text);

/// Fills the reading's chain and evidence from `chain`, texts that must each stand in the context once; then what the gates ask of the
/// stored answer: given by the chain's last step; in the evidence where paragraphs are quoted; nowhere outside it. Sets `problem`.
void read_quoted(const Item& item, std::string_view context, const std::vector<std::string>& chain, Reading& reading);

/// The texts of a list in the item's difficulty; empty when there is none.
std::vector<std::string> stored_texts(const Item& item, std::string_view key);
Json texts_as_json(const std::vector<std::string>& texts);

}  // namespace longbow::data
