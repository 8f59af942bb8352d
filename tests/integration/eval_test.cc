// `longbow eval` on a tiny model: what it leaves behind, how it goes on after it was stopped, and what `report` makes of two evaluations.
#include <gmock/gmock.h>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class EvalTest : public TinyRunTest {
 protected:
  void SetUp() override {
    TinyRunTest::SetUp();
    std::string items;
    for (int i = 0; i < 40; ++i) {
      const std::string content = concat("<b>say</b> the needle ", i, " of the quick brown fox");
      const std::size_t needle = content.find("needle");
      items += concat(
          R"({"id":"i)", i, R"(","task":")", i % 2 ? "b" : "a", R"(","family":"retrieval","messages":[{"role":"user","content":")", content,
          R"("}],"answer":{"reward":"exact_match","answers":["gold & )", i, R"("],"params":{}},"evidence":[{"start":)", needle,
          R"(,"end":)", needle + 6, R"(}],"gold_chain":["step one"],"question":"q )", i,
          R"(","num_tokens":0,"seed":0,"builder":"hand@1","difficulty":{"num_candidates":1},"length_bin":")", i % 4 ? "64" : "1k", "\"}\n");
    }
    write("many.jsonl", items);
  }

  std::vector<std::string> arguments(const std::string& out, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {
        "eval",      "--model", "pre/checkpoints/final",   "--benchmark", "items", "--data", "many.jsonl", "--out", out,
        "--threads", "1",       "--max-completion-tokens", "300"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::map<std::string, std::string> predictions(const std::string& out) const {
    std::map<std::string, std::string> by_id;
    for (const Json& line : lines(out + "/predictions.jsonl")) by_id[line.at("id").as_string()] = line.dump();
    return by_id;
  }
  Json report(const std::string& out) const { return read_json_file(path(out + "/report.json")); }
};

TEST_F(EvalTest, LeavesPredictionsReportAndPage) {
  const CommandResult result = succeed(arguments("out", {"--json", "--num-samples", "2", "--temperature", "1"}));
  const Json report = parse_json(result.output, "output");
  EXPECT_EQ(report, this->report("out"));
  EXPECT_EQ(report.at("accuracy").at("items").as_integer(), 40);
  EXPECT_EQ(report.at("per_length").as_object()[0].first, "64");  // shortest first
  EXPECT_EQ(report.at("per_length").at("1k").at("items").as_integer(), 10);
  EXPECT_EQ(report.at("per_task_and_length").at("a").at("1k").at("items").as_integer(), 10);
  EXPECT_FALSE(report.at("interrupted").as_bool());
  EXPECT_EQ(predictions("out").size(), 40u);

  const std::string html = read_file(path("out/report.html"));
  for (const char* outside : {"src=", "href=", "http", "@import", "url(", "<script"}) EXPECT_THAT(html, Not(HasSubstr(outside))) << outside;
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;say&lt;/b&gt; the <mark>needle</mark> "));  // evidence; the item's text is no markup
  EXPECT_THAT(html, HasSubstr("gold &amp; 38"));
  EXPECT_THAT(html, HasSubstr("Why answers failed"));
  EXPECT_THAT(html, HasSubstr("20 of 20 not right; 10 of them and 0 right ones to read"));
  std::size_t examples = 0;
  for (std::size_t at = html.find("<details class=\"item\">"); at != std::string::npos; at = html.find("<details class=\"item\">", at + 1))
    ++examples;
  EXPECT_EQ(examples, 20u);  // ten a task
}

TEST_F(EvalTest, GoesOnWhereItWasStopped) {
  succeed(arguments("whole"));
  const auto process = start(arguments("stopped"));
  ASSERT_TRUE(wait_until(
      60, [&] { return fs::exists(path("stopped/predictions.jsonl")) && !read_file(path("stopped/predictions.jsonl")).empty(); }));
  ::kill(process->pid(), SIGINT);
  const auto status = process->wait(60);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->exit_code, 130);
  EXPECT_TRUE(report("stopped").at("interrupted").as_bool());
  EXPECT_LT(predictions("stopped").size(), 40u);
  EXPECT_THAT(read_file(path("stopped/report.html")), HasSubstr("Interrupted after "));

  // What a kill leaves behind: a torn line, and lines of items that are asked for no more.
  std::ofstream(path("stopped/predictions.jsonl"), std::ios::app)
      << R"({"id":"gone","task":"a","length_bin":"64","prompt_tokens":1,"score":1.0,"samples":[{"response":"a","extracted":"a","score":1.0,"reason":"r","tokens":1,"finish_reason":"stop"}]})"
      << "\n{\"id\": \"i3";
  succeed(arguments("stopped", {"--resume"}));
  EXPECT_EQ(predictions("stopped"), predictions("whole"));
  EXPECT_EQ(report("stopped").at("accuracy"), report("whole").at("accuracy"));
  EXPECT_FALSE(report("stopped").at("interrupted").as_bool());
}

TEST_F(EvalTest, RefusesWhatWouldMixAnswers) {
  succeed(arguments("out", {"--limit", "2"}));
  const struct {
    std::vector<std::string> more;
    const char* says;
  } cases[] = {
      {{"--resume", "--temperature", "0.5"}, "eval --resume: expected temperature 0.0 of the run that stopped, got 0.5"},
      {{"--resume", "--dtype", "float32"}, "expected dtype \"bfloat16\" of the run that stopped, got \"float32\""},
  };
  for (const auto& [more, says] : cases) {
    const CommandResult result = run(arguments("out", more));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr(says));
  }
  // Other weights under the same path.
  fs::copy(path("pre/checkpoints/final"), path("model"));
  std::vector<std::string> same_path = arguments("copy", {"--limit", "2"});
  same_path[2] = "model";
  succeed(same_path);
  std::string weights = read_file(path("model/model.safetensors"));
  weights[weights.size() - 1] ^= 1;
  write("model/model.safetensors", weights);
  same_path.push_back("--resume");
  const CommandResult changed = run(same_path);
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_THAT(changed.error, HasSubstr("eval --resume: expected weights \""));

  // A mistyped model costs nothing that was answered before.
  std::vector<std::string> mistyped = arguments("out");
  mistyped[2] = "no_model";
  EXPECT_EQ(run(mistyped).exit_code, 2);
  EXPECT_EQ(predictions("out").size(), 2u);

  const std::string item = read_file(path("many.jsonl"));
  write("many.jsonl", item + item.substr(0, item.find('\n') + 1));
  const CommandResult doubled = run(arguments("out2"));
  EXPECT_EQ(doubled.exit_code, 2);
  EXPECT_THAT(doubled.error, HasSubstr("expected ids that differ, got two items called 'i0'"));
}

TEST_F(EvalTest, ReadsTheDataFilesOfAFolderAndNoOthers) {
  fs::create_directories(path("set.jsonl.d"));
  fs::copy(path("items.jsonl"), path("set.jsonl.d/items.jsonl"));
  write("set.jsonl.d/manifest.json", "{}");
  write("set.jsonl.d/.more.jsonl.partial-7-0", "{\"id\": \"i3");  // of a build that was killed
  succeed({"eval", "--model", "pre/checkpoints/final", "--benchmark", "items", "--data", "set.jsonl.d", "--out", "out", "--limit", "2",
           "--max-completion-tokens", "8"});
  EXPECT_EQ(predictions("out").size(), 2u);
}

// Standard output that is closed is the first descriptor to be given out again.
TEST_F(EvalTest, WhatIsPrintedNeverLandsInAFile) {
  std::string items;
  const std::string item = read_file(path("items.jsonl"));
  for (int i = 0; i < 40; ++i) {  // a report longer than any buffer: 40 tasks
    std::string line = item.substr(0, item.find('\n') + 1);
    line.replace(line.find("\"i0\""), 4, concat("\"i", i, "\""));
    items += line.replace(line.find("\"a\""), 3, concat("\"task ", i, "\""));
  }
  write("tasks.jsonl", items);
  const CommandResult result = finish(*start_program(
      {"sh", "-c",
       LONGBOW_BINARY_DIR
       "/longbow eval --model pre/checkpoints/final --benchmark items --data tasks.jsonl --out out --max-completion-tokens 8 --json >&-"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.error, HasSubstr("standard output: "));
  EXPECT_EQ(predictions("out").size(), 40u);
}

TEST_F(EvalTest, RefusesPredictionsThatCannotBe) {
  succeed(arguments("out", {"--limit", "2"}));
  const std::string whole = read_file(path("out/predictions.jsonl"));
  const auto refuse = [&](const std::string& lines, const std::string& says) {
    write("out/predictions.jsonl", lines);
    const CommandResult result = run(arguments("out", {"--limit", "2", "--resume"}));
    EXPECT_EQ(result.exit_code, 2) << says;
    EXPECT_THAT(result.error, HasSubstr(says));
    EXPECT_EQ(read_file(path("out/predictions.jsonl")), lines) << "nothing is touched";
  };
  const struct {
    std::string from, to, says;
  } cases[] = {
      {"\"tokens\": ", "\"tokens\": -", "tokens: expected"},
      {"\"score\": 0.0", "\"score\": 1.0", "score: expected the samples' mean 0, got 1"},
      {"\"samples\": [", "\"samples\": [], \"edited\": [", "samples: expected at least one, got none"},
  };
  for (const auto& test : cases) {
    std::string line = whole;
    line.replace(line.find(test.from), test.from.size(), test.to);
    refuse(line, "out/predictions.jsonl:1: expected a prediction, got another line: " + test.says);
  }
  fs::remove(path("out/report.json"));
  refuse(whole, "eval --resume: expected the settings of the run that stopped, got answers without them (out/report.json)");
}

TEST_F(EvalTest, LinesThatCannotBeScoredAreFoundBeforeAnythingIsAsked) {
  const std::string items = read_file(path("items.jsonl"));
  std::string other = items.substr(0, items.find('\n') + 1);
  other.replace(other.find("\"i0\""), 4, "\"other\"");
  std::string params = other;
  other.replace(other.find("sub_em"), 6, "sub_me");
  params.replace(params.find("sub_em"), 6, "numeric").replace(params.find("\"params\":{"), 10, "\"params\":{\"rel_tol\":7");
  for (const auto& [line, says] : {std::pair{other, "many.jsonl:13: reward: expected the name of a reward, got \"sub_me\""},
                                   std::pair{params, "many.jsonl:13: reward numeric: expected params.rel_tol between 0 and 1, got 7"}}) {
    write("many.jsonl", items + line);
    const CommandResult result = run(arguments("out"));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr(says));
    EXPECT_FALSE(fs::exists(path("out")));
    write("run.json", read_file(path("grpo.json")));
    const CommandResult trained = run({"train", "run.json", "--set", "/data/train=[\"many.jsonl\"]", "--set", "/reward/command=[]"});
    EXPECT_EQ(trained.exit_code, 2);
    EXPECT_THAT(trained.error, HasSubstr(says));
  }
  succeed(arguments("out", {"--skip-bad-lines", "--limit", "2"}));
  EXPECT_EQ(report("out").at("bad_lines_skipped").as_integer(), 1);
}

// Expected numbers by hand: 9 items changed, 8 for the better, so McNemar's p is 2 (1 + 9) / 2^9.
TEST_F(EvalTest, ReportComparesTwoEvaluationsItemByItem) {
  fs::create_directories(path("run/eval_before"));
  fs::create_directories(path("run/eval_after"));
  write("run/metrics.jsonl", "{\"step\": 0, \"reward_mean\": 0.5}\n");
  std::string before, after;
  for (int i = 0; i < 20; ++i) {
    const auto line = [&](bool right) {
      return concat(R"({"id": "i)", i, R"(", "task": ")", i % 2 ? "b" : "a", R"(", "score": )", right ? 1 : 0, "}\n");
    };
    before += line(i == 8 || i == 9);
    after += line(i < 8 || i == 9);
  }
  write("run/eval_before/predictions.jsonl", before);
  write("run/eval_after/predictions.jsonl", after);
  succeed({"report", "run"});
  std::string html = read_file(path("run/report.html"));
  EXPECT_THAT(html, HasSubstr("<td>all</td><td>20</td><td>+35.0 ("));
  EXPECT_THAT(html, HasSubstr("</td><td>8</td><td>1</td><td>0.0391</td>"));

  write("run/eval_after/predictions.jsonl", "{\"id\": 1}\n");
  succeed({"report", "run"});
  html = read_file(path("run/report.html"));
  EXPECT_THAT(html, Not(HasSubstr("Item by item")));
  EXPECT_THAT(html, HasSubstr("class=\"note\""));
}

}  // namespace
}  // namespace longbow::tests
