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

/// In the order in which they are applied. `bots` judges the whole file (shortcut_bots.h), the others each item.
enum class Gate { construction, bots, oracle, uniqueness, decontamination };
inline constexpr Gate kGates[] = {Gate::construction, Gate::bots, Gate::oracle, Gate::uniqueness, Gate::decontamination};
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
};

}  // namespace longbow::data
