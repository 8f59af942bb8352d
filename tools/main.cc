// The `longbow` command: parses the command line, runs one subcommand, and turns what went wrong into one line and an exit code.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "core/did_you_mean.h"
#include "core/errors.h"
#include "core/interrupt.h"
#include "tools/commands.h"
#include "tools/version.h"

namespace {

constexpr int kInternalErrorCode = 1;
constexpr int kUserErrorCode = 2;
constexpr int kInterruptedCode = 130;

void add_commands(CLI::App& app) {
  using namespace longbow::tools;
  add_train_command(app);
  add_learner_command(app);
  add_rollout_command(app);
  add_pretrain_command(app);
  add_sft_command(app);
  add_eval_command(app);
  add_score_command(app);
  add_report_command(app);
  add_data_command(app);
  add_generate_command(app);
  add_logprobs_command(app);
  add_tokenize_command(app);
  add_train_tokenizer_command(app);
  add_inspect_command(app);
  add_plan_command(app);
  add_bench_command(app);
}

/// CLI11 says only "a subcommand is required" for one that it does not know.
void refuse_unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return;
  throw longbow::UserError(longbow::concat("unknown command '", argv[1], "'", longbow::did_you_mean(argv[1], names)), "see longbow --help");
}

int report_failure(std::string_view what, std::string_view hint, int code) {
  std::cerr << "longbow: " << what << "\n";
  if (!hint.empty()) std::cerr << "hint: " << hint << "\n";
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Longbow fine-tunes hybrid language models on long prompts with GRPO.", "longbow"};
  app.require_subcommand(1);
  app.set_version_flag("--version", [] { return longbow::tools::version_text(); });
  add_commands(app);
  try {
    refuse_unknown_command(app, argc, argv);
    app.parse(argc, argv);
    return longbow::interrupted() ? kInterruptedCode : 0;
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help and --version
  } catch (const CLI::ParseError& error) {
    return report_failure(error.what(), "see longbow --help, or longbow COMMAND --help", kUserErrorCode);
  } catch (const longbow::UserError& error) {
    return report_failure(error.what(), error.hint(), longbow::interrupted() ? kInterruptedCode : kUserErrorCode);
  } catch (const std::bad_alloc&) {
    return report_failure("out of memory", "longbow plan RECIPE says what a run needs", kUserErrorCode);
  } catch (const std::exception& error) {
    return report_failure(error.what(), "this is a defect of Longbow; please report it", kInternalErrorCode);
  }
}
