// What every command that runs a recipe takes: RECIPE, --set, --run-dir, --resume, --threads, --seed, --json.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/json.h"
#include "tools/command_options.h"

namespace longbow::tools {

struct RecipeOptions {
  std::string recipe_path;
  std::vector<std::string> overrides;
  std::string run_dir;
  bool resume = false;
  bool json = false;
  std::optional<std::int64_t> threads;
  std::optional<std::int64_t> seed;

  void add_to(CLI::App& command) {
    add_recipe_options(command);
    add_seed_option(command, seed);
    add_json_flag(command);
  }
  void add_json_flag(CLI::App& command) { command.add_flag("--json", json, "Print the result as one JSON document"); }
  /// What a worker takes: its seeds come with its leases, and it prints no result. A plan does not depend on seeds.
  void add_recipe_options(CLI::App& command) {
    command.add_option("recipe", recipe_path, "Recipe (JSON, comments allowed)")->required();
    add_set_option(command, overrides);
    add_threads_option(command, threads);
  }
  /// Where a recipe's keys are told; needs no recipe.
  template <class Config>
  static void add_schema_flag(CLI::App& command) {
    const auto print = [] {
      std::cout << config_schema<Config>().dump(2) << "\n";
      throw CLI::Success();
    };
    command.add_flag_callback("--schema", print, "Print every key of the recipe (JSON schema: type, default, range, meaning)");
  }
  void add_run_options(CLI::App& command) {
    command.add_option("--run-dir", run_dir, "Where the run is written (default: runs/<recipe name>)");
    command.add_flag("--resume", resume, "Go on from the newest checkpoint");
  }

  /// The recipe with its overrides, read into `config`.
  template <class Config>
  Config read() const {
    Json json_recipe = read_json_file(recipe_path, {.allow_comments = true});
    for (const std::string& assignment : overrides) apply_override(json_recipe, assignment);
    if (json_recipe.is_object()) {  // read_config refuses anything else
      if (threads) json_recipe["threads"] = *threads;
      if (seed) json_recipe["seed"] = *seed;
    }
    Config config;
    read_config(config, json_recipe, recipe_path);
    return config;
  }

  std::string run_directory() const { return run_dir.empty() ? "runs/" + std::filesystem::path(recipe_path).stem().string() : run_dir; }
};

}  // namespace longbow::tools
