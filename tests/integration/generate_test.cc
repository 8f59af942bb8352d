// `longbow generate` on a tiny model: its JSON contract, stop strings, determinism, and bad input.
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

using testing::HasSubstr;

class GenerateTest : public TinyRunTest {
 protected:
  std::string model() const { return "pre/checkpoints/final"; }
  Json only_line(const CommandResult& result) const {
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    return parse_json(result.output, "output");
  }
  Json generate(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"generate", "--model", model(), "--prompt", "the quick brown", "--max-completion-tokens", "24"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return only_line(succeed(arguments));
  }
};

TEST_F(GenerateTest, AnswersAsTheContractSays) {
  const Json answer = generate({"--num-samples", "3", "--seed", "5"});
  EXPECT_GE(answer.at("prompt_tokens").as_integer(), 3);
  EXPECT_GT(answer.at("timing").at("prefill_ms").as_number(), 0);
  EXPECT_GT(answer.at("timing").at("decode_ms").as_number(), 0);
  ASSERT_EQ(answer.at("completions").size(), 3u);
  for (const Json& completion : answer.at("completions").as_array()) {
    EXPECT_EQ(completion.at("tokens").size(), completion.at("logprobs").size());
    EXPECT_LE(completion.at("tokens").size(), 24u);
    EXPECT_TRUE(completion.at("text").is_string());
    const bool full = completion.at("tokens").size() == 24;
    EXPECT_TRUE(completion.at("finish_reason").as_string() == "stop" || full) << completion.dump();
  }
  EXPECT_NE(answer.at("completions").as_array()[0].at("tokens"), answer.at("completions").as_array()[1].at("tokens"));
  const auto& again = generate({"--num-samples", "3", "--seed", "5", "--threads", "1"});
  EXPECT_EQ(again.at("completions"), answer.at("completions"));  // the seed decides, whatever the threads
  EXPECT_NE(generate({"--num-samples", "3", "--seed", "6"}).at("completions"), answer.at("completions"));
}

TEST_F(GenerateTest, AStopStringEndsTheTextBeforeIt) {
  const Json whole = generate({"--seed", "1"}).at("completions").as_array()[0];
  const std::string text = whole.at("text").as_string();
  // A whole character, not the text's first; an untrained model writes broken ones too.
  const auto found = std::find_if(text.begin() + 1, text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  ASSERT_NE(found, text.end()) << text;
  const std::string stop(1, *found);
  const Json cut = generate({"--seed", "1", "--stop", stop}).at("completions").as_array()[0];
  EXPECT_EQ(cut.at("text").as_string(), text.substr(0, text.find(stop)));
  EXPECT_EQ(cut.at("finish_reason").as_string(), "stop");
  EXPECT_LT(cut.at("tokens").size(), whole.at("tokens").size());
}

// An untrained model writes mostly byte pieces: characters cut between tokens, and bytes that are none.
TEST_F(GenerateTest, ATerminalShowsTheSameText) {
  const std::vector<std::string> command = {LONGBOW_BINARY_DIR "/longbow", "generate", "--model", model(), "--prompt", "the quick brown",
                                            "--max-completion-tokens",     "200"};
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--seed", "1"}, {"--seed", "2", "--stop", "\uFFFDx"}}) {
    std::vector<std::string> as_json(command.begin() + 1, command.end());
    as_json.insert(as_json.end(), more.begin(), more.end());
    std::string text = only_line(succeed(as_json)).at("completions").as_array()[0].at("text").as_string();
    for (char& c : text) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = ' ';
    }
    std::vector<std::string> on_terminal = {"python3", "-c",
                                            "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"};
    on_terminal.insert(on_terminal.end(), command.begin(), command.end());
    on_terminal.insert(on_terminal.end(), more.begin(), more.end());
    CommandResult shown = finish(*start_program(on_terminal));
    std::erase(shown.output, '\r');  // of a terminal's line ends
    EXPECT_EQ(shown.exit_code, 0) << shown.error;
    EXPECT_THAT(shown.output, testing::StartsWith(text + "\n"));
  }
}

TEST_F(GenerateTest, GreedyLogprobsAreThoseOfLogprobs) {
  write("prompt.jsonl", R"({"tokens": [5, 9, 200, 31]})");
  const Json answer = only_line(
      succeed({"generate", "--model", model(), "--prompts", "prompt.jsonl", "--temperature", "0", "--max-completion-tokens", "6"}));
  const Json& completion = answer.at("completions").as_array()[0];
  Json tokens = Json::Array{Json(5), Json(9), Json(200), Json(31)};
  for (const Json& token : completion.at("tokens").as_array()) tokens.push_back(token);
  Json request;
  request["tokens"] = tokens;
  write("sequence.jsonl", request.dump());
  const Json scored = only_line(succeed({"logprobs", "--model", model(), "sequence.jsonl", "--top", "1"}));
  for (std::size_t i = 0; i < completion.at("tokens").size(); ++i) {
    // Not the same bits: decode walks the prompt's and the completion's key blocks apart, `logprobs` one run of blocks.
    EXPECT_NEAR(scored.at("logprobs").as_array()[4 + i].as_number(), completion.at("logprobs").as_array()[i].as_number(), 1e-5);
    EXPECT_EQ(scored.at("top").as_array()[3 + i].as_array()[0].as_array()[0], completion.at("tokens").as_array()[i]);
  }
}

TEST_F(GenerateTest, PromptsOfAFileComeBackInOrderWithTheirIds) {
  std::string lines;
  for (int i = 0; i < 9; ++i) lines += concat(R"({"id": )", i, R"(, "text": "fox number )", std::string(9 - i, 'x'), "\"}\n");
  lines += "{\"id\": {\"k\": 1}, \"tokens\": [7, 8]}\n\n{\"messages\": [{\"role\": \"user\", \"content\": \"what is the code?\"}]}\n";
  write("prompts.jsonl", lines);
  const CommandResult result = succeed({"generate", "--model", model(), "--prompts", "prompts.jsonl", "--max-completion-tokens", "5"});
  std::istringstream output(result.output);
  std::vector<Json> answers;
  for (std::string line; std::getline(output, line);) answers.push_back(parse_json(line, "output"));
  ASSERT_EQ(answers.size(), 11u);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(answers[i].at("id"), Json(i));
  EXPECT_EQ(answers[9].at("id").at("k"), Json(1));
  EXPECT_EQ(answers[10].find("id"), nullptr);
}

TEST_F(GenerateTest, TokenIdsNeedNoTokenizer) {
  fs::create_directories(path("bare"));
  for (const char* name : {"config.json", "model.safetensors"}) fs::copy(path(model() + "/" + name), path(concat("bare/", name)));
  write("prompt.jsonl", R"({"tokens": [5, 9]})");
  const Json answer = only_line(succeed({"generate", "--model", "bare", "--prompts", "prompt.jsonl", "--max-completion-tokens", "3"}));
  EXPECT_TRUE(answer.at("completions").as_array()[0].at("text").is_null());
  EXPECT_EQ(run({"generate", "--model", "bare", "--prompt", "text"}).exit_code, 2);
}

TEST_F(GenerateTest, BadInputIsOneLineAndExitCodeTwo) {
  struct Case {
    std::vector<std::string> arguments;
    std::string message;
  };
  write("bad.jsonl", "{\"tokens\": [5]}\n{\"tokens\": [100000]}\n{\"tokens\": [6]}\n");
  write("mistyped.jsonl", "{\"tokens\": \"5\"}\n");
  write("number.jsonl", "{\"text\": 5}\n");
  const std::vector<Case> cases = {
      {{"--prompts", "bad.jsonl"}, "bad.jsonl:2: tokens/0: expected a token id in [0, "},
      {{"--prompts", "mistyped.jsonl"}, "mistyped.jsonl:1: tokens: expected a list of token ids, got string"},
      {{"--prompts", "number.jsonl"}, "number.jsonl:1: text: expected a string, got integer"},
      {{"--prompts", "missing.jsonl"}, "missing.jsonl"},
      {{"--prompt", ""}, "prompt: expected at least one token, got none"},
      {{"--prompt", "x", "--top-p", "0"}, "sampling: expected top_p in (0, 1], got 0"},
      {{"--prompt", "x", "--kv-budget-mib", "1", "--max-completion-tokens", "1000000"}, "expected at most 1 MiB"},
      {{}, "--prompt"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> arguments = {"generate", "--model", model(), "--max-completion-tokens", "4"};
    if (c.message.find("MiB") != std::string::npos) arguments.resize(3);
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const CommandResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << c.message;
    EXPECT_THAT(result.error, HasSubstr(c.message));
  }
  const CommandResult skipped =
      succeed({"generate", "--model", model(), "--prompts", "bad.jsonl", "--max-completion-tokens", "4", "--skip-bad-lines"});
  EXPECT_EQ(std::count(skipped.output.begin(), skipped.output.end(), '\n'), 2);
  EXPECT_THAT(skipped.error, HasSubstr("bad.jsonl:2"));
  EXPECT_THAT(skipped.error, HasSubstr("warning: skipped 1 bad lines\n"));
}

}  // namespace
}  // namespace longbow::tests
