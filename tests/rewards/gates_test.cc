#include <random>

#include "core/errors.h"
#include "tests/rewards/scored.h"

namespace longbow::rewards {
namespace {

Json params(std::initializer_list<std::pair<const char*, Json>> members) {
  Json object = Json::object();
  for (const auto& [key, value] : members) object[key] = value;
  return object;
}

double gate(const char* reward, const std::string& prediction, const Json& p) { return score_of(reward, prediction, {}, p).score.value(); }

TEST(Format, AsksForWhatTheParametersSay) {
  const Json none = params({}), think = params({{"think", "required"}}), boxed = params({{"answer", "boxed"}}),
             tag = params({{"answer", "tag"}}), both = params({{"think", "required"}, {"answer", "boxed"}});
  const struct {
    const char* prediction;
    const Json* params;
    double score;
  } cases[] = {
      {"anything", &none, 1},
      {"<think>a</think>b", &none, 1},
      {"<think>a", &none, 0},
      {"a</think>b</think>", &none, 0},
      {"b", &think, 0},
      {"<think>a</think>b", &think, 1},
      {"a</think>b", &think, 1},
      {"<think> </think>b", &think, 0},
      {"\\boxed{1}", &boxed, 1},
      {"\\boxed{}", &boxed, 0},
      {"\\boxed{1", &boxed, 0},
      {"1", &boxed, 0},
      {"<answer>1</answer>", &tag, 1},
      {"<answer>1", &tag, 0},
      {"<answer> </answer>", &tag, 0},
      {"\\boxed{1}", &both, 0},
      {"<think>a</think> \\boxed{1}", &both, 1},
      {"<think>\\boxed{1}</think>", &both, 0},
  };
  for (const auto& c : cases) EXPECT_EQ(gate("format", c.prediction, *c.params), c.score) << c.prediction << " " << c.params->dump();
  EXPECT_THROW(gate("format", "x", params({{"answer", "box"}})), UserError);
  EXPECT_THROW(gate("format", "x", params({{"think", true}})), UserError);
}

std::string repeated(const std::string& period, int turns) {
  std::string text;
  for (int i = 0; i < turns; ++i) text += period;
  return text;
}

std::string random_words(int count) {
  std::mt19937 random(7);
  std::string text;
  for (int i = 0; i < count; ++i) text += static_cast<char>('a' + random() % 26), text += random() % 5 ? "" : " ";
  return text;
}

TEST(Repetition, FindsLoopsAndNothingElse) {
  const std::string sentence = "Wait, let me check that once more. ", paragraph = random_words(1500), text = random_words(20'000);
  const struct {
    std::string prediction;
    double score;
  } cases[] = {
      {"", 1},
      {text, 1},
      {"a short one, one, one, one", 1},
      {repeated("-", 80) + "\n" + text, 1},
      {text + repeated(sentence, 5), 1},
      {repeated(paragraph, 2), 1},
      {text + repeated(sentence, 40), 0},
      {text + repeated(sentence, 40) + "\\boxed{5}", 0},
      {text + repeated(sentence, 40) + text, 0},
      {repeated("ab", 1000), 0},
      {std::string(1 << 20, ' '), 0},
      {text + repeated(paragraph, 8), 0},
      {repeated("<think>", 300), 0},
  };
  for (const auto& c : cases) EXPECT_EQ(gate("repetition", c.prediction, params({})), c.score) << c.prediction.substr(0, 60);
  EXPECT_EQ(gate("repetition", random_words(1 << 20), params({})), 1);
}

TEST(Overlong, FallsLinearlyThroughTheBuffer) {
  const auto score = [](int length, int max_len, int buffer) {
    return gate("overlong", "", params({{"length", length}, {"max_len", max_len}, {"buffer", buffer}}));
  };
  EXPECT_EQ(score(0, 100, 20), 0);
  EXPECT_EQ(score(80, 100, 20), 0);
  EXPECT_DOUBLE_EQ(score(81, 100, 20), -0.05);
  EXPECT_DOUBLE_EQ(score(90, 100, 20), -0.5);
  EXPECT_EQ(score(100, 100, 20), -1);
  EXPECT_EQ(score(1000, 100, 20), -1);
  EXPECT_EQ(score(100, 100, 0), 0);
  EXPECT_EQ(score(101, 100, 0), -1);
  EXPECT_THROW(gate("overlong", "", params({{"length", 1}, {"max_len", 2}})), UserError);
  EXPECT_THROW(gate("overlong", "", params({{"length", 1.5}, {"max_len", 2}, {"buffer", 1}})), UserError);
}

TEST(JudgeParse, OneVerdictOrNone) {
  const Json words = params({{"format", "correct_incorrect"}}), none = params({});
  const struct {
    const char* prediction;
    const Json* params;
    std::optional<double> score;
  } cases[] = {
      {"Reasons. [[YES]]", &none, 1},
      {"[[NO]]", &none, 0},
      {"yes", &none, std::nullopt},
      {"[[YES]] [[NO]]", &none, std::nullopt},
      {"[[YES]] [[YES]]", &none, std::nullopt},
      {"", &none, std::nullopt},
      {"<think>[[NO]]?</think>[[YES]]", &none, 1},
      {"<think>[[YES]]", &none, std::nullopt},
      {"CORRECT", &words, 1},
      {"INCORRECT.", &words, 0},
      {"CORRECT or INCORRECT", &words, std::nullopt},
      {"CORRECTLY", &words, std::nullopt},
      {"[[YES]]", &words, std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(score_of("judge_parse", c.prediction, {}, *c.params).score, c.score) << c.prediction;
  EXPECT_THROW(score_of("judge_parse", "", {}, params({{"format", "maybe"}})), UserError);
}

}  // namespace
}  // namespace longbow::rewards
