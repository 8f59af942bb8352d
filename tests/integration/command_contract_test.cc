// What scripts rely on in every command: exit codes, one line of error with what was meant, one JSON document, output that is whole or an
// error.
#include <gmock/gmock.h>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

const std::string kModel = LONGBOW_SOURCE_DIR "/models/quickstart";

class Contract : public CommandLineTest {
 protected:
  /// A shell's command line, in which $longbow is the program.
  CommandResult shell(const std::string& line) const {
    ProcessOptions options;
    options.output = ProcessOptions::Stream::pipe;
    options.error = ProcessOptions::Stream::pipe;
    options.folder = path("");
    options.environment = {{"longbow", LONGBOW_BINARY_DIR "/longbow"}};
    ChildProcess process({"bash", "-c", line}, options);
    CommandResult result;
    const auto status = process.wait(kCommandSeconds);
    std::string text;
    while (process.read_line(text, 1)) result.output += text + "\n";
    result.error = process.take_error_output();
    result.exit_code = status ? status->exit_code : -1;
    return result;
  }
};

TEST_F(Contract, MistakesAreOneLineThatSaysWhatWasMeant) {
  write("recipe.json", R"({"description": "r", "model": {"path": ")" + kModel + R"("}, "data": {"train": ["none.jsonl"]}})");
  write("list.json", "[1]");
  write("empty.json", "{}");
  write("nothing.jsonl", "\n");
  write("flat.json", R"({"ceilings": {"read_gbps": 0, "gemm_tflops": 1}, "benchmarks": [], "machine": {}})");
  const struct {
    std::vector<std::string> arguments;
    const char* says;
  } cases[] = {
      {{"insepct", "x"}, "longbow: unknown command 'insepct'; did you mean \"inspect\"?"},
      {{"data", "chek", "x"}, "longbow: data: unknown command 'chek'; did you mean \"check\"?"},
      {{"--vershion", "inspect", "x"}, "longbow: unknown option '--vershion'; did you mean \"--version\"?"},
      {{"data"}, "longbow: data: A subcommand is required"},
      {{"analyze", "retrieval-heads"}, "longbow: analyze: expected a command of this version, got one that is not built yet"},
      {{"inspect", "x", "--jsn"}, "longbow: inspect: unknown option '--jsn'; did you mean \"--json\"?"},
      {{"report", "x", "--ot=7"}, "longbow: report: unknown option '--ot'; did you mean \"--out\"?"},
      {{"inspect", "x", "y"}, "longbow: inspect: expected no further argument, got 'y'"},
      {{"inspect"}, "longbow: inspect: path is required"},
      {{"score", "--benchmark", "ruler", "x"}, "not built yet"},
      // What would be ignored is refused.
      {{"score", "--reward", "math", "--judge-endpoint", "http://x", "--judge-model", "m", "x"},
       "with --reward judge, got it with --reward math"},
      {{"score", "--reward", "math", "--judge-model", "m", "x"}, "--judge-model requires --judge-endpoint"},
      {{"score", "--reward", "math", "--reward-timeout-ms", "9", "x"}, "--reward-timeout-ms requires --reward-command"},
      {{"score", "--reward", "math", "nothing.jsonl"}, "score: expected at least one prediction, got none (nothing.jsonl)"},
      {{"score", "x"}, "expected either --reward NAME or --reward-command CMD, got neither"},
      {{"generate", "--model", kModel}, "generate: expected --prompt or --prompts, got neither"},
      {{"generate", "--model", kModel, "--prompts", "x", "--chat"}, "--chat requires --prompt"},
      {{"generate", "--model", kModel, "--prompt", "x", "--skip-bad-lines"}, "--skip-bad-lines requires --prompts"},
      {{"data", "build", "recipe.json", "--out", "o", "--samples", "9"}, "--samples requires --pass-band"},
      {{"data", "build", "list.json", "--out", "o", "--seed", "1"}, "expected an object, got an array (list.json)"},
      {{"train-tokenizer", "empty.json", "--out", "o"}, "expected lines of text, got none (empty.json)"},
      {{"plan", "recipe.json", "--seed", "1"}, "plan: unknown option '--seed'"},
      {{"bench", "--compare", "recipe.json", "gemm"},
       "another document: JSON: expected a key \"benchmarks\", got an object without it (recipe.json)"},
      {{"bench", "--saved", "flat.json", "--picture", "p.svg"}, "roofline: expected rates above 0, got one that is not (flat.json)"},
      {{"eval", "--model", kModel, "--benchmark", "ruler", "--data", "x", "--out", "y"}, "not built yet"},
      {{"plan", "recipe.json", "--threads", "-1"}, "--threads"},
      {{"train", "recipe.json", "--threads", "99999"}, "--threads"},
      {{"data", "stats", ".", "--threads", "99999"}, "--threads"},
      {{"train", "recipe.json", "--seed", "-1"}, "--seed"},
      {{"generate", "--model", kModel, "--prompt", "x", "--seed", "-1"}, "--seed"},
      {{"eval", "--model", kModel, "--benchmark", "items", "--data", "x", "--out", "y", "--limit", "-3"}, "--limit"},
      // An override takes one value: what follows it is the recipe.
      {{"plan", "--set", "/rollout/group_size=abc", "recipe.json"}, "/rollout/group_size: expected an integer"},
      {{"plan", "--set", "/rollout/group_sise=4", "recipe.json"}, "/rollout/group_sise: unknown key; did you mean \"group_size\"?"},
      {{"plan", "recipe.json", "--set", "rollout=4"}, "--set: expected /path=value"},
      {{"tokenize", "--model", kModel, "missing.jsonl"}, "missing.jsonl"},
      {{"report", "."}, "expected a run directory with metrics.jsonl"},
  };
  for (const auto& [arguments, says] : cases) {
    const CommandResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << says << result.error;
    EXPECT_EQ(result.output, "") << says;
    EXPECT_THAT(result.error, HasSubstr(says));
    EXPECT_THAT(result.error, MatchesRegex("longbow: [^\n]+\n(hint: [^\n]+\n)?"));
  }
}

// A recipe that someone else wrote: its keys stand in the message.
TEST_F(Contract, WhatAFileSaysForgesNoLinesAndSteersNoTerminal) {
  write("recipe.json", R"({"description": "r", "model": {"path": "x"}, "data": {"train": ["x"]}, "a\u001b[2J\nlongbow: fine": 1})");
  const CommandResult result = run({"plan", "recipe.json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.error, "longbow: /a [2J longbow: fine: unknown key (recipe.json)\n");
}

TEST_F(Contract, EveryCommandAnswersHelp) {
  const CommandResult all = succeed({"--help"});
  for (const char* name : {"train", "learner", "rollout", "pretrain", "sft", "eval", "score", "report", "data", "generate", "logprobs",
                           "tokenize", "train-tokenizer", "inspect", "plan", "bench"}) {
    EXPECT_THAT(all.output, HasSubstr(concat("\n  ", name, " ")));
    EXPECT_THAT(succeed({name, "--help"}).output, HasSubstr(concat("longbow ", name)));
  }
  for (const char* line : {"longbow ", "commit ", "libtorch ", "isa ", "cuda "})
    EXPECT_THAT(succeed({"--version"}).output, HasSubstr(line));
}

TEST_F(Contract, OutputThatFindsNoRoomIsAnError) {
  write("lines.jsonl", "{\"text\": \"a\"}\n");
  for (const std::string& command : {"inspect " + kModel, "inspect --json " + kModel, "tokenize --model " + kModel + " lines.jsonl",
                                     std::string("--version"), std::string("eval --help")}) {
    const CommandResult result = shell("$longbow " + command + " > /dev/full");
    EXPECT_EQ(result.exit_code, 2) << command;
    EXPECT_THAT(result.error, HasSubstr("full disk or a reader that is gone")) << command;
  }
}

TEST_F(Contract, AReaderThatGoesAwayIsAnErrorAndNoSignal) {
  write("lines.jsonl", "{\"text\": \"a\"}\n");
  const CommandResult result =
      shell("{ sleep 0.2; $longbow tokenize --model " + kModel + " lines.jsonl; echo $? >code; } | true; cat code");
  EXPECT_EQ(result.output, "2\n");
  EXPECT_THAT(result.error, MatchesRegex("longbow: [^\n]+ is gone\n"));
}

TEST_F(Contract, JsonlGoesThroughPipesAndCompressedFiles) {
  write("lines.jsonl", "{\"text\": \"one\", \"id\": [1, {\"a\": null}]}\n{\"text\": \"two\"}\n");
  const std::string plain = succeed({"tokenize", "--model", kModel, "lines.jsonl"}).output;
  EXPECT_THAT(plain, HasSubstr("\"id\": [1, {\"a\": null}]"));
  EXPECT_EQ(shell("cat lines.jsonl | $longbow tokenize --json --model " + kModel + " -").output, plain);
  EXPECT_EQ(shell("gzip -k lines.jsonl && $longbow tokenize --model " + kModel + " lines.jsonl.gz").output, plain);
}

TEST_F(Contract, EveryKeyOfARecipeIsTold) {
  const Json train = parse_json(succeed({"train", "--schema"}).output, "output");
  const Json& group_size = train.at("properties").at("rollout").at("properties").at("group_size");
  EXPECT_EQ(group_size.at("default").as_integer(), 8);
  EXPECT_EQ(group_size.at("minimum").as_number(), 2);
  EXPECT_FALSE(group_size.at("description").as_string().empty());
  EXPECT_NE(parse_json(succeed({"sft", "--schema"}).output, "output").at("properties").find("stages"), nullptr);
}

// A line that is too long is a bad line like another; a file that is cut short is no line.
TEST_F(Contract, BadLinesAreSkippedOnlyWhenAskedFor) {
  write("lines.jsonl", "{\"text\": \"one\"}\nno JSON\n\n{\"text\": 2}\n");
  ASSERT_EQ(
      shell("{ head -c 67108865 /dev/zero; echo; echo '{\"text\": \"two\"}'; } | tr '\\0' x >>lines.jsonl; gzip -k lines.jsonl; head -c 60 "
            "lines.jsonl.gz >cut.jsonl.gz")
          .exit_code,
      0);
  const std::vector<std::string> command = {"tokenize", "--model", kModel, "lines.jsonl"};
  const CommandResult stopped = run(command);
  EXPECT_EQ(stopped.exit_code, 2);
  EXPECT_THAT(stopped.error, MatchesRegex("longbow: lines.jsonl:2: line:1:[0-9]+: bad JSON: [^\n]+\n"));
  const CommandResult skipped = succeed({"tokenize", "--model", kModel, "lines.jsonl", "--skip-bad-lines"});
  EXPECT_EQ(std::count(skipped.output.begin(), skipped.output.end(), '\n'), 2);
  for (const char* says : {"warning: lines.jsonl:2: ", "warning: lines.jsonl:4: ", "got more (lines.jsonl:5) (skipped)"})
    EXPECT_THAT(skipped.error, HasSubstr(says));
  const CommandResult cut = run({"tokenize", "--model", kModel, "cut.jsonl.gz", "--skip-bad-lines"});
  EXPECT_EQ(cut.exit_code, 2);
  EXPECT_THAT(cut.error, HasSubstr("longbow: truncated: expected more compressed data"));
}

TEST_F(Contract, InspectIsOneDocumentForScriptsAndShortForPeople) {
  const Json document = parse_json(succeed({"inspect", kModel, "--json"}).output, "output");
  EXPECT_EQ(document.at("kind").as_string(), "checkpoint");
  EXPECT_EQ(document.at("layers").as_array()[0].at("attention").as_string(), "sliding");
  EXPECT_EQ(parse_json(shell("cd " + kModel + " && $longbow inspect config.json --json").output, "output").at("layers"),
            document.at("layers"));
  const std::string text = succeed({"inspect", kModel}).output;
  EXPECT_THAT(text, testing::StartsWith("checkpoint " + kModel + "\n"));
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 120u) << text.substr(begin, end - begin);
}

TEST_F(Contract, ARunThatIsWritingItsMetricsCanBeInspected) {
  fs::create_directories(path("run"));
  write("run/metrics.jsonl", "{\"step\": 0, \"loss\": 1.0}\n{\"step\": 1, \"loss\": 2.0}\n{\"step\": 2, \"lo");
  const Json run = parse_json(succeed({"inspect", "run", "--json"}).output, "output");
  EXPECT_EQ(run.at("steps").as_integer(), 2);
  EXPECT_EQ(run.at("last_metrics").at("loss").as_number(), 2.0);
}

}  // namespace
}  // namespace longbow::tests
