// One row of a question file becomes a QaItem: a function for each format that circulates. Errors say "expected …, got …" and leave
// FILE:LINE to the caller.
#pragma once

#include <optional>

#include "core/json.h"
#include "data/qa/qa_item.h"
#include "data/qa/question_source.h"

namespace longbow::data {

/// The format that the row's fields show; jsonl when they show none.
QuestionFormat format_of(const Json& row);

/// Reads `row`; its id stays empty where the row has none. nullopt for a question that MuSiQue marks as unanswerable, and for one of
/// HotpotQA's or 2WikiMultihopQA's whose context lacks a paragraph that it rests on, or reasoning-gym's without a single answer.
/// Throws UserError for a missing or mistyped field.
std::optional<QaItem> question_from_row(const Json& row, QuestionFormat format, const FieldMap& fields);

/// HotpotQA and 2WikiMultihopQA: `context`, `supporting_facts` and `evidences` as lists, as columns, or as the text of either.
/// Source: Z. Yang et al., "HotpotQA", EMNLP 2018; X. Ho et al., "Constructing a multi-hop QA dataset …", COLING 2020.
std::optional<QaItem> question_from_wiki_row(const Json& row);

/// Source: H. Trivedi et al., "MuSiQue: multihop questions via single-hop question composition", TACL 2022.
std::optional<QaItem> question_from_musique_row(const Json& row);

QaItem question_from_verl_row(const Json& row);
/// nullopt where the answer is null: some of reasoning-gym's tasks have many right answers, which only their own program tells.
std::optional<QaItem> question_from_reasoning_gym_row(const Json& row);
QaItem question_from_plain_row(const Json& row, const FieldMap& fields);

}  // namespace longbow::data
