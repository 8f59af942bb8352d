// Two evaluations of the same items, compared item by item: what changed is known far more sharply than two separate accuracies say.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace longbow::tools {

struct PairedChange {
  std::int64_t items = 0;              // answered both times
  double gain = 0, low = 0, high = 0;  // mean of after - before, with its 95% interval
  std::int64_t better = 0, worse = 0;  // items whose score rose, fell
  double p_value = 1;                  // of so large a gain or loss by chance alone
};

/// Compares the scores of the ids that both have. Scores that are all 0 or 1: the p-value is McNemar's, exact (Q. McNemar, Psychometrika 12
/// (1947)), and the interval Bonett and Price's (J. Educ. Behav. Stat. 37 (2012): one more change either way, so that it never has
/// width 0), widened to hold the gain itself. Else both are the normal ones of the mean difference.
PairedChange compare_items(const std::map<std::string, double>& before, const std::map<std::string, double>& after);

}  // namespace longbow::tools
