// The report's pictures as inline SVG: lines over steps, stacked areas, and before/after intervals.
// Colours are the page's CSS variables (--c0 …), so that one picture serves light and dark.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/report_run.h"

namespace longbow::tools {

inline constexpr int kNumColors = 8;

struct ChartLine {
  std::string label;
  int color = 0;  // index of a CSS variable, modulo kNumColors
  Series x, y;    // of equal length; NaN in y: no value at that step
};

enum class Scale {
  linear,
  logarithmic,  // zeros stand on a line of their own below the smallest decade: they are exact, not small
};

struct Chart {
  std::string title;
  std::string subtitle;  // what the numbers are, in half a sentence
  std::vector<ChartLine> lines;
  Scale scale = Scale::linear;
  bool from_zero = false;
  bool percent = false;
  bool smoothed = false;  // a faint raw line under a smoothed one
  bool wide = false;
  std::vector<std::pair<double, std::string>> marks;  // vertical lines: step and name
};

/// A <figure>: title, legend with last values, and the picture; its numbers ride along for the page's cross-hair.
std::string render_lines(const Chart& chart);
/// The same for lines that add up to a whole; all share the x of the first.
std::string render_stack(const Chart& chart);

struct IntervalRow {
  std::string label;
  int color = 0;
  std::optional<Interval> before, after;
};
/// One row a task: an open dot before, a filled dot after, each with its interval.
std::string render_intervals(std::string_view title, std::string_view subtitle, const std::vector<IntervalRow>& rows);

}  // namespace longbow::tools
