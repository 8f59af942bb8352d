// Options that mean the same in every command that has them: --threads, --seed, --set.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace longbow::tools {

inline constexpr int kMaxThreads = 1024;

/// `threads`: any integer, or an optional one.
template <class Threads>
CLI::Option* add_threads_option(CLI::App& command, Threads& threads) {
  return command.add_option("--threads", threads, "Compute threads; 0: one per processor")->check(CLI::Range(0, kMaxThreads));
}

/// A negative seed would wrap around, and one beyond int64 would not survive JSON.
template <class Seed>
CLI::Option* add_seed_option(CLI::App& command, Seed& seed, const std::string& help = "Seed of every random choice") {
  return command.add_option("--seed", seed, help)
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max(), "NONNEGATIVE"));
}

/// One override each time it is given, so that what follows may be the recipe.
inline CLI::Option* add_set_option(CLI::App& command, std::vector<std::string>& overrides) {
  return command.add_option("--set", overrides, "Override a key: /path/to/key=value; may be given several times")->allow_extra_args(false);
}

/// For commands whose output is JSON anyway: a script may pass --json everywhere.
inline void add_needless_json_flag(CLI::App& command) {
  command.add_flag("--json")->description("Accepted everywhere; the output is JSONL either way");
}

}  // namespace longbow::tools
