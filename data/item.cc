#include "data/item.h"

#include <utility>

#include "core/errors.h"

namespace longbow::data {
namespace {

// Reads one member, so that every error names the field: `item: expected "answer.reward" to be a string, got nothing`.
class Members {
 public:
  Members(const Json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {
    if (!object.is_object())
      throw UserError(concat("item: expected ", prefix_.empty() ? "an object" : prefix_, ", got ", object.type_name()));
  }

  std::string text(std::string_view key) const {
    const Json* found = object_.find(key);
    if (found == nullptr || !found->is_string()) fail(key, "a string", found);
    return found->as_string();
  }
  std::string text_or(std::string_view key, std::string fallback) const { return object_.find(key) ? text(key) : std::move(fallback); }
  std::int64_t integer(std::string_view key) const {
    const Json* found = object_.find(key);
    if (found == nullptr || !found->is_integer()) fail(key, "an integer", found);
    return found->as_integer();
  }
  std::int64_t integer_or(std::string_view key, std::int64_t fallback) const { return object_.find(key) ? integer(key) : fallback; }
  const Json::Array& array(std::string_view key) const {
    const Json* found = object_.find(key);
    if (found == nullptr || !found->is_array()) fail(key, "an array", found);
    return found->as_array();
  }
  const Json& object(std::string_view key) const {
    const Json* found = object_.find(key);
    if (found == nullptr || !found->is_object()) fail(key, "an object", found);
    return *found;
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> result;
    for (const Json& element : array(key)) {
      if (!element.is_string()) fail(key, "an array of strings", &element);
      result.push_back(element.as_string());
    }
    return result;
  }
  bool has(std::string_view key) const { return object_.find(key) != nullptr; }
  [[noreturn]] void fail(std::string_view key, std::string_view expected, const Json* got) const {
    throw UserError(concat("item: expected \"", prefix_, key, "\" to be ", expected, ", got ", got ? got->type_name() : "nothing"));
  }

 private:
  const Json& object_;
  std::string prefix_;
};

Json texts_to_json(const std::vector<std::string>& texts) {
  Json array = Json::array();
  for (const std::string& text : texts) array.push_back(text);
  return array;
}

}  // namespace

Item item_from_json(const Json& json) {
  const Members members(json, "");
  Item item;
  item.id = members.text("id");
  item.task = members.text("task");
  item.family = members.text_or("family", "");
  for (const Json& element : members.array("messages")) {
    const Members message(element, "messages.");
    item.messages.push_back({message.text("role"), message.text("content")});
  }
  if (item.messages.empty()) throw UserError("item: expected \"messages\" to hold at least one, got none");
  const Members answer(members.object("answer"), "answer.");
  item.answer.reward = answer.text("reward");
  item.answer.answers = answer.texts("answers");
  if (item.answer.answers.empty()) throw UserError("item: expected \"answer.answers\" to hold at least one, got none");
  if (answer.has("params")) item.answer.params = answer.object("params");
  if (members.has("evidence")) {
    for (const Json& element : members.array("evidence")) {
      const Members span(element, "evidence.");
      item.evidence.push_back({span.integer("start"), span.integer("end")});
    }
  }
  if (members.has("gold_chain")) item.gold_chain = members.texts("gold_chain");
  item.question = members.text_or("question", "");
  item.num_tokens = members.integer_or("num_tokens", 0);
  item.seed = static_cast<std::uint64_t>(members.integer_or("seed", 0));
  item.builder = members.text_or("builder", "");
  if (members.has("difficulty")) item.difficulty = members.object("difficulty");
  item.length_bin = members.text_or("length_bin", "");
  return item;
}

Json item_to_json(const Item& item) {
  Json json = Json::object();
  json["id"] = item.id;
  json["task"] = item.task;
  json["family"] = item.family;
  json["messages"] = Json::array();
  for (const Message& message : item.messages) {
    Json one = Json::object();
    one["role"] = message.role;
    one["content"] = message.content;
    json["messages"].push_back(std::move(one));
  }
  Json& answer = json["answer"] = Json::object();
  answer["reward"] = item.answer.reward;
  answer["answers"] = texts_to_json(item.answer.answers);
  answer["params"] = item.answer.params;
  json["evidence"] = Json::array();
  for (const EvidenceSpan& span : item.evidence) {
    Json one = Json::object();
    one["start"] = span.start;
    one["end"] = span.end;
    json["evidence"].push_back(std::move(one));
  }
  json["gold_chain"] = texts_to_json(item.gold_chain);
  json["question"] = item.question;
  json["num_tokens"] = item.num_tokens;
  json["seed"] = item.seed;
  json["builder"] = item.builder;
  json["difficulty"] = item.difficulty;
  json["length_bin"] = item.length_bin;
  return json;
}

}  // namespace longbow::data
