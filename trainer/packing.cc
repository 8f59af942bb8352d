#include "trainer/packing.h"

#include <utility>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

/// Adds `count` rows of tokens as a segment at `first_position`, whose rows from `first_query` on predict something. Returns the
/// number of its hidden state `first_query`.
std::int64_t append_segment(PackedTargets& packed, const std::int32_t* tokens, std::int64_t count, std::int64_t first_position, int prefix,
                            std::int64_t first_query) {
  model::TrainBatch& batch = packed.batch;
  const auto first_row = static_cast<std::int64_t>(batch.tokens.size());
  batch.tokens.insert(batch.tokens.end(), tokens, tokens + count);
  for (std::int64_t i = 0; i < count; ++i) batch.position_ids.push_back(static_cast<std::int32_t>(first_position + i));
  batch.segments.push_back({first_row, count, first_position, prefix, first_query});
  return std::exchange(packed.num_wanted, packed.num_wanted + count - first_query);
}

void add_target(PackedTargets& packed, std::int64_t state, std::int32_t token) {
  packed.source_rows.push_back(state);
  packed.targets.push_back(token);
}

}  // namespace

PackedGroup pack_group(const data::Group& group, PromptPacking packing) {
  const std::vector<std::int32_t>& prompt = group.prompt.tokens;
  const auto prompt_rows = static_cast<std::int64_t>(prompt.size());
  LONGBOW_CHECK_GT(prompt_rows, 0);
  PackedGroup packed;
  std::int64_t last_prompt_state = 0;
  const auto append_prompt = [&] {
    last_prompt_state = append_segment(packed, prompt.data(), prompt_rows, 0, -1, prompt_rows - 1);
    return static_cast<int>(packed.batch.segments.size()) - 1;
  };
  int prefix = packing == PromptPacking::once ? append_prompt() : -1;
  packed.completion_begin.push_back(0);
  for (const data::Completion& completion : group.completions) {
    const auto length = static_cast<std::int64_t>(completion.tokens.size());
    if (length > 0) {
      if (packing == PromptPacking::repeated) prefix = append_prompt();
      add_target(packed, last_prompt_state, completion.tokens[0]);
      if (length > 1) {
        const std::int64_t first_state = append_segment(packed, completion.tokens.data(), length - 1, prompt_rows, prefix, 0);
        for (std::int64_t i = 1; i < length; ++i) add_target(packed, first_state + i - 1, completion.tokens[i]);
      }
    }
    packed.completion_begin.push_back(static_cast<std::int64_t>(packed.targets.size()));
  }
  return packed;
}

std::int64_t append_sequence(PackedTargets& packed, const std::vector<std::int32_t>& tokens, const std::vector<bool>& is_target) {
  LONGBOW_CHECK_GE(tokens.size(), 2u);
  LONGBOW_CHECK_EQ(tokens.size(), is_target.size());
  const auto first_target = static_cast<std::int64_t>(packed.targets.size());
  const auto rows = static_cast<std::int64_t>(tokens.size()) - 1;  // the last token is only ever predicted
  std::int64_t first_query = 0;
  while (first_query < rows && !is_target[first_query + 1]) ++first_query;
  const std::int64_t first_state = append_segment(packed, tokens.data(), rows, 0, -1, first_query);
  for (std::int64_t i = first_query + 1; i <= rows; ++i) {
    if (is_target[i]) add_target(packed, first_state + i - 1 - first_query, tokens[i]);
  }
  return first_target;
}

}  // namespace longbow::trainer
