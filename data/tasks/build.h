// A recipe becomes a data set: builders run on all threads, every item passes the gates, and each file appears whole.
// A build that was stopped goes on from the files it had finished.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/json.h"
#include "data/tasks/entry_build.h"

namespace longbow::data {

struct DatasetRecipe {
  std::string description;
  std::int64_t seed = 0;
  std::string tokenizer;
  double chars_per_token = 0;
  std::string wordnet = kWordNetDirectory;
  std::optional<TextSource> corpus;
  bool skip_bad_lines = false;
  Json tasks = Json::array();
  std::vector<std::string> decontaminate;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("description", description, {.help = "What the data set is for."});
    v.field("seed", seed, {.help = "Names the whole data set; another seed gives other items with other ids.", .min = 0});
    v.field("tokenizer", tokenizer, {.help = "Folder of the tokenizer that counts prompt lengths. This or chars_per_token must be set."});
    v.field("chars_per_token", chars_per_token,
            {.help = "Counts bytes instead: token limits are met by this estimate and num_tokens is stored as 0 (unknown).",
             .unit = "bytes",
             .min = 0,
             .max = 32});
    v.field("wordnet", wordnet, {.help = "Folder of WordNet's dict files."});
    v.optional_section("corpus", corpus, "Text of your own as filler; without it WordNet's definitions.");
    v.field("skip_bad_lines", skip_bad_lines,
            {.help = "Count bad lines of questions and corpora and go on, instead of stopping at the first."});
    v.field("tasks", tasks, {.help = "One object for each file: task, count, max_tokens, split, and the task's knobs.", .required = true});
    v.field("decontaminate", decontaminate, {.help = "Files whose runs of 13 words no item may hold."});
  }
};

/// Reads and validates; throws UserError.
DatasetRecipe read_dataset_recipe(const Json& json, const std::string& source);

struct BuildOptions {
  std::string out_dir;
  int num_threads = 0;              // 0: all processors; the bytes written are the same for any number
  CompletionScorer score;           // for the oracle gate
  const Corpus* corpus = nullptr;   // prepared already; null: the recipe's WordNet is read
  PassRates pass_rates = {};        // of the model whose pass band items must lie in; empty: that gate is not asked for
  std::string pass_band_name = "";  // names model and samples: a file made with others is not kept
};

/// Writes OUT/<task>.jsonl (train), OUT/heldout/<task>.jsonl, and at last OUT/manifest.json, whose content it returns. Files that an
/// earlier build with the same entry, seed, tokenizer and texts finished are kept. Throws UserError when a gate on the whole
/// file fails, or when an entry drops so many draws that it cannot succeed.
Json build_dataset(const DatasetRecipe& recipe, const BuildOptions& options);

}  // namespace longbow::data
