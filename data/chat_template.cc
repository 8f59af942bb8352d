// Chat templates from a checkpoint's directory, rendered by data/jinja with the variables that transformers defines.
#include "data/chat_template.h"

#include <filesystem>
#include <optional>

#include "core/errors.h"
#include "core/line_reader.h"
#include "data/jinja/evaluator.h"
#include "data/jinja/parser.h"

namespace longbow::data {
namespace {

constexpr std::size_t kMaxTemplateBytes = std::size_t{4} << 20;

[[noreturn]] void rethrow(const jinja::Failure& failure, const std::string& name) {
  throw UserError(concat(name, ", line ", failure.line(), ": ", failure.what()));
}

jinja::Block parse(std::string_view source, const std::string& name) {
  try {
    return jinja::parse(source);
  } catch (const jinja::Failure& failure) {
    rethrow(failure, name);
  }
}

/// transformers passes a message's reasoning under both names that templates read, wherever it came from.
jinja::Value with_reasoning_names(const jinja::Value& message) {
  const jinja::Map* fields = message.as_map();
  if (fields == nullptr) return message;
  const jinja::Value* reasoning = nullptr;
  for (const char* key : {"reasoning_content", "thinking", "reasoning"}) {
    const jinja::Value* field = fields->find(key);
    if (reasoning == nullptr && field != nullptr && !field->is_none()) reasoning = field;
  }
  if (reasoning == nullptr) return message;
  jinja::Map named;
  named.set("thinking", *reasoning);
  for (const auto& [key, value] : fields->members) named.set(key, value);
  named.set("reasoning_content", *reasoning);
  return named;
}

}  // namespace

struct ChatTemplate::State {
  std::string name;
  jinja::Block block;
  std::optional<jinja::Block> with_tools;  // a named list's "tool_use"
  Json special_tokens = Json::object();    // bos_token, eos_token, … of the checkpoint, for variables that are not given
};

ChatTemplate::ChatTemplate(std::string_view source, std::string name) : state_(std::make_unique<State>()) {
  state_->name = std::move(name);
  state_->block = parse(source, state_->name);
}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;

ChatTemplate ChatTemplate::load(const std::string& dir) {
  const std::filesystem::path folder(dir);
  const std::string config_path = (folder / "tokenizer_config.json").string();
  const std::string file_path = (folder / "chat_template.jinja").string();
  const Json config = std::filesystem::exists(config_path) ? read_json_file(config_path) : Json::object();

  std::string source, source_name = config_path + ": chat_template";
  std::optional<jinja::Block> with_tools;
  const Json* setting = config.find("chat_template");
  if (std::filesystem::exists(file_path)) {
    source = read_file(file_path, kMaxTemplateBytes);
    source_name = file_path;
  } else if (setting != nullptr && setting->is_string()) {
    source = setting->as_string();
  } else if (setting != nullptr && setting->is_array()) {
    const Json* fallback = nullptr;
    for (const Json& entry : setting->as_array()) {
      const std::string& entry_name = entry.at("name").as_string();
      if (entry_name == "default") fallback = &entry.at("template");
      if (entry_name == "tool_use") with_tools = parse(entry.at("template").as_string(), source_name + " tool_use");
    }
    if (fallback == nullptr) throw UserError(concat("chat template: expected one named 'default', got none (", config_path, ")"));
    source = fallback->as_string();
  } else {
    throw UserError(
        concat("chat template: expected chat_template.jinja or chat_template in tokenizer_config.json, got neither (", dir, ")"));
  }

  ChatTemplate result(source, source_name);
  result.state_->with_tools = std::move(with_tools);
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const Json* token = config.find(key);
    if (token == nullptr || token->is_null()) continue;
    result.state_->special_tokens[key] = token->is_object() ? token->at("content") : *token;
  }
  return result;
}

std::string ChatTemplate::render(const Json& variables) const {
  const jinja::Value given = jinja::Value::from_json(variables);
  if (given.as_map() == nullptr) throw UserError(concat(state_->name, ": expected an object of variables, got ", variables.type_name()));
  jinja::Map& map = *given.as_map();
  for (const auto& [key, value] : state_->special_tokens.as_object()) {
    if (map.find(key) == nullptr) map.set(key, jinja::Value::from_json(value));
  }
  if (map.find("add_generation_prompt") == nullptr) map.set("add_generation_prompt", false);
  for (const char* key : {"tools", "documents"}) {
    if (map.find(key) == nullptr) map.set(key, jinja::None{});
  }
  if (const jinja::Value* messages = map.find("messages"); messages != nullptr && messages->as_list() != nullptr) {
    std::vector<jinja::Value> named;
    for (const jinja::Value& message : messages->as_list()->items) named.push_back(with_reasoning_names(message));
    map.set("messages", jinja::Value::list(std::move(named)));
  }
  const bool has_tools = !map.find("tools")->is_none();
  try {
    return jinja::evaluate(has_tools && state_->with_tools ? *state_->with_tools : state_->block, map);
  } catch (const jinja::Failure& failure) {
    rethrow(failure, state_->name);
  }
}

std::string ChatTemplate::render(const std::vector<Message>& messages, bool add_generation_prompt) const {
  Json list = Json::array();
  for (const Message& message : messages) list.push_back(Json::Object{{"role", message.role}, {"content", message.content}});
  return render(Json::Object{{"messages", std::move(list)}, {"add_generation_prompt", add_generation_prompt}});
}

}  // namespace longbow::data
