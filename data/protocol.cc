// The layouts of the protocol's messages, one `fields` each for both directions; docs/wire_format.md holds the same in prose.
#include "data/protocol.h"

#include <limits>
#include <utility>

#include "core/errors.h"
#include "data/codec.h"

namespace longbow::data {
namespace {

constexpr std::int64_t kMaxListed = 4096;  // stop tokens of a lease, leases of a heartbeat
constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr std::int32_t kAny32 = std::numeric_limits<std::int32_t>::max();

template <class Message>
struct KindOf;
#define LONGBOW_WIRE_KIND(Message, wire_kind)             \
  template <>                                             \
  struct KindOf<Message> {                                \
    static constexpr WireKind kind = WireKind::wire_kind; \
  }
LONGBOW_WIRE_KIND(Hello, hello);
LONGBOW_WIRE_KIND(Welcome, welcome);
LONGBOW_WIRE_KIND(LeaseRequest, lease_request);
LONGBOW_WIRE_KIND(Lease, lease);
LONGBOW_WIRE_KIND(Wait, wait);
LONGBOW_WIRE_KIND(GroupDone, group_done);
LONGBOW_WIRE_KIND(Ack, ack);
LONGBOW_WIRE_KIND(Heartbeat, heartbeat);
LONGBOW_WIRE_KIND(Status, status);
LONGBOW_WIRE_KIND(WeightsRequest, weights_request);
LONGBOW_WIRE_KIND(WeightsChunk, weights_chunk);
LONGBOW_WIRE_KIND(Goodbye, goodbye);
LONGBOW_WIRE_KIND(Finished, finished);
LONGBOW_WIRE_KIND(Refuse, refuse);
LONGBOW_WIRE_KIND(Decline, decline);
#undef LONGBOW_WIRE_KIND

template <class Codec, class Message>
using FieldOf = typename Codec::template Field<Message>;

template <class Codec>
void fields(Codec& codec, FieldOf<Codec, SamplingParams> sampling) {
  constexpr float kHuge = std::numeric_limits<float>::max();
  codec.number_in("temperature", sampling.temperature, 0.0f, kHuge);
  codec.number_in("top_p", sampling.top_p, 0.0f, 1.0f);
  codec.number_in("top_k", sampling.top_k, 0, kAny32);
  codec.number_in("min_p", sampling.min_p, 0.0f, 1.0f);
  codec.number_in("max_completion_tokens", sampling.max_completion_tokens, 0,
                  static_cast<std::int32_t>(codec.limits().max_completion_tokens));
  codec.tokens("stop_token_ids", sampling.stop_token_ids, kMaxListed);
  codec.number("seed", sampling.seed);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Hello> message) {
  codec.number("protocol_version", message.protocol_version);
  codec.text("worker_id", message.worker_id);
  codec.number("layout_hash", message.layout_hash);
  codec.text("compute_dtype", message.compute_dtype);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Welcome> message) {
  codec.text("run_id", message.run_id);
  codec.number("policy_version", message.policy_version);
  codec.text("snapshot_path", message.snapshot_path);
  codec.number_in("snapshot_bytes", message.snapshot_bytes, std::int64_t{0}, kAny);
  codec.number_in("lease_timeout_ms", message.lease_timeout_ms, std::int64_t{0}, kAny);
  codec.number_in("heartbeat_ms", message.heartbeat_ms, std::int64_t{0}, kAny);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, LeaseRequest> message) {
  codec.number_in("free_slots", message.free_slots, 0, kAny32);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Lease> message) {
  codec.number("lease_id", message.lease_id);
  prompt_fields(codec, message.prompt);
  codec.number_in("group_size", message.group_size, 0, static_cast<std::int32_t>(codec.limits().max_group_size));
  fields(codec, message.sampling);
  codec.number("min_policy_version", message.min_policy_version);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Wait> message) {
  codec.number_in("retry_ms", message.retry_ms, std::int64_t{0}, kAny);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, GroupDone> message) {
  group_fields(codec, message.group);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Ack> message) {
  codec.number("lease_id", message.lease_id);
  codec.flag("accepted", message.accepted);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Heartbeat> message) {
  codec.list("lease_ids", message.lease_ids, kMaxListed, sizeof(std::uint64_t), [&](auto& id) { codec.number("lease_id", id); });
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Status> message) {
  codec.number("policy_version", message.policy_version);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, WeightsRequest> message) {
  codec.number("policy_version", message.policy_version);
  codec.number_in("offset_bytes", message.offset_bytes, std::int64_t{0}, kAny);
  codec.number_in("max_bytes", message.max_bytes, std::int64_t{0}, kAny);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, WeightsChunk> message) {
  codec.number("policy_version", message.policy_version);
  codec.number_in("offset_bytes", message.offset_bytes, std::int64_t{0}, kAny);
  codec.number_in("total_bytes", message.total_bytes, std::int64_t{0}, kAny);
  codec.blob("bytes", message.bytes, kMaxChunkBytes);
}
template <class Codec>
void fields(Codec&, FieldOf<Codec, Goodbye>) {}
template <class Codec>
void fields(Codec&, FieldOf<Codec, Finished>) {}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Refuse> message) {
  codec.text("reason", message.reason);
}
template <class Codec>
void fields(Codec& codec, FieldOf<Codec, Decline> message) {
  codec.number("lease_id", message.lease_id);
  codec.text("reason", message.reason);
}

template <class Message>
bool decode_if(Decoder& decoder, WireMessage& result) {
  if (decoder.kind() != KindOf<Message>::kind) return false;
  Message message;
  fields<Decoder>(decoder, message);
  decoder.finish();
  result = std::move(message);
  return true;
}

/// Tries every alternative of the variant; false when none has the decoder's kind.
template <class... Messages>
bool decode_any(Decoder& decoder, std::variant<Messages...>& result) {
  return (decode_if<Messages>(decoder, result) || ...);
}

/// A refusal must always go out: a reason too long for the wire is cut, at a character's start.
template <class Message>
Message shortened(Message message) {
  std::size_t keep = static_cast<std::size_t>(CodecLimits{}.max_text_bytes);
  if (message.reason.size() <= keep) return message;
  while (keep > 0 && (static_cast<unsigned char>(message.reason[keep]) & 0xC0) == 0x80) --keep;
  message.reason.resize(keep);
  return message;
}

}  // namespace

std::string encode_message(const WireMessage& message) {
  return std::visit(
      [](const auto& value) {
        using Message = std::decay_t<decltype(value)>;
        Encoder encoder(KindOf<Message>::kind);
        if constexpr (std::is_same_v<Message, Refuse> || std::is_same_v<Message, Decline>) {
          fields<Encoder>(encoder, shortened(value));
        } else {
          fields<Encoder>(encoder, value);
        }
        return std::move(encoder).finish();
      },
      message);
}

WireMessage decode_message(std::string_view bytes, const CodecLimits& limits) {
  Decoder decoder(bytes, limits);
  WireMessage message;
  if (!decode_any(decoder, message)) {
    throw UserError(concat("message: expected a kind from ", static_cast<int>(WireKind::hello), " to ", static_cast<int>(WireKind::decline),
                           ", got ", static_cast<int>(decoder.kind())));
  }
  return message;
}

}  // namespace longbow::data
