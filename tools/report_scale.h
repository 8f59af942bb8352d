// How a chart's numbers become places in its picture: ranges, ticks, smoothing, and thinning of long runs.
#pragma once

#include <vector>

#include "tools/report_run.h"

namespace longbow::tools {

/// The y axis of one picture; `top` and `bottom` are its edges in the picture, downwards.
struct Axis {
  bool logarithmic = false;
  double low = 0, high = 1;  // logarithms when logarithmic
  bool has_zero = false;     // logarithmic only: zeros stand at `bottom`, the smallest decade above them
  double top = 0, bottom = 0;
  std::vector<double> ticks;

  double place(double value) const;
};

/// An axis that shows all of `values` (NaN skipped).
Axis make_axis(const std::vector<const Series*>& values, bool logarithmic, bool from_zero, double top, double bottom);

/// At most `count` + 2 round numbers inside [low, high].
std::vector<double> round_ticks(double low, double high, int count);

/// Centred weighted mean over about a tenth of the run, NaN skipped: smooth without lagging behind.
Series smooth(const Series& values);

/// One point of a thinned line: the mean of a run of steps, and their extremes.
struct Bucket {
  double x, mean, low, high;
};
/// The values that are there, in at most `max_buckets` runs of steps.
std::vector<Bucket> thin(const Series& x, const Series& y, std::size_t max_buckets);

}  // namespace longbow::tools
