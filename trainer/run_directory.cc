#include "trainer/run_directory.h"

#include <array>
#include <filesystem>
#include <optional>

#include "core/atomic_file.h"
#include "core/errors.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;

/// Keys that may change between a run and its resumption: where and how fast, not what.
constexpr std::array<std::string_view, 8> kFreeKeys = {"/description",
                                                       "/threads",
                                                       "/algorithm/steps",
                                                       "/checkpoint/every",
                                                       "/checkpoint/keep",
                                                       "/rollout/workers",
                                                       "/rollout/threads_per_worker",
                                                       "/rollout/endpoint"};

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
  if (!resume && fs::exists(file("recipe.json"))) {
    throw UserError(concat("run directory: expected a new folder, got one that holds a run (", path_, ")"),
                    "pass --resume to go on with it, or another --run-dir");
  }
  std::error_code error;
  fs::create_directories(checkpoints_path(), error);
  if (error) throw UserError(concat("run directory: cannot create ", path_, ": ", error.message()));
}

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
