// The conversation between a rollout worker (ZeroMQ DEALER) and the learner (ROUTER): one typed, bounded, checksummed
// message a frame. The worker speaks first and asks for everything; the learner only answers.
//
//   worker                          learner
//   Hello            ─►             Welcome | Refuse
//   LeaseRequest     ─►             Lease* (0 … free_slots of them) | Wait
//   GroupDone        ─►             Ack          (the worker resends until it is acknowledged; the learner keeps one)
//   Decline          ─►             -            (this worker cannot do that lease; another may)
//   Heartbeat        ─►             Status       (current policy version; extends the worker's leases)
//   WeightsRequest   ─►             WeightsChunk | Refuse
//   Goodbye          ─►             -            (its leases are reissued at once)
// A learner that ends the run answers any request with Finished. Byte layout: docs/wire_format.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/trajectory.h"

namespace longbow::data {

inline constexpr std::uint32_t kProtocolVersion = 2;

/// How completions of a lease are sampled. Defaults sample the model's own distribution.
struct SamplingParams {
  float temperature = 1.0f;  // 0 is greedy
  float top_p = 1.0f;
  std::int32_t top_k = 0;  // 0: off
  float min_p = 0.0f;
  std::int32_t max_completion_tokens = 256;
  std::vector<std::int32_t> stop_token_ids;
  std::uint64_t seed = 0;
};

struct Hello {
  std::uint32_t protocol_version = kProtocolVersion;
  std::string worker_id;          // unique for a worker process
  std::uint64_t layout_hash = 0;  // model::layout_hash of the checkpoint it loaded; 0: it has none yet
  std::string compute_dtype;      // "float32" or "bfloat16"
};
struct Welcome {
  std::string run_id;  // changes when another run answers under the same endpoint
  std::int64_t policy_version = 0;
  std::string snapshot_path;  // shared memory or file of the current weights on this host
  std::int64_t snapshot_bytes = 0;
  std::int64_t lease_timeout_ms = 0;
  std::int64_t heartbeat_ms = 0;
};
struct LeaseRequest {
  std::int32_t free_slots = 0;  // groups the worker can start now
};
struct Lease {
  std::uint64_t lease_id = 0;
  Prompt prompt;
  std::int32_t group_size = 0;
  SamplingParams sampling;
  std::int64_t min_policy_version = 0;  // do not start with weights older than these
};
struct Wait {
  std::int64_t retry_ms = 0;  // nothing to do now; ask again after this long
};
struct GroupDone {
  Group group;
};
struct Ack {
  std::uint64_t lease_id = 0;
  bool accepted = true;  // false: the lease had expired or the group was stale; the worker forgets it all the same
};
struct Heartbeat {
  std::vector<std::uint64_t> lease_ids;  // still being worked on
};
struct Status {
  std::int64_t policy_version = 0;
};
struct WeightsRequest {
  std::int64_t policy_version = 0;
  std::int64_t offset_bytes = 0;
  std::int64_t max_bytes = 0;
};
struct WeightsChunk {
  std::int64_t policy_version = 0;
  std::int64_t offset_bytes = 0;
  std::int64_t total_bytes = 0;
  std::string bytes;
};
struct Decline {
  std::uint64_t lease_id = 0;
  std::string reason;  // one line
};
struct Goodbye {};
struct Finished {};
struct Refuse {
  std::string reason;  // one line
};

using WireMessage = std::variant<Hello, Welcome, LeaseRequest, Lease, Wait, GroupDone, Ack, Heartbeat, Status, WeightsRequest, WeightsChunk,
                                 Goodbye, Finished, Refuse, Decline>;

std::string encode_message(const WireMessage& message);
/// Throws UserError that says what is wrong for anything encode_message did not write: magic, version, kind, length, checksum, value.
WireMessage decode_message(std::string_view bytes, const CodecLimits& limits = {});

}  // namespace longbow::data
