// What a GRPO step leaves for people and scripts: a line of metrics.jsonl, TensorBoard scalars, sampled completions, and the
// progress line. docs/metrics.md names every number.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/metrics.h"
#include "core/profile.h"
#include "core/progress.h"
#include "trainer/batch_collector.h"
#include "trainer/grpo_step.h"

namespace longbow::trainer {

struct StepTimes {
  double rollout_seconds = 0;  // waiting for completions, scoring included
  double train_seconds = 0;
  double publish_seconds = 0;
  double total_seconds = 0;
  std::vector<Profile::Entry> profile;  // the same, and what is inside
};

/// One step's metrics as JSON; nested objects group them ("reward/key_chain" in TensorBoard).
Json step_metrics(const CollectedBatch& batch, const StepReport& report, const LearnerServer::Statistics& server, const StepTimes& times);

class StepMetrics {
 public:
  /// Opens the run's metric files for steps from `first_step` on; what they hold of these and later ones, from before a resume, is cut off.
  StepMetrics(const std::string& run_dir, std::int64_t first_step, std::int64_t total_steps, bool quiet);

  void write(std::int64_t step, const CollectedBatch& batch, const StepReport& report, const LearnerServer::Statistics& server,
             const StepTimes& times);

  /// Final values and totals, for result.json: read back from metrics.jsonl, so that a resumed run counts all its steps.
  Json result() const;

 private:
  void write_samples(std::int64_t step, const CollectedBatch& batch);

  std::string run_dir_;
  MetricsWriter writer_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace longbow::trainer
