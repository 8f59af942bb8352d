// Chat templates: the Jinja subset that Hugging Face checkpoints use, rendered over JSON values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/item.h"

namespace longbow::data {

class ChatTemplate {
 public:
  /// Parses `source`. Throws UserError with line and construct for syntax it cannot run yet.
  explicit ChatTemplate(std::string_view source, std::string name = "chat template");
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  /// DIR/chat_template.jinja, else `chat_template` of DIR/tokenizer_config.json.
  static ChatTemplate load(const std::string& dir);

  /// Renders with `variables` (messages, add_generation_prompt, bos_token, …). Throws UserError when the template raises.
  std::string render(const Json& variables) const;
  std::string render(const std::vector<Message>& messages, bool add_generation_prompt) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::data
