#include "trainer/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "model/checkpoint_dir.h"
#include "model/safetensors.h"
#include "model/weight_snapshot.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStateVersion = 1;
constexpr std::string_view kPrefix = "step_";
constexpr std::string_view kPartial = ".partial";
constexpr const char* kStateFile = "/trainer_state.json";
constexpr const char* kTensorFile = "/trainer_state.safetensors";

/// Folders in `checkpoints_dir` named step_DIGITS and `suffix`, oldest first.
std::vector<fs::path> find_checkpoints(const std::string& checkpoints_dir, std::string_view suffix) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_dir, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix) || !name.ends_with(suffix) || name.size() < kPrefix.size() + suffix.size()) continue;
    const char* digits = name.data() + kPrefix.size();
    const char* end = name.data() + name.size() - suffix.size();
    std::int64_t step = 0;
    const auto parsed = std::from_chars(digits, end, step);
    if (parsed.ec == std::errc() && parsed.ptr == end && step >= 0) found.emplace_back(step, entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> paths;
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

/// Half-written checkpoints: of a run that was killed, or found no room.
void remove_partial(const std::string& checkpoints_dir) {
  std::error_code ignored;
  for (const fs::path& partial : find_checkpoints(checkpoints_dir, kPartial)) fs::remove_all(partial, ignored);
}

void sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::string checkpoint_name(std::int64_t step) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "step_%08lld", static_cast<long long>(step));
  return name.data();
}

void write_checkpoint(const std::string& dir, const CheckpointTarget& target, const TrainerState& state, const model::ModelConfig& config,
                      const model::ParameterLayout& layout, const model::Weights& weights, Optimizer& optimizer) {
  model::save_checkpoint_dir(dir, config, layout, weights, target.dtype, target.tokenizer_dir);
  const std::vector<std::int64_t> shape = {layout.total};
  std::visit(
      [&](const auto& moments) {
        const std::array<model::TensorToWrite, 3> tensors = {{{"weights", shape, weights.values.data()},
                                                              {"moment1", shape, moments.first.data()},
                                                              {"moment2", shape, moments.second.data()}}};
        model::write_safetensors(dir + kTensorFile, tensors, kernels::DType::f32);
      },
      optimizer.moments());
  Json json = Json::object();
  json["version"] = kStateVersion;
  json["step"] = state.step;
  json["optimizer_steps"] = state.optimizer_steps;
  json["layout_hash"] = std::to_string(model::layout_hash(layout));
  json["extra"] = state.extra;
  write_file_atomically(dir + kStateFile, json.dump(2) + "\n");
}

/// Fills `out` with the tensor's bytes. Another type is refused: rounded or widened, training would not go on as it would have.
template <class Stored>
void read_as_stored(const model::SafetensorsFile& file, std::string_view name, kernels::Buffer<Stored>& out) {
  constexpr auto kType = std::is_same_v<Stored, float> ? model::StoredType::f32 : model::StoredType::bf16;
  for (const model::StoredTensor& tensor : file.tensors()) {
    if (tensor.name != name || tensor.size != out.size()) continue;
    if (tensor.dtype != kType) {
      throw UserError(concat("checkpoint: expected '", name, "' in ", model::name_of(kType), ", got ", model::name_of(tensor.dtype), " (",
                             file.path(), ")"),
                      "moments are stored as /optimizer/moment_dtype said when the run began");
    }
    std::memcpy(out.data(), tensor.data, tensor.size * sizeof(Stored));
    return;
  }
  throw UserError(concat("checkpoint: expected a tensor '", name, "' of ", out.size(), " elements (", file.path(), ")"));
}

TrainerState read_checkpoint(const std::string& dir, const model::ParameterLayout& layout, model::Weights& weights, Optimizer& optimizer) {
  const std::string source = dir + kStateFile;
  const Json json = read_json_file(source);
  if (json.at("version").as_integer() != kStateVersion) {
    throw UserError(concat("checkpoint: expected version ", kStateVersion, ", got ", json.at("version").as_integer(), " (", source, ")"));
  }
  if (json.at("layout_hash").as_string() != std::to_string(model::layout_hash(layout))) {
    throw UserError(concat("checkpoint: expected the tensors of the recipe's model, got another model's (", source, ")"));
  }
  const model::SafetensorsFile file(dir + kTensorFile);
  read_as_stored(file, "weights", weights.values);
  std::visit(
      [&](auto& moments) {
        read_as_stored(file, "moment1", moments.first);
        read_as_stored(file, "moment2", moments.second);
      },
      optimizer.moments());
  TrainerState state;
  state.step = json.at("step").as_integer();
  state.optimizer_steps = json.at("optimizer_steps").as_integer();
  state.extra = json.at("extra");
  optimizer.set_steps_taken(state.optimizer_steps);
  return state;
}

}  // namespace

std::string save_checkpoint(const CheckpointTarget& target, const TrainerState& state, const model::ModelConfig& config,
                            const model::ParameterLayout& layout, const model::Weights& weights, Optimizer& optimizer, std::int64_t keep) {
  std::string final_path = target.checkpoints_dir + "/" + checkpoint_name(state.step);
  const std::string partial_path = concat(final_path, kPartial);
  remove_partial(target.checkpoints_dir);
  std::error_code error;
  try {
    write_checkpoint(partial_path, target, state, config, layout, weights, optimizer);
    fs::rename(partial_path, final_path, error);
    if (error) throw UserError(concat("checkpoint: expected to rename the folder, got \"", error.message(), "\" (", final_path, ")"));
  } catch (...) {
    remove_partial(target.checkpoints_dir);  // where there was no room it takes none
    throw;
  }
  sync_directory(target.checkpoints_dir);
  const auto complete = find_checkpoints(target.checkpoints_dir, "");
  // An old one loses its name before its files: no kill leaves half of one that looks whole.
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < complete.size(); ++i) {
    fs::rename(complete[i], complete[i].string() + std::string(kPartial), error);
  }
  remove_partial(target.checkpoints_dir);
  return final_path;
}

TrainerState load_checkpoint(const std::string& dir, const model::ParameterLayout& layout, model::Weights& weights, Optimizer& optimizer) {
  try {
    return read_checkpoint(dir, layout, weights, optimizer);
  } catch (const UserError& error) {
    throw UserError(concat("checkpoint: expected a whole one of this run, got: ", error.what(), " (", dir, ")"),
                    error.hint().empty() ? "remove that folder to resume from the checkpoint before it" : error.hint());
  }
}

std::string latest_checkpoint(const std::string& checkpoints_dir) {
  const auto complete = find_checkpoints(checkpoints_dir, "");
  return complete.empty() ? std::string() : complete.back().string();
}

}  // namespace longbow::trainer
