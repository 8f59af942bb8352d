#include "core/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/errors.h"
#include "core/line_reader.h"
#include "tests/core/temporary_folder.h"

namespace longbow {
namespace {

using ::testing::HasSubstr;
using Stream = ProcessOptions::Stream;

constexpr double kLong = 20;
const ProcessOptions kPiped{.input = Stream::pipe, .output = Stream::pipe, .error = Stream::pipe};

// Waits for a process that is not our child to be gone (a zombie counts: whoever adopted it may take its time).
bool goes_away(pid_t pid) {
  for (Stopwatch since; since.seconds() < kLong; std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
    if (kill(pid, 0) != 0 && errno == ESRCH) return true;
    try {
      const std::string status = read_file("/proc/" + std::to_string(pid) + "/stat");
      if (status.find(") Z ") != std::string::npos) return true;
    } catch (const UserError&) {
      return true;
    }
  }
  return false;
}

TEST(ChildProcess, AnswersLineByLine) {
  ChildProcess child({"cat"}, kPiped);
  std::string line;
  for (const std::string text : {"one", "", "three"}) {
    child.write(text + "\n", kLong);
    ASSERT_TRUE(child.read_line(line, kLong));
    EXPECT_EQ(line, text);
  }
  child.write("no end", kLong);
  child.close_input();
  ASSERT_TRUE(child.read_line(line, kLong));
  EXPECT_EQ(line, "no end");
  EXPECT_FALSE(child.read_line(line, kLong));
  const auto status = child.wait(kLong);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success());
  EXPECT_THROW(child.write("x", kLong), UserError);
}

// More than any pipe holds, both ways at once: neither side may block the other.
TEST(ChildProcess, LargeExchangesDoNotDeadlock) {
  ChildProcess child({"cat"}, kPiped);
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "line " + std::to_string(i) + "\n";
  child.write(text, kLong);
  child.close_input();
  std::string line, back;
  while (child.read_line(line, kLong)) back += line + "\n";
  EXPECT_EQ(back, text);
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(ChildProcess({"sh", "-c", "exit 3"}).wait(kLong)->describe(), "exit code 3");
  EXPECT_EQ(ChildProcess({"sh", "-c", "kill -9 $$"}).wait(kLong)->describe(), "signal 9 (Killed)");
  ChildProcess child({"sleep", "60"});
  EXPECT_FALSE(child.poll());
  EXPECT_FALSE(child.wait(0.02));
  EXPECT_EQ(child.stop(kLong).signal, SIGTERM);
  EXPECT_EQ(child.poll()->signal, SIGTERM);
}

TEST(ChildProcess, WhatLongbowIgnoresAChildDoesNot) {
  for (const int number : {SIGPIPE, SIGXFSZ}) {
    const auto before = std::signal(number, SIG_IGN);
    EXPECT_EQ(ChildProcess({"sh", "-c", concat("kill -", number, " $$")}).wait(kLong)->signal, number);
    std::signal(number, before);
  }
}

TEST(ChildProcess, GivesErrorsEnvironmentAndFolder) {
  const testing::TemporaryFolder folder;
  ProcessOptions options = kPiped;
  options.environment = {{"LONGBOW_TEST", "a value"}};
  options.folder = folder.path();
  ChildProcess child({"sh", "-c", "echo \"$LONGBOW_TEST\"; pwd; echo trouble >&2"}, options);
  std::string line;
  ASSERT_TRUE(child.read_line(line, kLong));
  EXPECT_EQ(line, "a value");
  ASSERT_TRUE(child.read_line(line, kLong));
  EXPECT_EQ(line, std::filesystem::canonical(folder.path()).string());
  ASSERT_TRUE(child.wait(kLong));
  EXPECT_EQ(child.take_error_output(), "trouble\n");
  EXPECT_EQ(child.take_error_output(), "");
}

TEST(ChildProcess, WhatCannotStartIsNamed) {
  try {
    ChildProcess child({"longbow-no-such-program"});
    FAIL() << "started";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "cannot start a process: expected a program, got \"No such file or directory\" (longbow-no-such-program)");
  }
  ProcessOptions options;
  options.folder = "/no/such/folder";
  EXPECT_THROW(ChildProcess({"true"}, options), UserError);
}

TEST(ChildProcess, TimeOutsAndDeafChildrenAreErrors) {
  ChildProcess sleeper({"sleep", "60"}, kPiped);
  std::string line;
  EXPECT_THROW(sleeper.read_line(line, 0.02), UserError);
  EXPECT_THROW(sleeper.write(std::string(1 << 20, 'x'), 0.05), UserError);
  ChildProcess deaf({"true"}, kPiped);
  ASSERT_TRUE(deaf.wait(kLong));
  EXPECT_THROW(deaf.write("x", kLong), UserError);  // and no SIGPIPE
}

TEST(ChildProcess, EndlessOutputIsBounded) {
  ProcessOptions options = kPiped;
  options.max_buffered_bytes = 1 << 20;
  ChildProcess child({"sh", "-c", "cat /dev/zero"}, options);
  std::string line;
  EXPECT_THROW(child.read_line(line, kLong), UserError);
}

TEST(ChildProcess, AStubbornChildIsKilled) {
  ProcessOptions options = kPiped;
  ChildProcess child({"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"}, options);
  std::string line;
  ASSERT_TRUE(child.read_line(line, kLong));
  EXPECT_EQ(child.stop(0.1).signal, SIGKILL);
}

TEST(ChildProcess, LeavesNoGrandchildren) {
  pid_t grandchild = 0;
  {
    ChildProcess child({"sh", "-c", "sleep 60 & echo $!; wait"}, kPiped);
    std::string line;
    ASSERT_TRUE(child.read_line(line, kLong));
    grandchild = std::stoi(line);
    ASSERT_EQ(kill(grandchild, 0), 0);
  }
  EXPECT_TRUE(goes_away(grandchild));
}

TEST(ChildProcess, DiesWithAParentThatIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    ChildProcess child({"sleep", "60"});
    const pid_t pid = child.pid();
    if (write(ends[1], &pid, sizeof(pid)) != sizeof(pid)) _exit(1);
    while (true) pause();
  }
  pid_t child = 0;
  ASSERT_EQ(read(ends[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  EXPECT_EQ(kill(child, 0), 0);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(goes_away(child));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace longbow
