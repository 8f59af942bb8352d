// Where training prompts come from: items by task, each task in its own shuffled order, tasks in turn by their weights.
// What comes next is a pure function of the seed, the items and how many of each task were drawn, so a run resumes exactly.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/chat_template.h"
#include "data/item.h"
#include "data/tokenizer.h"
#include "data/trajectory.h"

namespace longbow::data {

struct PromptSourceConfig {
  std::uint64_t seed = 0;
  std::int64_t max_prompt_tokens = 2048;            // longer prompts are dropped and counted, never cut
  std::map<std::string, double> task_weights = {};  // shares of every batch; 1 for a task that is not named
};

struct SourcedPrompt {
  Prompt prompt;               // step and prompt_idx are the caller's to set
  const Item* item = nullptr;  // lives as long as the source
};

class PromptSource {
 public:
  /// Templates and tokenizes every item once. Throws UserError when none is short enough, or a weight is wrong.
  PromptSource(std::vector<Item> items, const Tokenizer& tokenizer, const ChatTemplate& chat_template, PromptSourceConfig config);

  /// The next `count` prompts, for a batch or to refill one. Each is drawn from the task furthest behind its share of all
  /// draws, so that shares hold in every batch as nearly as its size allows.
  /// A task's items all come once, in an order keyed by (seed, task, epoch), before one comes again.
  std::vector<SourcedPrompt> next(std::int64_t count);

  /// How far each task is, small enough for every checkpoint; restore continues from there.
  Json state() const;
  /// Throws UserError when the state is of other items or another seed.
  void restore(const Json& state);

  std::int64_t num_prompts() const;  // that can be drawn
  std::int64_t num_dropped() const { return num_dropped_; }

 private:
  struct Entry {
    std::size_t item_idx;
    std::vector<std::int32_t> tokens;
  };
  struct Task {
    std::string name;
    double weight = 1;
    std::vector<Entry> entries;
    std::int64_t drawn = 0;
    std::int64_t shuffled_epoch = -1;  // of `order`
    std::vector<std::size_t> order;
  };

  Task& most_owed();
  const Entry& draw(Task& task) const;
  std::string compute_digest() const;

  std::vector<Item> items_;
  PromptSourceConfig config_;
  std::vector<Task> tasks_;  // by name
  std::int64_t num_dropped_ = 0;
  std::string digest_;  // of the seed and every prompt in order: equal digests mean that equal states continue alike
};

}  // namespace longbow::data
