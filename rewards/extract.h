// Where in a completion the answer stands: after the thinking, in the last box, tag or phrase. Linear in the text, whatever it holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace longbow::rewards {

enum class AnswerPlace { box, tag, phrase, everything };

struct Extraction {
  std::string text;                             // trimmed; empty when there is none
  AnswerPlace place = AnswerPlace::everything;  // where it stood
  std::string failure;                          // why the completion scores 0 whatever it says; empty when it may be scored
};

/// What follows the thinking: all of `prediction` when it holds none. Nothing when two `</think>` stand in it or a `<think>` is left
/// open; `failure` then says which.
std::optional<std::string_view> after_thinking(std::string_view prediction, std::string& failure);

/// Of `text`, the contents of the `\boxed{…}` that begins last among those whose braces balance ("\{" and "\}" do not count).
/// So the innermost of nested boxes. A box with braces nested deeper than 1000 is none.
std::optional<std::string_view> last_box(std::string_view text);
/// The contents of the last `<answer>`; up to the end of `text` when it is not closed (a stop string eats the closing tag),
/// unless `must_close`.
std::optional<std::string_view> last_tag(std::string_view text, bool must_close = false);

/// The answer of a completion: after the thinking, the last box, else the last tag, else what follows the last "the answer is" (any
/// case, asterisks stripped, the sentence's end dropped), else everything.
Extraction extract_answer(std::string_view prediction);

}  // namespace longbow::rewards
