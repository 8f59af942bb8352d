#include "rewards/extract.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kMaxBraceDepth = 1000;
constexpr std::string_view kThinkOpen = "<think>", kThinkClose = "</think>";
constexpr std::string_view kTagOpen = "<answer>", kTagClose = "</answer>";
constexpr std::string_view kPhrase = "the answer is";
constexpr std::string_view kBox = "\\boxed";

// The phrase and its answer carry Markdown emphasis anywhere ("The answer is: **Paris**."), so asterisks go first.
std::optional<std::string> after_phrase(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '*') plain += c;
  }
  const std::size_t phrase = ascii_lower(plain).rfind(kPhrase);
  if (phrase == std::string::npos) return std::nullopt;
  std::string_view answer = trim(std::string_view(plain).substr(phrase + kPhrase.size()));
  while (!answer.empty() && answer.front() == ':') answer = trim(answer.substr(1));
  while (!answer.empty() && (answer.back() == '.' || answer.back() == '!')) answer = trim(answer.substr(0, answer.size() - 1));
  return std::string(answer);
}

}  // namespace

std::optional<std::string_view> after_thinking(std::string_view prediction, std::string& failure) {
  const std::size_t close = prediction.find(kThinkClose);
  if (close == std::string_view::npos) {
    if (prediction.find(kThinkOpen) == std::string_view::npos) return prediction;
    failure = "<think> is not closed";
    return std::nullopt;
  }
  const std::string_view rest = prediction.substr(close + kThinkClose.size());
  if (rest.find(kThinkClose) != std::string_view::npos) {
    failure = "more than one </think>";
  } else if (rest.find(kThinkOpen) != std::string_view::npos) {
    failure = "<think> is not closed";
  }
  return failure.empty() ? std::optional(rest) : std::nullopt;
}

std::optional<std::string_view> last_box(std::string_view text) {
  struct Brace {
    std::uint32_t contents;                     // where they begin
    std::uint32_t is_box : 1, height : 31 = 0;  // height: of the braces inside
  };
  text = text.substr(0, UINT32_MAX);
  std::vector<Brace> open;
  std::optional<std::string_view> box;
  std::size_t box_begin = 0, after_box = std::string_view::npos;  // after_box: where a "{" would open a box
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && text.substr(at, kBox.size()) == kBox) {
      at += kBox.size() - 1;
      after_box = at + 1;
      while (after_box < text.size() && text[after_box] == ' ') ++after_box;
      at = after_box - 1;
    } else if (c == '\\') {
      ++at;  // an escaped brace, or a command's first letter
    } else if (c == '{') {
      open.push_back({static_cast<std::uint32_t>(at + 1), at == after_box});
    } else if (c == '}' && !open.empty()) {
      const Brace brace = open.back();
      open.pop_back();
      if (!open.empty()) open.back().height = std::max<std::uint32_t>(open.back().height, brace.height + 1);
      if (brace.is_box && brace.contents >= box_begin && brace.height <= kMaxBraceDepth) {
        box = text.substr(brace.contents, at - brace.contents);
        box_begin = brace.contents;
      }
    }
  }
  return box;
}

std::optional<std::string_view> last_tag(std::string_view text, bool must_close) {
  const std::size_t open = text.rfind(kTagOpen);
  if (open == std::string_view::npos) return std::nullopt;
  const std::string_view contents = text.substr(open + kTagOpen.size());
  const std::size_t close = contents.find(kTagClose);
  if (close == std::string_view::npos && must_close) return std::nullopt;
  return contents.substr(0, close);
}

Extraction extract_answer(std::string_view prediction) {
  Extraction result;
  const std::optional<std::string_view> text = after_thinking(prediction, result.failure);
  if (!text) return result;
  if (const auto box = last_box(*text)) {
    result.place = AnswerPlace::box;
    result.text = trim(*box);
  } else if (const auto tag = last_tag(*text)) {
    result.place = AnswerPlace::tag;
    result.text = trim(*tag);
  } else if (auto phrase = after_phrase(*text)) {
    result.place = AnswerPlace::phrase;
    result.text = std::move(*phrase);
  } else {
    result.text = trim(*text);
  }
  return result;
}

}  // namespace longbow::rewards
