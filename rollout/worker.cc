#include "rollout/worker.h"

#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/log.h"

namespace longbow::rollout {
namespace {

constexpr std::int64_t kNoWeights = -1;
constexpr std::int64_t kIdleWaitMs = 50;
constexpr int kMaxFailedFetches = 5;

kernels::DType dtype_of(ComputeType type) { return type == ComputeType::float32 ? kernels::DType::f32 : kernels::DType::bf16; }

LinkOptions link_options(const WorkerConfig& config, const std::string& endpoint, const std::string& worker_id, std::uint64_t layout_hash) {
  LinkOptions options{endpoint, config.curve_server_key_file, config.curve_secret_key_file, config.silence_ms, config.give_up_ms, {}};
  options.hello.worker_id = worker_id;
  options.hello.layout_hash = layout_hash;
  options.hello.compute_dtype = std::string(kernels::name_of(dtype_of(config.dtype)));
  return options;
}

bool same_work(const data::Lease& a, const data::Lease& b) {
  return a.prompt.step == b.prompt.step && a.prompt.prompt_idx == b.prompt.prompt_idx && a.prompt.tokens == b.prompt.tokens &&
         a.group_size == b.group_size && a.min_policy_version == b.min_policy_version;
}

}  // namespace

Worker::Worker(const WorkerConfig& config, const std::string& endpoint, const std::string& worker_id)
    : config_(config),
      model_config_(model::read_model_config(config.model_path)),
      layout_(model_config_),
      snapshots_(layout_),
      pool_(static_cast<int>(config.threads)),
      link_(link_options(config, endpoint, worker_id, model::layout_hash(layout_))),
      loaded_version_(kNoWeights) {
  const kernels::Buffer<float> blank(layout_.total);  // the learner's weights come before the first group
  model_ = std::make_unique<model::PackedModel>(pool_, model_config_, layout_, blank.data(), dtype_of(config.dtype));
  engine_ = std::make_unique<Engine>(pool_, *model_,
                                     EngineConfig{config.concurrent_groups, config.prefill_chunk, config.kv_budget_mib << 20}, kNoWeights);
}

Worker::~Worker() = default;

Worker::End Worker::run(const std::function<bool()>& stop) {
  while (!stop()) {
    std::int64_t wait_ms = engine_->is_idle() ? idle_wait_ms() : 0;
    while (auto message = link_.receive(wait_ms)) {
      if (!handle(*message)) return End::finished;
      wait_ms = 0;
    }
    if (link_.is_connected()) judge_overdue();
    if (link_.is_connected()) send_due();
    if (engine_->is_idle()) continue;
    for (FinishedGroup& finished : engine_->step()) deliver(std::move(finished));
  }
  link_.leave();
  return End::stopped;
}

std::int64_t Worker::idle_wait_ms() const {
  const auto until_request = std::chrono::duration_cast<std::chrono::milliseconds>(next_lease_request_ - Clock::now()).count() + 1;
  return lease_asked_ ? kIdleWaitMs : std::clamp<std::int64_t>(until_request, 0, kIdleWaitMs);
}

bool Worker::handle(data::WireMessage& message) {
  if (std::holds_alternative<data::Finished>(message)) {
    log_info("learner: the run is over");
    return false;
  }
  if (const auto* welcome = std::get_if<data::Welcome>(&message)) {
    on_welcome(*welcome);
  } else if (auto* lease = std::get_if<data::Lease>(&message)) {
    // Asking again while the rest is on its way would bring more than there is room for.
    if (--leases_to_come_ <= 0) lease_asked_.reset();
    if (lease_asked_) lease_asked_ = Clock::now();
    on_lease(std::move(*lease));
  } else if (const auto* wait = std::get_if<data::Wait>(&message)) {
    lease_asked_.reset();
    next_lease_request_ = Clock::now() + std::chrono::milliseconds(std::clamp<std::int64_t>(wait->retry_ms, 1, 10'000));
  } else if (const auto* ack = std::get_if<data::Ack>(&message)) {
    if (outbox_.erase(ack->lease_id) > 0 && !ack->accepted)
      log_warning(concat("learner: has no use for the group of lease ", ack->lease_id));
  } else if (const auto* status = std::get_if<data::Status>(&message)) {
    if (status->policy_version != loaded_version_) ask_for_welcome();
  } else if (const auto* chunk = std::get_if<data::WeightsChunk>(&message)) {
    on_weights(*chunk);
  } else {
    log_warning("learner: message ignored: expected a learner's, got a worker's");
  }
  return true;
}

void Worker::on_welcome(const data::Welcome& welcome) {
  const bool new_conversation = link_.conversation() != seen_conversation_;
  welcome_asked_.reset();
  heartbeat_ms_ = std::clamp<std::int64_t>(welcome.heartbeat_ms, 10, 60'000);
  if (new_conversation) {
    seen_conversation_ = link_.conversation();
    fetch_.reset();
    chunk_asked_.reset();
    lease_asked_.reset();
    next_lease_request_ = next_heartbeat_ = Clock::now();
    if (welcome.run_id != run_id_) forget_run(welcome.run_id);
    for (auto& [lease_id, group] : outbox_) group.next_send = Clock::now();
    log_info(
        concat("connected: run ", run_id_, ", policy version ", welcome.policy_version, ", ", outbox_.size(), " group(s) to hand over"));
  }
  // A learner that restarted may have gone back and reached the same version by another way: its weights are always fetched anew.
  if (fetch_ || (!new_conversation && welcome.policy_version == loaded_version_)) return;
  if (auto weights = fetch_from_file(pool_, welcome, snapshots_)) return use(std::move(*weights));
  try {
    fetch_ = std::make_unique<ChunkedFetch>(pool_, welcome, layout_);
    link_.send(fetch_->next_request());
    chunk_asked_ = Clock::now();
  } catch (const UserError& error) {
    if (++failed_fetches_ >= kMaxFailedFetches) throw;
    link_.reconnect(error.what());
  }
}

/// Asks where the newest weights are, unless that is under way.
void Worker::ask_for_welcome() {
  if (fetch_ || welcome_asked_) return;
  welcome_asked_ = Clock::now();
  link_.ask_again();
}

void Worker::forget_run(const std::string& run_id) {
  if (!run_id_.empty()) {
    log_warning(concat("learner: another run answers (", run_id, "); dropping ", leases_.size(), " group(s) in work and ", outbox_.size(),
                       " finished"));
  }
  run_id_ = run_id;
  loaded_version_ = kNoWeights;
  engine_->clear();
  leases_.clear();
  outbox_.clear();
}

void Worker::on_weights(const data::WeightsChunk& chunk) {
  if (!fetch_) return;  // of a transfer that was given up
  try {
    if (auto weights = fetch_->add(chunk)) return use(std::move(*weights));
    link_.send(fetch_->next_request());
    chunk_asked_ = Clock::now();
  } catch (const UserError& error) {
    fetch_.reset();
    if (++failed_fetches_ >= kMaxFailedFetches) throw;
    link_.reconnect(error.what());
  }
}

void Worker::use(model::Snapshot weights) {
  fetch_.reset();
  chunk_asked_.reset();
  failed_fetches_ = 0;
  loaded_version_ = weights.policy_version;
  engine_->swap_weights(weights.policy_version, std::move(weights.values));
  submit_ready_leases();
}

void Worker::on_lease(data::Lease lease) {
  const std::uint64_t lease_id = lease.lease_id;
  if (outbox_.contains(lease_id)) return;  // finished already, and offered until acknowledged
  if (const auto held = leases_.find(lease_id); held != leases_.end()) {
    if (same_work(held->second.lease, lease)) return;
    if (held->second.submitted) engine_->forget(lease_id);  // a restarted learner uses the id for something else
    leases_.erase(held);
  }
  if (static_cast<std::int64_t>(leases_.size()) >= 2 * config_.concurrent_groups) return;  // more than was asked for: it will time out
  leases_[lease_id] = {std::move(lease), false};
  submit_ready_leases();
}

void Worker::submit_ready_leases() {
  bool wants_newer = false;
  for (auto it = leases_.begin(); it != leases_.end();) {
    HeldLease& held = it->second;
    const data::Lease& lease = held.lease;
    wants_newer |= !held.submitted && lease.min_policy_version > loaded_version_;
    if (held.submitted || loaded_version_ == kNoWeights || lease.min_policy_version > loaded_version_) {
      ++it;
      continue;
    }
    try {
      engine_->submit({lease.lease_id, lease.prompt, lease.group_size, lease.sampling, {}});
      held.submitted = true;
      ++it;
    } catch (const UserError& error) {
      log_warning(concat("lease ", lease.lease_id, " declined: ", error.what()));
      link_.send(data::Decline{lease.lease_id, error.what()});
      it = leases_.erase(it);
    }
  }
  if (wants_newer) ask_for_welcome();
}

void Worker::judge_overdue() {
  const Clock::time_point limit = Clock::now() - std::chrono::milliseconds(config_.silence_ms);
  const std::pair<std::optional<Clock::time_point>, const char*> awaited[] = {
      {lease_asked_, "a lease request"}, {welcome_asked_, "the question for newer weights"}, {chunk_asked_, "a request for weights"}};
  for (const auto& [since, what] : awaited) {
    if (since && *since < limit) return link_.reconnect(concat("no answer to ", what, " within ", config_.silence_ms, " ms"));
  }
}

void Worker::deliver(FinishedGroup finished) {
  const std::uint64_t lease_id = finished.group.lease_id;
  leases_.erase(lease_id);
  const EngineCounters now = engine_->counters();
  finished.group.prefill_ms = now.prefill_ms - reported_.prefill_ms;
  finished.group.decode_ms = now.decode_ms - reported_.decode_ms;
  reported_ = now;
  outbox_[lease_id] = {data::encode_message(data::GroupDone{std::move(finished.group)}), Clock::now()};
  if (link_.is_connected()) send_due();
}

void Worker::send_due() {
  const Clock::time_point now = Clock::now();
  for (auto& [lease_id, group] : outbox_) {
    if (now < group.next_send) continue;
    link_.send_bytes(group.bytes);
    group.next_send = now + std::chrono::milliseconds(config_.resend_ms);
  }
  if (now >= next_heartbeat_) {
    data::Heartbeat heartbeat;
    for (const auto& [lease_id, held] : leases_) heartbeat.lease_ids.push_back(lease_id);
    for (const auto& [lease_id, group] : outbox_) heartbeat.lease_ids.push_back(lease_id);
    link_.send(heartbeat);
    next_heartbeat_ = now + std::chrono::milliseconds(heartbeat_ms_);
  }
  const std::int64_t free_slots = config_.concurrent_groups - static_cast<std::int64_t>(leases_.size());
  if (free_slots > 0 && loaded_version_ != kNoWeights && !lease_asked_ && now >= next_lease_request_) {
    link_.send(data::LeaseRequest{static_cast<std::int32_t>(free_slots)});
    lease_asked_ = now;
    leases_to_come_ = free_slots;
  }
}

int run_worker(const WorkerConfig& config, const std::string& endpoint, const std::string& worker_id) {
  catch_interrupts();
  Worker worker(config, endpoint, worker_id);
  return worker.run(interrupted) == Worker::End::finished ? 0 : kInterruptedExitCode;
}

}  // namespace longbow::rollout
