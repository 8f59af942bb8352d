// One file of a data set in the making: draws on all threads, gates, then lines written as they come, so that memory does not grow
// with the number of items.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/thread_pool.h"
#include "data/item_statistics.h"
#include "data/tasks/bot_tally.h"
#include "data/tasks/gates.h"

namespace longbow::data {

/// How often, of several tries, a model answers each item rightly: shares in [0, 1].
using PassRates = std::function<std::vector<double>(const std::vector<Item>& items)>;

struct EntryInputs {
  const TaskBuilder& builder;
  std::uint64_t seed = 0;
  const TokenCounter& count_tokens;
  bool lengths_are_estimates = false;  // num_tokens is then stored as 0
  const GateKeeper& gates;
  const PassRates& pass_rates;  // empty: no such gate
};

/// Relative to the data set's folder: "TASK.jsonl" or "heldout/TASK.jsonl".
std::string output_file(const TaskSettings& settings);

class EntryBuild {
 public:
  EntryBuild(const EntryInputs& inputs, ThreadPool& pool);

  /// Writes the file at `path`, which appears when it is whole. Throws UserError when a bot does better than chance on it, when too
  /// many draws give no item, or after an interrupt; then there is no file.
  void run(const std::string& path);

  /// The entry's part of the manifest: items, digest, drops in the gates' order, bots, statistics.
  void describe(Json& entry) const;

 private:
  struct Drawn {
    std::optional<Item> item;
    std::optional<GateFailure> failure;
    BotAnswers bots;
    std::string line;
  };

  void draw(std::int64_t index, Drawn& drawn) const;
  void ask_model(std::vector<Drawn>& drawn) const;
  /// Whether the item was stored.
  bool take(const Drawn& drawn);
  std::int64_t num_dropped() const;

  EntryInputs inputs_;
  ThreadPool& pool_;
  std::int64_t num_items_ = 0;
  std::map<std::string, std::int64_t, std::less<>> drops_;
  std::string last_reason_, digest_;
  BotTally bots_;
  ItemStatistics statistics_;
};

}  // namespace longbow::data
