// The keys that queries see: what attention's work is counted by, in `plan` and in `bench`.
#pragma once

#include <algorithm>

namespace longbow::tools {

/// Query-key pairs of `rows` rows that begin `start` keys into their sequence, in a layer with `window` (0: all).
inline double visible_pairs(double start, double rows, double window) {
  const double all = rows * start + rows * (rows + 1) / 2;
  if (window == 0 || start + rows <= window) return all;
  const double growing = std::clamp(window - start, 0.0, rows);  // rows that still see everything before them
  return growing * start + growing * (growing + 1) / 2 + (rows - growing) * window;
}

}  // namespace longbow::tools
