// Sentences by pattern: "The key {} points to the key {}." is filled by the builders and matched by the checkers, which find
// sentences in the rendered text alone. A blank holds one word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/item.h"

namespace longbow::data {

/// `pattern` with its blanks filled in order; their numbers must agree.
std::string fill(std::string_view pattern, const std::vector<std::string_view>& words);

/// The words in `pattern`'s blanks if `sentence` matches it whole.
std::optional<std::vector<std::string_view>> match(std::string_view sentence, std::string_view pattern);

struct Sentence {
  std::string_view text;  // ends in '.' or '?'
  EvidenceSpan span;      // bytes of `text` within the text it was split from
};

/// Splits at '.' or '?' followed by white space or the end; what follows the last such mark is a sentence too.
std::vector<Sentence> split_sentences(std::string_view text);

/// Lower-case words (runs of letters and digits) of a text.
std::vector<std::string> lower_words(std::string_view text);

/// A crude stem (plural, -ed, -ing) of a lower-case word; empty for function words.
std::string content_stem(std::string_view lower_word);

/// Every run of digits with its bytes.
std::vector<Sentence> find_numbers(std::string_view text);

}  // namespace longbow::data
