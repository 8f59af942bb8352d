// Durations: measured on the steady clock, so that setting the machine's clock neither ages a lease nor stretches a step.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

namespace longbow {

/// Seconds on a clock that never jumps; only differences mean anything.
inline double steady_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Counts from its making or its last restart().
class Stopwatch {
 public:
  double seconds() const { return steady_seconds() - start_; }
  /// Starts anew; returns the seconds until now.
  double restart() {
    const double now = steady_seconds();
    return now - std::exchange(start_, now);
  }

 private:
  double start_ = steady_seconds();
};

/// For people: "0.42 s", "12.3 s", "4 min 05 s", "2 h 03 min".
inline std::string format_duration(double seconds) {
  char text[48];
  if (seconds < 9.995) {
    std::snprintf(text, sizeof(text), "%.2f s", seconds);
  } else if (seconds < 59.95) {
    std::snprintf(text, sizeof(text), "%.1f s", seconds);
  } else if (seconds < 3599.5) {
    const long whole = std::lround(seconds);
    std::snprintf(text, sizeof(text), "%ld min %02ld s", whole / 60, whole % 60);
  } else {
    const long long minutes = std::llround(seconds / 60);
    std::snprintf(text, sizeof(text), "%lld h %02lld min", minutes / 60, minutes % 60);
  }
  return text;
}

}  // namespace longbow
