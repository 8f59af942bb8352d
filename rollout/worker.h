// A rollout worker: asks the learner for prompts, answers each with a group, hands finished groups over until they are
// acknowledged, and changes weights when the learner has newer ones. It outlives the learner's restarts: groups that nobody has
// acknowledged stay in memory and are offered again to the same run. The conversation: data/protocol.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "rollout/engine.h"
#include "rollout/learner_link.h"
#include "rollout/weight_fetch.h"

namespace longbow::rollout {

enum class ComputeType { float32, bfloat16 };

struct WorkerConfig {
  std::string model_path;
  ComputeType dtype = ComputeType::float32;
  std::int64_t threads = 1;
  std::int64_t concurrent_groups = 2;
  std::int64_t prefill_chunk = 256;
  std::int64_t kv_budget_mib = 2048;
  std::int64_t silence_ms = 10'000;
  std::int64_t give_up_ms = 120'000;
  std::int64_t resend_ms = 2'000;
  std::string curve_server_key_file;
  std::string curve_secret_key_file;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("model_path", model_path,
            {.help = "Hugging Face directory; the worker reads its config.json, weights come from the learner.", .required = true});
    v.choice("dtype", dtype, {{"float32", ComputeType::float32}, {"bfloat16", ComputeType::bfloat16}},
             {.help = "Compute type; the learner's."});
    v.field("threads", threads, {.help = "Compute threads; 0: one per processor.", .min = 0, .max = 1024});
    v.field("concurrent_groups", concurrent_groups, {.help = "Groups decoded at once.", .min = 1, .max = 1024});
    v.field("prefill_chunk", prefill_chunk,
            {.help = "Prompt tokens prefilled between two decode steps.", .unit = "tokens", .min = 1, .max = 65536});
    v.field("kv_budget_mib", kv_budget_mib,
            {.help = "Groups start while their KV cache fits here.", .unit = "MiB", .min = 1, .max = 1 << 30});
    v.field("silence_ms", silence_ms,
            {.help = "A request unanswered for this long: the learner is gone, greet it again.", .unit = "ms", .min = 10});
    v.field("give_up_ms", give_up_ms, {.help = "No answer at all for this long: the worker ends.", .unit = "ms", .min = 10});
    v.field("resend_ms", resend_ms,
            {.help = "A finished group is sent again when not acknowledged for this long.", .unit = "ms", .min = 10});
    v.field("curve_server_key_file", curve_server_key_file,
            {.help = "File with the learner's public CURVE key; needed beyond this machine."});
    v.field("curve_secret_key_file", curve_secret_key_file, {.help = "File with this worker's secret CURVE key."});
  }
};

class Worker {
 public:
  /// Throws UserError for a model that cannot be read or an endpoint that the keys do not permit.
  Worker(const WorkerConfig& config, const std::string& endpoint, const std::string& worker_id);
  ~Worker();

  enum class End { finished, stopped };
  /// Works until the learner says Finished, or `stop()` is true (asked at least every 50 ms while idle, and after each step). Throws
  /// UserError when refused or left without a learner.
  End run(const std::function<bool()>& stop);

 private:
  using Clock = std::chrono::steady_clock;

  struct HeldLease {
    data::Lease lease;
    bool submitted = false;  // false: waits for newer weights
  };
  struct UnacknowledgedGroup {
    std::string bytes;
    Clock::time_point next_send;
  };

  bool handle(data::WireMessage& message);  // false: the run is over
  void on_welcome(const data::Welcome& welcome);
  void ask_for_welcome();
  void on_lease(data::Lease lease);
  void on_weights(const data::WeightsChunk& chunk);
  void use(model::Snapshot weights);
  void submit_ready_leases();
  void judge_overdue();
  void forget_run(const std::string& run_id);
  void send_due();
  void deliver(FinishedGroup finished);
  std::int64_t idle_wait_ms() const;

  WorkerConfig config_;
  model::ModelConfig model_config_;
  model::ParameterLayout layout_;
  model::SnapshotReader snapshots_;
  ThreadPool pool_;
  std::unique_ptr<model::PackedModel> model_;
  std::unique_ptr<Engine> engine_;
  LearnerLink link_;

  std::string run_id_;
  EngineCounters reported_;  // as of the last finished group
  std::int64_t heartbeat_ms_ = 1'000;
  std::int64_t loaded_version_;  // handed to the engine, which may still be finishing older groups
  std::int64_t seen_conversation_ = 0;
  int failed_fetches_ = 0;
  std::unique_ptr<ChunkedFetch> fetch_;
  std::map<std::uint64_t, HeldLease> leases_;            // not finished
  std::map<std::uint64_t, UnacknowledgedGroup> outbox_;  // finished
  // Since when an answer is awaited, if one is. The link sees only that the learner is alive; an answer that got lost is found here.
  std::optional<Clock::time_point> lease_asked_, welcome_asked_, chunk_asked_;
  std::int64_t leases_to_come_ = 0;  // at most, of the request under way
  Clock::time_point next_lease_request_{};
  Clock::time_point next_heartbeat_{};
};

/// The `rollout` role: runs a worker until the run ends, or SIGINT or SIGTERM comes (it then says Goodbye, and its leases are reissued).
/// Returns the process's exit code, 0 or 130. Throws UserError as Worker does.
int run_worker(const WorkerConfig& config, const std::string& endpoint, const std::string& worker_id);

}  // namespace longbow::rollout
