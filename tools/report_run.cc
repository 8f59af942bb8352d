#include "tools/report_run.h"

#include <algorithm>
#include <filesystem>

#include "core/errors.h"
#include "core/line_reader.h"

namespace longbow::tools {
namespace {

namespace fs = std::filesystem;

void add_numbers(RunRecord& run, const std::string& path, const Json& value, std::size_t step_idx) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) add_numbers(run, path.empty() ? name : path + "/" + name, member, step_idx);
  } else if (value.is_number()) {
    Series& series = run.series[path];
    series.resize(step_idx, kMissing);
    series.push_back(value.as_number());
  }
}

void add_step(RunRecord& run, const Json& line) {
  const std::size_t step_idx = run.steps.size();
  const auto step = static_cast<double>(line.at("step").as_integer());
  run.steps.push_back(step);
  add_numbers(run, "", line, step_idx);
  if (const Json* stage = line.find("stage"); stage && stage->is_string()) {
    if (run.stages.empty() || run.stages.back().second != stage->as_string()) run.stages.emplace_back(step, stage->as_string());
  }
}

void read_metrics(RunRecord& run, const std::string& path) {
  LineReader reader(path);
  std::string line, failure;
  while (reader.next(line)) {
    if (!failure.empty()) throw UserError(failure);  // damage before the last line is no torn write
    try {
      add_step(run, parse_json(line, reader.where()));
    } catch (const UserError& error) {
      failure = error.what();
    }
  }
  if (!failure.empty()) run.notes.push_back("The last line of metrics.jsonl is torn and left out.");
  if (run.steps.empty()) throw UserError(concat("report: expected at least one step, got none (", path, ")"));
  for (auto& [name, series] : run.series) {
    series.resize(run.steps.size(), kMissing);
    if (name == "text_loss" || name == "answer_loss")
      std::replace(series.begin(), series.end(), 0.0, kMissing);  // no such token in that step
  }
}

Interval read_interval(const Json& json) {
  return {json.at("mean").as_number(), json.at("low").as_number(), json.at("high").as_number(), json.at("items").as_integer()};
}

std::optional<Evaluation> read_evaluation(RunRecord& run, const std::string& path) {
  if (!fs::exists(path)) return std::nullopt;
  try {
    const Json report = read_json_file(path);
    Evaluation evaluation;
    evaluation.all = read_interval(report.at("accuracy"));
    if (const Json* tasks = report.find("per_task")) {
      for (const auto& [task, interval] : tasks->as_object()) evaluation.tasks[task] = read_interval(interval);
    }
    return evaluation;
  } catch (const UserError& error) {
    run.notes.push_back(error.what());
    return std::nullopt;
  }
}

using ScoresById = std::map<std::string, double>;

/// Scores by task; those of all items under "".
std::map<std::string, ScoresById> read_item_scores(const std::string& path) {
  std::map<std::string, ScoresById> scores;
  LineReader reader(path);
  std::string line;
  while (reader.next(line)) {
    const Json json = parse_json(line, reader.where());
    for (const std::string& task : {std::string(), json.at("task").as_string()})
      scores[task][json.at("id").as_string()] = json.at("score").as_number();
  }
  return scores;
}

std::optional<ItemChanges> read_comparison(RunRecord& run, const std::string& before_path, const std::string& after_path) {
  if (!fs::exists(before_path) || !fs::exists(after_path)) return std::nullopt;
  try {
    auto before = read_item_scores(before_path), after = read_item_scores(after_path);
    ItemChanges changes;
    changes.all = compare_items(before[""], after[""]);
    if (changes.all.items == 0) return std::nullopt;
    for (const auto& [task, scores] : after) {
      const PairedChange change = compare_items(before[task], scores);
      if (!task.empty() && change.items > 0) changes.tasks[task] = change;
    }
    return changes;
  } catch (const UserError& error) {
    run.notes.push_back(error.what());
    return std::nullopt;
  }
}

void read_samples(RunRecord& run, const std::string& path) {
  if (!fs::exists(path)) return;
  LineReader reader(path);
  std::string line;
  try {
    while (reader.next(line)) {
      const Json json = parse_json(line, reader.where());
      Sample sample;
      sample.step = json.at("step").as_integer();
      sample.item_id = json.at("item_id").as_string();
      sample.task = json.at("task").as_string();
      sample.text = json.at("text").as_string();
      sample.extracted = json.at("extracted").as_string();
      sample.reward = json.at("reward").as_number();
      run.samples.push_back(std::move(sample));
    }
  } catch (const UserError& error) {
    run.notes.push_back(error.what());
  }
}

Json read_optional(RunRecord& run, const std::string& path) {
  if (!fs::exists(path)) return {};
  try {
    return read_json_file(path);
  } catch (const UserError& error) {
    run.notes.push_back(error.what());
    return {};
  }
}

}  // namespace

std::string folder_name(const std::string& path) { return fs::absolute(path + "/").lexically_normal().parent_path().filename().string(); }

const Series* RunRecord::find(std::string_view path) const {
  const auto found = series.find(std::string(path));
  return found == series.end() ? nullptr : &found->second;
}

std::vector<std::string> RunRecord::members(std::string_view prefix) const {
  const std::string start = concat(prefix, "/");
  std::vector<std::string> names;
  for (const auto& [path, values] : series) {
    if (path.starts_with(start)) names.push_back(path.substr(start.size()));
  }
  return names;
}

RunRecord read_run(const std::string& path) {
  if (!fs::is_directory(path)) throw UserError(concat("report: expected a run directory, got none (", path, ")"));
  const std::string metrics = path + "/metrics.jsonl";
  if (!fs::exists(metrics)) {
    throw UserError(concat("report: expected a run directory with metrics.jsonl, got one without (", path, ")"),
                    "longbow train, pretrain and sft write one from their first step on");
  }
  RunRecord run;
  run.path = path;
  run.name = folder_name(path);
  read_metrics(run, metrics);
  run.recipe = read_optional(run, path + "/recipe.json");
  run.result = read_optional(run, path + "/result.json");
  run.before = read_evaluation(run, path + "/eval_before/report.json");
  run.after = read_evaluation(run, path + "/eval_after/report.json");
  run.change = read_comparison(run, path + "/eval_before/predictions.jsonl", path + "/eval_after/predictions.jsonl");
  read_samples(run, path + "/samples.jsonl");
  return run;
}

}  // namespace longbow::tools
