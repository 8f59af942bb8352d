// What people see and press: log lines, the progress line, durations, Ctrl-C.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/log_relay.h"
#include "core/process.h"
#include "core/progress.h"

namespace longbow {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

TEST(Log, LinesCarryTheirRoleAndWarningsSayThatTheyAre) {
  CaptureStderr();
  log_info("one");
  set_log_role("worker 1");
  log_warning("two\n");
  set_log_role("");
  log_warning("three");
  EXPECT_EQ(GetCapturedStderr(), "one\nworker 1: warning: two\nwarning: three\n");
}

TEST(Log, ForeignTextCannotForgeLines) {
  CaptureStderr();
  log_info(
      "a\nb\x1b[2Jc\xC2\x9B"
      "2Jd \xC2\xA0\xC3\xA9");  // U+009B is ESC [ in one; a no-break space and an accent are text
  EXPECT_EQ(GetCapturedStderr(), "a b [2Jc 2Jd \xC2\xA0\xC3\xA9\n");
}

TEST(Log, LinesOfThreadsStayWhole) {
  CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) log_info(std::string(50, static_cast<char>('a' + t)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string out = GetCapturedStderr();
  ASSERT_EQ(out.size(), 4u * 200 * 51);
  for (std::size_t begin = 0; begin < out.size(); begin += 51) EXPECT_EQ(out.substr(begin, 51), std::string(50, out[begin]) + "\n");
}

TEST(Log, TheStatusLineStaysBelow) {
  CaptureStderr();
  set_status_line("50%");
  log_info("one");
  set_status_line("");
  set_status_line("");
  EXPECT_EQ(GetCapturedStderr(), "\r50%\x1b[K\r\x1b[Kone\n50%\r\x1b[K");
}

TEST(Log, ChildrensLinesStandAboveTheStatusLine) {
  CaptureStderr();
  {
    LogRelay relay;
    ProcessOptions options;
    options.error_descriptor = relay.descriptor();
    set_status_line("50%");
    ChildProcess first({"sh", "-c", "echo 'a\tline' >&2; printf 'a last one' >&2"}, options);
    EXPECT_TRUE(first.wait(20));
    ChildProcess lingers({"sh", "-c", "sleep 30 & wait"}, options);  // nobody waits for it
  }
  set_status_line("");
  EXPECT_EQ(GetCapturedStderr(), "\r50%\x1b[K\r\x1b[Ka line\n50%\r\x1b[Ka last one\n50%\r\x1b[K");
}

TEST(Log, ALineWithoutEndIsShownInPieces) {
  CaptureStderr();
  {
    LogRelay relay;
    ProcessOptions options;
    options.error_descriptor = relay.descriptor();
    ChildProcess child({"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2"}, options);
    EXPECT_TRUE(child.wait(20));
  }
  EXPECT_EQ(GetCapturedStderr(), std::string(65536, 'x') + "\n" + std::string(100000 - 65536, 'x') + "\n");
}

TEST(Progress, TheLineTellsShareRateAndRest) {
  const Progress progress("train", 400, "steps");
  EXPECT_EQ(progress.line(100, 50, "reward 0.42"), "train 100/400 25%  2.0 steps/s  2 min 30 s left  reward 0.42");
  EXPECT_EQ(progress.line(0, 1, ""), "train 0/400 0%");
  EXPECT_EQ(progress.line(400, 40, ""), "train 400/400 100%  10.0 steps/s");
  EXPECT_EQ(Progress("read", 0, "lines").line(1000, 2, ""), "read 1000  500 lines/s");
  EXPECT_EQ(Progress("train", 400, "steps", 300).line(310, 10, ""), "train 310/400 77%  1.0 steps/s  1 min 30 s left");  // resumed
}

TEST(Progress, PlainLinesComeAtTheirInterval) {
  CaptureStderr();
  {
    Progress quiet("slow", 10, "steps", 0, 3600);
    for (int i = 1; i <= 10; ++i) quiet.update(i);
    Progress eager("fast", 2, "steps", 0, 0);
    eager.update(1);
    eager.update(2, "reward 1");
    eager.finish("done");
  }
  const std::string out = GetCapturedStderr();
  EXPECT_THAT(out, ::testing::Not(HasSubstr("slow")));
  EXPECT_THAT(out, HasSubstr("fast 1/2 50%"));
  EXPECT_THAT(out, HasSubstr("  reward 1\n"));
  EXPECT_THAT(out, HasSubstr("fast: 2 steps in 0.0"));
  EXPECT_THAT(out, HasSubstr("steps/s)  done\n"));
}

TEST(Clock, DurationsForPeople) {
  const struct {
    double seconds;
    const char* text;
  } cases[] = {{0, "0.00 s"},       {9.99, "9.99 s"},        {9.996, "10.0 s"},      {59.9, "59.9 s"},     {59.96, "1 min 00 s"},
               {245, "4 min 05 s"}, {3599.4, "59 min 59 s"}, {3599.6, "1 h 00 min"}, {7380, "2 h 03 min"}, {360000, "100 h 00 min"}};
  for (const auto& [seconds, text] : cases) EXPECT_EQ(format_duration(seconds), text);
}

TEST(Interrupt, TheFirstSignalRaisesAFlagTheSecondEnds) {
  EXPECT_EXIT(
      {
        catch_interrupts();
        if (interrupted()) _exit(1);
        std::raise(SIGTERM);
        if (!interrupted()) _exit(2);
        _exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        catch_interrupts();
        std::raise(SIGINT);
        std::raise(SIGINT);
        _exit(0);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace longbow
