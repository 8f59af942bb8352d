// What must hold of any bytes that the readers of numbers and answers are given; broken promises throw InternalError.
// Shared by the fuzz target and by the mutation test that runs with the others.
#pragma once

#include <string>
#include <string_view>

#include "core/errors.h"
#include "rewards/extract.h"
#include "rewards/number_reader.h"
#include "rewards/plain_math.h"
#include "rewards/reward.h"
#include "rewards/unicode.h"

namespace longbow::rewards {

inline void check_number_properties(std::string_view text) {
  const std::optional<Number> number = read_number(text);
  if (number) {
    LONGBOW_CHECK(*number == *number);
    LONGBOW_CHECK(number->negated().negated() == *number);
    LONGBOW_CHECK(number->is_zero() || !(number->negated() == *number));
    LONGBOW_CHECK(number->within(*number, 0.1));
    LONGBOW_CHECK(number->is_zero() || !number->shifted(1).within(*number, 0.5));
    if (const auto ratio = number->divided_by(*number)) LONGBOW_CHECK(*ratio == *Number::from_digits("1", "", 0));
    LONGBOW_CHECK(!are_different_numbers(text, text));
  }
  if (const auto again = read_number(concat("\n", text, "\n"))) LONGBOW_CHECK(number && *again == *number);
  read_only_number(text);

  const std::string plain = plain_math(text);
  LONGBOW_CHECK_LE(plain.size(), 3 * text.size());  // a broken byte becomes U+FFFD, at most
  if (const auto box = last_box(text)) LONGBOW_CHECK(box->data() >= text.data() && box->data() + box->size() <= text.data() + text.size());
  const Extraction extraction = extract_answer(text);
  LONGBOW_CHECK_LE(extraction.text.size(), text.size());

  // No reward throws on what a model wrote, and each answer that is worth something is worth the same as its own gold.
  static const Json kNoParams = Json::object();
  const std::vector<std::string> itself{extraction.text}, other{"7"};
  for (const char* reward : {"numeric", "math", "exact_match", "key_code"}) {
    for (const auto* gold : {&itself, &other}) {
      const RewardResult result = find_reward(reward)({text, *gold, "", kNoParams});
      LONGBOW_CHECK(result.score && (*result.score == 0 || *result.score == 1));
    }
  }
  if (extraction.failure.empty() && read_number(extraction.text)) {
    LONGBOW_CHECK(find_reward("numeric")({text, itself, "", kNoParams}).score == 1.0 || extraction.text.size() > (std::size_t{64} << 10));
  }
}

}  // namespace longbow::rewards
