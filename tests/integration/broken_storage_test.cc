// Disks that are full and files that are damaged, met by the whole command: one line, exit code 2, and a run that resumes from what was
// there to the bits it would have had.
#include <gmock/gmock.h>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

using testing::HasSubstr;

class BrokenStorage : public TinyRunTest {
 protected:
  /// Runs a shell script in the test's folder, in which $LONGBOW is the command.
  CommandResult shell(const std::string& script) const {
    return finish(*start_program({"sh", "-c", concat("LONGBOW=", LONGBOW_BINARY_DIR "/longbow\n", script)}));
  }
  void copy(const std::string& from, const std::string& to) const {
    fs::remove_all(path(to));
    ASSERT_EQ(shell(concat("cp -r ", from, " ", to)).exit_code, 0);  // a run's folder holds a socket
  }
  static void halve(const std::string& file) { fs::resize_file(file, fs::file_size(file) / 2); }

  /// Exit code 2 and exactly one line from the command itself, which holds `message`.
  static void expect_one_line(const CommandResult& result, const std::string& message) {
    EXPECT_EQ(result.exit_code, 2) << result.error;
    EXPECT_THAT(result.error, HasSubstr(message));
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = result.error.find("longbow: ", at)) != std::string::npos; ++at) ++lines;
    EXPECT_EQ(lines, 1u) << result.error;
    EXPECT_EQ(result.error.find("defect of Longbow"), std::string::npos) << result.error;
  }
};

TEST_F(BrokenStorage, AFullDiskIsOneLineAndTheRunResumesToTheSameBits) {
  if (shell("unshare --user --map-root-user --mount mount -t tmpfs none /mnt").exit_code != 0) {
    GTEST_SKIP() << "needs user namespaces, to mount a small disk";
  }
  succeed({"train", "grpo.json", "--run-dir", "whole"});
  // Where the disk ends: in the recipe, in the metrics or the first checkpoint's files, in its moments, in the second checkpoint.
  for (const char* kilobytes : {"4", "24", "200", "700"}) {
    SCOPED_TRACE(kilobytes);
    fs::remove_all(path("kept"));
    const CommandResult result =
        shell(concat("exec unshare --user --map-root-user --mount sh -c '", "mkdir -p disk kept\n", "mount -t tmpfs -o size=", kilobytes,
                     "k none disk || exit 99\n", "\"$0\" train grpo.json --run-dir disk/run 2> kept/error; echo $? > kept/code\n",
                     "ls disk/run/checkpoints > kept/checkpoints\n", "mount -o remount,size=64m disk || exit 98\n",
                     "\"$0\" train grpo.json --run-dir disk/run --resume && cp -r disk/run kept/run' \"$LONGBOW\""));
    ASSERT_EQ(result.exit_code, 0) << result.error;
    expect_one_line({std::stoi(read_file(path("kept/code"))), "", read_file(path("kept/error"))}, "got");
    EXPECT_THAT(read_file(path("kept/error")), testing::AnyOf(HasSubstr("disk full"), HasSubstr("No space left on device")));
    EXPECT_THAT(read_file(path("kept/checkpoints")), testing::Not(HasSubstr("partial")));
    EXPECT_EQ(final_state("whole"), final_state("kept/run"));
    EXPECT_EQ(steps_done("kept/run"), 6u);
    EXPECT_EQ(read_file(path("whole/samples.jsonl")), read_file(path("kept/run/samples.jsonl")));
  }
}

TEST_F(BrokenStorage, AFileThatMayNotGrowIsOneLineAndTheRunResumesToTheSameBits) {
  succeed({"train", "grpo.json", "--run-dir", "whole"});
  // In blocks of 512 bytes: the weights in memory, then a checkpoint's moments, find the limit.
  for (const char* blocks : {"100", "400"}) {
    SCOPED_TRACE(blocks);
    fs::remove_all(path("run"));
    expect_one_line(shell(concat("ulimit -f ", blocks, "; exec $LONGBOW train grpo.json --run-dir run")), "File too large");
    succeed({"train", "grpo.json", "--run-dir", "run", "--resume"});
    EXPECT_EQ(final_state("whole"), final_state("run"));
  }
}

TEST_F(BrokenStorage, ADamagedRunIsNamedAndResumesFromTheCheckpointBefore) {
  succeed({"train", "grpo.json", "--run-dir", "whole"});
  const auto resume = [&] { return run({"train", "grpo.json", "--run-dir", "run", "--resume"}); };
  for (const char* name : {"trainer_state.json", "trainer_state.safetensors"}) {
    copy("whole", "run");
    halve(path(concat("run/checkpoints/step_00000006/", name)));
    const CommandResult result = resume();
    expect_one_line(result, concat("step_00000006/", name));
    EXPECT_THAT(result.error, HasSubstr("hint: remove that folder"));
  }
  fs::remove_all(path("run/checkpoints/step_00000006"));
  succeed({"train", "grpo.json", "--run-dir", "run", "--resume"});
  EXPECT_EQ(final_state("whole"), final_state("run"));

  copy("whole", "run");
  halve(path("run/recipe.json"));
  expect_one_line(resume(), "run/recipe.json:");
  copy("whole", "run");
  fs::remove(path("run/metrics.jsonl"));
  fs::create_directory(path("run/metrics.jsonl"));
  expect_one_line(resume(), "run/metrics.jsonl");
}

TEST_F(BrokenStorage, DamagedInputsAreOneLineEach) {
  const std::string model = "pre/checkpoints/final";
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json"}) {
    if (!fs::exists(path(concat(model, "/", name)))) continue;
    copy(model, "model");
    halve(path(concat("model/", name)));
    expect_one_line(run({"train", "grpo.json", "--run-dir", "run", "--set", "/model/path=model"}), concat("model/", name));
    fs::remove(path(concat("model/", name)));
    fs::create_directory(path(concat("model/", name)));
    expect_one_line(run({"train", "grpo.json", "--run-dir", "run", "--set", "/model/path=model"}), concat("model/", name));
  }
  ASSERT_EQ(shell("gzip -k items.jsonl && head -c 100 items.jsonl.gz > cut.jsonl.gz && head -c 300 items.jsonl > cut.jsonl").exit_code, 0);
  for (const char* data : {"cut.jsonl.gz", "cut.jsonl", "pre", "none.jsonl"}) {
    expect_one_line(run({"train", "grpo.json", "--run-dir", "run", "--set", concat("/data/train=[\"", data, "\"]")}), data);
  }
  expect_one_line(run({"train", "pre", "--run-dir", "run"}), "pre");
  ASSERT_EQ(shell("head -c 200 grpo.json > cut.json").exit_code, 0);
  expect_one_line(run({"train", "cut.json", "--run-dir", "run"}), "cut.json:");
  write("empty.json", "");
  expect_one_line(run({"train", "empty.json", "--run-dir", "run"}), "empty.json");
  EXPECT_FALSE(fs::exists(path("run/recipe.json")));  // nothing began
}

TEST_F(BrokenStorage, TwoLearnersDoNotShareARun) {
  const auto first = start({"train", "grpo.json", "--run-dir", "run"});
  ASSERT_TRUE(wait_until(60, [&] { return steps_done("run") >= 1; }));
  expect_one_line(run({"train", "grpo.json", "--run-dir", "run", "--resume"}), "got one in use by another process (run)");
  const auto status = first->wait(kCommandSeconds);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << first->take_error_output();
  EXPECT_EQ(steps_done("run"), 6u);
}

}  // namespace
}  // namespace longbow::tests
