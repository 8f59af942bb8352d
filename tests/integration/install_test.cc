// What `cmake --install` copies runs on its own: the command, the embedded model beside it, and the LibTorch program that `bench` starts.
#include <gtest/gtest.h>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

class InstallTest : public CommandLineTest {
 protected:
  void SetUp() override {
    CommandLineTest::SetUp();
    const Outcome installed = start_program({"cmake", "--install", LONGBOW_BINARY_DIR, "--prefix", path("prefix")});
    ASSERT_TRUE(installed.success) << installed.output << installed.error;
  }

  struct Outcome {
    bool success = false;
    std::string output, error;
  };
  Outcome start_program(std::vector<std::string> argv) const {
    ProcessOptions options;
    options.output = options.error = ProcessOptions::Stream::pipe;
    ChildProcess process(std::move(argv), options);
    Outcome outcome;
    for (std::string line; process.read_line(line, kCommandSeconds);) outcome.output += line + "\n";
    const auto status = process.wait(kCommandSeconds);
    outcome.success = status && status->success();
    outcome.error = process.take_error_output();
    return outcome;
  }
};

TEST_F(InstallTest, TheInstalledTreeRuns) {
  const Outcome version = start_program({path("prefix/bin/longbow"), "--version"});
  EXPECT_TRUE(version.success) << version.error;
  EXPECT_TRUE(version.output.starts_with("longbow ")) << version.output;

  const Outcome generated =
      start_program({path("prefix/bin/longbow"), "generate", "--model", path("prefix/share/longbow/models/quickstart"), "--prompt",
                     "A salmon is a", "--max-completion-tokens", "4", "--threads", "1"});
  ASSERT_TRUE(generated.success) << generated.error;
  EXPECT_EQ(parse_json(generated.output, "output").at("completions").size(), 1u);
  EXPECT_TRUE(fs::exists(path("prefix/share/longbow/recipes/quickstart.json")));

  const Outcome peer = start_program({path("prefix/bin/longbow-libtorch-peer"), "check", "2", "3", "5"});
  ASSERT_TRUE(peer.success) << peer.error;
  EXPECT_TRUE(parse_json(peer.output, "output").is_object());
}

}  // namespace
}  // namespace longbow::tests
