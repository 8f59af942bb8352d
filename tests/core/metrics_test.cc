#include "core/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "core/errors.h"
#include "core/line_reader.h"
#include "tests/core/temporary_folder.h"

namespace longbow {
namespace {

using testing::TemporaryFolder;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes)
    text += std::string_view("0123456789abcdef")[c >> 4 & 15], text += std::string_view("0123456789abcdef")[c & 15];
  return text;
}

// Oracle: tensorboardX 2.6.5, RecordWriter.write of event_pb2.Event(wall_time=1.5, file_version="brain.Event:2") and of
// Event(wall_time=2.25, step=300, summary=Summary(value=[Value(tag="reward/mean", simple_value=0.625)])).
TEST(EventFile, MatchesTensorboardX) {
  EXPECT_EQ(hex(internal::event_record(internal::version_event(1.5))),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c");
  EXPECT_EQ(hex(internal::event_record(internal::scalar_event(2.25, 300, "reward/mean", 0.625f))),
            "220000000000000078113dfd09000000000000024010ac022a140a120a0b7265776172642f6d65616e150000203f83bbc713");
}

TEST(EventFile, IsKeptUpToAStepAndUpToDamage) {
  const std::string first = internal::event_record(internal::version_event(1));
  const std::string second = internal::event_record(internal::scalar_event(2, 1, "a", 1));
  const std::string third = internal::event_record(internal::scalar_event(3, 200, "a", 2));
  const std::string file = first + second + third;
  EXPECT_EQ(internal::events_until(file, 0), first.size());
  EXPECT_EQ(internal::events_until(file, 199), first.size() + second.size());
  EXPECT_EQ(internal::events_until(file, 200), file.size());
  for (std::size_t length = 0; length < file.size(); ++length) {
    const std::size_t whole = length < first.size()                   ? 0
                              : length < first.size() + second.size() ? first.size()
                                                                      : first.size() + second.size();
    EXPECT_EQ(internal::events_until(std::string_view(file).substr(0, length), 200), whole) << length;
  }
  for (std::size_t i = 0; i < third.size(); ++i) {
    std::string damaged = file;
    damaged[first.size() + second.size() + i] ^= 4;
    EXPECT_EQ(internal::events_until(damaged, 200), first.size() + second.size()) << i;
  }
}

Json step_metrics(int step) {
  Json metrics = Json::object();
  metrics["reward"] = 0.25 * step;
  metrics["by_task"]["needle"] = step;
  metrics["note"] = "text";
  return metrics;
}

TEST(MetricsWriter, WritesOneLineAStepAndOneScalarANumber) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("run"));
  writer.write(1, step_metrics(1));
  EXPECT_EQ(read_file(folder.file("run/metrics.jsonl")),
            "{\"step\": 1, \"reward\": 0.25, \"by_task\": {\"needle\": 1}, \"note\": \"text\"}\n");
  const std::string events = read_file(folder.file("run/events.out.tfevents.longbow"));
  EXPECT_EQ(internal::events_until(events, 1), events.size());
  EXPECT_THAT(events, ::testing::HasSubstr("by_task/needle"));
  EXPECT_THAT(events, ::testing::Not(::testing::HasSubstr("note")));
  EXPECT_THROW(writer.write(1, step_metrics(1)), InternalError);
}

TEST(MetricsWriter, AResumedFileEqualsAnUninterruptedOne) {
  const TemporaryFolder folder;
  {
    MetricsWriter writer(folder.file("whole"));
    for (int step = 1; step <= 6; ++step) writer.write(step, step_metrics(step));
  }
  {
    MetricsWriter writer(folder.file("resumed"));  // got to step 5; its last checkpoint is of step 3
    for (int step = 1; step <= 5; ++step) writer.write(step, step_metrics(step));
  }
  std::ofstream(folder.file("resumed/metrics.jsonl"), std::ios::app) << "{\"step\": 6, \"rew";  // torn by the crash
  std::ofstream(folder.file("resumed/events.out.tfevents.longbow"), std::ios::app) << "torn";
  {
    MetricsWriter writer(folder.file("resumed"), 3);
    for (int step = 4; step <= 6; ++step) writer.write(step, step_metrics(step));
  }
  EXPECT_EQ(read_file(folder.file("resumed/metrics.jsonl")), read_file(folder.file("whole/metrics.jsonl")));
  const std::string resumed = read_file(folder.file("resumed/events.out.tfevents.longbow"));
  EXPECT_EQ(resumed.size(), read_file(folder.file("whole/events.out.tfevents.longbow")).size());  // only the wall times differ
  EXPECT_EQ(internal::events_until(resumed, 6), resumed.size());
}

TEST(MetricsWriter, StartsAnewWithoutAStep) {
  const TemporaryFolder folder;
  { MetricsWriter(folder.path()).write(7, step_metrics(7)); }
  { MetricsWriter(folder.path()).write(1, step_metrics(1)); }
  EXPECT_EQ(internal::lines_until(read_file(folder.file("metrics.jsonl")), 1), read_file(folder.file("metrics.jsonl")).size());
}

TEST(MetricsWriter, ABadFolderIsOneError) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("taken")) << "a file";
  EXPECT_THROW(MetricsWriter(folder.file("taken")), UserError);
}

}  // namespace
}  // namespace longbow
