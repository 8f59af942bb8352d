// `longbow data build|check|stats`: recipes become data sets, and data sets are checked and described.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/config.h"
#include "core/errors.h"
#include "core/interrupt.h"
#include "data/dataset.h"
#include "data/tasks/build.h"
#include "data/tasks/check.h"
#include "tools/command_options.h"
#include "tools/commands.h"
#include "tools/data_report.h"
#include "tools/evaluation.h"
#include "tools/pass_band.h"

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
  bool skip_bad_lines = false;
  std::string report;  // of check and stats; build's stands beside the manifest
  PassBandOptions pass_band;
};

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
  std::cout << ", " << statistics.at("answers").at("different").as_integer() << " different answers";
  const Json* skipped = file.find("bad_lines_skipped");
  if (skipped && skipped->as_integer() > 0) std::cout << ", " << skipped->as_integer() << " bad lines skipped";
  std::cout << "\n";
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
  if (json.is_object()) {  // read_dataset_recipe refuses anything else
    if (arguments.seed >= 0) json["seed"] = arguments.seed;
    if (arguments.skip_bad_lines) json["skip_bad_lines"] = true;
  }
  const data::DatasetRecipe recipe = data::read_dataset_recipe(json, arguments.recipe);
  data::BuildOptions options{arguments.out, arguments.num_threads, score_completion};
  if (!arguments.pass_band.model.empty()) {
    PassBandOptions pass_band = arguments.pass_band;
    pass_band.seed = static_cast<std::uint64_t>(recipe.seed);
    pass_band.num_threads = arguments.num_threads;
    options.pass_rates = make_pass_rates(pass_band, score_completion);
    options.pass_band_name = pass_band_name(pass_band);
  }
  const Json manifest = data::build_dataset(recipe, options);
  write_file_atomically(arguments.out + "/report.html", render_data_report(manifest, arguments.out));
  print_report(manifest, arguments.json);
  if (!arguments.json) std::cout << "wrote " << arguments.out << "/report.html\n";
}

data::CheckReport check_stored(const DataArguments& arguments) {
  data::CheckOptions options{arguments.wordnet, score_completion, arguments.num_threads};
  options.skip_bad_lines = arguments.skip_bad_lines;
  data::CheckReport report = data::check_dataset(arguments.dir, options);
  if (!arguments.report.empty()) write_file_atomically(arguments.report, render_data_report(report.json, arguments.dir));
  return report;
}

void check(const DataArguments& arguments) {
  const data::CheckReport report = check_stored(arguments);
  print_report(report.json, arguments.json);
  if (report.failures.empty()) return;
  const data::CheckFailure& first = report.failures.front();
  throw UserError(concat("data check: ", report.failures.size(), report.failures.size() == 1 ? " failure: " : " failures, the first: ",
                         first.item.empty() ? "the file" : "item " + first.item, " fails the gate ", first.gate, ": ", first.reason, " (",
                         arguments.dir, "/", first.file, ")"));
}

void stats(const DataArguments& arguments) { print_report(check_stored(arguments).json, arguments.json); }

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Build, check and describe data sets");
  data->require_subcommand(1);
  auto arguments = std::make_shared<DataArguments>();

  CLI::App* build_command = data->add_subcommand("build", "Build a recipe's data set; a stopped build goes on where it was");
  build_command->add_option("RECIPE", arguments->recipe, "Recipe file (JSON, comments allowed)")->required();
  build_command->add_option("--out", arguments->out, "Folder for the .jsonl files and manifest.json")->required();
  add_set_option(*build_command, arguments->overrides);
  add_seed_option(*build_command, arguments->seed, "Override the recipe's seed");
  build_command->add_flag("--skip-bad-lines", arguments->skip_bad_lines, "Count bad lines of questions, corpora and WordNet and go on");
  CLI::Option* pass_band = build_command->add_option(
      "--pass-band", arguments->pass_band.model,
      "Drop items that this model answers never or always: a checkpoint's folder, or a server's URL ending in /v1");
  build_command->add_option("--pass-band-model", arguments->pass_band.served_model, "The model's name at that server")->needs(pass_band);
  build_command->add_option("--samples", arguments->pass_band.num_samples, "Answers an item for the pass band")
      ->check(CLI::Range(1, 1024))
      ->needs(pass_band)
      ->capture_default_str();
  build_command->add_option("--max-completion-tokens", arguments->pass_band.max_completion_tokens, "Length of such an answer")
      ->check(CLI::Range(1, 1 << 20))
      ->needs(pass_band)
      ->capture_default_str();
  build_command->callback([arguments] { build(*arguments); });

  CLI::App* check_command = data->add_subcommand("check", "Run every gate and bot again on the stored items");
  check_command->callback([arguments] { check(*arguments); });
  CLI::App* stats_command = data->add_subcommand("stats", "Lengths, depth of evidence, answers, accuracy of the bots");
  stats_command->callback([arguments] { stats(*arguments); });
  for (CLI::App* command : {check_command, stats_command}) {
    command->add_option("DIR", arguments->dir, "A built data set, or any folder of .jsonl files in its schema")->required();
    command->add_option("--wordnet", arguments->wordnet, "WordNet's folder, when it is not where the manifest says");
    command->add_option("--report", arguments->report, "Also write what was found as one HTML page");
    command->add_flag("--skip-bad-lines", arguments->skip_bad_lines, "Count lines that are no items, and WordNet's bad lines, and go on");
  }
  for (CLI::App* command : {build_command, check_command, stats_command}) {
    add_threads_option(*command, arguments->num_threads);
    command->add_flag("--json", arguments->json, "One JSON document on standard output");
  }
}

}  // namespace longbow::tools
