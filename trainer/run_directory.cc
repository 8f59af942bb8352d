#include "trainer/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/atomic_file.h"
#include "core/errors.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;

/// Keys that may change between a run and its resumption: where, how fast and how patiently, not what.
constexpr std::array<std::string_view, 18> kFreeKeys = {"/description",
                                                        "/threads",
                                                        "/activation_budget_mib",
                                                        "/algorithm/steps",
                                                        "/algorithm/max_refills",
                                                        "/checkpoint/every",
                                                        "/checkpoint/keep",
                                                        "/reward/command_timeout_ms",
                                                        "/reward/slow_ms",
                                                        "/rollout/workers",
                                                        "/rollout/threads_per_worker",
                                                        "/rollout/concurrent_groups",
                                                        "/rollout/prefill_chunk",
                                                        "/rollout/kv_budget_mib",
                                                        "/rollout/endpoint",
                                                        "/rollout/lease_timeout_ms",
                                                        "/rollout/heartbeat_ms",
                                                        "/rollout/start_timeout_ms"};

/// Pointer of the first value that differs, or nothing.
std::optional<std::string> first_difference(const Json& stored, const Json& given, const std::string& pointer) {
  for (std::string_view free : kFreeKeys) {
    if (pointer == free) return std::nullopt;
  }
  if (!stored.is_object() || !given.is_object()) return stored == given ? std::nullopt : std::optional(pointer);
  for (const auto& [key, value] : given.as_object()) {
    const Json* other = stored.find(key);
    if (other == nullptr) return pointer + "/" + key;
    if (auto found = first_difference(*other, value, pointer + "/" + key)) return found;
  }
  return std::nullopt;
}

}  // namespace

RunDirectory::RunDirectory(std::string path, bool resume) : path_(std::move(path)) {
  make_directories(path_);
  lock_ = ::open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw UserError(concat("run directory: expected a writable folder, got \"", std::strerror(errno), "\" (", path_, ")"));
  try {
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {  // a file system without locks is used without
      throw UserError(concat("run directory: expected one that nobody is at work on, got one in use by another process (", path_, ")"));
    }
    if (!resume && fs::exists(file("recipe.json"))) {
      throw UserError(concat("run directory: expected a new folder, got one that holds a run (", path_, ")"),
                      "pass --resume to go on with it, or another --run-dir");
    }
    make_directories(checkpoints_path());
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

RunDirectory::~RunDirectory() { ::close(lock_); }

void RunDirectory::store_recipe(const Json& resolved, bool resume) const {
  if (resume && fs::exists(file("recipe.json"))) {
    const Json stored = read_json_file(file("recipe.json"));
    if (auto pointer = first_difference(stored, resolved, "")) {
      throw UserError(concat("resume: expected the recipe of ", file("recipe.json"), ", got another value at ", *pointer),
                      "resume with the same recipe, or start anew in another --run-dir");
    }
  }
  write_file_atomically(file("recipe.json"), resolved.dump(2) + "\n");
}

void RunDirectory::store_result(const Json& result) const { write_file_atomically(file("result.json"), result.dump(2) + "\n"); }

}  // namespace longbow::trainer
