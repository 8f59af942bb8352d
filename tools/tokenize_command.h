// `longbow tokenize`: text to token ids, token ids to text, conversations to both; JSONL in, JSONL out.
#pragma once

#include <iosfwd>
#include <string>

#include "data/chat_template.h"
#include "data/tokenizer.h"

namespace longbow::tools {

/// The answer to one line: `{"text", "add_special_tokens"?}`, `{"tokens", "skip_special_tokens"?}` or `{"messages", …}`. Every
/// other key of a conversation goes to the template; one that the template refuses is answered with `{"id", "error"}`.
/// `chat_template` may be null. Throws UserError for a line that is none of these.
Json tokenize_line(const Json& request, const data::Tokenizer& tokenizer, const data::ChatTemplate* chat_template);

struct TokenizeOptions {
  std::string model_dir;
  std::string input;  // "-": standard input
  bool skip_bad_lines = false;
};
void run_tokenize(const TokenizeOptions& options, std::ostream& out);

}  // namespace longbow::tools
