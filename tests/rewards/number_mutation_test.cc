#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/number_properties.h"

namespace longbow::rewards {
namespace {

// What numbers are written with; mutations put these together where random bytes hardly ever would.
const std::vector<std::string> kPieces = {"1",
                                          "0",
                                          "42",
                                          "-",
                                          ".",
                                          ",",
                                          "{",
                                          "}",
                                          "\\frac",
                                          "\\frac{1}{0}",
                                          "\\dfrac",
                                          "\\text{",
                                          "\\boxed{",
                                          "%",
                                          "\\%",
                                          "e5",
                                          "E-999",
                                          "1e999",
                                          "/",
                                          "\\times 10^{",
                                          " ",
                                          "\\,",
                                          "{,}",
                                          "\u2212",
                                          "\u00a0",
                                          "\u200b",
                                          "$",
                                          "\\left(",
                                          "\\sqrt",
                                          " million",
                                          "percent",
                                          "x = ",
                                          "</think>",
                                          "<think>",
                                          "the answer is ",
                                          "<answer>",
                                          "</answer>",
                                          "\xff",
                                          "\xc3",
                                          "€",
                                          "\\",
                                          "000",
                                          "999999999999999999999",
                                          "\n",
                                          "or",
                                          "²",
                                          "½",
                                          "*10^",
                                          "**",
                                          "\\\\"};

TEST(NumberReader, HoldsItsPromisesOnMutations) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    if (i % 8 == 0) text.clear();
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(text.size() + 1);
      switch (below(4)) {
        case 0:
          text.erase(at, below(6));
          break;
        case 1:
          text.insert(at, 1, static_cast<char>(random()));
          break;
        default:
          text.insert(at, kPieces[below(kPieces.size())]);
      }
    }
    ASSERT_NO_THROW(check_number_properties(text)) << "\"" << text << "\"";
  }
}

}  // namespace
}  // namespace longbow::rewards
