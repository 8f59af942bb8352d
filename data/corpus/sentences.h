// Prose into sentences: good enough for filler and for the paragraphs of question files, where a wrong cut costs little.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longbow::data {

/// Sentences of `text`, white space within them collapsed. A sentence ends at '.', '!' or '?' (closing quotes and brackets
/// included) before white space and a capital letter, digit, quote or letter beyond ASCII, unless the word before the dot is an
/// abbreviation ("Dr."), an initial or a number in a list; and at an empty line. Cost: linear.
std::vector<std::string> split_prose(std::string_view text);

}  // namespace longbow::data
