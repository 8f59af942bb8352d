// `longbow score --reward NAME IN`: any reward, or the user's own command, over a JSONL file of predictions. JSONL in, JSONL out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/errors.h"
#include "core/log.h"
#include "rewards/judge.h"
#include "rewards/reward.h"
#include "rewards/reward_command.h"
#include "tools/command_options.h"
#include "tools/commands.h"
#include "tools/json_lines.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kBatchLines = 64;        // one exchange with a reward command
constexpr std::size_t kBatchesOfRequests = 8;  // the judge's batch: this many times its concurrency, so that few wait for the last
constexpr double kSlowMs = 50, kSlowAskedMs = 10'000;
constexpr std::size_t kNamedSlowItems = 5;

struct ScoreOptions {
  std::string input;
  std::string reward;
  std::string benchmark;
  std::vector<std::string> command;
  std::int64_t command_timeout_ms = 60'000;
  rewards::JudgeConfig judge;
  std::optional<double> slow_ms;
  bool skip_bad_lines = false;
};

struct Prediction {
  std::string where;
  Json id;
  std::string text;
  std::vector<std::string> answers;
  std::string question;
  Json params = Json::object();
};

const std::string& string_of(const Json& value, std::string_view key) {
  if (!value.is_string()) throw UserError(concat("expected \"", key, "\" to be a string, got ", value.type_name()));
  return value.as_string();
}

Prediction read_prediction(const Json& json, bool needs_answers) {
  Prediction prediction;
  if (const Json* id = json.find("id")) prediction.id = *id;
  prediction.text = string_of(json.at("prediction"), "prediction");
  if (const Json* question = json.find("question"); question && !question->is_null())
    prediction.question = string_of(*question, "question");
  if (const Json* params = json.find("params"); params && !params->is_null()) {
    if (!params->is_object()) throw UserError(concat("expected \"params\" to be an object, got ", params->type_name()));
    prediction.params = *params;
  }
  const Json* answers = json.find("answers");
  if (answers != nullptr && !answers->is_array())
    throw UserError(concat("expected \"answers\" to be an array, got ", answers->type_name()));
  if (answers != nullptr) {
    for (const Json& answer : answers->as_array()) prediction.answers.push_back(string_of(answer, "answers"));
  }
  if (needs_answers && prediction.answers.empty()) throw UserError("expected \"answers\" with at least one answer, got none");
  return prediction;
}

// One value with white space in it is a shell's command line; anything else is a program and its arguments.
std::vector<std::string> command_line(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0].find_first_of(" \t") != std::string::npos) return {"sh", "-c", words[0]};
  return words;
}

// Names the items whose reward took long: the slowest few, and how many there were.
class SlowItems {
 public:
  explicit SlowItems(double threshold_ms) : threshold_ms_(threshold_ms) {}

  void note(const Prediction& prediction, double ms) {
    if (ms <= threshold_ms_) return;
    ++count_;
    slowest_.emplace_back(ms, concat(prediction.where, prediction.id.is_null() ? "" : concat(", id ", prediction.id.dump())));
    std::sort(slowest_.begin(), slowest_.end(), std::greater<>());
    if (slowest_.size() > kNamedSlowItems) slowest_.pop_back();
  }
  void report() const {
    if (count_ == 0) return;
    std::string names;
    for (const auto& [ms, name] : slowest_) names += concat(names.empty() ? "" : "; ", name, " (", std::lround(ms), " ms)");
    log_warning(concat(count_, count_ == 1 ? " item" : " items", " took over ", threshold_ms_, " ms to score, slowest: ", names));
  }

 private:
  double threshold_ms_;
  std::int64_t count_ = 0;
  std::vector<std::pair<double, std::string>> slowest_;
};

class Scoring {
 public:
  explicit Scoring(const ScoreOptions& options)
      : slow_(options.slow_ms.value_or(options.command.empty() && options.reward != rewards::kJudgeReward ? kSlowMs : kSlowAskedMs)) {
    if (!options.command.empty()) {
      command_ = std::make_unique<rewards::RewardCommand>(command_line(options.command), options.command_timeout_ms);
      batch_lines_ = kBatchLines;
    } else if (options.reward == rewards::kJudgeReward && !options.judge.endpoint.empty()) {
      judge_ = std::make_unique<rewards::Judge>(options.judge);
      batch_lines_ = kBatchesOfRequests * static_cast<std::size_t>(options.judge.concurrency);
      needs_answers_ = true;
    } else {
      function_ = rewards::find_reward(options.reward);
      needs_answers_ = rewards::reward_needs_answers(options.reward);
    }
  }

  // Takes one line; what it finds wrong is the line's fault.
  void add(const Json& line, std::string where) {
    Prediction prediction = read_prediction(line, needs_answers_);
    prediction.where = std::move(where);
    if (function_ != nullptr) {
      const Stopwatch clock;
      rewards::RewardResult result = function_({prediction.text, prediction.answers, prediction.question, prediction.params});
      result.seconds = clock.seconds();
      results_.push_back(std::move(result));
    }
    batch_.push_back(std::move(prediction));
  }
  bool batch_is_full() const { return batch_.size() >= batch_lines_; }

  void finish_batch() {
    if (batch_.empty()) return;
    if (function_ == nullptr) results_ = ask();
    for (std::size_t i = 0; i < results_.size(); ++i) write(batch_[i], results_[i]);
    batch_.clear();
    results_.clear();
  }

  bool has_scored() const { return num_scored_ + num_missing_ > 0; }

  void write_summary() const {
    char mean[32];
    std::snprintf(mean, sizeof mean, "%.4f", num_scored_ > 0 ? sum_ / static_cast<double>(num_scored_) : 0.0);
    log_info(concat("scored ", num_scored_, " predictions, mean ", mean, num_missing_ > 0 ? concat(", ", num_missing_, " missing") : ""));
    slow_.report();
  }

 private:
  std::vector<rewards::RewardResult> ask() {
    std::vector<rewards::RewardQuery> queries;
    for (const Prediction& p : batch_) {
      // The user's ids may be doubled or no strings, so the command sees the line's number among all that were scored.
      queries.push_back({std::to_string(num_sent_++), p.text, p.answers, p.question, p.params});
    }
    return judge_ ? judge_->score(queries) : command_->score(queries);
  }

  void write(const Prediction& prediction, const rewards::RewardResult& result) {
    Json line = Json::object();
    line["id"] = prediction.id;
    line["score"] = result.score ? Json(*result.score) : Json();
    line["extracted"] = result.extracted;
    line["reason"] = result.reason;
    std::cout << line.dump() << "\n";
    if (!std::cout) throw UserError("score: cannot write the output: the disk is full or the reader is gone");
    result.score ? ++num_scored_ : ++num_missing_;
    sum_ += result.score.value_or(0);
    slow_.note(prediction, 1e3 * result.seconds);
  }

  rewards::RewardFunction function_ = nullptr;
  bool needs_answers_ = false;
  std::unique_ptr<rewards::RewardCommand> command_;
  std::unique_ptr<rewards::Judge> judge_;
  std::size_t batch_lines_ = 1;
  std::vector<Prediction> batch_;
  std::vector<rewards::RewardResult> results_;  // of the batch; a function's are there before it is full
  std::int64_t num_sent_ = 0, num_scored_ = 0, num_missing_ = 0;
  double sum_ = 0;
  SlowItems slow_;
};

void run_score(const ScoreOptions& options) {
  if (!options.benchmark.empty()) {
    throw UserError("score: --benchmark is not built yet: this version scores with --reward NAME or --reward-command CMD");
  }
  if (options.reward.empty() == options.command.empty()) {
    throw UserError(
        concat("score: expected either --reward NAME or --reward-command CMD, got ", options.reward.empty() ? "neither" : "both"),
        "longbow score --help lists the rewards");
  }
  if (!options.judge.endpoint.empty() && options.reward != rewards::kJudgeReward) {
    throw UserError(concat("score: expected --judge-endpoint with --reward ", rewards::kJudgeReward, ", got it with ",
                           options.reward.empty() ? "--reward-command" : "--reward " + options.reward));
  }
  Scoring scoring(options);
  JsonLines lines(options.input, options.skip_bad_lines);
  while (lines.next([&](const Json& line) { scoring.add(line, lines.where()); })) {
    if (scoring.batch_is_full()) scoring.finish_batch();
  }
  scoring.finish_batch();
  std::cout.flush();
  if (!scoring.has_scored()) throw UserError(concat("score: expected at least one prediction, got none (", options.input, ")"));
  scoring.write_summary();
}

std::string reward_list() {
  std::string list;
  for (const std::string& name : rewards::reward_names()) list += name + ", ";
  return list + std::string(rewards::kJudgeReward);
}

}  // namespace

void add_score_command(CLI::App& app) {
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = app.add_subcommand("score", "Score predictions of any engine with a reward: JSONL in, JSONL out");
  command
      ->add_option("input", options->input,
                   "JSONL of {\"prediction\", \"answers\": [...], \"question\"?, \"params\"?, \"id\"?}; - is standard input")
      ->required();
  command->add_option("--reward", options->reward, "The reward: " + reward_list());
  CLI::Option* reward_command =
      command
          ->add_option(
              "--reward-command", options->command,
              "Your own reward instead, after IN: a program and its arguments, or one quoted shell line (needed when it has options of "
              "its own). It reads one JSON object a line and answers {\"id\", \"score\"} a line")
          ->expected(1, 1000);
  command->add_option("--reward-timeout-ms", options->command_timeout_ms, "For one batch of 64 lines of --reward-command")
      ->check(CLI::PositiveNumber)
      ->needs(reward_command)
      ->capture_default_str();
  CLI::Option* endpoint =
      command->add_option("--judge-endpoint", options->judge.endpoint,
                          "For --reward judge: an OpenAI-compatible server, such as http://localhost:8000/v1; its key is read from " +
                              options->judge.api_key_env);
  CLI::Option* model = command->add_option("--judge-model", options->judge.model, "The judge's name at that server")->needs(endpoint);
  endpoint->needs(model);
  command->add_option("--judge-concurrency", options->judge.concurrency, "Requests to the judge at once")
      ->check(CLI::Range(1, 1024))
      ->needs(endpoint)
      ->capture_default_str();
  command->add_option("--judge-timeout-ms", options->judge.timeout_ms, "For one request to the judge")
      ->check(CLI::PositiveNumber)
      ->needs(endpoint)
      ->capture_default_str();
  command->add_option("--judge-retries", options->judge.retries, "Tries after a failed one; then the score is null")
      ->check(CLI::Range(0, 100))
      ->needs(endpoint)
      ->capture_default_str();
  command->add_option("--judge-cache", options->judge.cache, "File that keeps verdicts from run to run")->needs(endpoint);
  command->add_option("--slow-ms", options->slow_ms, "Name items that take longer (default 50; 10000 with a judge or a command)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--benchmark", options->benchmark, "A benchmark's own scorer (not built yet)");
  command->add_flag("--skip-bad-lines", options->skip_bad_lines, "Report bad lines on standard error and go on");
  add_needless_json_flag(*command);
  command->callback([options] { run_score(*options); });
}

}  // namespace longbow::tools
