#include "data/qa/qa_item.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace longbow::data {
namespace {

// Lower-case words between single spaces, one at either end. Punctuation is a space, typographic quotes, dashes and the no-break space
// included; letters beyond ASCII stay as they are.
std::string folded(std::string_view text) {
  std::string result = " ";
  const auto add_space = [&] {
    if (result.back() != ' ') result += ' ';
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (text.substr(i, 2) == "\xE2\x80") {  // U+2000 to U+203F: spaces, dashes, quotes
      add_space();
      i += 2;
    } else if (text.substr(i, 2) == "\xC2\xA0") {
      add_space();
      i += 1;
    } else if (byte >= 0x80) {
      result += text[i];
    } else if (std::isalnum(byte)) {
      result += static_cast<char>(std::tolower(byte));
    } else {
      add_space();
    }
  }
  add_space();
  return result;
}

// The title without what stands in brackets behind it.
std::string_view bare_title(std::string_view title) {
  const std::size_t open = title.rfind(" (");
  return open == std::string_view::npos || !title.ends_with(')') ? title : title.substr(0, open);
}

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

}  // namespace

std::string QaParagraph::text() const {
  std::string joined;
  for (const std::string& sentence : sentences) joined += (joined.empty() ? "" : " ") + sentence;
  return joined;
}

const QaParagraph* paragraph_about(const QaItem& item, std::string_view subject) {
  const QaParagraph* found = nullptr;
  int best = 0;
  for (const QaParagraph& paragraph : item.paragraphs) {
    const bool is_titled = paragraph.title == subject;
    if (!is_titled && folded(bare_title(paragraph.title)) != folded(bare_title(subject))) continue;
    const int fits = 1 + paragraph.supporting + 2 * is_titled;
    if (fits > best) found = &paragraph;
    best = std::max(best, fits);
  }
  return found;
}

bool is_yes_no(const QaItem& item) {
  const std::string answer = folded(item.answer());
  return answer == " yes " || answer == " no ";
}

bool holds_phrase(std::string_view text, std::string_view phrase) {
  const std::string wanted = folded(phrase);
  if (wanted == " ") return false;
  // Scripts without spaces have no word ends to look for.
  const bool starts_word = is_ascii(wanted[1]), ends_word = is_ascii(wanted[wanted.size() - 2]);
  const std::string_view core(wanted);
  return folded(text).find(core.substr(!starts_word, core.size() - !starts_word - !ends_word)) != std::string::npos;
}

}  // namespace longbow::data
