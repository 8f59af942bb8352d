// Every reward against the many ways to write a right answer, and against the known ways to be paid without one.
#include "tests/rewards/scored.h"

namespace longbow::rewards {
namespace {

// `forms` all say what `gold` says; each is tried in every place where an answer may stand.
void expect_all_right(std::string_view reward, const std::string& gold, const std::vector<std::string>& forms,
                      const Json& params = Json::object()) {
  for (const std::string& form : forms) {
    for (const std::string& prediction : {
             form,
             "  " + form + "\n\n",
             "\\boxed{" + form + "}",
             "$$\\boxed{ " + form + " }$$",
             "\\boxed{\\boxed{" + form + "}}",
             "\\boxed{wrong 1} no, \\boxed{" + form + "}.",
             "\\boxed{\\text{" + form + "}}",
             "<answer>" + form + "</answer>",
             "<answer>\n" + form + "\n",
             "Therefore, the answer is " + form + ".",
             "the answer is: **" + form + "**",
             "**The answer is** " + form + "!",
             "<think>wrong 1? The answer is wrong 2. \\boxed{wrong 3}</think>\n\n" + form,
             "wrong 1\n</think>\n\nThe answer is " + form,
             "\u200b" + form + "\ufeff",
         }) {
      expect_scores(reward, {{prediction, {gold}, 1}, {prediction, {"another gold 77", gold}, 1}}, params);
    }
  }
}

TEST(SurfaceForms, Words) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {"New York City",
       {"New York City", "new york city", "NEW YORK CITY", "the New York City", "New  York\tCity", "New\u00a0York\u202fCity",
        "New York City.", "\"New York City\"", "“New York City”", "‘New York City’", "«New York City»", "_New York City_",
        "`New York City`", "(New York City)", "New\u200b York City", "New York\u00ad City"}},
      {"Saint-Étienne", {"Saint-Étienne", "saint–étienne", "SAINT—ÉTIENNE", "Saint\u2011Étienne", "Saint\u2212Étienne"}},
      {"Rock 'n' Roll", {"Rock 'n' Roll", "rock ’n’ roll", "Rock n Roll", "Rock ‘n’ Roll!"}},
      {"the U.S.", {"U.S.", "US", "the US", "The U.S"}},
      {"A Tale of Two Cities", {"Tale of Two Cities", "a tale of two cities", "The Tale of Two Cities"}},
      {"1,234", {"1234", "1,234", "1 234.", "$1,234"}},
      {"1990-1995", {"1990–1995", "1990—1995", "1990-1995"}},
      {"Ünïcödé 東京", {"ünïcödé 東京", "ÜNÏCÖDÉ\u3000東京", "ünïcödé 「東京」"}},
  };
  for (const auto& [gold, forms] : table) {
    for (const char* reward : {"exact_match", "sub_em", "f1", "recall_guarded"}) {
      std::vector<std::string> usable = forms;
      if (gold == "1,234") usable.erase(usable.begin() + 2);  // "1 234" is two words: a number, but not the same words
      expect_all_right(reward, gold, usable);
    }
  }
}

TEST(SurfaceForms, Numbers) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {"1234.5",
       {"1234.5",
        "1,234.5",
        "1{,}234.5",
        "1\\,234.5",
        "1\u2009234.5",
        "1,234.50",
        "$1,234.50$",
        "\\$1,234.5",
        "1.2345e3",
        "1.2345E+3",
        "1.2345 \\times 10^{3}",
        "1.2345×10^3",
        "2469/2",
        "\\frac{2469}{2}",
        "1234\\frac{1}{2}",
        "1234 1/2",
        "+1234.5",
        "x = 1234.5",
        "1234.5 km",
        "1234.5 \\text{ km}",
        "1234.5 dollars",
        "1234½",
        "1234 ½ km",
        "(1234.5)",
        "\\left(1234.5\\right)",
        "1234.5\\,\\text{km}",
        "1234.5\\,\\textrm{km}",
        "US$1,234.50",
        "123450%",
        "1.2345 thousand"}},
      {"-0.25",
       {"-0.25", "\u22120.25", "–0.25", "-.25", "-1/4", "-\\frac{1}{4}", "\\frac{-1}{4}", "\\dfrac{-1}{4}", "-\\tfrac14", "-25%", "-25\\%",
        "-25 percent", "-2.5e-1", "- 0.25", "-¼", "(-1/4)"}},
      {"0.125", {"12.5%", "12.5\\%", "1/8", "\\frac{1}{8}", "\\frac{\\frac{1}{2}}{4}", ".125", "1.25 \\cdot 10^{-1}"}},
      {"3000000", {"3,000,000", "3 million", "3e6", "$3 million", "3\\,000\\,000", "3 \\times 10^6"}},
      {"2/3", {"⅔", "\\frac23", "4/6"}},
  };
  for (const auto& [gold, forms] : table) {
    for (const char* reward : {"numeric", "math"}) expect_all_right(reward, gold, forms);
  }
}

TEST(SurfaceForms, ChoicesCodesAndSets) {
  expect_all_right("multiple_choice", "B",
                   {"B", "(B)", "B.", "B)", "(B) Paris", "B. Paris", "B) Paris, France", "Option B", "\\text{B}", "b"});
  expect_all_right("key_code", "A7F3-09BC", {"A7F3-09BC", "a7f3-09bc", "“A7F3-09BC”", "The code A7F3-09BC", "A7F3-09BC."});
  for (const std::string set : {"[a1, b2]", "[b2,a1]", "['a1', 'b2']", "[\"B2\", \"A1\"]", "[ a1 , b2 , ]"}) {
    for (const std::string& prediction :
         {"Final Answer: " + set, "**Final Answer:** " + set, "I see.\n\nFinal Answer: " + set + "\n", "\\boxed{" + set + "}",
          "<answer>" + set + "</answer>", "<think>Final Answer: [c3]</think>Final Answer: " + set}) {
      expect_scores("set_f1", {{prediction, {"a1", "b2"}, 1}, {prediction, {"[b2, a1]"}, 1}});
    }
  }
}

struct Subject {
  const char* reward;
  std::vector<std::string> answers;
  std::string right, wrong, homoglyph;  // completions; homoglyph looks like `right`
  std::string dump;                     // holds the right answer among others
  Json params = Json::object();
};

std::vector<Subject> subjects() {
  Json prefix = Json::object(), chunks = Json::object();
  prefix["prefix"] = "zq9";
  chunks["chunks"] = Json::Array{1};
  return {
      {"exact_match", {"Paris"}, "Paris", "Rome", "Pаris", "Paris, Rome, London, Oslo, Bern"},
      {"sub_em", {"Paris"}, "Paris", "Rome", "Pаris", "Paris, Rome, London, Oslo, Bern"},
      {"sub_em", {"Paris"}, "Paris", "Rome", "Pаris", "Paris or Rome"},
      {"f1", {"Paris"}, "Paris", "Rome", "Pаris", "Paris, Rome, London, Oslo, Bern"},
      {"recall_guarded", {"Paris"}, "Paris", "Rome", "Pаris", "Paris, Rome, London, Oslo, Bern"},
      {"multiple_choice", {"B"}, "B", "C", "В", "A, B, C, D"},
      {"multiple_choice", {"B"}, "B", "C", "В", "(B) or (C)"},
      {"numeric", {"42"}, "42", "43", "４２", "41, 42, 43"},
      {"math", {"42"}, "42", "-42", "４２", "41, 42, 43"},
      {"math", {"\\sqrt{2}"}, "\\sqrt{2}", "\\sqrt{3}", "\\sqrt{２}", "\\sqrt{2}, \\sqrt{3}"},
      {"key_code", {"4821"}, "4821", "48210", "482l", "4820 4821 4822"},
      {"ordered_list", {"Paris", "Rome"}, "1. Paris\n2. Rome", "1. Rome\n2. Paris", "1. Pаris\n2. Rome", "1. Paris, Rome\n2. Paris, Rome"},
      {"set_f1", {"a1", "b2"}, "Final Answer: [a1, b2]", "Final Answer: [c3]", "Final Answer: [а1, Ь2]", "Final Answer: a1, b2, c3, d4"},
      {"sequence_ratio",
       {"zq9 a text to be copied"},
       "zq9 a text to be copied",
       "no",
       "zԛ9 a text to be copied",
       "a text to be copied",
       prefix},
      {"table_rows", {"a | 1\nb | 2"}, "a | 1\nb | 2", "a | 2", "а | 1\nЬ | 2", "a | 1 | b | 2"},
      {"ndcg", {"a1", "b2", "c3"}, "a1, b2, c3", "x, y, z", "а1, Ь2, с3", "w, x, y, a1, b2, c3"},
      {"pairwise", {"a1", "b2", "c3"}, "a1, b2, c3", "c3, b2, a1", "а1, b2, c3", "a1, b2, c3, d4, e5"},
      {"context_fbeta", {"Paris"}, "Paris", "Rome", "Pаris", "Paris, Rome, London", chunks},
  };
}

TEST(Hacks, NoRewardPaysForThem) {
  const std::string nul(1, '\0'), open(100'000, '{'), close(100'000, '}');
  for (const Subject& subject : subjects()) {
    const std::string& right = subject.right;
    expect_scores(subject.reward,
                  {{right, subject.answers, 1},
                   {"<think>" + subject.wrong + "</think>\n\n" + right, subject.answers, 1},
                   {"<think>" + right + "</think>\n\n" + subject.wrong, subject.answers, 0},
                   {subject.wrong, subject.answers, 0}},
                  subject.params);
    for (const std::string& hack : {
             std::string(),
             std::string(" \n\t"),
             std::string("the"),
             std::string("."),
             std::string("\u200b\ufeff"),
             nul,
             std::string("\xff\xfe"),
             std::string("\xc3"),
             std::string("<answer></answer>"),
             std::string("\\boxed{}"),
             std::string("1e999"),
             std::string("-1e999"),
             std::string("\\frac{1}{0}"),
             std::string("\\boxed{\\frac{1}{0}}"),
             std::string("nan"),
             std::string("</think>"),
             std::string("Final Answer: []"),
             std::string("1. \n2. "),
             std::string("|||"),
             std::string("[]"),
             "<think>" + right,
             "<think>" + right + "</think>",
             "x</think>y</think>" + right,
             right + "</think></think>",
             "<think>x</think><think>" + right,
             "<think>x</think>" + right + "<think>",
             right + "\n\\boxed{}",
             right + "\n<answer></answer>",
             open,
             std::string(1 << 20, 'a'),
             std::string(1 << 20, '9'),
             std::string(1 << 20, '\n'),
             std::string(1 << 20, '\0'),
             std::string(1 << 20, '['),
             std::string(1 << 20, '\xff'),
             std::string(1 << 20, '\\'),
         }) {
      const RewardResult result = score_of(subject.reward, hack, subject.answers, subject.params);
      // A copied text that goes on loses by what is too much; everything else is all or nothing.
      const bool copied = std::string_view(subject.reward) == "sequence_ratio" && hack.starts_with(right);
      EXPECT_TRUE(copied ? result.score < 1 : result.score == 0)
          << subject.reward << ": " << result.score.value_or(-1) << " for \"" << hack.substr(0, 80) << "\": " << result.reason;
    }
    for (const std::string& text : {subject.homoglyph, subject.dump, right + "\xff", "\\boxed{" + open + right + close + "}",
                                    "\\boxed{" + right + "} \\boxed{" + subject.wrong + "}"}) {
      // Braces are no part of a code: one code in 10^5 of them is one code.
      if (std::string_view(subject.reward) == "key_code" && text.starts_with("\\boxed{{{")) continue;
      const RewardResult result = score_of(subject.reward, text, subject.answers, subject.params);
      EXPECT_LT(result.score.value_or(1), 0.999) << subject.reward << ": \"" << text.substr(0, 80) << "\": " << result.reason;
    }
  }
}

TEST(Hacks, AnEmptyGoldAnswerIsMatchedByNothing) {
  for (const Subject& subject : subjects()) {
    const std::string_view reward = subject.reward;
    if (reward == "set_f1" || reward == "sequence_ratio") continue;  // the empty set is an answer, and any text can be copied
    for (const std::string& gold : {std::string(), std::string("the"), std::string("."), std::string("\u200b"), std::string(1, '\0')}) {
      for (const std::string& prediction : {gold, subject.right, "\\boxed{" + gold + "}", "1. " + gold}) {
        EXPECT_EQ(score_of(reward, prediction, {gold}, subject.params).score, 0.0)
            << reward << ": \"" << prediction << "\" against \"" << gold << "\"";
      }
    }
  }
}

TEST(Hacks, SignsAndPowersOfTenAreOtherNumbers) {
  for (const char* reward : {"numeric", "math", "exact_match", "sub_em"}) {
    for (const std::string wrong :
         {"-42.5", "425", "4.25", "4250", "0.425", "42.5 or 43", "42.5, 43.5", "not 42.5", "42.5e1", "42.51", "24.5"}) {
      expect_scores(reward, {{"\\boxed{" + wrong + "}", {"42.5"}, 0}, {"The answer is " + wrong, {"42.5"}, 0}});
    }
  }
  // A comma is no decimal point where numbers are read; among words it is punctuation.
  expect_scores("numeric", {{"42,5", {"42.5"}, 0}, {"42,5", {"425"}, 0}});
  expect_scores("math", {{"42,5", {"42.5"}, 0}, {"42,5", {"425"}, 0}});
}

}  // namespace
}  // namespace longbow::rewards
