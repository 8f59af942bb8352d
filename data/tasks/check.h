// A stored data set is held against every gate and bot again: built here, tampered with, or made by someone else.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "data/tasks/gates.h"

namespace longbow::data {

struct CheckFailure {
  std::string file;
  std::string item;  // its id, or empty when the file as a whole fails
  std::string gate;  // a gate's name, or "manifest"
  std::string reason;
};

struct CheckReport {
  std::vector<CheckFailure> failures;
  Json json;  // per file: tasks, bots, statistics, skipped lines, failures of each gate; "num_tokens": "recounted" or why not
};

struct CheckOptions {
  std::string wordnet;     // empty: the manifest's, else Debian's
  CompletionScorer score;  // for the oracle gate
  int num_threads = 0;
  const Corpus* corpus = nullptr;               // prepared already; null: WordNet is read
  std::vector<std::string> decontaminate = {};  // empty: the manifest's files
  bool skip_bad_lines = false;                  // count lines that are no items and go on
};

/// Items of tasks that are not ours pass the gates that need no builder (foreign_item.h). Throws UserError when the folder, the manifest or
/// a line cannot be read, FILE:LINE named.
CheckReport check_dataset(const std::string& dir, const CheckOptions& options);

}  // namespace longbow::data
