#include "tools/inspect_text.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/errors.h"
#include "tools/markup.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kNameColumns = 14;

std::string line(std::string_view name, std::string_view text) {
  return concat("  ", name, std::string(kNameColumns - std::min(kNameColumns - 1, name.size()), ' '), text, "\n");
}

std::string bytes_text(double bytes) {
  char text[32];
  if (bytes >= 1e9) {
    std::snprintf(text, sizeof text, "%.2f GB", bytes / 1e9);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", bytes / 1e6);
  }
  return text;
}

std::string number(const Json& value) { return format_value(value.as_number()); }

/// "5", "0 to 20, mean 7.5", or "-" for no lengths at all.
std::string range_text(const Json& summary) {
  if (summary.is_null()) return "-";
  const std::string low = number(summary.at("min")), high = number(summary.at("max"));
  return low == high ? low : concat(low, " to ", high, ", mean ", number(summary.at("mean")));
}

/// "key_chain 100, long_math 100".
std::string counts_text(const Json& counts) {
  std::string text;
  for (const auto& [name, count] : counts.as_object())
    text += concat(text.empty() ? "" : ", ", name.empty() ? "none" : name, " ", count.dump());
  return text.empty() ? "-" : text;
}

/// Aligned columns, two spaces apart; the first row is the head.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text = "\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) text += concat("  ", std::string(widths[i] - row[i].size(), ' '), row[i]);
    text += "\n";
  }
  return text;
}

std::string layer_table(const Json::Array& layers) {
  std::vector<std::vector<std::string>> rows(1, {"layer"});
  if (layers.empty()) return {};
  for (const auto& [key, unused] : layers[0].as_object()) rows[0].push_back(key);
  for (const Json& layer : layers) {
    rows.push_back({concat(rows.size() - 1)});
    for (const auto& [key, value] : layer.as_object())
      rows.back().push_back(value.is_string()    ? value.as_string()
                            : value.is_null()    ? "-"
                            : value.is_integer() ? value.dump()
                                                 : number(value));
  }
  return table(rows);
}

std::string describe_checkpoint(const Json& result) {
  std::string text = line("family", result.at("family").as_string());
  text += line("parameters",
               concat(number(result.at("parameters")), ", ", number(result.at("non_embedding_parameters")), " without embeddings"));
  text += line("vocabulary",
               concat(result.at("vocab_size").dump(), result.at("tie_word_embeddings").as_bool() ? " pieces, embeddings tied" : " pieces"));
  text += line("hidden size", result.at("hidden_size").dump());
  text += line("positions", result.at("max_position_embeddings").dump());
  const Json& weights = result.at("weights");
  if (weights.is_null()) return text + line("weights", "none") + layer_table(result.at("layers").as_array());
  std::string types;
  for (const Json& type : weights.at("dtypes").as_array()) types += (types.empty() ? "" : ", ") + type.as_string();
  text += line("weights", concat(bytes_text(weights.at("bytes").as_number()), " ", types, " in ", weights.at("tensors").dump(),
                                 " tensors, ", weights.at("files").dump(), weights.at("files").as_integer() == 1 ? " file" : " files"));
  return text + layer_table(result.at("layers").as_array());
}

std::string describe_dataset(const Json& result) {
  std::string text;
  if (const Json* manifest = result.find("manifest")) {
    if (const Json* description = manifest->find("description"); description && description->is_string())
      text += line("description", description->as_string());
    if (const Json* seed = manifest->find("seed")) text += line("seed", seed->dump());
  }
  std::vector<std::vector<std::string>> rows(1, {"file", "items", "prompt tokens", "length bins", "tasks"});
  for (const Json& file : result.at("files").as_array()) {
    rows.push_back({file.at("file").as_string(), file.at("items").dump(), range_text(file.at("num_tokens")),
                    counts_text(file.at("length_bins")), counts_text(file.at("tasks"))});
  }
  return text + table(rows);
}

std::string describe_run(const Json& result) {
  std::string text;
  const Json& recipe = result.at("recipe");
  if (const Json* description = recipe.find("description"); description && description->is_string())
    text += line("description", description->as_string());
  const Json& outcome = result.at("result");
  const Json* interrupted = outcome.find("interrupted");
  const bool is_done = !outcome.is_null() && !(interrupted && interrupted->is_bool() && interrupted->as_bool());
  text += line("steps", concat(result.at("steps").dump(), is_done ? ", done" : ", not done: --resume goes on"));
  if (const Json* seconds = outcome.find("seconds")) text += line("time", format_duration(seconds->as_number()));
  if (const Json* seed = recipe.find("seed")) text += line("seed", seed->dump());
  if (const Json* before = outcome.find("accuracy_before")) {
    const Json& after = outcome.at("accuracy_after");
    text += line("held-out", concat(format_value(before->at("mean").as_number(), true), " → ",
                                    format_value(after.at("mean").as_number(), true), " of ", after.at("items").dump(), " items"));
  }
  std::string checkpoints;
  for (const Json& name : result.at("checkpoints").as_array()) checkpoints += (checkpoints.empty() ? "" : ", ") + name.as_string();
  text += line("checkpoints", checkpoints.empty() ? "none" : checkpoints);
  if (result.at("last_metrics").is_null()) return text;
  text += "\n  last step\n";
  for (const auto& [name, value] : result.at("last_metrics").as_object()) {
    if (value.is_number()) text += concat("  ", name, std::string(26 - std::min<std::size_t>(25, name.size()), ' '), number(value), "\n");
  }
  return text;
}

std::string describe_trajectory(const Json& result) {
  std::string text = line("item", concat(result.at("item_id").as_string(), " (", result.at("task").as_string(), ")"));
  text += line("step", result.at("step").dump()) + line("prompt", concat(result.at("prompt_tokens").dump(), " tokens"));
  text += line("completions", concat(result.at("completions").dump(), ", tokens: ", range_text(result.at("completion_tokens"))));
  return text + line("ended by", counts_text(result.at("finish_reasons")));
}

}  // namespace

std::string describe_path(const Json& result) {
  const std::string& kind = result.at("kind").as_string();
  const std::string head = concat(kind, " ", result.at("path").as_string(), "\n");
  if (kind == "checkpoint") return head + describe_checkpoint(result);
  if (kind == "data set") return head + describe_dataset(result);
  if (kind == "run directory") return head + describe_run(result);
  return head + describe_trajectory(result);
}

}  // namespace longbow::tools
