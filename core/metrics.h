// A run's numbers, step by step: `metrics.jsonl` for scripts and the report, a TensorBoard event file for curves.
// On resume both are cut back to the checkpoint's step, so that they go on as if nothing had happened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/json.h"

namespace longbow {

class MetricsWriter {
 public:
  /// Opens `folder`/metrics.jsonl and `folder`/events.out.tfevents.longbow for appending (the folder is made if missing) and
  /// drops what either holds of steps after `last_step`, torn lines and records too; -1 starts both anew.
  /// Throws UserError when they cannot be written.
  explicit MetricsWriter(const std::string& folder, std::int64_t last_step = -1);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  /// Appends {"step": step, …metrics} as one line, and each number as a scalar whose tag is its path ("reward/fuzzy_needle" for
  /// a nested one). Text, null and arrays go to the JSONL file only. Steps must increase. Both are on disk for other readers
  /// when it returns (flushed, not synced).
  void write(std::int64_t step, const Json& metrics);

 private:
  void append(int descriptor, std::string_view bytes, const std::string& path) const;

  std::string json_path_, events_path_;
  int json_ = -1, events_ = -1;
  std::int64_t last_step_;
};

namespace internal {
/// The event file's pieces: a record is length, masked crc32c of the length, data, masked crc32c of the data; the data is a
/// hand-encoded protobuf `tensorflow.Event`. Source: TensorFlow's record_writer.h and event.proto.
std::string event_record(std::string_view data);
std::string version_event(double wall_time);
std::string scalar_event(double wall_time, std::int64_t step, std::string_view tag, float value);
/// The bytes of `file` up to the first record that is torn, damaged or of a step after `last_step`.
std::size_t events_until(std::string_view file, std::int64_t last_step);
/// The bytes of `file` up to the first line that is torn, no JSON object or of a step after `last_step`.
std::size_t lines_until(std::string_view file, std::int64_t last_step);
}  // namespace internal

}  // namespace longbow
