// Numbers as people and models write them, plain or LaTeX, read exactly or not at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rewards/number.h"

namespace longbow::rewards {

/// The number that the whole of `text` (in any spelling) states: "42", "-1,234.50", "1 234" (no-break or thin), "3/4", "3 1/2",
/// "\frac{1}{2}", "\dfrac12" , "1.5e-3", "1.5 \times 10^{-3}", "12.5\%" (= 0.125), "$3 million", "x = 5", "5 cm". Nothing for anything
/// else: no sums, no roots, a wrong thousands separator ("1,00"), a zero denominator, nesting beyond 32.
std::optional<Number> read_number(std::string_view text);

/// The one number a sentence of at most 400 bytes states ("She has 42 apples left"). Nothing when there are two, when the number is part of
/// a word or formula ("x2", "2\pi", "5!"), or when the sentence hedges or denies ("not 42", "42 or so").
std::optional<Number> read_only_number(std::string_view text);

/// `text` as two spellings of one number that punctuation would blur: "-5" and "5", "1.5" and "15". A percent sign is left out of account,
/// and texts over 400 bytes are none.
bool are_different_numbers(std::string_view a, std::string_view b);

}  // namespace longbow::rewards
