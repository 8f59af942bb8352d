// `longbow eval`: a model on a benchmark. Built so far: `items`, data sets of our own schema.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/interrupt.h"
#include "core/line_reader.h"
#include "core/progress.h"
#include "data/sources.h"
#include "tools/commands.h"
#include "tools/evaluation.h"
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
      if (entry.path().string().find(".jsonl") != std::string::npos) found.push_back(entry.path());
    }
    if (found.empty()) throw UserError(concat("eval: expected .jsonl files in ", path, ", got none"));
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

Json to_json(const ItemScore& score) {
  Json line = Json::object();
  line["id"] = score.id;
  line["task"] = score.task;
  line["prompt_tokens"] = score.prompt_tokens;
  line["score"] = score.score;
  for (std::size_t i = 0; i < score.texts.size(); ++i) {
    Json sample = Json::object();
    sample["response"] = score.texts[i];
    sample["extracted"] = score.extracted[i];
    sample["score"] = score.scores[i];
    line["samples"].push_back(std::move(sample));
  }
  return line;
}

/// Predictions of an earlier, interrupted run; a torn last line is cut off.
std::vector<Json> read_predictions(const std::string& path) {
  std::vector<Json> lines;
  if (!fs::exists(path)) return lines;
  std::uintmax_t good_bytes = 0;
  LineReader reader(path);
  std::string line;
  while (reader.next(line)) {
    try {
      lines.push_back(parse_json(line, reader.where()));
    } catch (const UserError&) {
      break;
    }
    good_bytes += line.size() + 1;
  }
  if (good_bytes < fs::file_size(path)) fs::resize_file(path, good_bytes);
  return lines;
}

/// Scores by task and over all, from the predictions.
Json summarize(const std::vector<Json>& predictions) {
  std::vector<double> all;
  std::map<std::string, std::vector<double>> by_task;
  for (const Json& line : predictions) {
    all.push_back(line.at("score").as_number());
    by_task[line.at("task").as_string()].push_back(all.back());
  }
  Json report = Json::object();
  report["accuracy"] = mean_with_interval(all);
  report["per_task"] = Json::object();
  for (const auto& [task, scores] : by_task) report["per_task"][task] = mean_with_interval(scores);
  return report;
}

void print(const Json& report) {
  const auto row = [](const std::string& name, const Json& value) {
    std::printf("%-16s %5.1f%%  [%.1f, %.1f]  %lld items\n", name.c_str(), 100 * value.at("mean").as_number(),
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
  std::vector<data::Item> items = data::load_items(expand(arguments.data));
  if (arguments.limit > 0 && static_cast<std::int64_t>(items.size()) > arguments.limit) items.resize(arguments.limit);
  make_directories(arguments.out);
  const std::string predictions_path = arguments.out + "/predictions.jsonl";
  if (!arguments.resume) fs::remove(predictions_path);
  std::vector<Json> predictions = read_predictions(predictions_path);
  std::set<std::string> known;
  for (const Json& line : predictions) known.insert(line.at("id").as_string());
  std::erase_if(items, [&](const data::Item& item) { return known.contains(item.id); });

  ThreadPool pool(arguments.threads);
  std::ofstream out(predictions_path, std::ios::app);
  Progress progress("eval", static_cast<std::int64_t>(known.size() + items.size()), "items", static_cast<std::int64_t>(known.size()));
  double sum = 0;
  for (const Json& line : predictions) sum += line.at("score").as_number();
  const std::int64_t skipped = evaluate(pool, items, arguments.options, [&](const ItemScore& score) {
    predictions.push_back(to_json(score));
    out << predictions.back().dump() << "\n";
    if (!out.flush()) throw UserError(concat("eval: cannot write ", predictions_path));
    sum += score.score;
    progress.update(static_cast<std::int64_t>(predictions.size()), concat("accuracy ", sum / static_cast<double>(predictions.size())));
  });
  progress.finish();
  Json report = summarize(predictions);
  report["skipped"] = skipped;
  report["model"] = arguments.options.model_dir;
  report["benchmark"] = arguments.benchmark;
  report["num_samples"] = arguments.options.num_samples;
  report["temperature"] = static_cast<double>(arguments.options.temperature);
  report["seed"] = arguments.options.seed;
  report["dtype"] = arguments.dtype;
  report["version"] = version_number();
  report["interrupted"] = interrupted();
  write_file_atomically(arguments.out + "/report.json", report.dump(2) + "\n");
  if (arguments.json) {
    std::cout << report.dump() << "\n";
  } else {
    print(report);
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
  command->add_option("--out", arguments->out, "Folder for predictions.jsonl and report.json")->required();
  command->add_option("--max-context", options.max_context, "Skip longer prompts (tokens)");
  command->add_option("--limit", arguments->limit, "Only the first N items");
  command->add_option("--num-samples", options.num_samples, "Answers an item; its score is their mean")->check(CLI::Range(1, 1024));
  command->add_option("--temperature", options.temperature, "Sampling temperature; 0 is greedy")->check(CLI::Range(0.0, 10.0));
  command->add_option("--max-completion-tokens", options.max_completion_tokens, "Longest answer (tokens)")->check(CLI::Range(1, 1 << 20));
  command->add_option("--dtype", arguments->dtype, "Compute type")->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_option("--seed", options.seed, "Seed of the samples");
  command->add_option("--threads", arguments->threads, "Compute threads")->check(CLI::Range(0, 1024));
  command->add_flag("--resume", arguments->resume, "Keep the predictions of an interrupted run");
  command->add_flag("--json", arguments->json, "Print the report as one JSON document");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace longbow::tools
