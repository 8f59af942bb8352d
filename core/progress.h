// What a long loop shows of itself: one line that redraws itself on a terminal, a plain line every few seconds elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace longbow {

/// "train 120/400 30%  2.1 steps/s  2 min 13 s left  reward 0.42", on standard error.
class Progress {
 public:
  /// `total` 0: not known. `done_before`: work of an earlier run, not counted in the rate. Plain lines come at most every
  /// `interval_seconds`.
  Progress(std::string what, std::int64_t total, std::string unit, std::int64_t done_before = 0, double interval_seconds = 10);
  /// Removes the line from the terminal.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows `done` so far and a free text. Cheap to call often: it draws ten times a second at most.
  void update(std::int64_t done, std::string_view text = "");
  /// Logs the last line: "train: 400 steps in 3 min 10 s (2.1 steps/s)  reward 0.61".
  void finish(std::string_view text = "");

  /// The line that update() draws, for `seconds` since the start.
  std::string line(std::int64_t done, double seconds, std::string_view text) const;

 private:
  std::string what_;
  std::int64_t total_;
  std::string unit_;
  std::int64_t done_before_;
  std::int64_t done_;
  bool terminal_;
  double interval_seconds_;
  Stopwatch since_start_, since_drawn_;
};

}  // namespace longbow
