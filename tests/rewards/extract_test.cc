#include "rewards/extract.h"

#include <gtest/gtest.h>

#include "rewards/normalize.h"

namespace longbow::rewards {
namespace {

TEST(Extract, FindsTheAnswerWhereTheContractSays) {
  const struct {
    std::string prediction, text;
    AnswerPlace place;
  } cases[] = {
      {"\\boxed{5}", "5", AnswerPlace::box},
      {"first \\boxed{4}, then \\boxed{ 5 }", "5", AnswerPlace::box},
      {"\\boxed{\\boxed{5}}", "5", AnswerPlace::box},
      {"\\boxed {5}", "5", AnswerPlace::box},
      {"\\boxed{\\frac{1}{2}}", "\\frac{1}{2}", AnswerPlace::box},
      {"\\boxed{\\{1, 2\\}}", "\\{1, 2\\}", AnswerPlace::box},
      {"} { \\boxed{5}", "5", AnswerPlace::box},
      {"\\boxed{4} and cut short \\boxed{5", "4", AnswerPlace::box},
      {"<answer>4</answer> but \\boxed{5}", "5", AnswerPlace::box},
      {"\\boxed{}", "", AnswerPlace::box},
      {"<answer>4</answer><answer> 5 </answer>.", "5", AnswerPlace::tag},
      {"<answer>5", "5", AnswerPlace::tag},
      {"the answer is 3. <answer>5</answer>", "5", AnswerPlace::tag},
      {"So the answer is 4. No: THE ANSWER IS: **5**.", "5", AnswerPlace::phrase},
      {"**The answer** is 5!", "5", AnswerPlace::phrase},
      {"  5\n", "5", AnswerPlace::everything},
      {"<think>4</think>5", "5", AnswerPlace::everything},
      {"still thinking: 4</think>\n5", "5", AnswerPlace::everything},
      {"<think>\\boxed{4}</think> <answer>5</answer>", "5", AnswerPlace::tag},
      {"<think>\\boxed{4}</think>", "", AnswerPlace::everything},
  };
  for (const auto& c : cases) {
    const Extraction extraction = extract_answer(c.prediction);
    EXPECT_EQ(extraction.failure, "") << c.prediction;
    EXPECT_EQ(extraction.text, c.text) << c.prediction;
    EXPECT_EQ(extraction.place, c.place) << c.prediction;
  }
}

TEST(Extract, BrokenThinkingFails) {
  for (const char* prediction :
       {"<think>5", "<think>4</think>5</think>6", "a</think>b</think>", "<think>4</think>5<think>6", "5 <think>"}) {
    EXPECT_NE(extract_answer(prediction).failure, "") << prediction;
  }
}

TEST(Extract, DeepBracesAreNoBox) {
  const std::string open(100'000, '{'), close(100'000, '}');
  EXPECT_EQ(last_box("\\boxed{" + open + "5" + close + "}"), std::nullopt);
  EXPECT_EQ(last_box("\\boxed{7} \\boxed{" + open + "5" + close + "}"), "7");
  EXPECT_EQ(last_box("\\boxed{" + std::string(900, '{') + "5" + std::string(900, '}') + "}"),
            std::string(900, '{') + "5" + std::string(900, '}'));
}

// Independent truth: SQuAD's normalisation for ASCII; Python's str.lower and unicodedata beyond it.
TEST(Normalize, StripsWhatIsNoContent) {
  const struct {
    std::string text, normal;
  } cases[] = {
      {"The  Eiffel\tTower!", "eiffel tower"},
      {"An apple, a day", "apple day"},
      {"U.S.A.", "usa"},
      {"theatre", "theatre"},
      {"“Don’t” — stop…", "dont stop"},
      {"1990–1995", "19901995"},
      {"non\u00a0break\u202fspace\u3000wide", "non break space wide"},
      {"ze\u200bro\ufeff wi\u00addth", "zero width"},
      {"ÉCOLE ÆSIR ŁÓDŹ ŸPRES", "école æsir łódź ÿpres"},
      {"ΑΘΗΝΑ МОСКВА Ґ Ӂ", "αθηνα москва ґ ӂ"},
      {"Ǆ ǅ Ⱥ ẞ Ა Ａ 𐐀", "ǆ ǆ ⱥ ß ა ａ 𐐨"},
      {std::string("nu\0l", 4), "nul"},
      {"the", ""},
      {" .\u200b!", ""},
      {"", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(normalize(c.text), c.normal) << c.text;
}

TEST(Normalize, BrokenUtf8IsOneReplacementAByte) {
  const std::string r = "\ufffd";
  EXPECT_EQ(normalize("a\xff"
                      "b"),
            "a" + r + "b");
  EXPECT_EQ(normalize("\xc3"), r);                          // cut short
  EXPECT_EQ(normalize("\xc0\xaf"), r + r);                  // overlong
  EXPECT_EQ(normalize("\xed\xa0\x80"), r + r + r);          // a surrogate
  EXPECT_EQ(normalize("\xf4\x90\x80\x80"), r + r + r + r);  // beyond Unicode
  EXPECT_EQ(normalize("\xe2\x82x"), r + r + "x");
}

}  // namespace
}  // namespace longbow::rewards
