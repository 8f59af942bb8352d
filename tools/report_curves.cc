#include <algorithm>
#include <cmath>
#include <set>

#include "core/errors.h"
#include "tools/report_chart.h"
#include "tools/report_sections.h"

namespace longbow::tools {
namespace {

/// A chart over one metric of all runs, or over several metrics of one run.
struct Curve {
  const char* title;
  const char* subtitle;
  std::vector<std::pair<const char*, const char*>> metrics;  // path, label
  Scale scale = Scale::linear;
  bool from_zero = false, percent = false, smoothed = true;
};

const std::vector<Curve> kPolicyCurves = {
    {"Entropy", "nats a token, of the sampling distribution", {{"entropy", ""}}, Scale::linear, true},
    {"KL to the start", "ref_kl, k3 estimate, nats a token", {{"ref_kl", ""}}, Scale::linear, true, false, false},
    {"Completion length", "tokens, mean", {{"completion_length_mean", ""}}},
    {"Clip fraction", "share of tokens whose ratio was clipped", {{"clip_fraction", ""}}, Scale::linear, true, true},
    {"Mismatch of rollout and trainer", "mismatch_kl, nats a token", {{"mismatch_kl", ""}}, Scale::logarithmic, false, false, false},
    {"Largest mismatch", "max |Δ log-prob| of any token", {{"mismatch_max_abs", ""}}, Scale::logarithmic, false, false, false},
    {"Zero-variance groups", "share of groups that teach nothing", {{"zero_variance_fraction", ""}}, Scale::linear, true, true},
    {"Cut-off completions", "share that reached the length limit", {{"truncated_fraction", ""}}, Scale::linear, true, true},
    {"Drift within a step", "approx_kl to the policy before the step, nats a token", {{"approx_kl", ""}}, Scale::linear, true},
};

const std::vector<Curve> kOptimizerCurves = {
    {"Gradient norm", "before clipping", {{"grad_norm", ""}}, Scale::linear, true},
    {"Learning rate", "", {{"learning_rate", ""}}, Scale::linear, true, false, false},
    {"Throughput", "trained tokens a second", {{"tokens_per_second", ""}}, Scale::linear, true},
    {"Loss", "of the policy gradient: its size says little", {{"loss", ""}}},
};

const std::vector<Curve> kLanguageCurves = {
    {"Loss on text", "nats a token", {{"text_loss", ""}}},
    {"Loss on answers", "nats a token", {{"answer_loss", ""}}, Scale::linear, true},
};

bool some_run_has(const std::vector<RunRecord>& runs, std::string_view path) {
  return std::any_of(runs.begin(), runs.end(), [&](const RunRecord& run) { return run.find(path) != nullptr; });
}

/// One line a run that has `path`.
Chart chart_of(const std::vector<RunRecord>& runs, std::string_view path) {
  Chart chart;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (const Series* series = runs[i].find(path)) chart.lines.push_back({runs[i].name, static_cast<int>(i), runs[i].steps, *series});
  }
  if (runs.size() == 1 && runs[0].stages.size() > 1) chart.marks = runs[0].stages;
  return chart;
}

std::string render_curve(const std::vector<RunRecord>& runs, const Curve& curve, bool wide) {
  Chart chart = chart_of(runs, curve.metrics[0].first);
  chart.title = curve.title;
  chart.subtitle = curve.subtitle;
  chart.scale = curve.scale;
  chart.from_zero = curve.from_zero;
  chart.percent = curve.percent;
  chart.smoothed = curve.smoothed;
  chart.wide = wide;
  if (curve.scale == Scale::logarithmic) {  // a line of zeros is the good news; say it
    const bool all_zero = std::all_of(chart.lines.begin(), chart.lines.end(), [](const ChartLine& line) {
      return std::all_of(line.y.begin(), line.y.end(), [](double value) { return std::isnan(value) || value == 0; });
    });
    if (all_zero) chart.subtitle += ": exactly 0 at every step";
  }
  return render_lines(chart);
}

std::string section(std::string_view heading, const std::string& figures) {
  return figures.empty() ? std::string() : concat("<h2>", heading, "</h2>\n<div class=\"grid\">\n", figures, "</div>\n");
}

std::string render_section(const std::vector<RunRecord>& runs, std::string_view heading, const std::vector<Curve>& curves,
                           bool wide = false) {
  std::string figures;
  for (const Curve& curve : curves) {
    if (some_run_has(runs, curve.metrics[0].first)) figures += render_curve(runs, curve, wide);
  }
  return section(heading, figures);
}

bool same_values(const Series* a, const Series* b) {
  return a && b && std::equal(a->begin(), a->end(), b->begin(), b->end(), [](double x, double y) {
           return x == y || (std::isnan(x) && std::isnan(y));
         });
}

/// `prefix` by task for one run: a line a task.
std::string render_by_task(const RunRecord& run, const char* prefix, const char* title, bool percent) {
  const auto tasks = run.members(prefix);
  if (tasks.size() < 2) return {};  // the mean says it already
  Chart chart;
  chart.title = title;
  chart.percent = percent;
  chart.smoothed = true;
  chart.wide = true;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    chart.lines.push_back({tasks[i], static_cast<int>(i), run.steps, *run.find(concat(prefix, "/", tasks[i]))});
  }
  return render_lines(chart);
}

/// One run: reward and accuracy in one picture (often they are the same), then each by task.
std::string render_learning(const RunRecord& run) {
  const bool same = same_values(run.find("reward_mean"), run.find("accuracy_mean"));
  Chart chart;
  chart.title = same ? "Reward = accuracy" : "Reward and accuracy";
  chart.subtitle = "mean over the step's completions; accuracy is the reward before shaping";
  chart.smoothed = true;
  chart.wide = true;
  if (const Series* reward = run.find("reward_mean")) chart.lines.push_back({"reward", 0, run.steps, *reward});
  if (const Series* accuracy = run.find("accuracy_mean"); accuracy && !same) chart.lines.push_back({"accuracy", 2, run.steps, *accuracy});
  if (chart.lines.empty()) return {};
  std::string figures = render_lines(chart) + render_by_task(run, "accuracy", "Accuracy by task", true);
  if (!same) figures += render_by_task(run, "reward", "Reward by task", false);
  figures += render_by_task(run, "length", "Completion length by task", false);
  figures += render_by_task(run, "zero_variance", "Zero-variance groups by task", true);
  return figures + render_by_task(run, "groups", "Groups sampled by task, a step", false);
}

/// Several runs: the means, then a picture a task.
std::string render_learning(const std::vector<RunRecord>& runs) {
  std::string figures;
  for (const auto& [path, title] : {std::pair{"reward_mean", "Reward"}, std::pair{"accuracy_mean", "Accuracy"}}) {
    if (some_run_has(runs, path)) figures += render_curve(runs, {title, "mean over the step's completions", {{path, ""}}}, true);
  }
  std::set<std::string> tasks;
  for (const RunRecord& run : runs) {
    for (const std::string& task : run.members("accuracy")) tasks.insert(task);
  }
  for (const std::string& task : tasks) {
    const std::string path = "accuracy/" + task, title = "Accuracy: " + task;
    figures += render_curve(runs, {title.c_str(), "", {{path.c_str(), ""}}, Scale::linear, false, true}, false);
  }
  return figures;
}

/// Completion tokens a second, everything included.
std::string render_rate(const std::vector<RunRecord>& runs) {
  Chart chart = chart_of(runs, "completion_tokens");
  for (ChartLine& line : chart.lines) {
    const Series* seconds = runs[static_cast<std::size_t>(line.color)].find("time/step_s");
    for (std::size_t i = 0; i < line.y.size(); ++i) line.y[i] = seconds ? line.y[i] / (*seconds)[i] : kMissing;
  }
  if (chart.lines.empty()) return {};
  chart.title = "Throughput";
  chart.subtitle = "completion tokens generated and trained on, a second of the whole step";
  chart.from_zero = chart.smoothed = chart.wide = true;
  return render_lines(chart);
}

/// Where a step's seconds go; one picture a run.
std::string render_time(const std::vector<RunRecord>& runs) {
  std::string figures = render_rate(runs);
  for (const RunRecord& run : runs) {
    Chart chart;
    chart.title = runs.size() == 1 ? "Time of a step" : "Time of a step: " + run.name;
    chart.subtitle = "seconds";
    chart.wide = true;
    int color = 0;
    for (const auto& [path, label] :
         {std::pair{"time/rollout_s", "rollout wait"}, std::pair{"time/train_s", "train"}, std::pair{"time/publish_s", "publish"}}) {
      if (const Series* seconds = run.find(path)) chart.lines.push_back({label, color, run.steps, *seconds});
      ++color;
    }
    if (!chart.lines.empty()) figures += render_stack(chart);
  }
  return figures;
}

}  // namespace

std::string render_curves(const std::vector<RunRecord>& runs) {
  std::string html = section("Learning", runs.size() == 1 ? render_learning(runs[0]) : render_learning(runs));
  html += render_section(runs, "Next-token training", kLanguageCurves, true);
  html += render_section(runs, "The policy", kPolicyCurves);
  html += render_section(runs, "The optimizer", kOptimizerCurves);
  return html + section("Time", render_time(runs));
}

}  // namespace longbow::tools
