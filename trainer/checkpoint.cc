#include "trainer/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
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
constexpr const char* kStateFile = "/trainer_state.json";
constexpr const char* kTensorFile = "/trainer_state.safetensors";

/// Complete checkpoints, oldest first; the zero-padded step makes names sort by age.
std::vector<fs::path> complete_checkpoints(const std::string& checkpoints_dir) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_dir, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && name.find('.') == std::string::npos) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
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

}  // namespace

std::string save_checkpoint(const CheckpointTarget& target, const TrainerState& state, const model::ModelConfig& config,
                            const model::ParameterLayout& layout, const model::Weights& weights, Optimizer& optimizer, std::int64_t keep) {
  const std::string final_path = target.checkpoints_dir + "/" + checkpoint_name(state.step);
  const std::string partial_path = final_path + ".partial";
  std::error_code error;
  fs::remove_all(partial_path, error);
  model::save_checkpoint_dir(partial_path, config, layout, weights, target.dtype, target.tokenizer_dir);
  const std::vector<std::int64_t> shape = {layout.total};
  const std::array<model::TensorToWrite, 3> tensors = {{{"weights", shape, weights.values.data()},
                                                        {"moment1", shape, optimizer.moment1().data()},
                                                        {"moment2", shape, optimizer.moment2().data()}}};
  model::write_safetensors(partial_path + kTensorFile, tensors, kernels::DType::f32);
  Json json = Json::object();
  json["version"] = kStateVersion;
  json["step"] = state.step;
  json["optimizer_steps"] = state.optimizer_steps;
  json["layout_hash"] = std::to_string(model::layout_hash(layout));
  json["extra"] = state.extra;
  write_file_atomically(partial_path + kStateFile, json.dump(2) + "\n");
  fs::remove_all(final_path, error);
  fs::rename(partial_path, final_path, error);
  if (error) throw UserError(concat("checkpoint: cannot write ", final_path, ": ", error.message()));
  sync_directory(target.checkpoints_dir);
  const auto complete = complete_checkpoints(target.checkpoints_dir);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < complete.size(); ++i) fs::remove_all(complete[i], error);
  return final_path;
}

TrainerState load_checkpoint(const std::string& dir, const model::ParameterLayout& layout, model::Weights& weights, Optimizer& optimizer) {
  const std::string source = dir + kStateFile;
  const Json json = read_json_file(source);
  if (json.at("version").as_integer() != kStateVersion) {
    throw UserError(concat("checkpoint: expected version ", kStateVersion, ", got ", json.at("version").as_integer(), " (", source, ")"));
  }
  if (json.at("layout_hash").as_string() != std::to_string(model::layout_hash(layout))) {
    throw UserError(concat("checkpoint: expected the tensors of the recipe's model, got another model's (", source, ")"));
  }
  const model::SafetensorsFile file(dir + kTensorFile);
  const auto read = [&](std::string_view name, float* out) {
    for (const model::StoredTensor& tensor : file.tensors()) {
      if (tensor.name == name && tensor.size == layout.total) return model::read_tensor(tensor, out);
    }
    throw UserError(concat("checkpoint: expected a tensor '", name, "' of ", layout.total, " elements (", file.path(), ")"));
  };
  read("weights", weights.values.data());
  read("moment1", optimizer.moment1().data());
  read("moment2", optimizer.moment2().data());
  TrainerState state;
  state.step = json.at("step").as_integer();
  state.optimizer_steps = json.at("optimizer_steps").as_integer();
  state.extra = json.at("extra");
  optimizer.set_steps_taken(state.optimizer_steps);
  return state;
}

std::string latest_checkpoint(const std::string& checkpoints_dir) {
  const auto complete = complete_checkpoints(checkpoints_dir);
  return complete.empty() ? std::string() : complete.back().string();
}

}  // namespace longbow::trainer
