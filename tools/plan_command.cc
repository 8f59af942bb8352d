// `longbow plan RECIPE`: memory by part, tokens and FLOP a step, and the time they take here; says no before the run would.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/errors.h"
#include "data/tokenizer.h"
#include "model/weights.h"
#include "tools/commands.h"
#include "tools/machine_rates.h"
#include "tools/recipe_options.h"
#include "tools/run_plan.h"

namespace longbow::tools {
namespace {

struct PlanArguments {
  RecipeOptions recipe;
  std::optional<double> memory_gib;
};

std::string format_bytes(std::int64_t bytes) {
  char text[32];
  const double mib = static_cast<double>(bytes) / (1 << 20);
  std::snprintf(text, sizeof text, mib < 10240 ? "%.0f MiB" : "%.1f GiB", mib < 10240 ? mib : mib / 1024);
  return text;
}

std::string format_gflop(double flop) {
  char text[32];
  std::snprintf(text, sizeof text, flop < 1e13 ? "%.1f GFLOP" : "%.2f TFLOP", flop < 1e13 ? flop / 1e9 : flop / 1e12);
  return text;
}

double flop_of(const PhasePlan& phase) { return phase.gemm_flop + phase.few_rows_flop + phase.attention_flop; }

double seconds_of(const PhasePlan& phase, const MachineRates& rates) {
  double seconds = phase.gemm_flop / rates.gemm + phase.attention_flop / rates.attention;
  if (phase.few_rows_flop > 0) seconds += phase.few_rows_flop / rates.few_rows;
  return seconds;
}

double seconds_of(const StagePlan& stage, const MachineRates& rates) {
  double seconds = 0;
  for (const PhasePlan& phase : stage.phases) seconds += seconds_of(phase, rates);
  return seconds;
}

model::ModelConfig model_of(const trainer::LmRecipe& recipe) {
  if (!recipe.model.init_from.empty()) return model::read_model_config(recipe.model.init_from);
  const data::Tokenizer tokenizer(recipe.model.tokenizer);
  return trainer::make_model_config(recipe.model.architecture, tokenizer.vocab_size(), tokenizer.bos_id(), tokenizer.eos_id());
}

RunPlan make_plan(const RecipeOptions& options) {
  const Json recipe = read_json_file(options.recipe_path, {.allow_comments = true});
  if (recipe.find("stages")) {
    const auto next_token = options.read<trainer::LmRecipe>();
    return plan_next_token(next_token, model_of(next_token));
  }
  const auto grpo = options.read<trainer::TrainRecipe>();
  trainer::validate(grpo);
  return plan_grpo(grpo, model::read_model_config(grpo.model.path));
}

Json memory_to_json(const RunPlan& plan, std::int64_t limit) {
  Json memory = Json::object();
  for (const ProcessPlan& process : plan.processes) {
    Json entry = Json::object();
    entry["count"] = process.count;
    entry["bytes_each"] = process.bytes();
    for (const MemoryPart& part : process.parts) entry["parts"][part.name] = part.bytes;
    memory["processes"][process.name] = std::move(entry);
  }
  if (plan.group_cache_bytes > 0) memory["group_cache_bytes"] = plan.group_cache_bytes;
  memory["total_bytes"] = plan.bytes();
  memory["machine_bytes"] = limit;
  memory["fits"] = plan.bytes() <= limit;
  return memory;
}

Json plan_to_json(const RunPlan& plan, const MachineRates& rates, std::int64_t limit) {
  Json json = Json::object();
  json["kind"] = plan.kind;
  json["parameters"] = model::ParameterLayout(plan.model).total;
  json["dtype"] = plan.bfloat16 ? "bfloat16" : "float32";
  json["memory"] = memory_to_json(plan, limit);
  json["activations_kept"] = std::string(model::name_of(plan.kept));
  json["rates"]["threads"] = rates.threads;
  json["rates"]["gemm_flops"] = rates.gemm;
  json["rates"]["few_rows_flops"] = rates.few_rows > 0 ? Json(rates.few_rows) : Json();
  json["rates"]["attention_flops"] = rates.attention;
  double seconds = 0;
  std::int64_t steps = 0;
  for (const StagePlan& stage : plan.stages) {
    Json entry = Json::object();
    entry["name"] = stage.name;
    entry["steps"] = stage.steps;
    for (const PhasePlan& phase : stage.phases) {
      Json& out = entry["phases"][phase.name];
      out["tokens"] = phase.tokens;
      out["flop"] = flop_of(phase);
      out["seconds"] = seconds_of(phase, rates);
    }
    entry["seconds_per_step"] = seconds_of(stage, rates);
    json["stages"].push_back(std::move(entry));
    seconds += static_cast<double>(stage.steps) * seconds_of(stage, rates);
    steps += stage.steps;
  }
  if (plan.prompt_once_ratio > 0) json["prompt_once_ratio"] = plan.prompt_once_ratio;
  json["steps"] = steps;
  json["seconds"] = seconds;
  return json;
}

void print_memory(const RunPlan& plan, std::int64_t limit) {
  std::printf("memory\n");
  for (const ProcessPlan& process : plan.processes) {
    if (process.count == 0) continue;
    std::printf("  %-28s %12s%s\n", process.name.c_str(), format_bytes(process.bytes()).c_str(),
                process.count > 1 ? concat(" each, ", process.count, " of them").c_str() : "");
    for (const MemoryPart& part : process.parts) std::printf("    %-26s %12s\n", part.name.c_str(), format_bytes(part.bytes).c_str());
  }
  std::printf("  a training pass keeps %s%s\n", std::string(model::name_of(plan.kept)).c_str(),
              plan.kept == model::KeptActivations::everything ? "" : " and computes the rest again");
  std::printf("  %-28s %12s of %s\n", "in all", format_bytes(plan.bytes()).c_str(), format_bytes(limit).c_str());
}

void print_work(const RunPlan& plan, const MachineRates& rates) {
  double seconds = 0;
  for (const StagePlan& stage : plan.stages) {
    std::printf("\n%s (%lld steps)  %15s %14s %10s\n", stage.name == "step" ? "a step" : concat("a step of stage ", stage.name).c_str(),
                static_cast<long long>(stage.steps), "tokens", "work", "time");
    for (const PhasePlan& phase : stage.phases) {
      std::printf("  %-20s %15.0f %14s %10s\n", phase.name.c_str(), phase.tokens, format_gflop(flop_of(phase)).c_str(),
                  format_duration(seconds_of(phase, rates)).c_str());
    }
    seconds += static_cast<double>(stage.steps) * seconds_of(stage, rates);
  }
  std::printf("\n");
  if (plan.prompt_once_ratio > 0)
    std::printf("prompts are trained once a group: %.2f times fewer rows than with a prompt per completion\n", plan.prompt_once_ratio);
  std::printf("rates here, %d threads: products %.0f GFLOP/s", rates.threads, rates.gemm / 1e9);
  if (rates.few_rows > 0) std::printf(", with %lld rows %.0f", static_cast<long long>(plan.decode_rows), rates.few_rows / 1e9);
  std::printf(", attention %.0f\n", rates.attention / 1e9);
  std::printf("the run: about %s of arithmetic%s come on top\n", format_duration(seconds).c_str(),
              plan.kind == "grpo" ? " at full lengths; sampling, scoring and weight transfer" : "; norms, documents and checkpoints");
}

void refuse_what_does_not_fit(const RunPlan& plan, std::int64_t limit) {
  if (plan.group_cache_bytes > plan.kv_budget_bytes) {
    throw UserError(concat("/rollout/kv_budget_mib: expected at least ", (plan.group_cache_bytes + (1 << 20) - 1) >> 20,
                           " for one group of full length, got ", plan.kv_budget_bytes >> 20));
  }
  if (plan.bytes() > limit) {
    throw UserError(concat("memory: expected at most ", format_bytes(limit), ", got a run that needs ", format_bytes(plan.bytes())));
  }
}

void run(const PlanArguments& arguments) {
  const std::int64_t base = resident_bytes();  // the program and its libraries, in every process
  RunPlan plan = make_plan(arguments.recipe);
  for (ProcessPlan& process : plan.processes) process.parts.push_back({"program", base});
  const std::int64_t limit =
      arguments.memory_gib ? static_cast<std::int64_t>(*arguments.memory_gib * (std::int64_t{1} << 30)) : machine_memory_bytes();
  ThreadPool pool(static_cast<int>(plan.threads));
  const MachineRates rates = measure_rates(pool, plan.model, plan.bfloat16 ? kernels::DType::bf16 : kernels::DType::f32, plan.decode_rows);
  if (arguments.recipe.json) {
    std::cout << plan_to_json(plan, rates, limit).dump() << std::endl;
  } else {
    std::printf("%s, %.1f M parameters, %s\n\n", plan.kind == "grpo" ? "GRPO" : "next-token training",
                static_cast<double>(model::ParameterLayout(plan.model).total) / 1e6, plan.bfloat16 ? "bfloat16" : "float32");
    print_memory(plan, limit);
    print_work(plan, rates);
    std::fflush(stdout);
  }
  refuse_what_does_not_fit(plan, limit);
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto arguments = std::make_shared<PlanArguments>();
  CLI::App* command = app.add_subcommand("plan", "Memory, work and time of a recipe, before it runs");
  arguments->recipe.add_recipe_options(*command);
  arguments->recipe.add_json_flag(*command);
  command->add_option("--memory-gib", arguments->memory_gib, "Plan for a machine with this much memory instead of this one")
      ->check(CLI::PositiveNumber);
  command->callback([arguments] { run(*arguments); });
}

}  // namespace longbow::tools
