#include "core/errors.h"
#include "rewards/number_reader.h"
#include "tests/rewards/scored.h"

namespace longbow::rewards {
namespace {

// Every pair states the same number, whichever side is gold.
const std::vector<std::pair<std::string, std::string>> kEqual = {
    {"42", "42.0"},
    {"1,234,567", "1234567"},
    {"1{,}234", "1234"},
    {"1\\,234", "1234"},
    {"1\u202f234", "1234"},
    {"$1,234.50", "1234.5"},
    {"\\$5", "5"},
    {"€5", "5"},
    {"-5", "\u22125"},
    {"-5", "–5"},
    {"+5", "5"},
    {"- 5", "-5"},
    {".5", "0.5"},
    {"007", "7"},
    {"0", "-0"},
    {"0.0", "0"},
    {"1e3", "1000"},
    {"1.5E-3", "0.0015"},
    {"1.5 \\times 10^{3}", "1500"},
    {"1.5×10^3", "1500"},
    {"1.5 \\cdot 10^{-3}", "0.0015"},
    {"50%", "0.5"},
    {"12.5\\%", "12.5 percent"},
    {"1/2", "0.5"},
    {"-3/4", "-0.75"},
    {"2/4", "1/2"},
    {"1/3", "2/6"},
    {"3 1/2", "3.5"},
    {"3\\frac{1}{2}", "7/2"},
    {"-3\\frac12", "-3.5"},
    {"\\frac{1}{2}", "1/2"},
    {"\\dfrac{1}{2}", "0.5"},
    {"\\tfrac12", "0.5"},
    {"-\\frac{1}{2}", "\\frac{-1}{2}"},
    {"\\frac{-1}{-2}", "0.5"},
    {"\\frac{\\frac{1}{2}}{3}", "1/6"},
    {"{{5}}", "5"},
    {"\\left 5 \\right", "5"},
    {"3 million", "3,000,000"},
    {"$1.5 billion", "1500000000"},
    {"5 \\text{ cm}", "5"},
    {"5 \\text{ cm}^2", "5"},
    {"45^\\circ", "45"},
    {"x = 5", "5"},
    {"1e999", "10e998"},
    {"1e999999", "10e999998"},
    {"\\frac{1e500}{1e499}", "10"},
    {"123456789012345678901234567890", "123456789012345678901234567890.0"},
    {"0." + std::string(999, '3'), "0." + std::string(999, '3') + "0"},
    {std::string(50'000, '7'), std::string(50'000, '7') + ".0"},
};

const std::vector<std::pair<std::string, std::string>> kDifferent = {
    {"5", "-5"},
    {"5", "50"},
    {"5", "0.5"},
    {"50%", "50"},
    {"50%", "5000"},
    {"1/2", "1/3"},
    {"1/3", "0.333333333"},
    {"123456789012345678901234567890", "123456789012345678901234567891"},
    {"0.1", "0.10000000000000001"},
    {"1e999", "1e998"},
    {"1e999", "5"},
    {"1e-999", "0"},
    {"1e999999999999999999999", "1e5"},
    {"3 1/2", "3/2"},
    {"42", "4 2"},
    {"1,00", "100"},
    {"1,0000", "10000"},
    {"5\\frac{1}{0}", "5"},
    {"2^3", "2"},
    {"2\\pi", "2"},
    {"5!", "5"},
    {"5x", "5"},
    {"5 x", "5"},
    {"5 or 6", "5"},
    {"--5", "5"},
    {"0x5", "0"},
    {"٥", "5"},
    {"５", "5"},
    {"", "0"},
    {"zero", "0"},
    {"nan", "0"},
    {"inf", "1e999"},
    {std::string(50'000, '7'), std::string(49'999, '7')},
};

TEST(Numbers, EqualIfAndOnlyIfTheyAre) {
  for (const char* reward : {"numeric", "math"}) {
    for (const auto& [a, b] : kEqual) {
      expect_scores(reward,
                    {{"\\boxed{" + a + "}", {b}, 1}, {"\\boxed{" + b + "}", {a}, 1}, {"Therefore, the answer is $" + a + "$.", {b}, 1}});
    }
    for (const auto& [a, b] : kDifferent) expect_scores(reward, {{"\\boxed{" + a + "}", {b}, 0}, {"\\boxed{" + b + "}", {a}, 0}});
    for (const char* nothing : {"", ".", "the", "-", "%", "\\frac{1}{0}", "1/0", "0/0", "\\frac{1}{0.00}"}) {
      expect_scores(reward, {{"\\boxed{" + std::string(nothing) + "}", {nothing}, 0}});
    }
  }
}

TEST(Numeric, OneNumberInAShortSentence) {
  expect_scores("numeric", {
                               {"She has 42 apples left.", {"42"}, 1},
                               {"The answer is about 1,234.5 dollars", {"1234.5"}, 1},
                               {"Total: $42.", {"42"}, 1},
                               {"It fell by minus 5 degrees", {"-5"}, 1},
                               {"It fell by minus 5 degrees", {"5"}, 0},
                               {"42 or 43", {"42"}, 0},
                               {"not 42", {"42"}, 0},
                               {"42 and 43", {"42"}, 0},
                               {"42, 43", {"42"}, 0},
                               {"between 42 and 42", {"42"}, 0},
                               {"catch22", {"22"}, 0},
                               {"It costs €42”.", {"42"}, 1},
                               {"It costs 42 €", {"42"}, 1},
                               {"It is 42²", {"42"}, 0},
                               {"It is 42½", {"42"}, 0},
                               {"It is 42½.", {"42.5"}, 1},
                               {"½5", {"0.5"}, 0},
                               {"½²", {"0.5"}, 0},
                               {"It is 42２", {"42"}, 0},
                               {"It is 42е1", {"42"}, 0},  // a Cyrillic е
                               {"It is х42", {"42"}, 0},   // a Cyrillic х
                               {"42\xff", {"42"}, 0},
                               {"room x-22b", {"22"}, 0},
                               {"version 4.2.1", {"4.2"}, 0},
                               {"it is 2\\pi then", {"2"}, 0},
                               {"<think>42</think>", {"42"}, 0},
                               {"\\boxed{42} \\boxed{43}", {"42"}, 0},
                               {"42" + std::string(1 << 20, ' ') + "apples", {"42"}, 0},
                           });
  std::string many = "42";
  for (int i = 0; i < 300'000; ++i) many += " hundred";  // as a gold answer of the user's file, which nothing bounds
  expect_scores("numeric", {{many, {"42"}, 0}, {"42", {many}, 0}});
}

TEST(Numeric, RelativeToleranceKeepsTheSign) {
  Json params = Json::object();
  params["rel_tol"] = 0.01;
  expect_scores("numeric",
                {{"101", {"100"}, 1},
                 {"99", {"100"}, 1},
                 {"101.01", {"100"}, 0},
                 {"98.9", {"100"}, 0},
                 {"-100", {"100"}, 0},
                 {"1000", {"100"}, 0},
                 {"-101", {"-100"}, 1},
                 {"0.001", {"0"}, 0},
                 {"0", {"0.001"}, 0},
                 {"1/3", {"0.333"}, 1},
                 {"1e999", {"1.001e999"}, 1},
                 {"1e999999", {"1.001e999999"}, 1},
                 {"1e999", {"1"}, 0},
                 {"1e-9999", {"1e9999"}, 0}},
                params);
  params["rel_tol"] = 0.3;
  expect_scores("numeric", {{"130", {"100"}, 1}, {"70", {"100"}, 1}, {"130.0001", {"100"}, 0}}, params);
  for (const Json& bad : {Json(-0.1), Json(1.0), Json("small")}) {
    params["rel_tol"] = bad;
    EXPECT_THROW(score_of("numeric", "1", {"1"}, params), UserError);
  }
}

TEST(Math, ExpressionsThatAreNoNumbers) {
  expect_scores("math", {
                            {"\\boxed{2\\sqrt{3}}", {"2 \\sqrt{3}"}, 1},
                            {"\\boxed{(1,2)}", {"(1, 2)"}, 1},
                            {"\\boxed{\\left(1, \\dfrac{1}{2}\\right)}", {"(1,\\frac{1}{2})"}, 1},
                            {"\\boxed{x^2+1}", {"x^2 + 1"}, 1},
                            {"\\boxed{(2,1)}", {"(1,2)"}, 0},
                            {"\\boxed{x+\\frac{1}{0}}", {"x+\\frac{1}{0}"}, 0},
                            {"\\boxed{1,2}", {"12"}, 0},
                            {"\\boxed{2\\sqrt{3}}", {"2"}, 0},
                            {"\\boxed{4} or \\boxed{5}", {"4"}, 0},
                            {"\\boxed{" + std::string(100'000, '{') + "5" + std::string(100'000, '}') + "}", {"5"}, 0},
                            {"\\boxed{" + std::string(500, '{') + "5" + std::string(500, '}') + "}", {"5"}, 0},
                            {std::string(1 << 20, '9'), {"9"}, 0},
                            {"\\boxed{\xff"
                             "5}",
                             {"5"},
                             0},
                            {"\\boxed{5" + std::string(1, '\0') + "}", {"6"}, 0},
                        });
  std::string deep;
  for (int i = 0; i < 30'000; ++i) deep += "\\frac{";
  expect_scores("math", {{deep + "1", {"1"}, 0}, {"the answer is " + deep, {"1"}, 0}});
}

TEST(KeyCode, ExactlyOneCode) {
  expect_scores("key_code", {
                                {"\\boxed{4821}", {"4821"}, 1},
                                {"The code is 4821.", {"4821"}, 1},
                                {"the answer is **4821**", {"4821"}, 1},
                                {"A7F3-09BC", {"a7f3-09bc"}, 1},
                                {"“4821”", {"4821"}, 1},
                                {"4821, I repeat: 4821", {"4821"}, 1},
                                {"4821 or 4822", {"4821"}, 0},
                                {"1111 4821", {"4821"}, 0},
                                {"48210", {"4821"}, 0},
                                {"x4821", {"4821"}, 0},
                                {"4821.0", {"4821"}, 0},
                                {"4821а", {"4821"}, 0},  // a Cyrillic а
                                {"", {"4821"}, 0},
                                {"the code", {"4821"}, 0},
                                {"<think>4821</think>", {"4821"}, 0},
                                {"\\boxed{4821} \\boxed{1}", {"4821"}, 0},
                                {std::string(1 << 20, '1'), {"4821"}, 0},
                            });
}

}  // namespace
}  // namespace longbow::rewards
