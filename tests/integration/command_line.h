// Runs the built `longbow` as a user would: a fresh folder, files on disk, exit codes and messages.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"
#include "core/process.h"

namespace longbow::tests {

namespace fs = std::filesystem;

constexpr double kCommandSeconds = 120;

struct CommandResult {
  int exit_code = 0;
  std::string output;
  std::string error;
};

class CommandLineTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / concat("longbow-it-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

  /// Starts `longbow ARGUMENTS` in the test's folder, with its error stream in a file.
  std::unique_ptr<ChildProcess> start(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), LONGBOW_BINARY_DIR "/longbow");
    return start_program(std::move(arguments));
  }

  std::unique_ptr<ChildProcess> start_program(std::vector<std::string> command) const {
    ProcessOptions options;
    options.output = ProcessOptions::Stream::pipe;
    options.error = ProcessOptions::Stream::pipe;
    options.folder = folder_.string();
    return std::make_unique<ChildProcess>(std::move(command), options);
  }

  CommandResult run(std::vector<std::string> arguments) const { return finish(*start(std::move(arguments))); }

  static CommandResult finish(ChildProcess& process) {
    CommandResult result;
    const auto status = process.wait(kCommandSeconds);
    std::string line;
    while (process.read_line(line, 1)) result.output += line + "\n";
    result.error = process.take_error_output();
    if (!status) {
      ADD_FAILURE() << "time-out: " << result.error;
      return result;
    }
    result.exit_code = status->signal != 0 ? 128 + status->signal : status->exit_code;
    return result;
  }

  /// A command that must succeed.
  CommandResult succeed(std::vector<std::string> arguments) const {
    CommandResult result = run(std::move(arguments));
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result;
  }

  std::vector<Json> lines(const std::string& name) const {
    std::vector<Json> values;
    LineReader reader(path(name));
    std::string line;
    while (reader.next(line)) values.push_back(parse_json(line, reader.where()));
    return values;
  }

  /// Waits until `condition` holds; false after `seconds`.
  template <class Condition>
  static bool wait_until(double seconds, const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return condition();
  }

 private:
  fs::path folder_;
};

/// A tiny hybrid with its tokenizer in MODEL, and twelve items of two tasks: seconds, not minutes.
class TinyRunTest : public CommandLineTest {
 protected:
  void SetUp() override {
    CommandLineTest::SetUp();
    write("tok.json", R"({"description": "t", "wordnet_dir": "", "vocab_size": 300, "extra_repeats": 4,
                          "extra_lines": ["the quick brown fox jumps over the lazy dog", "what is the code of the fox? the code is 4821."]})");
    succeed({"train-tokenizer", "tok.json", "--out", "tok"});
    write("pretrain.json", R"({"description": "tiny", "seed": 1, "threads": 1,
      "model": {"tokenizer": "tok", "architecture": {"num_layers": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
                "num_kv_heads": 1, "head_dim": 16, "window": 8}},
      "stages": [{"name": "a", "steps": 4, "tokens_per_step": 64, "context_tokens": 32, "windows": [8],
                  "mixture": [{"kind": "facts"}]}],
      "checkpoint": {"every": 2, "keep": 3}})");
    succeed({"pretrain", "pretrain.json", "--run-dir", "pre"});
    std::string items;
    for (int i = 0; i < 12; ++i) {
      items +=
          concat(R"({"id":"i)", i, R"(","task":")", i % 2 ? "b" : "a",
                 R"(","family":"retrieval","messages":[{"role":"user","content":"say something about number )", i,
                 R"( and the quick brown fox"}],"answer":{"reward":"sub_em","answers":["e"],"params":{}},"evidence":[],"gold_chain":[],)",
                 R"("question":"q","num_tokens":0,"seed":0,"builder":"hand@1","difficulty":{"num_candidates":1},"length_bin":"64"})", "\n");
    }
    write("items.jsonl", items);
    // A reward that differs between the answers of an untrained model, and takes a while, so that a kill lands inside a step.
    write("reward.py",
          "import json, sys, time\nfor line in sys.stdin:\n    row = json.loads(line)\n    time.sleep(0.01)\n"
          "    print(json.dumps({'id': row['id'], 'score': len(row['prediction']) % 7 / 7}), flush=True)\n");
    write("grpo.json", R"({"description": "tiny run", "seed": 3, "threads": 1,
      "model": {"path": "pre/checkpoints/final", "dtype": "float32"},
      "data": {"train": ["items.jsonl"], "max_prompt_tokens": 200},
      "rollout": {"workers": 2, "group_size": 4, "max_completion_tokens": 12, "prefill_chunk": 32, "lease_timeout_ms": 2000, "heartbeat_ms": 200},
      "reward": {"command": ["python3", "reward.py"]},
      "algorithm": {"steps": 6, "prompts_per_step": 4, "ref_kl_every": 2},
      "optimizer": {"learning_rate": 1e-3}, "checkpoint": {"every": 2, "keep": 3}})");
  }

  /// The run's last f32 weights and moments, as bytes.
  std::string final_state(const std::string& run_dir) const {
    return read_file(path(run_dir + "/checkpoints/step_00000006/trainer_state.safetensors"));
  }
  /// Whole lines only: the run may be writing one.
  std::size_t steps_done(const std::string& run_dir) const {
    if (!fs::exists(path(run_dir + "/metrics.jsonl"))) return 0;
    const std::string text = read_file(path(run_dir + "/metrics.jsonl"));
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
};

}  // namespace longbow::tests
