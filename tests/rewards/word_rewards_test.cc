#include "tests/rewards/scored.h"

namespace longbow::rewards {
namespace {

const std::string kZeroWidth = "\u200b";

TEST(ExactMatch, HonestAnswersScore) {
  expect_scores("exact_match", {
                                   {"\\boxed{Paris}", {"Paris"}, 1},
                                   {"paris", {"Paris"}, 1},
                                   {"The answer is the Eiffel Tower.", {"Eiffel Tower"}, 1},
                                   {"Therefore, the answer is **Paris**.", {"Paris"}, 1},
                                   {"<answer>Paris</answer>", {"Paris"}, 1},
                                   {"<think>London? Rome?</think>\n\n\\boxed{\"Paris\"}", {"Paris"}, 1},
                                   {"\\boxed{NYC}", {"New York City", "New York", "NYC"}, 1},
                                   {"\\boxed{Jean–Paul’s}", {"Jean-Paul's"}, 1},
                                   {"\\boxed{1,234}", {"1234"}, 1},
                                   {"\\boxed{1234.0}", {"1,234.0"}, 1},
                                   {"\\boxed{50%}", {"50"}, 1},
                                   {"\\boxed{MÜNCHEN}", {"münchen"}, 1},
                                   {"\\boxed{São\u00a0Paulo}", {"são paulo"}, 1},
                                   {"\\boxed{Pa" + kZeroWidth + "ris}", {"Paris"}, 1},
                                   {"\\boxed{U.S.}", {"US"}, 1},
                                   {"\\boxed{\\text{New York}}", {"New York"}, 1},
                                   {"$\\boxed{\\textbf{New }\\mathrm{York}}$", {"New York"}, 1},
                                   {"The answer is $\\text{Paris}$.", {"\\text{Paris}"}, 1},
                               });
}

TEST(ExactMatch, HacksScoreNothing) {
  expect_scores("exact_match", {
                                   {"", {"Paris"}, 0},
                                   {" \n", {"Paris"}, 0},
                                   {"the", {"the", ""}, 0},
                                   {".", {"."}, 0},
                                   {kZeroWidth, {kZeroWidth, ""}, 0},
                                   {std::string(1, '\0'), {std::string(1, '\0')}, 0},
                                   {"\\boxed{Paris} \\boxed{London}", {"Paris"}, 0},
                                   {"\\boxed{Paris, London}", {"Paris"}, 0},
                                   {"<think>\\boxed{Paris}</think>", {"Paris"}, 0},
                                   {"<think>\\boxed{Paris}", {"Paris"}, 0},
                                   {"</think></think>\\boxed{Paris}", {"Paris"}, 0},
                                   {"\\boxed{Pаris}", {"Paris"}, 0},  // a Cyrillic а
                                   {"\\boxed{Paris\xff}", {"Paris"}, 0},
                                   {"\\boxed{-5}", {"5"}, 0},
                                   {"\\boxed{1.5}", {"15"}, 0},
                                   {"\\boxed{0.5}", {"05"}, 0},
                                   {std::string(1 << 20, 'a'), {"Paris"}, 0},
                                   {"\\boxed{" + std::string(100'000, '{') + std::string(100'000, '}') + "}", {"Paris"}, 0},
                               });
}

TEST(SubEm, ContainmentOfWholeWordsEitherWay) {
  expect_scores("sub_em", {
                              {"\\boxed{Paris}", {"Paris"}, 1},
                              {"\\boxed{Paris, France}", {"Paris"}, 1},
                              {"\\boxed{the city of Paris}", {"Paris"}, 1},
                              {"\\boxed{Barack Obama}", {"Barack Hussein Obama", "Barack Obama II"}, 1},
                              {"\\boxed{Barack}", {"Barack Obama"}, 1},
                              {"\\boxed{President Barack Hussein Obama}", {"Barack Hussein Obama"}, 1},
                              {"\\boxed{Simon and Garfunkel}", {"Simon & Garfunkel", "Simon and Garfunkel"}, 1},
                              {"The answer is 42 km.", {"42"}, 1},
                          });
}

TEST(SubEm, HacksScoreNothing) {
  expect_scores("sub_em", {
                              {"", {"Paris"}, 0},
                              {"the", {"the Paris"}, 0},
                              {".", {"Paris"}, 0},
                              {"P", {"Paris"}, 0},
                              {"\\boxed{Par}", {"Paris"}, 0},
                              {"\\boxed{Parisian}", {"Paris"}, 0},
                              {"\\boxed{York}", {"New York City"}, 0},
                              {"\\boxed{Paris, London, Rome, Berlin, Madrid}", {"Paris"}, 0},
                              {"\\boxed{Paris London Rome Berlin}", {"Paris"}, 0},
                              {"\\boxed{Paris, London, Rome}", {"Paris"}, 0},
                              {"\\boxed{Paris or London}", {"Paris"}, 0},
                              {"\\boxed{Paris and London}", {"Paris"}, 0},
                              {"\\boxed{not Paris}", {"Paris"}, 0},
                              {"\\boxed{anywhere but Paris}", {"Paris"}, 0},
                              {"\\boxed{London rather than Paris}", {"London", "Paris"}, 0},
                              {"\\boxed{instead of Paris}", {"Paris"}, 0},
                              {"\\boxed{It isn’t Paris}", {"Paris"}, 0},
                              {"\\boxed{in}", {"in 1990"}, 0},
                              {"\\boxed{of}", {"Isle of"}, 0},
                              {"\\boxed{guilty}", {"not guilty"}, 0},
                              {"\\boxed{1 2 3}", {"2"}, 0},
                              {"\\boxed{-5}", {"5"}, 0},
                              {"\\boxed{5.0}", {"50"}, 0},
                              {"<think>Paris</think>", {"Paris"}, 0},
                              {"\\boxed{Paris} \\boxed{}", {"Paris"}, 0},
                              {"Paris " + std::string(1 << 20, 'a'), {"Paris " + std::string(1 << 20, 'b')}, 0},
                          });
}

// Values of HotpotQA's own script.
TEST(F1, CountsSharedWords) {
  expect_scores("f1", {
                          {"\\boxed{the cat sat}", {"cat sat"}, 1},
                          {"\\boxed{cat}", {"the cat sat"}, 2.0 / 3},
                          {"\\boxed{cat cat}", {"cat dog"}, 0.5},
                          {"\\boxed{yes}", {"yes"}, 1},
                          {"\\boxed{yes it is}", {"yes"}, 0},
                          {"\\boxed{no}", {"no one knows"}, 0},
                          {"\\boxed{dog}", {"cat", "a dog"}, 1},
                          {"\\boxed{Paris London Rome Berlin Madrid}", {"Paris"}, 1.0 / 3},
                          {"", {"cat"}, 0},
                          {"\\boxed{the}", {"the"}, 0},
                      });
}

TEST(RecallGuarded, CapsTheLength) {
  expect_scores("recall_guarded", {
                                      {"\\boxed{cat}", {"cat sat"}, 0.5},
                                      {"\\boxed{the black cat sat}", {"cat sat"}, 1},
                                      {"\\boxed{Paris London Rome Berlin Madrid}", {"Paris"}, 0},
                                      {"\\boxed{}", {"cat"}, 0},
                                  });
}

TEST(MultipleChoice, HonestLettersScore) {
  for (const char* prediction : {"B",
                                 "(B)",
                                 "B.",
                                 "\\boxed{B}",
                                 "\\boxed{(B)}",
                                 "\\boxed{\\text{B}}",
                                 "\\boxed{b}",
                                 "**B**",
                                 "B) Paris",
                                 "B. Paris",
                                 "(B) Paris, France",
                                 "Therefore, the answer is (B).",
                                 "The correct answer is (B)",
                                 "The correct answer is **B**.",
                                 "Answer: B",
                                 "Final answer: (B) Paris",
                                 "<answer>B</answer>",
                                 "<answer>option B</answer>",
                                 "The answer is B because A and C are wrong.",
                                 "B is correct.",
                                 "B!",
                                 "A and C are too early, so the correct option is (B).",
                                 "The best choice is **B**.",
                                 "The correct choice: B",
                                 "The correct option is A? No, wait. Answer: B",
                                 "A dog barks. The final answer is B",
                                 "I think about A. Answer: A? No. The answer is B.",
                                 "<think>A</think>B",
                                 "\\boxed{A} \\boxed{B}"}) {
    expect_scores("multiple_choice", {{prediction, {"B"}, 1}, {prediction, {"(B)"}, 1}, {prediction, {"C"}, 0}});
  }
  expect_scores("multiple_choice", {{"The answer is A.", {"A"}, 1}, {"The answer is A because of it.", {"A"}, 1}, {"(A)", {"A"}, 1}});
}

TEST(MultipleChoice, HacksScoreNothing) {
  for (const char* prediction : {"",
                                 "Because",
                                 "Banana",
                                 "\\boxed{Banana}",
                                 "The answer is Banana.",
                                 "A or B",
                                 "B or A",
                                 "\\boxed{A, B}",
                                 "\\boxed{B, A}",
                                 "\\boxed{AB}",
                                 "\\boxed{BA}",
                                 "\\boxed{B/C}",
                                 "\\boxed{(B) or (C)}",
                                 "\\boxed{(B), maybe (C)}",
                                 "The answer is B, or perhaps C.",
                                 "either B or C",
                                 "ABCD",
                                 "The answer is not B.",
                                 "\\boxed{B} \\boxed{C}",
                                 "B C D A",
                                 "The answer is B and C",
                                 "(B)(C)",
                                 "<think>B</think>",
                                 "\\boxed{В}",
                                 "The correct option is B or C.",
                                 "The correct option is Banana.",
                                 "Another option is B, and it is a long way from here to there.",
                                 "maybe B"}) {
    expect_scores("multiple_choice", {{prediction, {"B"}, 0}});
  }
  expect_scores("multiple_choice", {{"A dog barks", {"A"}, 0}, {"I do not know", {"I"}, 0}, {"\\boxed{A dog}", {"A"}, 0}});
}

TEST(FindReward, NamesWhatItDoesNotHave) {
  const auto message = [](const char* name) {
    try {
      find_reward(name);
      return std::string("found");
    } catch (const std::exception& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(message("sub_en"), "reward: expected the name of a reward, got \"sub_en\"; did you mean \"sub_em\"?");
  for (const std::string& name : reward_names()) EXPECT_EQ(message(name.c_str()), "found");
}

}  // namespace
}  // namespace longbow::rewards
