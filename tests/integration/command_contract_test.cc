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
  for (const std::string command : {"inspect " + kModel, "inspect --json " + kModel, "tokenize --model " + kModel + " lines.jsonl",
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

TEST_F(Contract, InspectIsOneDocumentForScriptsAndShortForPeople) {
  const Json document = parse_json(succeed({"inspect", kModel, "--json"}).output, "output");
  EXPECT_EQ(document.at("kind").as_string(), "checkpoint");
  EXPECT_EQ(document.at("layers").as_array()[0].at("attention").as_string(), "sliding");
  const std::string text = succeed({"inspect", kModel}).output;
  EXPECT_THAT(text, testing::StartsWith("checkpoint " + kModel + "\n"));
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 120u) << text.substr(begin, end - begin);
}

}  // namespace
}  // namespace longbow::tests
