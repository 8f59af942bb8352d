#include "model/checkpoint_dir.h"

#include <filesystem>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/line_reader.h"

namespace longbow::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenizerFiles[] = {
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json",     "merges.txt",      "chat_template.jinja",   "chat_template.json"};

void write_json(const std::string& path, const Json& json) { write_file_atomically(path, json.dump(2) + "\n"); }

void copy_tokenizer(const std::string& from, const std::string& to) {
  std::error_code ignored;
  if (from.empty() || fs::equivalent(from, to, ignored)) return;
  for (const char* name : kTokenizerFiles) {
    const std::string source = concat(from, "/", name);
    if (!fs::exists(source)) continue;
    write_file_atomically(concat(to, "/", name), read_file(source));
  }
}

}  // namespace

void save_checkpoint_dir(const std::string& dir, const ModelConfig& config, const ParameterLayout& layout, const Weights& weights,
                         kernels::DType dtype, const std::string& tokenizer_source_dir) {
  make_directories(dir);
  const Json json = model_config_to_json(config, std::string(kernels::name_of(dtype)));
  Json generation;
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (!json.at(key).is_null()) generation[key] = json.at(key);
  }
  generation["_from_model_config"] = true;
  write_json(dir + "/config.json", json);
  write_json(dir + "/generation_config.json", generation);
  copy_tokenizer(tokenizer_source_dir, dir);
  save_weights(dir, layout, weights, dtype);
}

}  // namespace longbow::model
