#include "trainer/packing.h"

#include "core/errors.h"

namespace longbow::trainer {
namespace {

/// Adds `count` rows of tokens as a segment at `first_position`; returns the segment's index.
int append_segment(model::TrainBatch& batch, const std::int32_t* tokens, std::int64_t count, std::int64_t first_position, int prefix) {
  const auto first_row = static_cast<std::int64_t>(batch.tokens.size());
  batch.tokens.insert(batch.tokens.end(), tokens, tokens + count);
  for (std::int64_t i = 0; i < count; ++i) batch.position_ids.push_back(static_cast<std::int32_t>(first_position + i));
  batch.segments.push_back({first_row, count, first_position, prefix});
  return static_cast<int>(batch.segments.size()) - 1;
}

void add_target(PackedTargets& packed, std::int64_t row, std::int32_t token) {
  packed.source_rows.push_back(row);
  packed.targets.push_back(token);
}

}  // namespace

PackedGroup pack_group(const data::Group& group, PromptPacking packing) {
  const std::vector<std::int32_t>& prompt = group.prompt.tokens;
  const auto prompt_rows = static_cast<std::int64_t>(prompt.size());
  LONGBOW_CHECK_GT(prompt_rows, 0);
  PackedGroup packed;
  int shared = -1;
  if (packing == PromptPacking::once) shared = append_segment(packed.batch, prompt.data(), prompt_rows, 0, -1);
  packed.completion_begin.push_back(0);
  for (const data::Completion& completion : group.completions) {
    const auto length = static_cast<std::int64_t>(completion.tokens.size());
    if (length > 0) {
      std::int64_t last_prompt_row = prompt_rows - 1;
      if (packing == PromptPacking::repeated) {
        const int own = append_segment(packed.batch, prompt.data(), prompt_rows, 0, -1);
        last_prompt_row = packed.batch.segments[own].first_row + prompt_rows - 1;
        shared = own;
      }
      add_target(packed, last_prompt_row, completion.tokens[0]);
      if (length > 1) {
        const int segment = append_segment(packed.batch, completion.tokens.data(), length - 1, prompt_rows, shared);
        const std::int64_t first_row = packed.batch.segments[segment].first_row;
        for (std::int64_t i = 1; i < length; ++i) add_target(packed, first_row + i - 1, completion.tokens[i]);
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
  const int segment = append_segment(packed.batch, tokens.data(), rows, 0, -1);
  const std::int64_t first_row = packed.batch.segments[segment].first_row;
  for (std::int64_t i = 1; i <= rows; ++i) {
    if (is_target[i]) add_target(packed, first_row + i - 1, tokens[i]);
  }
  return first_target;
}

}  // namespace longbow::trainer
