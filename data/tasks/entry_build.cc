#include "data/tasks/entry_build.h"

#include <algorithm>
#include <utility>

#include "core/atomic_file.h"
#include "core/checksum.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "data/dataset.h"

namespace longbow::data {
namespace {

constexpr std::int64_t kMostDraws = 64;         // in memory at once; items are taken in the draws' order, so it changes no byte
constexpr std::string_view kDrawDrop = "draw";  // draws that gave no item: too long, or numbers that do not work out

}  // namespace

std::string output_file(const TaskSettings& settings) {
  return concat(settings.split == Split::heldout ? "heldout/" : "", settings.task, ".jsonl");
}

EntryBuild::EntryBuild(const EntryInputs& inputs, ThreadPool& pool) : inputs_(inputs), pool_(pool), bots_(inputs.builder.settings().task) {}

void EntryBuild::run(const std::string& path) {
  const TaskSettings& settings = inputs_.builder.settings();
  AtomicFile file(path);
  Hash64 digest;
  Progress progress(output_file(settings), settings.count, "items");
  std::vector<Drawn> drawn;
  for (std::int64_t next = 0; num_items_ < settings.count;) {
    if (interrupted()) throw Interrupted("data build: interrupted; finished files are kept", "the same command goes on from them");
    const std::int64_t num_draws = std::min(kMostDraws, settings.count - num_items_);
    drawn.resize(static_cast<std::size_t>(num_draws));
    pool_.parallel_for(num_draws, [&](std::int64_t i, int) { draw(next + i, drawn[static_cast<std::size_t>(i)]); });
    next += num_draws;
    if (inputs_.pass_rates) ask_model(drawn);
    pool_.parallel_for(num_draws, [&](std::int64_t i, int) {
      Drawn& one = drawn[static_cast<std::size_t>(i)];
      if (one.item && !one.failure) one.line = item_to_json(*one.item).dump() + "\n";
    });
    for (const Drawn& one : drawn) {
      if (!take(one)) continue;
      file.write(one.line);
      digest.add(one.line);
    }
    progress.update(num_items_, concat(num_dropped(), " dropped"));
  }
  if (const auto failed = bots_.failure()) {
    throw UserError(concat("data build: expected every shortcut bot at chance on ", settings.task, " (at most ", failed->allowed, "), got ",
                           failed->accuracy, " from \"", failed->bot, "\""),
                    "more distractors, or more items, make the knobs safe");
  }
  file.commit();
  digest_ = digest_text(digest.value());
  progress.finish(concat(num_dropped(), " dropped"));
}

void EntryBuild::describe(Json& entry) const {
  entry["items"] = num_items_;
  entry["digest"] = digest_;
  const auto dropped = [&](std::string_view reason) {
    const auto found = drops_.find(reason);
    entry["drops"][reason] = found == drops_.end() ? 0 : found->second;
  };
  dropped(kDrawDrop);
  for (const Gate gate : kGates) {
    if (gate != Gate::pass_band || inputs_.pass_rates) dropped(name_of(gate));
  }
  entry["bots"] = bots_.to_json();
  entry["statistics"] = statistics_.to_json();
}

void EntryBuild::draw(std::int64_t index, Drawn& drawn) const {
  drawn = {};
  drawn.item = inputs_.builder.build(inputs_.seed, index, inputs_.count_tokens);
  if (!drawn.item) return;
  if (inputs_.lengths_are_estimates) drawn.item->num_tokens = 0;
  const Reading reading = read_item(*drawn.item, inputs_.gates.corpus);
  drawn.failure = inputs_.gates.judge(*drawn.item, reading);
  if (!drawn.failure) drawn.bots = run_bots(*drawn.item, reading);
}

void EntryBuild::ask_model(std::vector<Drawn>& drawn) const {
  std::vector<Item> items;
  for (const Drawn& one : drawn) {
    if (one.item && !one.failure) items.push_back(*one.item);
  }
  const std::vector<double> rates = inputs_.pass_rates(items);
  LONGBOW_CHECK_EQ(rates.size(), items.size());
  auto rate = rates.begin();
  for (Drawn& one : drawn) {
    if (!one.item || one.failure) continue;
    one.item->difficulty["pass_rate"] = *rate;
    if (*rate <= 0 || *rate >= 1)
      one.failure = GateFailure{Gate::pass_band, *rate <= 0 ? "the model never answers it" : "the model always answers it"};
    ++rate;
  }
}

bool EntryBuild::take(const Drawn& drawn) {
  if (drawn.item && !drawn.failure) {
    ++num_items_;
    bots_.add(drawn.bots);
    statistics_.add(*drawn.item);
    return true;
  }
  ++drops_[std::string(drawn.failure ? name_of(drawn.failure->gate) : kDrawDrop)];
  if (drawn.failure) last_reason_ = concat(" (", name_of(drawn.failure->gate), ": ", drawn.failure->reason, ")");
  const std::int64_t patience = 200 + 20 * num_items_;
  if (num_dropped() > patience) {
    throw UserError(
        concat("data build: expected most draws of ", inputs_.builder.settings().task, " to give an item of at most ",
               inputs_.builder.settings().max_tokens, " tokens, got ", num_items_, " items and ", num_dropped(), " drops", last_reason_),
        concat("raise max_tokens, or lower the knobs that add sentences or steps",
               inputs_.builder.question_set() == nullptr ? "" : ", or bring more questions of one kind"));
  }
  return false;
}

std::int64_t EntryBuild::num_dropped() const {
  std::int64_t dropped = 0;
  for (const auto& [reason, count] : drops_) dropped += count;
  return dropped;
}

}  // namespace longbow::data
