// A run's folder: recipe.json (resolved), metrics.jsonl, TensorBoard events, samples.jsonl, checkpoints/, result.json.
// Everything in it is appended line by line or replaced atomically, so a kill at any moment leaves a state to resume from.
#pragma once

#include <string>

#include "core/json.h"

namespace longbow::trainer {

class RunDirectory {
 public:
  /// Creates `path`, or opens it when `resume`, for as long as this lives alone. Throws UserError when a run is already there and `resume`
  /// is false, or another process is at work on it.
  RunDirectory(std::string path, bool resume);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string checkpoints_path() const { return path_ + "/checkpoints"; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  /// Writes recipe.json. On resume the stored recipe must agree on every key but those that cannot change results:
  /// throws UserError naming the first that differs.
  void store_recipe(const Json& resolved, bool resume) const;
  /// Writes result.json.
  void store_result(const Json& result) const;

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace longbow::trainer
