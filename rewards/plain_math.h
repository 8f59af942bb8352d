// One plain spelling for the many that LaTeX, Markdown and Unicode allow.
#pragma once

#include <string>
#include <string_view>

namespace longbow::rewards {

/// In plain form: a space that only groups digits (no-break, thin, "\\,").
inline constexpr char kThinSpace = '\x01';

/// LaTeX and Unicode spellings brought to one plain form: dollar signs, spacing commands, \left, \right, braces of \text and degree signs
/// go; \dfrac and \tfrac become \frac, \times and "×" become "*", every dash before a digit "-", "½" "1/2", "{,}" a comma. Cost: linear.
std::string plain_math(std::string_view text);

}  // namespace longbow::rewards
