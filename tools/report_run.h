// A run directory as the report sees it: every number of metrics.jsonl as a series over steps, and what stands beside it.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "tools/paired_change.h"

namespace longbow::tools {

/// A value a step, in the order of the file; NaN where a step has none.
using Series = std::vector<double>;

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// A mean with its 95% interval.
struct Interval {
  double mean = 0, low = 0, high = 0;
  std::int64_t items = 0;
};

/// What `longbow eval` wrote.
struct Evaluation {
  Interval all;
  std::map<std::string, Interval> tasks;
};

/// The two evaluations' items, one by one.
struct ItemChanges {
  PairedChange all;
  std::map<std::string, PairedChange> tasks;
};

struct Sample {
  std::int64_t step = 0;
  std::string item_id, task, text, extracted;
  double reward = 0;
};

struct RunRecord {
  std::string path;
  std::string name;                                    // for legends: the folder's name
  Series steps;                                        // never empty
  std::map<std::string, Series> series;                // by path, "accuracy/key_chain" for a nested one
  std::vector<std::pair<double, std::string>> stages;  // first step and name of each stage of next-token training
  std::optional<Evaluation> before, after;
  std::optional<ItemChanges> change;  // where both kept their predictions
  std::vector<Sample> samples;
  Json recipe, result;             // null where there is none
  std::vector<std::string> notes;  // what could not be read, for the reader of the report

  /// The series at `path`; nullptr when no step has it.
  const Series* find(std::string_view path) const;
  /// Last parts of the series below `prefix`: the tasks, for "accuracy".
  std::vector<std::string> members(std::string_view prefix) const;
};

/// What pages call a folder: its own name, however the path to it is written.
std::string folder_name(const std::string& path);

/// Reads `path`. A torn last line of metrics.jsonl, as a killed run leaves it, becomes a note, as does a damaged file beside it.
/// Throws UserError when metrics.jsonl is missing, holds no step, or is damaged before its last line.
RunRecord read_run(const std::string& path);

}  // namespace longbow::tools
