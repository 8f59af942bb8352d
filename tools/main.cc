// The `longbow` command: parses the command line, runs one subcommand, and turns what went wrong into one line and an exit code.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "core/did_you_mean.h"
#include "core/errors.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "tools/commands.h"
#include "tools/version.h"

namespace longbow {
namespace {

constexpr int kInternalErrorCode = 1;
constexpr int kUserErrorCode = 2;

void add_commands(CLI::App& app) {
  using namespace tools;
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

/// The command that the command line got to: "data build" of `longbow data build …`.
const CLI::App& command_of(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : command_of(*parsed.front());
}

/// "data build: " for messages; nothing for `longbow` itself.
std::string name_before_message(const CLI::App& command) {
  if (command.get_parent() == nullptr) return {};
  const std::string above = name_before_message(*command.get_parent());
  return (above.empty() ? "" : above.substr(0, above.size() - 2) + " ") + command.get_name() + ": ";
}

std::string help_hint(const CLI::App& command) {
  const std::string name = name_before_message(command);
  return concat("see longbow ", name.empty() ? "" : name.substr(0, name.size() - 2) + " ", "--help");
}

/// CLI11 says only "a subcommand is required" for one that it does not know.
void refuse_unknown_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_name().empty()) names.push_back(command->get_name());  // a group of options has none
  }
  if (names.empty() || arguments.empty() || arguments[0].starts_with("-")) return;
  const std::string& given = arguments[0];
  if (std::find(names.begin(), names.end(), given) != names.end()) {
    return refuse_unknown_command(*app.get_subcommand(given), {arguments.begin() + 1, arguments.end()});
  }
  if (given == "analyze") throw UserError("analyze: expected a command of this version, got one that is not built yet");
  throw UserError(concat(name_before_message(app), "unknown command '", given, "'", did_you_mean(given, names)), help_hint(app));
}

/// What CLI11 found wrong, with the command's name and the option that was meant.
UserError explained(const CLI::ParseError& error, const CLI::App& app) {
  const CLI::App& last = command_of(app);
  const CLI::App& command = last.remaining().empty() ? app : last;  // `longbow --option command` leaves it to `longbow`
  const std::vector<std::string> extras = command.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || extras.empty()) {
    return UserError(name_before_message(last) + error.what(), help_hint(last));
  }
  const auto option = std::find_if(extras.begin(), extras.end(), [](const std::string& extra) { return extra.starts_with("-"); });
  if (option == extras.end()) {
    return UserError(concat(name_before_message(command), "expected no further argument, got '", extras.front(), "'"), help_hint(command));
  }
  const std::string given = option->substr(0, option->find('='));
  std::vector<std::string> known;
  for (const CLI::Option* one : command.get_options()) {
    for (const std::string& long_name : one->get_lnames()) known.push_back("--" + long_name);
  }
  return UserError(concat(name_before_message(command), "unknown option '", given, "'", did_you_mean(given, known)), help_hint(command));
}

/// A standard stream that the caller has closed must not become the next file to be opened: output would land in it. It is opened the
/// wrong way round, so that using it still fails.
void occupy_closed_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// A document that a full disk cut short must not pass for a whole one.
void flush_output() {
  std::cout.flush();
  std::fflush(stdout);
  if (!std::cout || std::ferror(stdout)) {
    throw UserError("standard output: expected room for all of the output, got a full disk or a reader that is gone");
  }
}

/// Messages quote recipes, items and servers' replies.
int report_failure(std::string_view what, std::string_view hint, int code) {
  std::cerr << "longbow: " << as_one_line(what) << "\n";
  if (!hint.empty()) std::cerr << "hint: " << as_one_line(hint) << "\n";
  return code;
}

int report_failure(const UserError& error, int code) { return report_failure(error.what(), error.hint(), code); }

/// Parses and runs; CLI11 runs the command inside parse().
int run(CLI::App& app, int argc, char** argv) {
  try {
    refuse_unknown_command(app, {argv + 1, argv + argc});
    app.parse(argc, argv);
    flush_output();
    return interrupted() ? kInterruptedExitCode : 0;
  } catch (const CLI::Success& success) {  // --help and --version
    const int code = app.exit(success);
    flush_output();
    return code;
  } catch (const CLI::RuntimeError& error) {  // a command that has said what there is to say
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    throw explained(error, app);
  }
}

}  // namespace
}  // namespace longbow

int main(int argc, char** argv) {
  using namespace longbow;
  occupy_closed_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its write, as a full disk is
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of the write, not the end of a run
  CLI::App app{"Longbow fine-tunes hybrid language models on long prompts with GRPO.", "longbow"};
  app.require_subcommand(1);
  app.set_version_flag("--version", [] { return tools::version_text(); });
  add_commands(app);
  try {
    return run(app, argc, argv);
  } catch (const Interrupted& stopped) {
    return report_failure(stopped, kInterruptedExitCode);
  } catch (const UserError& error) {
    return report_failure(error, kUserErrorCode);
  } catch (const std::filesystem::filesystem_error& error) {
    return report_failure(
        concat("files: expected a path that can be used, got \"", error.code().message(), "\" (", error.path1().string(), ")"), "",
        kUserErrorCode);
  } catch (const std::bad_alloc&) {
    return report_failure("out of memory", "longbow plan RECIPE says what a run needs", kUserErrorCode);
  } catch (const std::exception& error) {
    return report_failure(error.what(), "this is a defect of Longbow; please report it", kInternalErrorCode);
  }
}
