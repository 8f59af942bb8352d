// Scattering a draft over filler so that the prompt ends just below its token limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct Arrangement {
  std::string content;                 // context, blank line, question
  std::vector<EvidenceSpan> evidence;  // in the draft's order
  std::vector<EvidenceSpan> spans;     // of each of the draft's sentences
  std::int64_t num_tokens = 0;
  double first_depth = 0;  // where the first evidence starts, as a share of the context
};

/// Filler in random order, each sentence at most once, never one that holds a word of `draft.keep_out`; the draft's sentences at
/// uniform depths. nullopt when the draft alone is too long or no filler fits the gap: at most kMaxCounts token counts are made.
std::optional<Arrangement> arrange(const Draft& draft, const std::vector<std::string>& filler, std::int64_t limit_tokens,
                                   const TokenCounter& count_tokens, Rng& rng);

}  // namespace longbow::data
