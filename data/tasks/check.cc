#include "data/tasks/check.h"

#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/thread_pool.h"
#include "data/dataset.h"
#include "data/item_statistics.h"
#include "data/tasks/bot_tally.h"
#include "data/tasks/build.h"
#include "data/tasks/foreign_item.h"
#include "data/tasks/token_counter.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunk = 256;  // items in memory at once

// A manifest's recipe, as far as it can be read; a foreign data set has none.
DatasetRecipe recipe_of(const Json& manifest, const std::string& dir) {
  DatasetRecipe recipe;
  if (const Json* json = manifest.find("recipe")) read_config(recipe, *json, (fs::path(dir) / kManifestName).string());
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

using IdPlaces = std::map<std::string, std::string>;  // an item's id -> FILE:LINE

struct Judged {
  std::optional<GateFailure> failure;
  std::optional<BotAnswers> bots;
};

// Everything about one file, item by item in its order.
class FileCheck {
 public:
  FileCheck(std::string file, const GateKeeper& gates, ThreadPool& pool, BadLines& bad_lines, IdPlaces& ids,
            std::vector<CheckFailure>& failures)
      : file_(std::move(file)), gates_(gates), pool_(pool), bad_lines_(bad_lines), ids_(ids), failures_(failures) {
    for (const Gate gate : kGates) {
      if (gate != Gate::pass_band) counts_[name_of(gate)] = 0;
    }
  }

  Json run(const std::string& path) {
    const std::int64_t skipped_before = bad_lines_.num_skipped();
    for_each_item(path, bad_lines_, [&](Item item, const std::string& where) {
      chunk_.push_back(std::move(item));
      places_.push_back(where);
      if (chunk_.size() == kChunk) judge_chunk();
    });
    judge_chunk();
    Json json = Json::object();
    json["file"] = file_;
    json["bad_lines_skipped"] = bad_lines_.num_skipped() - skipped_before;
    json["tasks"] = Json::array();
    for (const auto& [task, tally] : tallies_) {
      if (const auto bot = tally.failure())
        fail("", name_of(Gate::bots),
             concat("expected the bot \"", bot->bot, "\" at chance (at most ", bot->allowed, "), got ", bot->accuracy));
      json["tasks"].push_back(task);
    }
    json["failures"] = counts_;
    json["bots"] = tallies_.empty() ? BotTally("").to_json() : tallies_.begin()->second.to_json();
    for (const auto& [task, tally] : tallies_) json["bots_by_task"][task] = tally.to_json();
    json["statistics"] = statistics_.to_json();
    return json;
  }

  void fail(std::string item, std::string_view gate, std::string reason) {
    if (Json* count = counts_.find(gate)) *count = count->as_integer() + 1;
    failures_.push_back({file_, std::move(item), std::string(gate), std::move(reason)});
  }

 private:
  void judge_chunk() {
    std::vector<Judged> judged(chunk_.size());
    pool_.parallel_for(static_cast<std::int64_t>(chunk_.size()), [&](std::int64_t i, int) {
      const Item& item = chunk_[static_cast<std::size_t>(i)];
      Judged& one = judged[static_cast<std::size_t>(i)];
      const Reading reading = is_foreign(item) ? read_foreign_item(item) : read_item(item, gates_.corpus);
      try {
        one.failure = is_foreign(item) ? gates_.judge_foreign(item, reading) : gates_.judge(item, reading);
      } catch (const UserError& error) {  // a reward, or parameters of one, that do not exist
        one.failure = GateFailure{Gate::oracle, error.what()};
      }
      // An item without a reading has nothing for the bots to work on.
      if (reading.problem.empty()) one.bots = run_bots(item, reading);
    });
    for (std::size_t i = 0; i < chunk_.size(); ++i) {
      const Item& item = chunk_[i];
      const auto [before, is_new] = ids_.emplace(item.id, places_[i]);
      if (!is_new) fail(item.id, name_of(Gate::construction), concat("its id occurs twice, at ", before->second, " and ", places_[i]));
      if (judged[i].failure) fail(item.id, name_of(judged[i].failure->gate), judged[i].failure->reason);
      if (judged[i].bots) tallies_.try_emplace(item.task, item.task).first->second.add(*judged[i].bots);
      statistics_.add(item);
    }
    chunk_.clear();
    places_.clear();
  }

  std::string file_;
  const GateKeeper& gates_;
  ThreadPool& pool_;
  BadLines& bad_lines_;
  IdPlaces& ids_;
  std::vector<CheckFailure>& failures_;
  std::vector<Item> chunk_;
  std::vector<std::string> places_;  // of the chunk's items
  std::map<std::string, BotTally> tallies_;
  ItemStatistics statistics_;
  Json counts_ = Json::object();
};

}  // namespace

CheckReport check_dataset(const std::string& dir, const CheckOptions& options) {
  const std::vector<std::string> files = dataset_files(dir);
  const Json manifest = read_manifest(dir);
  const DatasetRecipe recipe = recipe_of(manifest, dir);
  std::optional<Corpus> loaded;
  if (options.corpus == nullptr) {
    loaded.emplace(
        WordNet::load(options.wordnet.empty() ? recipe.wordnet : options.wordnet, options.skip_bad_lines || recipe.skip_bad_lines));
  }
  const Corpus& corpus = loaded ? *loaded : *options.corpus;
  const NgramIndex contamination(options.decontaminate.empty() ? recipe.decontaminate : options.decontaminate);
  GateKeeper gates{corpus, contamination, options.score, nullptr};
  const bool recounts = has_tokenizer(recipe.tokenizer);
  if (recounts) gates.count_tokens = make_token_counter(recipe.tokenizer, 0);

  CheckReport report;
  report.json["num_tokens"] = recounts ? "recounted" : "not recounted: the tokenizer is not at hand";
  report.json["files"] = Json::array();
  ThreadPool pool(options.num_threads);
  BadLines bad_lines(options.skip_bad_lines, kSkipBadLinesHint);
  IdPlaces ids;
  for (const std::string& file : files) {
    const std::string path = (fs::path(dir) / file).string();
    FileCheck check(file, gates, pool, bad_lines, ids, report.failures);
    Json one = check.run(path);
    if (const Json* entry = manifest_entry(manifest, file); entry != nullptr) {
      const Json* stated = entry->find("digest");
      const Json digest = file_digest(path);
      if (stated == nullptr || *stated != digest)
        check.fail("", "manifest", concat("expected the digest ", stated ? stated->dump() : "of a build", ", got ", digest.dump()));
    }
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
