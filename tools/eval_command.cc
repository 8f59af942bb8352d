// `longbow eval`: a model on a benchmark. Built so far: `items`, data sets of our own schema.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "data/dataset.h"
#include "data/sources.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "rewards/reward.h"
#include "tools/command_options.h"
#include "tools/commands.h"
#include "tools/eval_report.h"
#include "tools/evaluation.h"
#include "tools/markup.h"
#include "tools/report_run.h"
#include "tools/version.h"

namespace longbow::tools {
namespace {

namespace fs = std::filesystem;

struct EvalArguments {
  EvaluationOptions options;
  std::string benchmark;
  std::vector<std::string> data;
  std::string out;
  std::string dtype = "bfloat16";
  std::int64_t limit = 0;
  int threads = 0;
  bool resume = false;
  bool skip_bad_lines = false;
  bool json = false;
};

/// Files of a folder in a fixed order; a file stands for itself.
std::vector<std::string> expand(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (data::is_data_file(entry.path().filename().string())) found.push_back(entry.path());
    }
    if (found.empty()) throw UserError(concat("eval: expected .jsonl files in ", path, ", got none"));
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

/// Names the weights by what they are, for a run may go on and put others under the same path.
std::string weights_digest(const std::string& model_dir) {
  std::string digests;
  for (const model::SafetensorsFile& file : model::open_checkpoint(model_dir))
    digests += (digests.empty() ? "" : " ") + data::file_digest(file.path());
  return digests;
}

/// All that decides an answer, as report.json keeps it.
Json settings_of(const EvalArguments& arguments) {
  const EvaluationOptions& options = arguments.options;
  Json settings = Json::object();
  settings["model"] = options.model_dir;
  settings["weights"] = weights_digest(options.model_dir);
  settings["benchmark"] = arguments.benchmark;
  for (const std::string& path : arguments.data) settings["data"].push_back(path);
  settings["num_samples"] = options.num_samples;
  settings["temperature"] = static_cast<double>(options.temperature);
  settings["max_completion_tokens"] = options.max_completion_tokens;
  settings["max_context"] = options.max_context;
  settings["seed"] = options.seed;
  settings["dtype"] = arguments.dtype;
  settings["version"] = version_number();
  return settings;
}

/// Answers of another model or sampling must not count as this one's. The data may grow and the version may change.
void refuse_other_settings(const Json& settings, const std::string& report_path, bool has_answers) {
  if (!fs::exists(report_path)) {
    if (!has_answers) return;
    throw UserError(concat("eval --resume: expected the settings of the run that stopped, got answers without them (", report_path, ")"),
                    "without --resume the items are answered anew");
  }
  const Json before = read_json_file(report_path);
  for (const auto& [key, value] : settings.as_object()) {
    if (key == "data" || key == "version") continue;
    const Json* earlier = before.find(key);
    if (earlier && *earlier == value) continue;
    throw UserError(concat("eval --resume: expected ", key, " ", earlier ? earlier->dump() : "null", " of the run that stopped, got ",
                           value.dump(), " (", report_path, ")"),
                    "without --resume the items are answered anew");
  }
}

/// Items that `scores` does not answer; what it answers beyond them, or twice, is dropped from it.
std::vector<data::Item> unanswered(const std::vector<data::Item>& items, std::vector<ItemScore>& scores) {
  std::set<std::string_view> ids;
  for (const data::Item& item : items) ids.insert(item.id);
  std::erase_if(scores, [&](const ItemScore& score) { return ids.erase(score.id) == 0; });
  std::vector<data::Item> left;
  std::copy_if(items.begin(), items.end(), std::back_inserter(left), [&](const data::Item& item) { return ids.contains(item.id); });
  return left;
}

std::string to_lines(const std::vector<ItemScore>& scores) {
  std::string lines;
  for (const ItemScore& score : scores) lines += to_json(score).dump() + "\n";
  return lines;
}

void print(const Json& report) {
  std::size_t width = 3;
  for (const auto& [task, value] : report.at("per_task").as_object()) width = std::max(width, task.size());
  const auto row = [&](const std::string& name, const Json& value) {
    std::printf("%-*s  %5.1f%%  [%.1f, %.1f]  %lld items\n", static_cast<int>(width), name.c_str(), 100 * value.at("mean").as_number(),
                100 * value.at("low").as_number(), 100 * value.at("high").as_number(),
                static_cast<long long>(value.at("items").as_integer()));
  };
  for (const auto& [task, value] : report.at("per_task").as_object()) row(task, value);
  row("all", report.at("accuracy"));
}

void run(EvalArguments& arguments) {
  if (arguments.benchmark != "items") {
    throw UserError(concat("eval --benchmark: expected items, got '", arguments.benchmark, "'; released benchmarks are not built yet"));
  }
  arguments.options.dtype = arguments.dtype == "float32" ? kernels::DType::f32 : kernels::DType::bf16;
  catch_interrupts();
  model::read_model_config(arguments.options.model_dir);  // a mistyped model must not cost the answers of an earlier run
  data::SourceOptions source{.skip_bad_lines = arguments.skip_bad_lines, .verl_reward = ""};
  source.check = [](const data::Item& item) { rewards::check_reward(item.answer.reward, item.answer.answers, item.answer.params); };
  std::int64_t bad_lines = 0;
  std::vector<data::Item> items = data::load_items(expand(arguments.data), source, &bad_lines);
  if (arguments.limit > 0 && static_cast<std::int64_t>(items.size()) > arguments.limit) items.resize(arguments.limit);
  make_directories(arguments.out);
  const std::string predictions_path = arguments.out + "/predictions.jsonl", report_path = arguments.out + "/report.json";
  const Json settings = settings_of(arguments);
  std::vector<ItemScore> scores;
  if (arguments.resume) {
    scores = read_predictions(predictions_path);
    refuse_other_settings(settings, report_path, !scores.empty());
  }
  const std::vector<data::Item> left = unanswered(items, scores);
  write_file_atomically(predictions_path, to_lines(scores));
  const auto write_report = [&](std::int64_t skipped, bool is_interrupted) {
    Json report = summarize(scores);
    report["skipped"] = skipped;
    report["bad_lines_skipped"] = bad_lines;
    for (const auto& [key, value] : settings.as_object()) report[key] = value;
    report["interrupted"] = is_interrupted;
    write_file_atomically(report_path, report.dump(2) + "\n");
    return report;
  };
  write_report(0, true);  // until it is done; what kills it leaves the settings behind for --resume

  ThreadPool pool(arguments.threads);
  std::ofstream out(predictions_path, std::ios::app);
  Progress progress("eval", static_cast<std::int64_t>(items.size()), "items", static_cast<std::int64_t>(scores.size()));
  double sum = 0;
  for (const ItemScore& score : scores) sum += score.score;
  const std::int64_t skipped = evaluate(pool, left, arguments.options, [&](const ItemScore& score) {
    scores.push_back(score);
    out << to_json(score).dump() + "\n";
    if (!out.flush())
      throw UserError(concat("eval: expected room for an answer, got a full disk or a broken file (", predictions_path, ")"));
    sum += score.score;
    progress.update(static_cast<std::int64_t>(scores.size()),
                    concat("accuracy ", format_value(sum / static_cast<double>(scores.size()), true)));
  });
  progress.finish(concat("accuracy ", format_value(scores.empty() ? kMissing : sum / static_cast<double>(scores.size()), true)));
  const Json report = write_report(skipped, interrupted());
  write_file_atomically(arguments.out + "/report.html", render_eval_report(report, scores, items));
  if (arguments.json) {
    std::cout << report.dump() << "\n";
  } else {
    print(report);
    std::cout << "wrote " << arguments.out << "/report.html\n";
  }
}

}  // namespace

void add_eval_command(CLI::App& app) {
  auto arguments = std::make_shared<EvalArguments>();
  EvaluationOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("eval", "Evaluate a model on a benchmark");
  command->add_option("--model", options.model_dir, "Hugging Face directory")->required();
  command->add_option("--benchmark", arguments->benchmark, "items: data sets of our own schema")->required();
  command->add_option("--data", arguments->data, "Benchmark file or folder")->required();
  command->add_option("--out", arguments->out, "Folder for predictions.jsonl, report.json and report.html")->required();
  command->add_option("--max-context", options.max_context, "Skip longer prompts (tokens)")->check(CLI::Range(1, 1 << 30));
  command->add_option("--limit", arguments->limit, "Only the first N items")->check(CLI::Range(1, 1 << 30));
  command->add_option("--num-samples", options.num_samples, "Answers an item; its score is their mean")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--temperature", options.temperature, "Sampling temperature; 0 is greedy")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  command->add_option("--max-completion-tokens", options.max_completion_tokens, "Longest answer (tokens)")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--dtype", arguments->dtype, "Compute type")->check(CLI::IsMember({"float32", "bfloat16"}))->capture_default_str();
  add_seed_option(*command, options.seed, "Seed of the samples");
  add_threads_option(*command, arguments->threads);
  command->add_flag("--resume", arguments->resume, "Keep the predictions of an interrupted run");
  command->add_flag("--skip-bad-lines", arguments->skip_bad_lines, "Count lines that are no items and go on");
  command->add_flag("--json", arguments->json, "Print the report as one JSON document");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace longbow::tools
