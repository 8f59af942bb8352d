#include "data/tasks/check.h"

#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "core/line_reader.h"
#include "core/thread_pool.h"
#include "data/dataset.h"
#include "data/tasks/build.h"
#include "data/tasks/shortcut_bots.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

// A manifest's recipe, as far as it can be read; a foreign data set has none.
DatasetRecipe recipe_of(const Json& manifest) {
  DatasetRecipe recipe;
  if (const Json* json = manifest.find("recipe")) read_config(recipe, *json, kManifestName);
  return recipe;
}

const Json* manifest_entry(const Json& manifest, const std::string& file) {
  const Json* files = manifest.find("files");
  if (files == nullptr) return nullptr;
  for (const Json& entry : files->as_array()) {
    if (entry.at("file") == Json(file)) return &entry;
  }
  return nullptr;
}

struct Judged {
  std::optional<GateFailure> failure;
  std::vector<bool> bots;
  std::size_t num_candidates = 0;
};

Judged judge(const Item& item, const GateKeeper& gates) {
  Judged judged;
  const Reading reading = read_item(item, gates.corpus);
  judged.failure = gates.judge(item, reading);
  // An item without a reading has nothing for the bots to work on.
  if (reading.problem.empty()) judged.bots = run_bots(item, reading);
  judged.num_candidates = reading.guesses.size();
  return judged;
}

}  // namespace

CheckReport check_dataset(const std::string& dir, const CheckOptions& options) {
  const std::vector<std::string> files = dataset_files(dir);
  const Json manifest = read_manifest(dir);
  const DatasetRecipe recipe = recipe_of(manifest);
  std::optional<Corpus> loaded;
  if (options.corpus == nullptr) loaded.emplace(WordNet::load(options.wordnet.empty() ? recipe.wordnet : options.wordnet));
  const Corpus& corpus = loaded ? *loaded : *options.corpus;
  const NgramIndex contamination(recipe.decontaminate);
  GateKeeper gates{corpus, contamination, options.score, nullptr};
  const bool has_tokenizer = !recipe.tokenizer.empty() && fs::exists(fs::path(recipe.tokenizer) / "tokenizer.model");
  if (has_tokenizer) gates.count_tokens = make_token_counter(recipe.tokenizer, 0);

  CheckReport report;
  report.json["num_tokens"] = has_tokenizer ? "recounted" : "not recounted: the tokenizer is not at hand";
  report.json["files"] = Json::array();
  ThreadPool pool(options.num_threads);
  std::set<std::string> ids;
  for (const std::string& file : files) {
    const std::string path = (fs::path(dir) / file).string();
    const std::vector<Item> items = read_items(path);
    std::vector<Judged> judged(items.size());
    pool.parallel_for(static_cast<std::int64_t>(items.size()), [&](std::int64_t i, int) { judged[i] = judge(items[i], gates); });

    Json failures = Json::object();
    for (const Gate gate : kGates) failures[name_of(gate)] = 0;
    const auto fail = [&](std::string item, std::string_view gate, std::string reason) {
      if (Json* count = failures.find(gate)) *count = count->as_integer() + 1;
      report.failures.push_back({file, std::move(item), std::string(gate), std::move(reason)});
    };
    BotTally tally;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!ids.insert(items[i].id).second) fail(items[i].id, name_of(Gate::construction), "its id occurs twice in the data set");
      if (judged[i].failure) fail(items[i].id, name_of(judged[i].failure->gate), judged[i].failure->reason);
      if (!judged[i].bots.empty()) tally.add(items[i].answer.answers.front(), judged[i].bots, judged[i].num_candidates);
    }
    if (const auto bot = tally.failure()) {
      fail("", name_of(Gate::bots),
           concat("expected the bot \"", bot->bot, "\" at chance (at most ", bot->allowed, "), got ", bot->accuracy));
    }
    if (const Json* entry = manifest_entry(manifest, file); entry != nullptr && entry->at("digest") != Json(file_digest(read_file(path)))) {
      fail("", "manifest", concat("expected the digest ", entry->at("digest").dump(), ", got \"", file_digest(read_file(path)), "\""));
    }
    Json one = Json::object();
    one["file"] = file;
    one["failures"] = std::move(failures);
    one["bots"] = tally.to_json();
    one["statistics"] = statistics(items);
    report.json["files"].push_back(std::move(one));
  }
  report.json["failures"] = Json::array();
  for (const CheckFailure& failure : report.failures) {
    Json one = Json::object();
    one["file"] = failure.file;
    one["item"] = failure.item.empty() ? Json() : Json(failure.item);
    one["gate"] = failure.gate;
    one["reason"] = failure.reason;
    report.json["failures"].push_back(std::move(one));
  }
  report.json["passed"] = report.failures.empty();
  return report;
}

}  // namespace longbow::data
