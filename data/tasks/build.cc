#include "data/tasks/build.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "core/atomic_file.h"
#include "core/log.h"
#include "core/thread_pool.h"
#include "data/dataset.h"
#include "data/tasks/token_counter.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

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
  for (const char* member : {"items", "statistics", "drops", "bots"}) {  // which the report reads; somebody may have edited them away
    if (entry.find(member) == nullptr) return false;
  }
  return *digest == Json(file_digest(path.string()));
}

Corpus load_corpus(const DatasetRecipe& recipe) {
  WordNet wordnet = WordNet::load(recipe.wordnet, recipe.skip_bad_lines);
  if (!recipe.corpus) return Corpus(std::move(wordnet));
  TextSource text = *recipe.corpus;
  text.skip_bad_lines = text.skip_bad_lines || recipe.skip_bad_lines;
  return Corpus(std::move(wordnet), load_text(text));
}

// The recipe's entry; where bad lines are to be skipped, those of its questions are.
Json entry_of(const DatasetRecipe& recipe, std::size_t i) {
  Json entry = recipe.tasks.as_array()[i];
  if (Json* questions = entry.find("questions"); recipe.skip_bad_lines && questions != nullptr && questions->is_object()) {
    (*questions)["skip_bad_lines"] = true;
  }
  return entry;
}

// What the user's questions came to, for the manifest.
Json describe_questions(const TaskBuilder& builder) {
  const QuestionSet& set = *builder.question_set();
  Json json = Json::object();
  json["read"] = static_cast<std::int64_t>(set.items.size());
  json["of_this_split"] = static_cast<std::int64_t>(builder.questions().size());
  json["bad_lines_skipped"] = set.num_skipped;
  json["without_an_answer"] = set.num_unanswerable;
  json["digest"] = digest_text(set.digest);
  return json;
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

Json build_dataset(const DatasetRecipe& recipe, const BuildOptions& options) {
  std::optional<Corpus> loaded;
  if (options.corpus == nullptr) loaded.emplace(load_corpus(recipe));
  const Corpus& corpus = loaded ? *loaded : *options.corpus;
  std::vector<std::unique_ptr<TaskBuilder>> builders;
  std::set<std::string> names;
  for (std::size_t i = 0; i < recipe.tasks.size(); ++i) {
    builders.push_back(make_builder(entry_of(recipe, i), corpus, concat("recipe, /tasks/", i)));
    const std::string file = output_file(builders.back()->settings());
    if (!names.insert(file).second)
      throw UserError(concat("/tasks/", i, ": expected one entry for each task and split, got a second one for ", file));
  }
  const NgramIndex contamination(recipe.decontaminate);
  const TokenCounter count_tokens = make_token_counter(recipe.tokenizer, recipe.chars_per_token);
  const GateKeeper gates{corpus, contamination, options.score, nullptr};
  std::string inputs = concat(recipe.seed, " ", recipe.chars_per_token, " ", corpus.digest(), " ", contamination.digest(), " ");
  if (!recipe.tokenizer.empty()) inputs += tokenizer_digest(recipe.tokenizer) + " ";
  inputs += options.pass_band_name;

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
    const std::string questions = builder->question_set() != nullptr ? describe_questions(*builder).dump() : "";
    const std::string fingerprint = bytes_digest(inputs + builder->versioned_name() + " " + builder->resolved().dump() + questions);
    const auto before = earlier.find(file);
    if (before != earlier.end() && is_finished(before->second, fingerprint, path)) {
      log_info(concat(file, ": kept, ", before->second.at("items").as_integer(), " items of an earlier build with the same recipe"));
      manifest["files"].push_back(before->second);
      continue;
    }
    make_directories(path.parent_path().string());
    EntryBuild build({*builder, static_cast<std::uint64_t>(recipe.seed), count_tokens, recipe.tokenizer.empty(), gates, options.pass_rates},
                     pool);
    build.run(path.string());
    Json entry = Json::object();
    entry["file"] = file;
    entry["task"] = builder->settings().task;
    entry["split"] = name_of(builder->settings().split);
    entry["builder"] = builder->versioned_name();
    if (builder->question_set() != nullptr) entry["questions"] = describe_questions(*builder);
    entry["fingerprint"] = fingerprint;
    build.describe(entry);
    manifest["files"].push_back(std::move(entry));
    write_file_atomically(unfinished.string(), manifest.dump(2) + "\n");
  }
  write_file_atomically((dir / kManifestName).string(), manifest.dump(2) + "\n");
  fs::remove(unfinished);
  return manifest;
}

}  // namespace longbow::data
