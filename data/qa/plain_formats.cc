// verl, reasoning-gym and plain JSONL: a question and its answer, with or without the text it rests on.
#include <utility>

#include "core/errors.h"
#include "data/corpus/sentences.h"
#include "data/qa/question_formats.h"
#include "data/qa/row.h"

namespace longbow::data {
namespace {

// The last user message of a chat.
std::string last_user_message(const Row& row) {
  const std::vector<Row> messages = row.rows("prompt");
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    if (message->text("role") == "user") return message->text("content");
  }
  throw UserError("expected \"prompt\" to hold a user's message, got none");
}

QaParagraph paragraph_of(const Json& json, const Row& row, const std::string& name) {
  QaParagraph paragraph;
  if (json.is_string()) {
    paragraph.sentences = split_prose(json.as_string());
  } else if (json.is_array() && json.size() == 2 && json.as_array()[0].is_string() && json.as_array()[1].is_array()) {
    paragraph.title = json.as_array()[0].as_string();
    for (const Json& sentence : json.as_array()[1].as_array()) {
      if (!sentence.is_string()) row.fail(name, "a list of paragraphs", &sentence);
      paragraph.sentences.push_back(sentence.as_string());
    }
  } else if (json.is_object()) {
    const Row one(json, name);
    if (one.find("title") != nullptr) paragraph.title = one.text("title");
    paragraph.sentences = split_prose(one.text("text"));
    if (one.find("supporting") != nullptr) paragraph.supporting = one.flag("supporting");
  } else {
    row.fail(name, "a string, or a list of strings, [title, sentences] or {title, text, supporting}", &json);
  }
  return paragraph;
}

// A number or text as an id's part.
std::string id_text(const Json& value) { return value.is_string() ? value.as_string() : value.dump(); }

}  // namespace

QuestionFormat format_of(const Json& row) {
  const auto has = [&](const char* key) { return row.find(key) != nullptr; };
  if (has("supporting_facts") && has("context")) return has("evidences") ? QuestionFormat::two_wiki : QuestionFormat::hotpotqa;
  if (has("paragraphs") && (has("question_decomposition") || has("answerable"))) return QuestionFormat::musique;
  if (has("data_source") && has("reward_model")) return QuestionFormat::verl;
  if (has("question") && has("answer") && has("metadata")) return QuestionFormat::reasoning_gym;
  return QuestionFormat::jsonl;
}

std::optional<QaItem> question_from_row(const Json& row, QuestionFormat format, const FieldMap& fields) {
  switch (format == QuestionFormat::automatic ? format_of(row) : format) {
    case QuestionFormat::hotpotqa:
    case QuestionFormat::two_wiki:
      return question_from_wiki_row(row);
    case QuestionFormat::musique:
      return question_from_musique_row(row);
    case QuestionFormat::verl:
      return question_from_verl_row(row);
    case QuestionFormat::reasoning_gym:
      return question_from_reasoning_gym_row(row);
    case QuestionFormat::automatic:
    case QuestionFormat::jsonl:
      return question_from_plain_row(row, fields);
  }
  throw InternalError("a question's format that is not listed");
}

QaItem question_from_verl_row(const Json& json) {
  const Row row(json);
  QaItem item;
  item.type = row.text("data_source");
  // Search tasks keep the accepted answers under "target".
  const bool has_target = row.find("reward_model.ground_truth.target") != nullptr;
  item.answers = row.row("reward_model").answers(has_target ? "ground_truth.target" : "ground_truth");
  // The message may wrap the question in instructions.
  const char* alone = row.find("extra_info.question") != nullptr ? "extra_info.question" : "question";
  item.question = row.find(alone) != nullptr ? row.text(alone) : last_user_message(row);
  if (const Json* extra = row.find("extra_info")) item.metadata = *extra;
  if (const Json* index = row.find("extra_info.index")) {
    const Json* split = row.find("extra_info.split");
    item.id = concat(item.type, "/", split != nullptr ? id_text(*split) + "/" : "", id_text(*index));
  }
  return item;
}

std::optional<QaItem> question_from_reasoning_gym_row(const Json& json) {
  const Row row(json);
  if (const Json* answer = json.find("answer"); answer != nullptr && answer->is_null()) return std::nullopt;
  QaItem item;
  item.question = row.text("question");
  item.answers = {row.answer_text("answer")};
  if (const Json* metadata = row.find("metadata")) item.metadata = *metadata;
  if (row.find("metadata.source_dataset") != nullptr) {
    item.type = row.text("metadata.source_dataset");
    if (const Json* index = row.find("metadata.source_index")) item.id = concat(item.type, "/", id_text(*index));
  }
  return item;
}

QaItem question_from_plain_row(const Json& json, const FieldMap& fields) {
  const Row row(json);
  QaItem item;
  if (row.find(fields.id) != nullptr) item.id = row.answer_text(fields.id);
  item.question = row.text(fields.question);
  item.answers = row.answers(fields.answer);
  if (const Json* aliases = row.find(fields.aliases); aliases != nullptr && !(aliases->is_array() && aliases->size() == 0)) {
    for (std::string& alias : row.answers(fields.aliases)) item.answers.push_back(std::move(alias));
  }
  if (row.find(fields.type) != nullptr) item.type = row.text(fields.type);
  if (const Json* paragraphs = row.find(fields.paragraphs)) {
    if (paragraphs->is_array()) {
      for (const Json& one : paragraphs->as_array()) item.paragraphs.push_back(paragraph_of(one, row, fields.paragraphs));
    } else {
      item.paragraphs.push_back(paragraph_of(*paragraphs, row, fields.paragraphs));
    }
  }
  return item;
}

}  // namespace longbow::data
