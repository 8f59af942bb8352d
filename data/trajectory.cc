// The layouts of Prompt, Completion and Group; docs/wire_format.md holds the same in prose.
#include "data/trajectory.h"

#include <limits>

#include "core/errors.h"
#include "data/codec.h"

namespace longbow::data {
namespace {

constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMinCompletionBytes = 8 + 4 + 1 + 8 + 8 + 8;  // of an empty one

template <class Codec>
void finish_reason_field(Codec& codec, typename Codec::template Field<FinishReason> reason) {
  auto code = static_cast<std::uint8_t>(reason);
  codec.template number_in<std::uint8_t>("finish_reason", code, 0, 2);
  if constexpr (std::is_same_v<Codec, Decoder>) reason = static_cast<FinishReason>(code);
}

template <class Codec>
void completion_fields(Codec& codec, typename Codec::template Field<Completion> completion) {
  codec.number_in("sample_idx", completion.sample_idx, std::int64_t{0}, kAny);
  codec.tokens("tokens", completion.tokens, codec.limits().max_completion_tokens);
  codec.logprobs("rollout_logprobs", completion.rollout_logprobs, completion.tokens.size());
  finish_reason_field(codec, completion.finish_reason);
  codec.number("min_policy_version", completion.min_policy_version);
  codec.number_in("max_policy_version", completion.max_policy_version, completion.min_policy_version, kAny);
  codec.number_in("generation_ms", completion.generation_ms, 0.0, std::numeric_limits<double>::max());
}

Decoder open(std::string_view bytes, const CodecLimits& limits, WireKind expected) {
  Decoder decoder(bytes, limits);
  if (decoder.kind() != expected) {
    throw UserError(concat("message: expected kind ", name_of(expected), ", got ", name_of(decoder.kind()), " (",
                           static_cast<std::uint16_t>(decoder.kind()), ")"));
  }
  return decoder;
}

}  // namespace

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::abort:
      return "abort";
  }
  return "unknown";
}

template <class Codec>
void prompt_fields(Codec& codec, typename Codec::template Field<Prompt> prompt) {
  codec.text("item_id", prompt.item_id);
  codec.text("task", prompt.task);
  codec.number("step", prompt.step);
  codec.number("prompt_idx", prompt.prompt_idx);
  codec.tokens("prompt_tokens", prompt.tokens, codec.limits().max_prompt_tokens);
}

template <class Codec>
void group_fields(Codec& codec, typename Codec::template Field<Group> group) {
  codec.number("lease_id", group.lease_id);
  prompt_fields(codec, group.prompt);
  codec.list("completions", group.completions, codec.limits().max_group_size, kMinCompletionBytes,
             [&](auto& completion) { completion_fields(codec, completion); });
  codec.number_in("prefill_ms", group.prefill_ms, 0.0, std::numeric_limits<double>::max());
  codec.number_in("decode_ms", group.decode_ms, 0.0, std::numeric_limits<double>::max());
}

template void prompt_fields<Encoder>(Encoder&, const Prompt&);
template void prompt_fields<Decoder>(Decoder&, Prompt&);
template void group_fields<Encoder>(Encoder&, const Group&);
template void group_fields<Decoder>(Decoder&, Group&);

std::string encode_group(const Group& group) {
  Encoder encoder(WireKind::group);
  group_fields(encoder, group);
  return std::move(encoder).finish();
}

Group decode_group(std::string_view bytes, const CodecLimits& limits) {
  Decoder decoder = open(bytes, limits, WireKind::group);
  Group group;
  group_fields(decoder, group);
  decoder.finish();
  return group;
}

std::string encode_prompt(const Prompt& prompt, std::uint64_t lease_id) {
  Encoder encoder(WireKind::prompt);
  encoder.number("lease_id", lease_id);
  prompt_fields(encoder, prompt);
  return std::move(encoder).finish();
}

Prompt decode_prompt(std::string_view bytes, std::uint64_t* lease_id, const CodecLimits& limits) {
  Decoder decoder = open(bytes, limits, WireKind::prompt);
  std::uint64_t id = 0;
  Prompt prompt;
  decoder.number("lease_id", id);
  prompt_fields(decoder, prompt);
  decoder.finish();
  if (lease_id != nullptr) *lease_id = id;
  return prompt;
}

}  // namespace longbow::data
