#include "trainer/step_metrics.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/line_reader.h"

namespace longbow::trainer {
namespace {

constexpr std::int64_t kSamplesEvery = 5;  // steps
constexpr std::size_t kMaxSampleBytes = 2000;

/// Sums of one task's completions.
struct TaskTotals {
  double reward = 0;
  double accuracy = 0;
  double length = 0;
  double reward_ms = 0;
  std::int64_t completions = 0;
  std::int64_t groups = 0;
  std::int64_t zero_spread = 0;
};

std::map<std::string, TaskTotals> totals_by_task(const CollectedBatch& batch, TaskTotals* all, std::int64_t* truncated) {
  std::map<std::string, TaskTotals> tasks;
  for (const GroupScore& score : batch.groups) {
    for (TaskTotals* totals : {&tasks[score.scored.group.prompt.task], all}) {
      ++totals->groups;
      totals->reward_ms += score.reward_ms;
      totals->zero_spread += has_zero_spread(score.scored.accuracies) ? 1 : 0;
      for (std::size_t i = 0; i < score.scored.rewards.size(); ++i) {
        const data::Completion& completion = score.scored.group.completions[i];
        totals->reward += score.scored.rewards[i];
        totals->accuracy += score.scored.accuracies[i];
        totals->length += static_cast<double>(completion.tokens.size());
        ++totals->completions;
        if (totals == all && completion.finish_reason == data::FinishReason::length) ++*truncated;
      }
    }
  }
  return tasks;
}

/// Cuts the samples to those of steps before `first_step`.
void cut_samples(const std::string& path, std::int64_t first_step) {
  if (!std::filesystem::exists(path)) return;
  const std::string text = read_file(path);
  const std::size_t kept = internal::lines_until(text, first_step - 1);
  if (kept < text.size()) write_file_atomically(path, std::string_view(text).substr(0, kept));
}

double mean(double sum, std::int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0.0; }

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

}  // namespace

Json step_metrics(const CollectedBatch& batch, const StepReport& report, const LearnerServer::Statistics& server, const StepTimes& times) {
  TaskTotals all;
  std::int64_t truncated = 0;
  const auto tasks = totals_by_task(batch, &all, &truncated);
  const double tokens = std::max(1.0, report.sums.tokens);
  Json metrics = Json::object();
  metrics["reward_mean"] = mean(all.reward, all.completions);
  metrics["accuracy_mean"] = mean(all.accuracy, all.completions);
  metrics["completion_length_mean"] = mean(all.length, all.completions);
  metrics["truncated_fraction"] = mean(static_cast<double>(truncated), all.completions);
  metrics["zero_variance_fraction"] = mean(static_cast<double>(all.zero_spread), all.groups);
  for (const auto& [task, totals] : tasks) {
    metrics["reward"][task] = mean(totals.reward, totals.completions);
    metrics["accuracy"][task] = mean(totals.accuracy, totals.completions);
    metrics["length"][task] = mean(totals.length, totals.completions);
    metrics["zero_variance"][task] = mean(static_cast<double>(totals.zero_spread), totals.groups);
    metrics["groups"][task] = totals.groups;
  }
  metrics["loss"] = report.sums.loss;
  metrics["entropy"] = report.entropy;
  metrics["clip_fraction"] = report.sums.clipped / tokens;
  metrics["approx_kl"] = report.sums.approx_kl / tokens;
  if (report.has_ref_kl) metrics["ref_kl"] = report.sums.ref_kl / tokens;
  metrics["mismatch_kl"] = report.sums.mismatch_kl / tokens;
  metrics["mismatch_max_abs"] = report.sums.max_abs_mismatch;
  metrics["corrected_fraction"] = report.sums.corrected / tokens;
  metrics["ratio_max"] = report.sums.max_ratio;
  metrics["ratio_min"] = report.sums.tokens > 0 ? report.sums.min_ratio : 0.0;
  metrics["grad_norm"] = report.grad_norm;
  metrics["learning_rate"] = report.learning_rate;
  metrics["skipped_updates"] = report.skipped_updates;
  metrics["dropped_groups"] = batch.dropped_groups;
  metrics["stale_groups"] = batch.stale_groups;
  metrics["completion_tokens"] = report.sums.tokens;
  metrics["trained_rows"] = report.trained_rows;
  metrics["repeated_rows"] = report.repeated_rows;
  metrics["leases"]["granted"] = server.leases.granted;
  metrics["leases"]["reissued"] = server.leases.reissued;
  metrics["leases"]["duplicates"] = server.leases.duplicates;
  metrics["leases"]["refused"] = server.leases.refused;
  metrics["leases"]["declined"] = server.leases.declined;
  metrics["workers"] = server.workers;
  metrics["time"]["rollout_s"] = times.rollout_seconds;
  metrics["time"]["reward_s"] = all.reward_ms / 1000;
  metrics["time"]["train_s"] = times.train_seconds;
  metrics["time"]["publish_s"] = times.publish_seconds;
  metrics["time"]["step_s"] = times.total_seconds;
  for (const Profile::Entry& entry : times.profile) metrics["profile"][entry.path] = entry.seconds;
  double prefill_ms = 0, decode_ms = 0;
  for (const GroupScore& score : batch.groups) {
    prefill_ms += score.scored.group.prefill_ms;
    decode_ms += score.scored.group.decode_ms;
  }
  metrics["worker"]["prefill_s"] = prefill_ms / 1000;
  metrics["worker"]["decode_s"] = decode_ms / 1000;
  return metrics;
}

StepMetrics::StepMetrics(const std::string& run_dir, std::int64_t first_step, std::int64_t total_steps, bool quiet)
    : run_dir_(run_dir), writer_(run_dir, first_step - 1) {
  cut_samples(run_dir + "/samples.jsonl", first_step);
  if (!quiet) progress_ = std::make_unique<Progress>("train", total_steps, "steps", first_step);
}

void StepMetrics::write(std::int64_t step, const CollectedBatch& batch, const StepReport& report, const LearnerServer::Statistics& server,
                        const StepTimes& times) {
  const Json metrics = step_metrics(batch, report, server, times);
  writer_.write(step, metrics);
  if (step % kSamplesEvery == 0) write_samples(step, batch);
  if (progress_) {
    progress_->update(step + 1, concat("reward ", short_number(metrics.at("reward_mean").as_number()), "  entropy ",
                                       short_number(report.entropy), "  mismatch_kl ", metrics.at("mismatch_kl").dump()));
  }
}

void StepMetrics::write_samples(std::int64_t step, const CollectedBatch& batch) {
  const std::string path = run_dir_ + "/samples.jsonl";
  std::ofstream out(path, std::ios::app);
  std::map<std::string, bool> shown;
  for (const GroupScore& score : batch.groups) {  // the first group of each task
    const data::Group& group = score.scored.group;
    if (std::exchange(shown[group.prompt.task], true)) continue;
    for (std::size_t i = 0; i < score.texts.size(); ++i) {
      Json sample = Json::object();
      sample["step"] = step;
      sample["item_id"] = group.prompt.item_id;
      sample["task"] = group.prompt.task;
      sample["sample_idx"] = static_cast<std::int64_t>(i);
      sample["text"] = score.texts[i].substr(0, kMaxSampleBytes);
      sample["extracted"] = score.extracted[i].substr(0, kMaxSampleBytes);
      sample["reward"] = score.scored.rewards[i];
      out << sample.dump() << "\n";
    }
  }
  if (!out.flush()) throw UserError(concat("samples: expected room for a step's, got \"", std::strerror(errno), "\" (", path, ")"));
}

Json StepMetrics::result() const {
  Json result = Json::object();
  double mismatch_kl_max = 0;
  double completion_tokens = 0, seconds = 0;
  LineReader reader(run_dir_ + "/metrics.jsonl");
  std::string line;
  Json last;
  while (reader.next(line)) {
    last = parse_json(line, reader.where());
    mismatch_kl_max = std::max(mismatch_kl_max, last.at("mismatch_kl").as_number());
    completion_tokens += last.at("completion_tokens").as_number();
    seconds += last.at("time").at("step_s").as_number();
  }
  result["last"] = std::move(last);
  result["mismatch_kl_max"] = mismatch_kl_max;
  result["completion_tokens"] = completion_tokens;
  result["seconds"] = seconds;
  return result;
}

}  // namespace longbow::trainer
