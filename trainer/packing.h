// From a group to one training batch: the prompt's rows once, each completion's rows as a segment that continues it, and
// the list of (row, target) pairs whose log-probabilities the loss needs. The prompt's last row predicts every
// completion's first token, so it appears once for each of them.
#pragma once

#include <cstdint>
#include <vector>

#include "data/trajectory.h"
#include "model/transformer.h"

namespace longbow::trainer {

/// A training batch and the tokens to be predicted from it. Rows of a segment before its first predicting one are not wanted.
struct PackedTargets {
  model::TrainBatch batch;
  std::int64_t num_wanted = 0;            // rows whose hidden states are computed
  std::vector<std::int64_t> source_rows;  // [targets] which of those states predicts the target
  std::vector<std::int32_t> targets;      // [targets] token id
};

/// `once` is how training runs; `repeated` gives every completion its own copy of the prompt, as a reference for tests and benchmarks.
enum class PromptPacking { once, repeated };

struct PackedGroup : PackedTargets {
  std::vector<std::int64_t> completion_begin;  // [completions + 1] ranges of `targets`
};

/// Packs all completions of `group`, empty ones included (they own no targets). Cost: P + Σ(R - 1) rows with `once`.
PackedGroup pack_group(const data::Group& group, PromptPacking packing = PromptPacking::once);

/// Appends an independent sequence (no prefix) of at least 2 tokens; token i >= 1 becomes a target where is_target[i].
/// Returns the index of its first target.
std::int64_t append_sequence(PackedTargets& packed, const std::vector<std::int32_t>& tokens, const std::vector<bool>& is_target);

}  // namespace longbow::trainer
