// `longbow pretrain` and `longbow sft`: next-token training, from an architecture and from a model.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "core/errors.h"
#include "core/interrupt.h"
#include "tools/commands.h"
#include "tools/recipe_options.h"
#include "tools/report_page.h"
#include "trainer/lm_trainer.h"

namespace longbow::tools {
namespace {

enum class Start { fresh, model };

void run(const RecipeOptions& options, Start start) {
  const auto recipe = options.read<trainer::LmRecipe>();
  if (start == Start::model && recipe.model.init_from.empty()) {
    throw UserError(concat("/model/init_from: expected a model to fine-tune, got none (", options.recipe_path, ")"),
                    "a fresh model is made by longbow pretrain");
  }
  catch_interrupts();
  ThreadPool pool(static_cast<int>(recipe.threads));
  trainer::LmTrainerOptions trainer_options;
  trainer_options.run_dir = options.run_directory();
  trainer_options.resume = options.resume;
  const Json result = trainer::run_lm_training(pool, recipe, trainer_options);
  write_run_report(trainer_options.run_dir);
  if (options.json) {
    std::cout << result.dump() << "\n";
  } else {
    std::cout << "trained " << result.at("steps").as_integer() << " steps into " << options.run_directory() << "\n";
  }
}

void add_command(CLI::App& app, const char* name, const char* description, Start start) {
  auto options = std::make_shared<RecipeOptions>();
  CLI::App* command = app.add_subcommand(name, description);
  options->add_to(*command);
  options->add_run_options(*command);
  RecipeOptions::add_schema_flag<trainer::LmRecipe>(*command);
  command->callback([options, start] { run(*options, start); });
}

}  // namespace

void add_pretrain_command(CLI::App& app) {
  add_command(app, "pretrain", "Train a model on text and generated documents, in stages", Start::fresh);
}
void add_sft_command(CLI::App& app) { add_command(app, "sft", "Fine-tune a model on answered items", Start::model); }

}  // namespace longbow::tools
