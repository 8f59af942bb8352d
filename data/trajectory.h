// What rollout and trainer exchange: a Prompt, its Completions, and the Group of them that one prompt gave.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::data {

enum class FinishReason : std::uint8_t { stop = 0, length = 1, abort = 2 };

std::string_view name_of(FinishReason reason);

/// A prompt to be answered group_size times. `step` and `prompt_idx` key every random choice made for it.
struct Prompt {
  std::string item_id;               // the data set item's id
  std::string task;                  // its task name
  std::int64_t step = 0;             // training step that asked for it
  std::int64_t prompt_idx = 0;       // index within the step
  std::vector<std::int32_t> tokens;  // templated and tokenized
};

/// One sampled answer.
struct Completion {
  std::int64_t sample_idx = 0;          // 0 … group_size-1
  std::vector<std::int32_t> tokens;     // the stop token included when finish_reason is stop by token
  std::vector<float> rollout_logprobs;  // [tokens], natural log, of the sampling distribution
  FinishReason finish_reason = FinishReason::stop;
  std::int64_t min_policy_version = 0;  // oldest and newest weights that produced a token of it
  std::int64_t max_policy_version = 0;
  double generation_ms = 0;  // wall time from the first decode step to the last, for metrics only
};

/// All completions of one prompt, in sample_idx order. The unit that travels, is scored, and is trained on.
struct Group {
  std::uint64_t lease_id = 0;
  Prompt prompt;
  std::vector<Completion> completions;
  double prefill_ms = 0;  // what the worker has computed since the group it finished before this one, for metrics only
  double decode_ms = 0;
};

/// Bounds that a decoder enforces before it allocates; a message beyond them is refused.
struct CodecLimits {
  std::int64_t max_prompt_tokens = 1 << 20;
  std::int64_t max_completion_tokens = 1 << 20;
  std::int64_t max_group_size = 4096;
  std::int64_t max_text_bytes = 4096;
};

/// Versioned, length-bounded, checksummed bytes; the layout is docs/wire_format.md.
std::string encode_group(const Group& group);
/// Throws UserError that says what is wrong (magic, version, length, checksum, value out of range) for anything encode_group did not write.
Group decode_group(std::string_view bytes, const CodecLimits& limits = {});
std::string encode_prompt(const Prompt& prompt, std::uint64_t lease_id);
Prompt decode_prompt(std::string_view bytes, std::uint64_t* lease_id, const CodecLimits& limits = {});

}  // namespace longbow::data
