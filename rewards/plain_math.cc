#include "rewards/plain_math.h"

#include <algorithm>

#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "½" and its kin; empty for anything else.
std::string_view fraction_sign(char32_t c) {
  switch (c) {
    case 0xBC:
      return "1/4";
    case 0xBD:
      return "1/2";
    case 0xBE:
      return "3/4";
    case 0x2153:
      return "1/3";
    case 0x2154:
      return "2/3";
    case 0x215B:
      return "1/8";
    default:
      return "";
  }
}

}  // namespace

std::string plain_math(std::string_view text) {
  struct Replacement {
    std::string_view from, to;
  };
  // Longest first where one begins another.
  static constexpr Replacement kReplacements[] = {
      {"\\dfrac", "\\frac"},
      {"\\tfrac", "\\frac"},
      {"\\cfrac", "\\frac"},
      {"\\displaystyle", ""},
      {"\\left", ""},
      {"\\right", ""},
      {"\\times", "*"},
      {"\\cdot", "*"},
      {"^{\\circ}", ""},
      {"^\\circ", ""},
      {"\\%", "%"},
      {"\\$", ""},
      {"{,}", ","},
      {"\\,", "\x01"},
      {"\\!", ""},
      {"\\;", " "},
      {"\\:", " "},
      {"\\ ", " "},
      {"\\(", ""},
      {"\\)", ""},
      {"\\[", ""},
      {"\\]", ""},
      {"$", ""},
      {"**", ""},
      {"~", " "},
  };
  static constexpr std::string_view kTextCommands[] = {"\\textbf{", "\\textit{", "\\textrm{", "\\text{",
                                                       "\\mathrm{", "\\mathbf{", "\\mbox{"};
  std::string plain;
  std::string closers;  // of open braces: 't' closes a text command and goes, 'k' is kept
  for (std::size_t at = 0; at < text.size();) {
    if (is_letter(text[at]) || (text[at] >= '0' && text[at] <= '9') || text[at] == ' ') {  // most of any text, so first
      plain += text[at++];
      continue;
    }
    const std::string_view rest = text.substr(at);
    if (std::string_view("\\{$*~^").find(text[at]) != std::string_view::npos) {  // what every spelling below begins with
      const auto* replacement = std::find_if(std::begin(kReplacements), std::end(kReplacements),
                                             [&](const Replacement& candidate) { return rest.starts_with(candidate.from); });
      // \leftarrow is not \left
      if (replacement != std::end(kReplacements) && is_letter(replacement->from.back()) && replacement->from[0] == '\\' &&
          replacement->to != "\\frac" && rest.size() > replacement->from.size() && is_letter(rest[replacement->from.size()])) {
        replacement = std::end(kReplacements);
      }
      if (replacement != std::end(kReplacements)) {
        plain += replacement->to;
        at += replacement->from.size();
        continue;
      }
      const auto* command = std::find_if(std::begin(kTextCommands), std::end(kTextCommands),
                                         [&](std::string_view candidate) { return rest.starts_with(candidate); });
      if (command != std::end(kTextCommands)) {
        if (!plain.empty()) plain += ' ';
        closers += 't';
        at += command->size();
        continue;
      }
    }
    const char32_t c = next_code_point(text, at);
    if (c == '{') {
      closers += 'k';
      plain += '{';
    } else if (c == '}') {
      const char kind = closers.empty() ? 'k' : closers.back();
      if (!closers.empty()) closers.pop_back();
      if (kind == 'k') plain += '}';
    } else if (c == 0x2212 || (c >= 0x2010 && c <= 0x2015) || c == 0xFE63 || c == 0xFF0D) {
      plain += '-';
    } else if (c == 0xD7 || c == 0x22C5) {
      plain += '*';
    } else if (c == 0xA0 || c == 0x2009 || c == 0x202F) {
      plain += kThinSpace;
    } else if (const std::string_view fraction = fraction_sign(c); !fraction.empty()) {
      if (!plain.empty() && plain.back() != '-' && plain.back() != ' ') plain += ' ';  // "3½" is "3 1/2"
      plain += fraction;
      if (at < text.size() && text[at] >= '0' && text[at] <= '9') plain += ' ';
    } else if (is_space(c)) {
      plain += ' ';
    } else if (!is_invisible(c) && c != 0xB0) {
      append_utf8(c, plain);
    }
  }
  return plain;
}

}  // namespace longbow::rewards
