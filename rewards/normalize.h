// The one normalisation that text rewards share: lower case, punctuation out, articles out, white space collapsed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longbow::rewards {

/// The words of `text`: Unicode lower case; ASCII and typographic punctuation stripped (not replaced: "U.S." is "us"); "a", "an" and
/// "the" dropped; split at white space, the no-break kinds too. Invisible characters are not content; a byte that is no UTF-8 reads as
/// U+FFFD, which nothing a person writes equals. Composed and decomposed accents stay different, and so do homoglyphs. Cost: linear.
/// Source: Rajpurkar et al., SQuAD (arXiv 1606.05250), the evaluation script's normalisation, widened beyond ASCII.
std::vector<std::string> normalized_words(std::string_view text);

/// The words joined by single spaces.
std::string normalize(std::string_view text);

}  // namespace longbow::rewards
