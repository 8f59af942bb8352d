// `longbow data build|check|stats`: recipes become data sets, and data sets are checked and described.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/errors.h"
#include "core/interrupt.h"
#include "data/dataset.h"
#include "data/tasks/build.h"
#include "data/tasks/check.h"
#include "rewards/reward.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

struct DataArguments {
  std::string recipe;
  std::string dir;
  std::string out;
  std::string wordnet;
  std::vector<std::string> overrides;
  std::int64_t seed = -1;
  int num_threads = 0;
  bool json = false;
};

double score_completion(const data::Item& item, const std::string& completion) {
  const rewards::RewardFunction reward = rewards::find_reward(item.answer.reward);
  return reward({completion, item.answer.answers, item.question, item.answer.params}).score.value_or(0.0);
}

std::string percent(const Json& share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * share.as_number());
  return text;
}

void print_file(const Json& file) {
  const Json& statistics = file.at("statistics");
  std::cout << file.at("file").as_string() << ": " << statistics.at("items").as_integer() << " items";
  for (const char* unit : {"tokens", "bytes"}) {
    const Json& lengths = statistics.at(unit);
    if (lengths.size() == 0) continue;
    std::cout << ", " << lengths.at("min").as_number() << "-" << lengths.at("max").as_number() << " " << unit;
    break;
  }
  std::cout << ", " << statistics.at("answers").at("different").as_integer() << " different answers\n";
  if (const Json* drops = file.find("drops")) {
    std::cout << "  dropped:";
    for (const auto& [gate, count] : drops->as_object()) std::cout << " " << gate << " " << count.as_integer();
    std::cout << "\n";
  }
  std::cout << "  evidence depth by tenths:";
  for (const Json& count : statistics.at("evidence_depth").as_array()) std::cout << " " << count.as_integer();
  const Json& bots = file.at("bots");
  std::cout << "\n  chance " << percent(bots.at("chance")) << "; bots:";
  for (const auto& [bot, accuracy] : bots.at("accuracy").as_object()) std::cout << " " << bot << " " << percent(accuracy);
  std::cout << "\n";
}

void print_report(const Json& report, bool as_json) {
  if (as_json) {
    std::cout << report.dump() << "\n";
    return;
  }
  for (const Json& file : report.at("files").as_array()) print_file(file);
}

void build(const DataArguments& arguments) {
  catch_interrupts();
  Json json = read_json_file(arguments.recipe, {.allow_comments = true});
  for (const std::string& assignment : arguments.overrides) apply_override(json, assignment);
  if (arguments.seed >= 0) json["seed"] = arguments.seed;
  const data::DatasetRecipe recipe = data::read_dataset_recipe(json, arguments.recipe);
  print_report(data::build_dataset(recipe, {arguments.out, arguments.num_threads, score_completion}), arguments.json);
}

void check(const DataArguments& arguments) {
  const data::CheckReport report = data::check_dataset(arguments.dir, {arguments.wordnet, score_completion, arguments.num_threads});
  print_report(report.json, arguments.json);
  if (report.failures.empty()) return;
  const data::CheckFailure& first = report.failures.front();
  throw UserError(concat("data check: ", report.failures.size(), report.failures.size() == 1 ? " failure: " : " failures, the first: ",
                         first.item.empty() ? "the file" : "item " + first.item, " fails the gate ", first.gate, ": ", first.reason, " (",
                         arguments.dir, "/", first.file, ")"));
}

void stats(const DataArguments& arguments) {
  print_report(data::check_dataset(arguments.dir, {arguments.wordnet, score_completion, arguments.num_threads}).json, arguments.json);
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Build, check and describe data sets");
  data->require_subcommand(1);
  auto arguments = std::make_shared<DataArguments>();

  CLI::App* build_command = data->add_subcommand("build", "Build a recipe's data set; a stopped build goes on where it was");
  build_command->add_option("RECIPE", arguments->recipe, "Recipe file (JSON, comments allowed)")->required();
  build_command->add_option("--out", arguments->out, "Folder for the .jsonl files and manifest.json")->required();
  build_command->add_option("--set", arguments->overrides, "Override one key: /path=value");
  build_command->add_option("--seed", arguments->seed, "Override the recipe's seed")->check(CLI::NonNegativeNumber);
  build_command->callback([arguments] { build(*arguments); });

  CLI::App* check_command = data->add_subcommand("check", "Run every gate and bot again on the stored items");
  check_command->callback([arguments] { check(*arguments); });
  CLI::App* stats_command = data->add_subcommand("stats", "Lengths, depth of evidence, answers, accuracy of the bots");
  stats_command->callback([arguments] { stats(*arguments); });
  for (CLI::App* command : {check_command, stats_command}) {
    command->add_option("DIR", arguments->dir, "A built data set, or any folder of .jsonl files in its schema")->required();
    command->add_option("--wordnet", arguments->wordnet, "WordNet's folder, when it is not where the manifest says");
  }
  for (CLI::App* command : {build_command, check_command, stats_command}) {
    command->add_option("--threads", arguments->num_threads, "Threads; 0 takes every processor")->check(CLI::NonNegativeNumber);
    command->add_flag("--json", arguments->json, "One JSON document on standard output");
  }
}

}  // namespace longbow::tools
