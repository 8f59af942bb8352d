// `longbow data` as people call it: a build that is stopped in any way goes on to the same bytes, its report is one readable page, and a
// check takes files from anywhere.
#include <gmock/gmock.h>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class DataCommand : public CommandLineTest {
 protected:
  void SetUp() override {
    CommandLineTest::SetUp();
    write("recipe.json", R"({"description": "small & plain", "seed": 5, "chars_per_token": 4, "tasks": [
      {"task": "fuzzy_needle", "count": 60, "max_tokens": 600},
      {"task": "long_math", "count": 600, "max_tokens": 2000},
      {"task": "key_chain", "split": "heldout", "count": 60, "max_tokens": 600}]})");
  }

  std::vector<std::string> files(const std::string& dir) const {
    std::vector<std::string> bytes;
    for (const char* file : {"fuzzy_needle.jsonl", "long_math.jsonl", "heldout/key_chain.jsonl", "manifest.json", "report.html"})
      bytes.push_back(fs::exists(path(dir + "/" + file)) ? read_file(path(dir + "/" + file)) : "none");
    return bytes;
  }
  /// Starts a build and sends `signal` once its first file is there: within the second, which is the long one.
  int stop_build(const std::string& dir, int signal) const {
    const auto process = start({"data", "build", "recipe.json", "--out", dir});
    EXPECT_TRUE(wait_until(60, [&] { return fs::exists(path(dir + "/manifest.unfinished.json")); }));
    ::kill(process->pid(), signal);
    const auto status = process->wait(60);
    return !status ? -1 : status->signal != 0 ? 128 + status->signal : status->exit_code;
  }
};

TEST_F(DataCommand, AStoppedBuildGoesOnToTheSameBytes) {
  succeed({"data", "build", "recipe.json", "--out", "whole"});
  for (const auto& [signal, exit_code] : {std::pair{SIGINT, 130}, std::pair{SIGKILL, 137}}) {
    const std::string dir = concat("cut", signal);
    EXPECT_EQ(stop_build(dir, signal), exit_code);
    EXPECT_TRUE(fs::exists(path(dir + "/fuzzy_needle.jsonl")));
    EXPECT_FALSE(fs::exists(path(dir + "/long_math.jsonl"))) << "nothing half-written under the final name";
    EXPECT_FALSE(fs::exists(path(dir + "/manifest.json")));
    const auto written = fs::last_write_time(path(dir + "/fuzzy_needle.jsonl"));
    succeed({"data", "build", "recipe.json", "--out", dir});
    EXPECT_EQ(fs::last_write_time(path(dir + "/fuzzy_needle.jsonl")), written) << "a finished file is kept";
    std::vector<std::string> cut = files(dir), whole = files("whole");
    whole.back() = cut.back();  // the page names its folder
    EXPECT_EQ(cut, whole);
    EXPECT_FALSE(fs::exists(path(dir + "/manifest.unfinished.json")));
  }
}

TEST_F(DataCommand, ReportIsOnePageWithEveryPart) {
  succeed({"data", "build", "recipe.json", "--out", "set"});
  const std::string html = read_file(path("set/report.html"));
  for (const char* outside : {"src=", "href=", "http", "@import", "url(", "<script"}) EXPECT_THAT(html, Not(HasSubstr(outside))) << outside;
  for (const char* part : {"small &amp; plain", "Lengths", "Depth of evidence", "Answers", "Gates", "Shortcut bots", "answer_prior",
                           "heldout/key_chain.jsonl"})
    EXPECT_THAT(html, HasSubstr(part));
  std::size_t samples = 0, marks = 0;
  for (std::size_t at = 0; (at = html.find("<details class=\"item\">", at)) != std::string::npos; ++at) ++samples;
  for (std::size_t at = 0; (at = html.find("<mark>", at)) != std::string::npos; ++at) ++marks;
  EXPECT_EQ(samples, 30u);
  EXPECT_GE(marks, 60u);

  // The evidence of one sample, word for word.
  const std::string line = read_file(path("set/fuzzy_needle.jsonl"));
  const Json item = parse_json(line.substr(0, line.find('\n')), "item");
  const Json& span = item.at("evidence").as_array().front();
  const std::string& content = item.at("messages").as_array().front().at("content").as_string();
  const auto start = static_cast<std::size_t>(span.at("start").as_integer()), end = static_cast<std::size_t>(span.at("end").as_integer());
  EXPECT_THAT(html, HasSubstr("<mark>" + content.substr(start, end - start) + "</mark>"));
}

// Answers of MultiNeedle begin with capitals and digits, the widest there are: 17 of them ran over the card's edge.
TEST_F(DataCommand, LabelsOfTheReportStayInTheirCards) {
  succeed(
      {"data", "build", "recipe.json", "--out", "set", "--set", R"(/tasks=[{"task": "multi_needle", "count": 20, "max_tokens": 1500}])"});
  const std::string html = read_file(path("set/report.html"));
  int labels = 0;
  for (std::size_t at = 0; (at = html.find("…</text>", at)) != std::string::npos; ++at, ++labels) {
    const std::string label = html.substr(html.rfind('>', at) + 1, at - html.rfind('>', at) - 1);
    EXPECT_GE(label.size(), 9u) << label;
    EXPECT_LE(label.size(), 14u) << label;
  }
  EXPECT_EQ(labels, 10);
}

TEST_F(DataCommand, ChecksFilesFromElsewhere) {
  fs::create_directories(path("other"));
  std::string items;
  for (int i = 0; i < 30; ++i) {
    const std::string answer = concat(1000 + 37 * i);
    const std::string content =
        concat("The river is long. It has ", answer, " bends and ", 20 + i, " bridges.\\n\\nQuestion: How many bends?");
    items += concat(R"({"id":"river-)", i, R"(","task":"rivers","messages":[{"role":"user","content":")", content,
                    R"("}],"answer":{"reward":"exact_match","answers":[")", answer,
                    R"("]},"evidence":[{"start":19,"end":45}],"question":"How many bends?"})", "\n");
  }
  write("other/rivers.jsonl", items);
  const CommandResult result = run({"data", "check", "other", "--json", "--report", "page.html"});
  EXPECT_EQ(result.exit_code, 2) << "the first number is always right";
  const Json report = parse_json(result.output, "check");
  ASSERT_EQ(report.at("failures").size(), 1u) << result.output;
  EXPECT_THAT(report.at("failures").as_array().front().at("reason").as_string(), HasSubstr("\"bm25\""));
  EXPECT_DOUBLE_EQ(report.at("files").as_array().front().at("bots").at("chance").as_number(), 0.5);
  EXPECT_THAT(read_file(path("page.html")), HasSubstr("How many bends?"));

  write("other/rivers.jsonl", items + "{\"id\": \n");
  EXPECT_THAT(run({"data", "check", "other"}).error, HasSubstr("other/rivers.jsonl:31: expected a row of JSON"));
  EXPECT_THAT(run({"data", "stats", "other", "--skip-bad-lines"}).output, HasSubstr(", 1 bad lines skipped\n"));

  items.replace(items.find("\"end\":45"), 8, "\"end\":4500");
  write("other/rivers.jsonl", items);
  EXPECT_THAT(run({"data", "check", "other"}).error, HasSubstr("expected evidence within the message's"));
}

TEST_F(DataCommand, AnotherSeedIsAnotherSet) {
  for (const char* seed : {"6", "7"})
    succeed({"data", "build", "recipe.json", "--out", seed, "--seed", seed, "--set", "/tasks/1/count=60"});
  for (const char* file : {"fuzzy_needle.jsonl", "long_math.jsonl", "heldout/key_chain.jsonl"}) {
    std::vector<std::string> seen;
    for (const char* seed : {"6", "7"}) {
      LineReader reader(path(concat(seed, "/", file)));
      for (std::string line; reader.next(line);) {
        const Json item = parse_json(line, reader.where());
        seen.push_back(item.at("id").as_string());
        seen.push_back(item.at("messages").as_array().front().at("content").as_string());
      }
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << file;
  }
}

}  // namespace
}  // namespace longbow::tests
