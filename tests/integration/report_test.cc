// `longbow report` and `longbow plan` as people call them: what the page holds, and what bad input is answered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"
#include "core/process.h"

namespace longbow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int exit_code = -1;
  std::string out, error;
};

Outcome run_longbow(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), LONGBOW_BINARY_DIR "/longbow");
  ProcessOptions options;
  options.output = ProcessOptions::Stream::pipe;
  options.error = ProcessOptions::Stream::pipe;
  ChildProcess child(arguments, options);
  Outcome outcome;
  std::string line;
  while (child.read_line(line, 60)) outcome.out += line + "\n";
  if (const auto status = child.wait(60)) outcome.exit_code = status->exit_code;
  outcome.error = child.take_error_output();
  return outcome;
}

class Report : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = concat(testing::TempDir(), "longbow_report_", ::getpid(), "_", testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = dir_ + "/" + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.parent_path();
  }
  std::string page(const std::vector<std::string>& runs) const {
    std::vector<std::string> arguments{"report", "--out", dir_ + "/page.html"};
    arguments.insert(arguments.end(), runs.begin(), runs.end());
    const Outcome outcome = run_longbow(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    return outcome.exit_code == 0 ? read_file(dir_ + "/page.html") : std::string();
  }

  std::string dir_;
};

const char* const kSteps =
    R"({"step": 0, "reward_mean": 0.25, "accuracy": {"a": 0.2, "b": 0.3}, "mismatch_kl": 0.0, "time": {"step_s": 2.0}})"
    "\n"
    R"({"step": 1, "reward_mean": 0.75, "accuracy": {"a": 0.7, "b": 0.8}, "mismatch_kl": 0.0, "time": {"step_s": 2.0}})"
    "\n";

TEST_F(Report, NeedsNothingBesidesItself) {
  const std::string html = page({write("run/metrics.jsonl", kSteps)});
  for (const char* outside : {"src=", "href=", "http", "@import", "url("}) EXPECT_THAT(html, Not(HasSubstr(outside))) << outside;
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
}

TEST_F(Report, SaysThatExactZerosAreExact) {
  EXPECT_THAT(page({write("run/metrics.jsonl", kSteps)}), HasSubstr("exactly 0 at every step"));
  std::string other = kSteps;
  other.replace(other.rfind("\"mismatch_kl\": 0.0"), 18, "\"mismatch_kl\": 1e-9");
  const std::string html = page({write("other/metrics.jsonl", other)});
  EXPECT_THAT(html, Not(HasSubstr("exactly 0 at every step")));
  EXPECT_THAT(html, HasSubstr("1e-09"));
}

// Rounding to three digits must not make a number of another form.
TEST_F(Report, NumbersHaveTheUnitTheyRoundTo) {
  const struct {
    const char *metric, *title, *value, *shown;
  } cases[] = {{"entropy", "Entropy", "999.4", "999"},
               {"ref_kl", "KL to the start", "999.7", "1000"},
               {"grad_norm", "Gradient norm", "9999.7", "10k"},
               {"learning_rate", "Learning rate", "999700", "1M"},
               {"loss", "Loss", "12345", "12.3k"}};
  std::string step = "{\"step\": 0, \"reward_mean\": 0.5";
  for (const auto& c : cases) step += concat(", \"", c.metric, "\": ", c.value);
  const std::string html = page({write("run/metrics.jsonl", step + "}\n")});
  for (const auto& c : cases)
    EXPECT_THAT(html, HasSubstr(concat("<b>", c.title, "</b><span class=\"now\">", c.shown, "</span>"))) << c.value;
}

TEST_F(Report, ShowsAccuracyBeforeAndAfter) {
  const std::string run = write("run/metrics.jsonl", kSteps);
  write("run/eval_before/report.json", R"({"accuracy": {"mean": 0.3, "low": 0.2, "high": 0.4, "items": 240}, "per_task": {}})");
  write("run/eval_after/report.json", R"({"accuracy": {"mean": 0.625, "low": 0.55, "high": 0.7, "items": 240}, "per_task": {}})");
  const std::string html = page({run});
  EXPECT_THAT(html, HasSubstr("30% → 62.5%"));
  EXPECT_THAT(html, HasSubstr("+32.5 points, 240 items; 95%: 20.0–40.0% → 55.0–70.0%"));
}

TEST_F(Report, ShowsEachTasksRewardLengthVarianceAndShareOfTheSampling) {
  const char* const step = R"("reward_mean": 0.5, "accuracy_mean": 0.4, "reward": {"a": 0.2, "b": 0.8}, "accuracy": {"a": 0.1, "b": 0.7}, )"
                           R"("length": {"a": 11, "b": 17}, "zero_variance": {"a": 0.25, "b": 0.75}, "groups": {"a": 3, "b": 5})";
  std::string steps;
  for (int i = 0; i < 3; ++i) steps += concat("{\"step\": ", i, ", ", step, "}\n");
  const std::string html = page({write("run/metrics.jsonl", steps)});
  const struct {
    const char* title;
    const char* values;
  } charts[] = {{"Reward by task", "b <em>0.8</em>"},
                {"Accuracy by task", "b <em>70%</em>"},
                {"Completion length by task", "b <em>17</em>"},
                {"Zero-variance groups by task", "b <em>75%</em>"},
                {"Groups sampled by task", "b <em>5</em>"}};
  for (const auto& chart : charts) {
    const std::size_t title = html.find(chart.title);
    ASSERT_NE(title, std::string::npos) << chart.title;
    EXPECT_THAT(html.substr(title, 800), HasSubstr(chart.values)) << chart.title;
  }
}

TEST_F(Report, ShowsWhereAStepsTimeGoes) {
  const std::string run =
      write("run/metrics.jsonl",
            R"({"step": 0, "reward_mean": 0, "time": {"step_s": 10.0, "rollout_s": 5.0}, "worker": {"prefill_s": 1.5, "decode_s": 2.5},)"
            R"( "profile": {"rollout": 5.0, "rollout/reward": 1.0, "train": 4.0, "train/forward": 1.0, "train/backward": 2.0}})"
            "\n"
            R"({"step": 1, "reward_mean": 0, "time": {"step_s": 20.0, "rollout_s": 15.0}, "worker": {"prefill_s": 2.5, "decode_s": 4.5},)"
            R"( "profile": {"rollout": 15.0, "rollout/reward": 3.0, "train": 4.0, "train/forward": 1.0, "train/backward": 2.0}})"
            "\n");
  const std::string html = page({run});
  EXPECT_THAT(html, HasSubstr("Where a step's time goes"));
  EXPECT_THAT(html, HasSubstr("<title>backward: 2.0000 s</title>"));
  EXPECT_THAT(html, HasSubstr("<title>waiting: 8.0000 s</title>"));  // 10 s of rollout on average, 2 of them rewards
  EXPECT_THAT(page({write("plain/metrics.jsonl", kSteps)}), Not(HasSubstr("Where a step's time goes")));

  const Outcome table = run_longbow({"report", run, "--profile"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.out, HasSubstr("    backward                              2.0000    13.3%"));
  EXPECT_THAT(table.out, HasSubstr("prefill 2.000, decode 3.500"));
  EXPECT_EQ(run_longbow({"report", dir_ + "/plain", "--profile"}).exit_code, 2);
}

TEST_F(Report, WhatAModelWroteIsTextAndNotMarkup) {
  const std::string run = write("run/metrics.jsonl", kSteps);
  write(
      "run/samples.jsonl",
      R"({"step": 0, "item_id": "x", "task": "a", "sample_idx": 0, "text": "<script>alert(1)</script>", "extracted": "\"&", "reward": 0.5})"
      "\n");
  const std::string html = page({run});
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(html, HasSubstr("&quot;&amp;"));
}

TEST_F(Report, ATornLastLineIsANoteAndEarlierDamageAnError) {
  const std::string torn = write("torn/metrics.jsonl", std::string(kSteps) + R"({"step": 2, "rew)");
  EXPECT_THAT(page({torn}), HasSubstr("The last line of metrics.jsonl is torn"));
  const std::string damaged = write("damaged/metrics.jsonl", std::string("{\"step\": 0\n") + kSteps);
  const Outcome outcome = run_longbow({"report", damaged});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("metrics.jsonl:1"));
}

TEST_F(Report, SeveralRunsShareEachPicture) {
  const std::string html = page({write("seed-1/metrics.jsonl", kSteps), write("seed-2/metrics.jsonl", kSteps)});
  EXPECT_THAT(html, HasSubstr("<title>seed-1, seed-2"));
  EXPECT_THAT(html, HasSubstr("Accuracy: b"));
}

TEST_F(Report, RefusesWhatIsNoRun) {
  fs::create_directories(dir_);
  for (const std::string& path : {dir_, dir_ + "/none"}) {
    const Outcome outcome = run_longbow({"report", path});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.error, HasSubstr("expected a run directory"));
  }
}

class Plan : public Report {
 protected:
  /// The golden model of tests/model, with lengths that make its arithmetic plain.
  std::vector<std::string> arguments() const {
    write("recipe.json", std::string(R"({"description": "plan", "model": {"path": ")") + LONGBOW_SOURCE_DIR +
                             R"(/tests/model/golden/checkpoint"}, "data": {"train": ["none.jsonl"], "max_prompt_tokens": 1000},
                             "rollout": {"workers": 2, "group_size": 8, "max_completion_tokens": 101}, "algorithm": {"prompts_per_step": 4, "ref_kl_every": 0}})");
    return {"plan", dir_ + "/recipe.json", "--json", "--threads", "1"};
  }
};

TEST_F(Plan, CountsThePromptOnce) {
  const Outcome outcome = run_longbow(arguments());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const Json plan = parse_json(outcome.out, "plan");
  EXPECT_NEAR(plan.at("prompt_once_ratio").as_number(), 8 * (1000 + 101) / (1000.0 + 8 * 100), 1e-9);
  const Json& phases = plan.at("stages").as_array()[0].at("phases");
  EXPECT_EQ(phases.at("prefill").at("tokens").as_number(), 4 * 1000);
  EXPECT_EQ(phases.at("decode").at("tokens").as_number(), 4 * 8 * 101);
  EXPECT_EQ(phases.at("train").at("tokens").as_number(), 4 * (1000 + 8 * 100));
  EXPECT_EQ(phases.find("score"), nullptr);
  const Json& learner = plan.at("memory").at("processes").at("learner").at("parts");
  EXPECT_EQ(learner.at("weights, float32").as_integer(), 4 * plan.at("parameters").as_integer());
  EXPECT_EQ(learner.at("optimizer moments").as_integer(), 8 * plan.at("parameters").as_integer());
  EXPECT_GT(plan.at("seconds").as_number(), 0);
}

TEST_F(Plan, CountsMomentsAsTheyAreStored) {
  auto given = arguments();
  given.insert(given.end(), {"--set", "/optimizer/moment_dtype=\"bfloat16\""});
  const Outcome outcome = run_longbow(given);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const Json plan = parse_json(outcome.out, "plan");
  EXPECT_EQ(plan.at("memory").at("processes").at("learner").at("parts").at("optimizer moments").as_integer(),
            4 * plan.at("parameters").as_integer());
}

// At a million tokens a document's attention is all that counts: 14 FLOP a visible pair and channel, and 4 more where nothing of it is
// kept.
TEST_F(Plan, CountsWhatPretrainingComputesAgain) {
  write("recipe.json", std::string(R"({"description": "plan", "model": {"init_from": ")") + LONGBOW_SOURCE_DIR +
                           R"(/tests/model/golden/checkpoint"}, "stages": [{"name": "long", "steps": 1, "tokens_per_step": 1048576,
                           "context_tokens": 1048576, "windows": [16], "mixture": [{"kind": "text"}]}]})");
  const Outcome outcome = run_longbow({"plan", dir_ + "/recipe.json", "--json", "--threads", "1", "--memory-gib", "1000000"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const Json plan = parse_json(outcome.out, "plan");
  EXPECT_EQ(plan.at("activations_kept").as_string(), "layer inputs");
  constexpr double kPairs = 2 * 1048576.0 * 1048576.0 / 2, kChannels = 64;  // two full layers; four heads of 16
  EXPECT_NEAR(plan.at("stages").as_array()[0].at("phases").at("train").at("flop").as_number() / (kPairs * kChannels), 18, 0.1);
}

TEST_F(Plan, SaysNoWhenMemoryIsShort) {
  auto given = arguments();
  given.insert(given.end(), {"--memory-gib", "0.01"});
  const Outcome outcome = run_longbow(given);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("memory: expected at most 10 MiB, got a run that needs"));
  EXPECT_FALSE(parse_json(outcome.out, "plan").at("memory").at("fits").as_bool());
}

TEST_F(Plan, SaysNoToACacheThatNoGroupFits) {
  auto given = arguments();
  given.insert(given.end(), {"--set", "/rollout/kv_budget_mib=1", "--set", "/data/max_prompt_tokens=100000"});
  const Outcome outcome = run_longbow(given);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("/rollout/kv_budget_mib: expected at least"));
}

}  // namespace
}  // namespace longbow
