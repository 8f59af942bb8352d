// The learner's side of the wire: a thread that owns the ROUTER socket, grants leases, takes finished groups and serves
// weights. It trusts no peer: garbage, old versions and other models' workers are refused with one line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/lease_table.h"
#include "trainer/recipe.h"

namespace longbow::trainer {

struct LearnerServerOptions {
  std::string endpoint;  // ipc:// or loopback tcp://; anything else needs CURVE keys
  std::string curve_secret_key_file;
  std::string curve_client_keys_file;
  std::string run_id;
  std::uint64_t layout_hash = 0;
  std::string compute_dtype;
  int vocab_size = 0;
  std::int64_t lease_timeout_ms = 120'000;
  std::int64_t heartbeat_ms = 2'000;
  std::int64_t max_message_bytes = kMaxGroupBytes;  // from a worker; a longer one ends its connection
};

class LearnerServer {
 public:
  /// Binds and starts the thread. Throws UserError when the endpoint cannot be bound.
  explicit LearnerServer(LearnerServerOptions options);
  ~LearnerServer();
  LearnerServer(const LearnerServer&) = delete;

  /// The endpoint as bound (a port of 0 resolved).
  std::string endpoint() const;

  /// Announces new weights; `snapshot_path` holds them for workers on this host, and is served in chunks to others. Workers that come
  /// before the first are not answered yet: they greet again.
  void publish(std::int64_t policy_version, const std::string& snapshot_path);

  /// Queues prompts for the workers.
  void submit(std::vector<LeaseRequestItem> items);

  /// The next finished group, or nothing after `timeout_ms`. Rethrows what stopped the server's thread.
  std::optional<data::Group> take(std::int64_t timeout_ms);

  /// See LeaseTable::reissue and forget_before.
  void reissue(std::int64_t step, std::int64_t prompt_idx, std::int64_t min_policy_version);
  void forget_before(std::int64_t step);

  /// From now on every request is answered with Finished. Waits until each worker heard from lately was told so, at most `timeout_ms`.
  void finish(std::int64_t timeout_ms);

  struct Statistics {
    LeaseCounters leases;
    std::int64_t workers = 0;  // heard from within three heartbeats
    std::int64_t bad_messages = 0;
    std::int64_t pending = 0;
    std::int64_t leased = 0;
  };
  Statistics statistics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::trainer
