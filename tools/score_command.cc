// `longbow score --reward NAME IN`: any reward, or the user's own command, over a JSONL file of predictions. JSONL in, JSONL out.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/errors.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "rewards/reward.h"
#include "rewards/reward_command.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kBatchLines = 64;  // one exchange with a reward command

struct ScoreOptions {
  std::string input;
  std::string reward;
  std::string benchmark;
  std::vector<std::string> command;
  std::int64_t command_timeout_ms = 60'000;
  bool skip_bad_lines = false;
  bool json = false;
};

struct Prediction {
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

Prediction read_prediction(const std::string& line, bool needs_answers) {
  const Json json = parse_json(line, "line");
  if (!json.is_object()) throw UserError(concat("expected an object, got a value of type ", json.type_name()));
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

class Scoring {
 public:
  explicit Scoring(const ScoreOptions& options) {
    if (options.command.empty()) {
      function_ = rewards::find_reward(options.reward);
      needs_answers_ = rewards::reward_needs_answers(options.reward);
    } else {
      command_ = std::make_unique<rewards::RewardCommand>(command_line(options.command), options.command_timeout_ms);
    }
  }

  // Takes one line; what it finds wrong is the line's fault.
  void add(const std::string& line) {
    Prediction prediction = read_prediction(line, needs_answers_);
    if (function_ != nullptr) {
      write(prediction.id, function_({prediction.text, prediction.answers, prediction.question, prediction.params}));
    } else {
      batch_.push_back(std::move(prediction));
    }
  }
  bool batch_is_full() const { return batch_.size() >= kBatchLines; }

  void score_batch() {
    if (batch_.empty()) return;
    std::vector<rewards::RewardQuery> queries;
    for (const Prediction& p : batch_) {
      // The user's ids may be doubled or no strings, so the command sees the line's number among all that were scored.
      queries.push_back({std::to_string(num_sent_++), p.text, p.answers, p.question, p.params});
    }
    const std::vector<rewards::RewardResult> results = command_->score(queries);
    for (std::size_t i = 0; i < results.size(); ++i) write(batch_[i].id, results[i]);
    batch_.clear();
  }

  void write_summary() const {
    char mean[32];
    std::snprintf(mean, sizeof mean, "%.4f", num_scored_ > 0 ? sum_ / static_cast<double>(num_scored_) : 0.0);
    log_info(concat("scored ", num_scored_, " predictions, mean ", mean, num_missing_ > 0 ? concat(", ", num_missing_, " missing") : ""));
  }

 private:
  void write(const Json& id, const rewards::RewardResult& result) {
    Json line = Json::object();
    line["id"] = id;
    line["score"] = result.score ? Json(*result.score) : Json();
    line["extracted"] = result.extracted;
    line["reason"] = result.reason;
    std::cout << line.dump() << "\n";
    if (!std::cout) throw UserError("score: cannot write the output: the disk is full or the reader is gone");
    result.score ? ++num_scored_ : ++num_missing_;
    sum_ += result.score.value_or(0);
  }

  rewards::RewardFunction function_ = nullptr;
  bool needs_answers_ = false;
  std::unique_ptr<rewards::RewardCommand> command_;
  std::vector<Prediction> batch_;
  std::int64_t num_sent_ = 0, num_scored_ = 0, num_missing_ = 0;
  double sum_ = 0;
};

void run_score(const ScoreOptions& options) {
  if (!options.benchmark.empty()) {
    throw UserError("score: --benchmark is not built yet: this version scores with --reward NAME or --reward-command CMD");
  }
  if (options.reward.empty() == options.command.empty()) {
    throw UserError("score: expected either --reward NAME or --reward-command CMD", "longbow score --help lists the rewards");
  }
  Scoring scoring(options);
  LineReader reader(options.input);
  std::string line;
  while (reader.next(line)) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    try {
      scoring.add(line);
    } catch (const UserError& error) {
      const std::string message = concat(reader.where(), ": ", error.what());
      if (!options.skip_bad_lines) throw UserError(message, error.hint());
      log_warning(message + " (skipped)");
    }
    if (scoring.batch_is_full()) scoring.score_batch();
  }
  scoring.score_batch();
  std::cout.flush();
  scoring.write_summary();
}

std::string reward_list() {
  std::string list;
  for (const std::string& name : rewards::reward_names()) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

void add_score_command(CLI::App& app) {
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = app.add_subcommand("score", "Score predictions of any engine with a reward: JSONL in, JSONL out.");
  command
      ->add_option("input", options->input,
                   "JSONL of {\"prediction\", \"answers\": [...], \"question\"?, \"params\"?, \"id\"?}; - is standard input")
      ->required();
  command->add_option("--reward", options->reward, "The reward: " + reward_list());
  command
      ->add_option(
          "--reward-command", options->command,
          "Your own reward instead, after IN: a program and its arguments, or one quoted shell line (needed when it has options of "
          "its own). It reads one JSON object a line and answers {\"id\", \"score\"} a line")
      ->expected(1, 1000);
  command->add_option("--reward-timeout-ms", options->command_timeout_ms, "For one batch of 64 lines of --reward-command")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--benchmark", options->benchmark, "A benchmark's own scorer (not built yet)");
  command->add_flag("--skip-bad-lines", options->skip_bad_lines, "Report bad lines on standard error and go on");
  command->add_flag("--json", options->json, "Accepted everywhere; the output of a reward is JSONL either way");
  command->callback([options] { run_score(*options); });
}

}  // namespace longbow::tools
