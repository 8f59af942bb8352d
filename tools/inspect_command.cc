// `longbow inspect PATH`: says what a path is. A checkpoint's directory, a data set, a run directory, or a trajectory file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "core/errors.h"
#include "core/line_reader.h"
#include "data/dataset.h"
#include "data/item.h"
#include "data/trajectory.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "tools/commands.h"
#include "tools/inspect_text.h"

namespace longbow::tools {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::int64_t integer(std::size_t value) { return static_cast<std::int64_t>(value); }

/// Files, tensors, bytes and element types of a checkpoint's weights; null when it has none.
Json inspect_weights(const std::string& dir) {
  if (!is_file(dir + "/model.safetensors") && !is_file(dir + "/model.safetensors.index.json")) return {};
  std::set<std::string> types;
  std::int64_t tensors = 0;
  std::int64_t bytes = 0;
  const std::vector<model::SafetensorsFile> files = model::open_checkpoint(dir);
  for (const model::SafetensorsFile& file : files) {
    tensors += integer(file.tensors().size());
    for (const model::StoredTensor& tensor : file.tensors()) {
      types.insert(std::string(model::name_of(tensor.dtype)));
      bytes += tensor.size * model::size_of(tensor.dtype);
    }
  }
  Json weights;
  weights["files"] = integer(files.size());
  weights["tensors"] = tensors;
  weights["bytes"] = bytes;
  weights["dtypes"] = Json::array();
  for (const std::string& type : types) weights["dtypes"].push_back(type);
  return weights;
}

Json describe_layer(const model::ModelConfig& config, const model::LayerConfig& layer) {
  const bool sliding = layer.attention == model::AttentionKind::sliding;
  Json row;
  row["attention"] = sliding ? "sliding" : "full";
  row["window"] = sliding ? Json(layer.window) : Json();
  row["position"] = layer.rope ? "rope" : "nope";
  row["theta"] = layer.rope ? Json(layer.rope_theta) : Json();
  row["heads"] = config.num_heads;
  row["kv_heads"] = config.num_kv_heads;
  row["head_dim"] = config.head_dim;
  row["mlp"] = "dense";
  row["intermediate_size"] = config.intermediate_size;
  return row;
}

/// Smallest, mean and largest of a list of lengths.
Json summarize(const std::vector<std::int64_t>& values) {
  Json summary;
  if (values.empty()) return summary;
  double sum = 0;
  for (const std::int64_t value : values) sum += static_cast<double>(value);
  summary["min"] = *std::ranges::min_element(values);
  summary["mean"] = sum / static_cast<double>(values.size());
  summary["max"] = *std::ranges::max_element(values);
  return summary;
}

/// The items of one file; `name` is what to call it.
Json inspect_items(const std::string& path, const std::string& name) {
  std::map<std::string, std::int64_t> tasks;
  std::map<std::string, std::int64_t> bins;
  std::vector<std::int64_t> lengths;
  std::int64_t items = 0;
  data::for_each_item(path, [&](const data::Item& item, const std::string&) {
    ++items;
    ++tasks[item.task];
    ++bins[item.length_bin];
    lengths.push_back(item.num_tokens);
  });
  Json result;
  result["file"] = name;
  result["items"] = items;
  result["tasks"] = Json::object();
  for (const auto& [task, count] : tasks) result["tasks"][task] = count;
  result["length_bins"] = Json::object();
  for (const auto& [bin, count] : bins) result["length_bins"][bin] = count;
  result["num_tokens"] = summarize(lengths);
  return result;
}

Json inspect_checkpoint(const std::string& dir) {
  const model::ModelConfig config = model::read_model_config(dir);
  Json result;
  result["kind"] = "checkpoint";
  result["path"] = dir;
  result["family"] = config.family;
  result["parameters"] = config.num_parameters();
  const std::int64_t embeddings = std::int64_t{config.vocab_size} * config.hidden_size * (config.tie_word_embeddings ? 1 : 2);
  result["non_embedding_parameters"] = config.num_parameters() - embeddings;
  result["vocab_size"] = config.vocab_size;
  result["hidden_size"] = config.hidden_size;
  result["tie_word_embeddings"] = config.tie_word_embeddings;
  result["max_position_embeddings"] = config.max_position_embeddings;
  result["weights"] = inspect_weights(dir);
  for (const model::LayerConfig& layer : config.layers) result["layers"].push_back(describe_layer(config, layer));
  return result;
}

/// A directory with manifest.json, or one JSONL file of items.
Json inspect_dataset(const std::string& path) {
  Json result;
  result["kind"] = "data set";
  result["path"] = path;
  result["files"] = Json::array();
  if (!fs::is_directory(path)) {
    result["files"].push_back(inspect_items(path, fs::path(path).filename().string()));
    return result;
  }
  result["manifest"] = read_json_file(path + "/manifest.json");
  std::vector<std::string> names;  // a split's files lie in a folder of their own
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    if (data::is_data_file(entry.path().filename().string())) names.push_back(fs::relative(entry.path(), path).string());
  }
  std::ranges::sort(names);
  for (const std::string& name : names) result["files"].push_back(inspect_items(path + "/" + name, name));
  return result;
}

Json inspect_run(const std::string& dir) {
  Json result;
  result["kind"] = "run directory";
  result["path"] = dir;
  result["steps"] = 0;
  result["last_metrics"] = Json();
  if (is_file(dir + "/metrics.jsonl")) {
    const std::string metrics = read_file(dir + "/metrics.jsonl");
    const std::string_view whole(metrics.data(), metrics.rfind('\n') + 1);  // npos + 1 is 0: a run may be writing, or was killed at it
    result["steps"] = std::ranges::count(whole, '\n');
    if (!whole.empty()) {
      const std::size_t begin = whole.rfind('\n', whole.size() - 2) + 1;
      result["last_metrics"] = parse_json(whole.substr(begin, whole.size() - 1 - begin), dir + "/metrics.jsonl");
    }
  }
  result["checkpoints"] = Json::array();
  std::vector<std::string> checkpoints;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir + "/checkpoints", ignored)) {
    if (entry.is_directory()) checkpoints.push_back(entry.path().filename().string());
  }
  std::ranges::sort(checkpoints);
  for (const std::string& name : checkpoints) result["checkpoints"].push_back(name);
  result["recipe"] = is_file(dir + "/recipe.json") ? read_json_file(dir + "/recipe.json") : Json();
  result["result"] = is_file(dir + "/result.json") ? read_json_file(dir + "/result.json") : Json();
  return result;
}

Json inspect_trajectory(const std::string& path) {
  const data::Group group = [&] {
    try {
      return data::decode_group(read_file(path));
    } catch (const UserError& error) {
      throw UserError(concat("inspect: expected a trajectory file, got another: ", error.what(), " (", path, ")"));
    }
  }();
  Json result;
  result["kind"] = "trajectory";
  result["path"] = path;
  result["item_id"] = group.prompt.item_id;
  result["task"] = group.prompt.task;
  result["step"] = group.prompt.step;
  result["prompt_tokens"] = integer(group.prompt.tokens.size());
  std::vector<std::int64_t> lengths;
  std::map<std::string, std::int64_t> reasons;
  for (const data::Completion& completion : group.completions) {
    lengths.push_back(integer(completion.tokens.size()));
    ++reasons[std::string(data::name_of(completion.finish_reason))];
  }
  result["completions"] = integer(group.completions.size());
  result["completion_tokens"] = summarize(lengths);
  result["finish_reasons"] = Json::object();
  for (const auto& [reason, count] : reasons) result["finish_reasons"][reason] = count;
  return result;
}

/// What `path` holds, as --json prints it; "kind" says which of the four. Throws UserError when it is none of them, or broken.
Json inspect_path(const std::string& path) {
  if (is_file(path)) {
    if (data::is_data_file(path)) return inspect_dataset(path);
    if (fs::path(path).filename() == "config.json")
      return inspect_checkpoint((fs::path(".") / path).parent_path().lexically_normal().string());
    return inspect_trajectory(path);
  }
  if (!fs::exists(path)) throw UserError(concat("inspect: no such file or directory (", path, ")"));
  if (is_file(path + "/config.json")) return inspect_checkpoint(path);
  if (is_file(path + "/manifest.json")) return inspect_dataset(path);
  if (is_file(path + "/metrics.jsonl") || is_file(path + "/recipe.json")) return inspect_run(path);
  throw UserError(concat(
      "inspect: expected a checkpoint (config.json), a data set (manifest.json) or a run (metrics.jsonl), got none of them (", path, ")"));
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  struct Options {
    std::string path;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "Say what a path is: a checkpoint, a data set, a run directory or a trajectory file");
  command->add_option("path", options->path, "File or directory")->required();
  command->add_flag("--json", options->json, "Print one JSON document");
  command->callback([options] {
    const Json result = inspect_path(options->path);
    if (options->json) {
      std::cout << result.dump(2) << "\n";
    } else {
      std::cout << describe_path(result);
    }
  });
}

}  // namespace longbow::tools
