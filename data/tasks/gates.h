// The gates that an item passes before it is stored, and again whenever a stored data set is checked.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "data/tasks/decontamination.h"
#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

/// In the order in which they are applied. `bots` judges the whole file (bot_tally.h), `pass_band` asks a model and only where one is
/// named (entry_build.h), the others judge each item by itself.
enum class Gate { construction, bots, oracle, uniqueness, decontamination, pass_band };
inline constexpr Gate kGates[] = {Gate::construction, Gate::bots, Gate::oracle, Gate::uniqueness, Gate::decontamination, Gate::pass_band};
std::string_view name_of(Gate gate);

struct GateFailure {
  Gate gate = Gate::construction;
  std::string reason;
};

/// The score of a completion under the item's reward. `data` may not include `rewards`, so the command brings it.
using CompletionScorer = std::function<double(const Item& item, const std::string& completion)>;

struct GateKeeper {
  const Corpus& corpus;
  const NgramIndex& contamination;
  CompletionScorer score;     // empty: the oracle gate compares texts only
  TokenCounter count_tokens;  // empty: num_tokens is not counted again

  /// The first gate that the item fails. construction: the text alone gives the stored question, evidence, chain and number of
  /// candidates, at the stored length; oracle: the gold chain alone gives the answer, and the reward says 1; uniqueness: the
  /// text supports the gold answer and no other; decontamination: no run of 13 words of a named file.
  std::optional<GateFailure> judge(const Item& item, const Reading& reading) const;
  /// Of an item that no builder of ours made: its form and stored length; the reward says 1 to its answer; decontamination.
  std::optional<GateFailure> judge_foreign(const Item& item, const Reading& reading) const;

 private:
  std::optional<GateFailure> contaminated(const Item& item) const;
};

}  // namespace longbow::data
