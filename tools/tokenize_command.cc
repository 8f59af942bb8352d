// `longbow tokenize`: text to token ids, token ids to text, conversations to both; JSONL in, JSONL out.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "core/errors.h"
#include "data/chat_template.h"
#include "data/tokenizer.h"
#include "tools/command_options.h"
#include "tools/commands.h"
#include "tools/json_lines.h"
#include "tools/request_fields.h"

namespace longbow::tools {
namespace {

struct TokenizeOptions {
  std::string model_dir;
  std::string input;  // "-": standard input
  bool skip_bad_lines = false;
};

bool flag(const Json& request, std::string_view key, bool otherwise) {
  const Json* value = request.find(key);
  return value != nullptr ? value->as_bool() : otherwise;
}

Json to_json(const std::vector<std::int32_t>& tokens) {
  Json list = Json::array();
  for (const std::int32_t token : tokens) list.push_back(token);
  return list;
}

/// The answer to one line: `{"text", "add_special_tokens"?}`, `{"tokens", "skip_special_tokens"?}` or `{"messages", …}`. Every
/// other key of a conversation goes to the template; one that the template refuses is answered with `{"id", "error"}`.
/// `chat_template` is made when the first conversation comes: text and tokens need none, so a directory without one serves them.
Json tokenize_line(const Json& request, const std::string& model_dir, const data::Tokenizer& tokenizer,
                   std::optional<data::ChatTemplate>& chat_template) {
  Json answer = Json::object();
  if (const Json* id = request.find("id")) answer["id"] = *id;
  if (request.find("text") != nullptr) {
    answer["tokens"] = to_json(tokenizer.encode(text_member(request, "text"), flag(request, "add_special_tokens", false)));
  } else if (request.find("tokens") != nullptr) {
    answer["text"] = tokenizer.decode(token_ids(request, tokenizer.vocab_size()), flag(request, "skip_special_tokens", false));
  } else if (const Json* messages = request.find("messages")) {
    messages->as_array();  // a conversation that is no list is a bad line, not the template's matter
    if (!chat_template) chat_template.emplace(data::ChatTemplate::load(model_dir));
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
  JsonLines lines(options.input, options.skip_bad_lines);
  Json answer;
  const auto take = [&](const Json& request) { answer = tokenize_line(request, options.model_dir, tokenizer, chat_template); };
  while (lines.next(take)) {
    out << answer.dump() << "\n";
    if (!out) throw UserError("tokenize: cannot write the output: the disk is full or the reader is gone");
  }
  out.flush();
}

}  // namespace

void add_tokenize_command(CLI::App& app) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command =
      app.add_subcommand("tokenize", "Text, token ids or conversations through a checkpoint's tokenizer: JSONL in, JSONL out");
  command->add_option("--model", options->model_dir, "Checkpoint directory with a tokenizer")->required();
  command->add_option("input", options->input, "JSONL of {\"text\"}, {\"tokens\"} or {\"messages\"}; - is standard input")->required();
  command->add_flag("--skip-bad-lines", options->skip_bad_lines, "Report bad lines on standard error and go on");
  add_needless_json_flag(*command);
  command->callback([options] { run_tokenize(*options, std::cout); });
}

}  // namespace longbow::tools
