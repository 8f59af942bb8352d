// Lists as answers: how predictions and gold answers spell them, and what makes two of their elements the same.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rewards/answer_reward.h"

namespace longbow::rewards {

using List = std::vector<std::string>;

/// The element that stands behind "1.", "2)" or "(3):" (Markdown emphasis allowed); nothing when `line` begins with no number.
struct NumberedLine {
  int number = 0;
  std::string_view element;
};
std::optional<NumberedLine> numbered_line(std::string_view line);

/// Not empty and not only white space; LaTeX's "\\" ends a line too, and the fences of code blocks are none.
std::vector<std::string_view> content_lines(std::string_view text);

/// "[a, b]": what stands between the outer brackets, cut at commas, empty elements left out. Nothing when `text` is not in brackets.
std::optional<List> bracketed_list(std::string_view text);

/// Any list a person would write: "[a, b]"; numbered lines, where two or more are; lines, bullets allowed, without a first line that ends
/// in a colon; else one line cut at ">", or at ";", or at ",".
List read_list(std::string_view text);

/// The lists that gold answers stand for. Where one of them spells a whole list ("[…]", several lines, or a numbered line), each is a list
/// and they are aliases; else they are the elements of one list.
std::vector<List> gold_lists(const std::vector<std::string>& answers);

/// Equal for elements that normalise alike and have the same signs and decimal points before and in their digits. Empty when nothing is
/// left after normalisation.
std::string element_key(std::string_view element);
List element_keys(const List& list);

/// best_over the lists that the gold answers stand for.
template <class Read, class Compare>
RewardResult best_over_lists(const RewardInput& input, Read read, Compare compare) {
  return best_over(input, gold_lists(input.answers), read, compare);
}

}  // namespace longbow::rewards
