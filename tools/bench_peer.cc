// Starts the LibTorch program that stands beside `longbow` and reads its one line.
#include <filesystem>
#include <iostream>
#include <set>
#include <string>

#include "core/errors.h"
#include "core/process.h"
#include "tools/bench_suite.h"

namespace longbow::tools {
namespace {

constexpr double kTimeoutSeconds = 1800;

/// Each reason once: a peer that failed must not hide that another one did.
void say_once(const std::string& what) {
  static std::set<std::string> said;
  if (said.insert(what).second) std::cerr << "longbow: bench: no LibTorch to compare with: " << what << "\n";
}

PeerRun run_program(const std::string& program, const std::string& name, int threads, double budget, std::span<const std::int64_t> size) {
  std::vector<std::string> argv{program, name, std::to_string(threads), std::to_string(budget)};
  for (const std::int64_t value : size) argv.push_back(std::to_string(value));
  ProcessOptions options;
  options.output = options.error = ProcessOptions::Stream::pipe;
  ChildProcess child(argv, options);
  std::string line;
  if (!child.read_line(line, kTimeoutSeconds)) {
    child.wait(1);
    const std::string error = child.take_error_output();
    throw UserError(concat("longbow-libtorch-peer ", name, ": expected a line of JSON, got ", error.substr(0, error.find('\n'))));
  }
  const Json answer = parse_json(line, "longbow-libtorch-peer");
  PeerRun run;
  for (const Json& value : answer.at("seconds").as_array()) run.seconds.push_back(value.as_number());
  run.growth_bytes = answer.at("growth_bytes").as_integer();
  run.peak_rss_bytes = answer.at("peak_rss_bytes").as_integer();
  return run;
}

}  // namespace

std::optional<PeerRun> run_peer(const std::string& name, int threads, double budget, std::span<const std::int64_t> size) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "longbow-libtorch-peer";
  if (error || !std::filesystem::exists(program)) {
    say_once(concat(program.string(), " is not there"));
    return std::nullopt;
  }
  try {
    return run_program(program.string(), name, threads, budget, size);
  } catch (const UserError& failure) {
    say_once(failure.what());
    return std::nullopt;
  }
}

}  // namespace longbow::tools
