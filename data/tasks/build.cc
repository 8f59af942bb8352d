#include "data/tasks/build.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "core/atomic_file.h"
#include "core/checksum.h"
#include "core/interrupt.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "data/chat_template.h"
#include "data/dataset.h"
#include "data/tasks/shortcut_bots.h"
#include "data/tokenizer.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kChunk = 64;               // draws between two looks at the count; fixed, so that threads change nothing
constexpr std::string_view kLengthDrop = "draw";  // draws that gave no item: too long, or numbers that do not work out

std::string output_file(const TaskSettings& settings) {
  return concat(settings.split == Split::heldout ? "heldout/" : "", settings.task, ".jsonl");
}

struct Drawn {
  std::optional<Item> item;
  std::optional<GateFailure> failure;
  std::vector<bool> bots;
  std::size_t num_candidates = 0;
};

Drawn draw(const TaskBuilder& builder, std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens, bool is_estimate,
           const GateKeeper& gates) {
  Drawn drawn;
  drawn.item = builder.build(seed, index, count_tokens);
  if (!drawn.item) return drawn;
  if (is_estimate) drawn.item->num_tokens = 0;
  const Reading reading = read_item(*drawn.item, gates.corpus);
  drawn.failure = gates.judge(*drawn.item, reading);
  if (drawn.failure) return drawn;
  drawn.bots = run_bots(*drawn.item, reading);
  drawn.num_candidates = reading.guesses.size();
  return drawn;
}

class EntryBuild {
 public:
  EntryBuild(const TaskBuilder& builder, const DatasetRecipe& recipe, const TokenCounter& count_tokens, const GateKeeper& gates,
             ThreadPool& pool)
      : builder_(builder), recipe_(recipe), count_tokens_(count_tokens), gates_(gates), pool_(pool) {
    drops_[std::string(kLengthDrop)] = 0;
    for (const Gate gate : kGates) drops_[std::string(name_of(gate))] = 0;
  }

  void run() {
    const std::int64_t count = builder_.settings().count;
    Progress progress(output_file(builder_.settings()), count, "items");
    for (std::int64_t next = 0; static_cast<std::int64_t>(items_.size()) < count; next += kChunk) {
      if (interrupted()) throw UserError("data build: interrupted; finished files are kept", "the same command goes on from them");
      std::vector<Drawn> drawn(kChunk);
      pool_.parallel_for(kChunk, [&](std::int64_t i, int) {
        drawn[i] = draw(builder_, static_cast<std::uint64_t>(recipe_.seed), next + i, count_tokens_, recipe_.tokenizer.empty(), gates_);
      });
      for (Drawn& one : drawn) {
        if (static_cast<std::int64_t>(items_.size()) < count) take(std::move(one));
      }
      progress.update(static_cast<std::int64_t>(items_.size()), concat(num_dropped_, " dropped"));
    }
    progress.finish(concat(num_dropped_, " dropped"));
    if (const auto failed = bots_.failure()) {
      throw UserError(concat("data build: expected every shortcut bot at chance on ", builder_.settings().task, " (at most ",
                             failed->allowed, "), got ", failed->accuracy, " from \"", failed->bot, "\""),
                      "more distractors, or more items, make the knobs safe");
    }
  }

  const std::vector<Item>& items() const { return items_; }
  /// In the gates' order.
  Json drops() const {
    Json json = Json::object();
    json[kLengthDrop] = drops_.at(std::string(kLengthDrop));
    for (const Gate gate : kGates) json[name_of(gate)] = drops_.at(std::string(name_of(gate)));
    return json;
  }
  Json bots() const { return bots_.to_json(); }

 private:
  void take(Drawn drawn) {
    if (drawn.item && !drawn.failure) {
      bots_.add(drawn.item->answer.answers.front(), drawn.bots, drawn.num_candidates);
      items_.push_back(std::move(*drawn.item));
      return;
    }
    ++num_dropped_;
    ++drops_[std::string(drawn.failure ? name_of(drawn.failure->gate) : kLengthDrop)];
    if (drawn.failure) last_reason_ = concat(" (", name_of(drawn.failure->gate), ": ", drawn.failure->reason, ")");
    const std::int64_t patience = 200 + 20 * static_cast<std::int64_t>(items_.size());
    if (num_dropped_ > patience) {
      throw UserError(
          concat("data build: expected most draws of ", builder_.settings().task, " to give an item of at most ",
                 builder_.settings().max_tokens, " tokens, got ", items_.size(), " items and ", num_dropped_, " drops", last_reason_),
          "raise max_tokens, or lower the knobs that add sentences or steps");
    }
  }

  const TaskBuilder& builder_;
  const DatasetRecipe& recipe_;
  const TokenCounter& count_tokens_;
  const GateKeeper& gates_;
  ThreadPool& pool_;
  std::vector<Item> items_;
  std::map<std::string, std::int64_t> drops_;
  std::int64_t num_dropped_ = 0;
  std::string last_reason_;
  BotTally bots_;
};

// Finished files of an earlier build, by name: their manifest entries.
std::map<std::string, Json> earlier_entries(const fs::path& dir, const fs::path& unfinished) {
  std::map<std::string, Json> entries;
  for (const fs::path& path : {dir / kManifestName, unfinished}) {
    if (!fs::exists(path)) continue;
    const Json manifest = read_json_file(path.string());
    const Json* files = manifest.find("files");
    if (files == nullptr || !files->is_array()) continue;
    for (const Json& entry : files->as_array()) {
      if (const Json* file = entry.find("file"); file && file->is_string()) entries[file->as_string()] = entry;
    }
  }
  return entries;
}

bool is_finished(const Json& entry, const std::string& fingerprint, const fs::path& path) {
  const Json* made_by = entry.find("fingerprint");
  const Json* digest = entry.find("digest");
  if (made_by == nullptr || digest == nullptr || *made_by != Json(fingerprint) || !fs::is_regular_file(path)) return false;
  return *digest == Json(file_digest(read_file(path.string())));
}

}  // namespace

DatasetRecipe read_dataset_recipe(const Json& json, const std::string& source) {
  DatasetRecipe recipe;
  read_config(recipe, json, source);
  if (recipe.tokenizer.empty() == (recipe.chars_per_token <= 0)) {
    throw UserError(concat("recipe: expected either \"tokenizer\" or \"chars_per_token\", got ",
                           recipe.tokenizer.empty() ? "neither" : "both", " (", source, ")"),
                    "name the training tokenizer's folder; chars_per_token is for data made before there is one");
  }
  if (!recipe.tasks.is_array() || recipe.tasks.size() == 0)
    throw UserError(concat("/tasks: expected a list of tasks, got ", recipe.tasks.dump(), " (", source, ")"));
  return recipe;
}

TokenCounter make_token_counter(const std::string& tokenizer_dir, double chars_per_token) {
  if (tokenizer_dir.empty()) {
    return [chars_per_token](std::string_view content) {
      return static_cast<std::int64_t>(std::ceil(static_cast<double>(content.size()) / chars_per_token));
    };
  }
  auto tokenizer = std::make_shared<const Tokenizer>(tokenizer_dir);
  auto chat_template = std::make_shared<const ChatTemplate>(ChatTemplate::load(tokenizer_dir));
  return [tokenizer, chat_template](std::string_view content) {
    const std::string prompt = chat_template->render({{"user", std::string(content)}}, true);
    return static_cast<std::int64_t>(tokenizer->encode(prompt).size());
  };
}

Json build_dataset(const DatasetRecipe& recipe, const BuildOptions& options) {
  std::optional<Corpus> loaded;
  if (options.corpus == nullptr) loaded.emplace(WordNet::load(recipe.wordnet));
  const Corpus& corpus = loaded ? *loaded : *options.corpus;
  std::vector<std::unique_ptr<TaskBuilder>> builders;
  std::set<std::string> names;
  for (std::size_t i = 0; i < recipe.tasks.size(); ++i) {
    builders.push_back(make_builder(recipe.tasks.as_array()[i], corpus, concat("recipe, /tasks/", i)));
    const std::string file = output_file(builders.back()->settings());
    if (!names.insert(file).second)
      throw UserError(concat("/tasks/", i, ": expected one entry for each task and split, got a second one for ", file));
  }
  const NgramIndex contamination(recipe.decontaminate);
  const TokenCounter count_tokens = make_token_counter(recipe.tokenizer, recipe.chars_per_token);
  const GateKeeper gates{corpus, contamination, options.score, nullptr};
  std::string inputs = concat(recipe.seed, " ", recipe.chars_per_token, " ", corpus.digest(), " ", contamination.digest(), " ");
  if (!recipe.tokenizer.empty()) inputs += file_digest(read_file((fs::path(recipe.tokenizer) / "tokenizer.model").string())) + " ";

  const fs::path dir(options.out_dir);
  const fs::path unfinished = dir / "manifest.unfinished.json";
  make_directories(dir.string());
  const std::map<std::string, Json> earlier = earlier_entries(dir, unfinished);
  Json resolved = config_to_json(recipe);
  resolved["tasks"] = Json::array();
  for (const auto& builder : builders) resolved["tasks"].push_back(builder->resolved());
  Json manifest = Json::object();
  manifest["format"] = "longbow data set, version 1";
  manifest["description"] = recipe.description;
  manifest["seed"] = recipe.seed;
  manifest["recipe"] = std::move(resolved);
  manifest["files"] = Json::array();

  ThreadPool pool(options.num_threads);
  for (const auto& builder : builders) {
    const std::string file = output_file(builder->settings());
    const fs::path path = dir / file;
    const std::string fingerprint = file_digest(inputs + builder->versioned_name() + " " + builder->resolved().dump());
    const auto before = earlier.find(file);
    if (before != earlier.end() && is_finished(before->second, fingerprint, path)) {
      log_info(concat(file, ": kept, ", before->second.at("items").as_integer(), " items of an earlier build with the same recipe"));
      manifest["files"].push_back(before->second);
      continue;
    }
    EntryBuild build(*builder, recipe, count_tokens, gates, pool);
    build.run();
    const std::string lines = items_to_jsonl(build.items());
    make_directories(path.parent_path().string());
    write_file_atomically(path.string(), lines);
    Json entry = Json::object();
    entry["file"] = file;
    entry["task"] = builder->settings().task;
    entry["split"] = name_of(builder->settings().split);
    entry["builder"] = builder->versioned_name();
    entry["items"] = static_cast<std::int64_t>(build.items().size());
    entry["digest"] = file_digest(lines);
    entry["fingerprint"] = fingerprint;
    entry["drops"] = build.drops();
    entry["bots"] = build.bots();
    entry["statistics"] = statistics(build.items());
    manifest["files"].push_back(std::move(entry));
    write_file_atomically(unfinished.string(), manifest.dump(2) + "\n");
  }
  write_file_atomically((dir / kManifestName).string(), manifest.dump(2) + "\n");
  fs::remove(unfinished);
  return manifest;
}

}  // namespace longbow::data
