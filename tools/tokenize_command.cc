#include "tools/tokenize_command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "core/errors.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "tools/command_options.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

bool flag(const Json& request, std::string_view key, bool otherwise) {
  const Json* value = request.find(key);
  return value != nullptr ? value->as_bool() : otherwise;
}

Json to_json(const std::vector<std::int32_t>& tokens) {
  Json list = Json::array();
  for (const std::int32_t token : tokens) list.push_back(token);
  return list;
}

std::vector<std::int32_t> token_ids(const Json& list) {
  std::vector<std::int32_t> tokens;
  for (const Json& token : list.as_array()) {
    const std::int64_t id = token.as_integer();
    if (id < 0 || id > INT32_MAX) throw UserError(concat("tokens/", tokens.size(), ": expected a token id, got ", id));
    tokens.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

}  // namespace

Json tokenize_line(const Json& request, const data::Tokenizer& tokenizer, const data::ChatTemplate* chat_template) {
  if (!request.is_object()) throw UserError(concat("expected an object, got a value of type ", request.type_name()));
  Json answer = Json::object();
  if (const Json* id = request.find("id")) answer["id"] = *id;
  if (const Json* text = request.find("text")) {
    answer["tokens"] = to_json(tokenizer.encode(text->as_string(), flag(request, "add_special_tokens", false)));
  } else if (const Json* tokens = request.find("tokens")) {
    answer["text"] = tokenizer.decode(token_ids(*tokens), flag(request, "skip_special_tokens", false));
  } else if (const Json* messages = request.find("messages")) {
    messages->as_array();  // a conversation that is no list is a bad line, not the template's matter
    if (chat_template == nullptr) throw UserError("messages: the model's directory holds no chat template");
    try {
      const std::string text = chat_template->render(request);
      answer["text"] = text;
      answer["tokens"] = to_json(tokenizer.encode(text));
    } catch (const UserError& error) {
      answer["error"] = error.what();
    }
  } else {
    throw UserError("expected a line with \"text\", \"tokens\" or \"messages\", got none of them");
  }
  return answer;
}

void run_tokenize(const TokenizeOptions& options, std::ostream& out) {
  const data::Tokenizer tokenizer(options.model_dir);
  std::optional<data::ChatTemplate> chat_template;
  bool looked_for_template = false;  // text and tokens need none, so a directory without one serves them
  LineReader reader(options.input);
  std::string line;
  while (reader.next(line)) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    Json answer;
    try {
      const Json request = parse_json(line, "line");
      if (request.find("messages") != nullptr && !looked_for_template) {
        chat_template.emplace(data::ChatTemplate::load(options.model_dir));
        looked_for_template = true;
      }
      answer = tokenize_line(request, tokenizer, chat_template ? &*chat_template : nullptr);
    } catch (const UserError& error) {
      const std::string message = concat(reader.where(), ": ", error.what());
      if (!options.skip_bad_lines) throw UserError(message, error.hint());
      log_warning(message + " (skipped)");
      continue;
    }
    out << answer.dump() << "\n";
    if (!out) throw UserError("tokenize: cannot write the output: the disk is full or the reader is gone");
  }
  out.flush();
}

void add_tokenize_command(CLI::App& app) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command =
      app.add_subcommand("tokenize", "Text, token ids or conversations through a checkpoint's tokenizer: JSONL in, JSONL out.");
  command->add_option("--model", options->model_dir, "Checkpoint directory with a tokenizer")->required();
  command->add_option("input", options->input, "JSONL of {\"text\"}, {\"tokens\"} or {\"messages\"}; - is standard input")->required();
  command->add_flag("--skip-bad-lines", options->skip_bad_lines, "Report bad lines on standard error and go on");
  add_needless_json_flag(*command);
  command->callback([options] { run_tokenize(*options, std::cout); });
}

}  // namespace longbow::tools
