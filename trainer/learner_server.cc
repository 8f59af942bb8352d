#include "trainer/learner_server.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <zmq.hpp>

#include "core/errors.h"
#include "core/log.h"
#include "data/endpoint.h"
#include "data/protocol.h"

namespace longbow::trainer {
namespace {

constexpr std::int64_t kMaxChunkBytes = 4 << 20;
constexpr int kMaxQueuedMessages = 64;    // to a worker that does not read them
constexpr int kMaxReceivedMessages = 16;  // from a worker, before we have looked at them
constexpr int kMaxLeasesAtOnce = 32;      // a worker with more free slots asks again
constexpr int kMessagesARound = 256;      // then leases expire and the end of the run is noticed, however busy the peers are
constexpr auto kPollInterval = std::chrono::milliseconds(50);
constexpr std::int64_t kRetryMs = 20;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The current weights' file, held open so that a newer one may take its name while workers still read this one.
class SnapshotFile {
 public:
  SnapshotFile() = default;
  SnapshotFile(std::string path, std::int64_t policy_version) : path_(std::move(path)), policy_version_(policy_version) {
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
      throw UserError(concat("weight snapshot: expected a readable file, got ", std::strerror(errno), " (", path_, ")"));
    }
    bytes_ = status.st_size;
    (void)::flock(fd_, LOCK_SH | LOCK_NB);  // as any reader, so that its pages are not used again meanwhile
  }
  SnapshotFile(SnapshotFile&& other) noexcept { *this = std::move(other); }
  SnapshotFile& operator=(SnapshotFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(bytes_, other.bytes_);
    std::swap(path_, other.path_);
    std::swap(policy_version_, other.policy_version_);
    return *this;
  }
  ~SnapshotFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  const std::string& path() const { return path_; }
  std::int64_t bytes() const { return bytes_; }
  std::int64_t policy_version() const { return policy_version_; }

  data::WireMessage chunk(const data::WeightsRequest& request) const {
    if (request.policy_version != policy_version_) {
      return data::Refuse{concat("weights: expected a request for version ", policy_version_, ", got ", request.policy_version)};
    }
    if (request.offset_bytes < 0 || request.offset_bytes >= bytes_ || request.max_bytes <= 0) {
      return data::Refuse{concat("weights: expected an offset in [0, ", bytes_, "), got ", request.offset_bytes)};
    }
    data::WeightsChunk chunk{policy_version_, request.offset_bytes, bytes_, {}};
    chunk.bytes.resize(std::min({request.max_bytes, kMaxChunkBytes, bytes_ - request.offset_bytes}));
    const ssize_t got = ::pread(fd_, chunk.bytes.data(), chunk.bytes.size(), request.offset_bytes);
    if (got != static_cast<ssize_t>(chunk.bytes.size())) return data::Refuse{concat("weights: cannot read ", path_)};
    return chunk;
  }

 private:
  std::string path_;
  std::int64_t policy_version_ = 0;
  std::int64_t bytes_ = 0;
  int fd_ = -1;
};

struct Peer {
  std::string worker_id;
  std::int64_t last_heard_ms = 0;
  bool was_told_finished = false;
};

}  // namespace

struct LearnerServer::State {
  explicit State(LearnerServerOptions given) : options(std::move(given)), leases(options.lease_timeout_ms) {}

  const LearnerServerOptions options;
  zmq::context_t context{1};
  std::optional<data::ClientKeyGate> gate;  // only with CURVE
  zmq::socket_t socket{context, zmq::socket_type::router};
  std::string bound_endpoint;
  std::thread thread;
  std::atomic<bool> stopping{false};

  mutable std::mutex mutex;         // guards everything below
  std::condition_variable arrived;  // a group, a failure, or a peer that was told Finished
  LeaseTable leases;
  std::deque<data::Group> groups;
  SnapshotFile snapshot;
  std::map<std::string, Peer> peers;  // by socket identity
  std::int64_t bad_messages = 0;
  bool finished = false;
  std::exception_ptr failure;

  void serve();
  void receive();
  bool send(const std::string& identity, const data::WireMessage& message);
  void answer(const std::string& identity, const data::WireMessage& message);
  void handle(const std::string& identity, Peer& peer, const data::LeaseRequest& request);
  void handle(const std::string& identity, Peer& peer, const data::GroupDone& done);
  void handle(Peer& peer, const data::Decline& decline);
  void stop_if_hopeless(std::uint64_t lease_id, const std::string& why);
  bool is_alive(const Peer& peer) const { return peer.last_heard_ms >= now_ms() - 3 * options.heartbeat_ms; }
  std::optional<std::string> objection_to(const data::Hello& hello) const;
  void drop_silent_peers();
};

/// False when the peer has gone, or does not read: it got nothing.
bool LearnerServer::State::send(const std::string& identity, const data::WireMessage& message) {
  const std::string bytes = data::encode_message(message);
  try {
    if (!socket.send(zmq::buffer(identity), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return false;
    (void)socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
    return true;
  } catch (const zmq::error_t& error) {
    if (error.num() != EHOSTUNREACH) throw;
    return false;
  }
}

std::optional<std::string> LearnerServer::State::objection_to(const data::Hello& hello) const {
  if (hello.protocol_version != data::kProtocolVersion) {
    return concat("protocol version: expected ", data::kProtocolVersion, ", got ", hello.protocol_version);
  }
  if (hello.worker_id.empty()) return "worker id: expected a name, got none";
  if (hello.layout_hash != 0 && hello.layout_hash != options.layout_hash)
    return "model: the worker's checkpoint has other tensors than the learner's";
  if (hello.compute_dtype != options.compute_dtype) {
    return concat("compute dtype: expected ", options.compute_dtype, ", got ", hello.compute_dtype);
  }
  return std::nullopt;
}

void LearnerServer::State::handle(const std::string& identity, Peer& peer, const data::LeaseRequest& request) {
  int granted = 0;
  for (; granted < std::min(request.free_slots, kMaxLeasesAtOnce); ++granted) {
    const auto lease = leases.grant(peer.worker_id, snapshot.policy_version(), now_ms());
    if (!lease) break;
    if (!send(identity, *lease)) return leases.take_back(lease->lease_id);
  }
  if (granted < request.free_slots) send(identity, data::Wait{kRetryMs});  // no more leases for this request
}

void LearnerServer::State::handle(const std::string& identity, Peer& peer, const data::GroupDone& done) {
  std::string why;
  const auto verdict = leases.complete(peer.worker_id, done.group, {options.vocab_size, snapshot.policy_version()}, &why);
  if (verdict == LeaseTable::Verdict::accepted) {
    groups.push_back(done.group);
    arrived.notify_all();
  } else if (verdict == LeaseTable::Verdict::refused) {
    log_warning(concat("group of worker ", peer.worker_id, " refused: ", why));
    stop_if_hopeless(done.group.lease_id, why);
  }
  send(identity, data::Ack{done.group.lease_id, verdict == LeaseTable::Verdict::accepted});
}

void LearnerServer::State::handle(Peer& peer, const data::Decline& decline) {
  log_warning(concat("worker ", peer.worker_id, " declined a prompt: ", decline.reason));
  leases.decline(peer.worker_id, decline.lease_id);
  stop_if_hopeless(decline.lease_id, decline.reason);
}

/// A prompt that no worker can answer would be waited for without end.
void LearnerServer::State::stop_if_hopeless(std::uint64_t lease_id, const std::string& why) {
  std::vector<std::string> workers;
  for (const auto& [identity, peer] : peers) {
    if (is_alive(peer)) workers.push_back(peer.worker_id);
  }
  if (failure || !leases.is_hopeless(lease_id, workers)) return;
  failure = std::make_exception_ptr(
      UserError(concat("rollout: expected one of ", workers.size(), " worker(s) to answer a prompt, got refusals only: ", why)));
  arrived.notify_all();
}

void LearnerServer::State::answer(const std::string& identity, const data::WireMessage& message) {
  if (const auto* hello = std::get_if<data::Hello>(&message)) {
    if (auto objection = objection_to(*hello)) {
      log_warning(concat("worker refused: ", *objection));
      send(identity, data::Refuse{*objection});
      return;
    }
    if (snapshot.path().empty()) return;                 // no weights yet
    for (auto it = peers.begin(); it != peers.end();) {  // the same worker after a reconnect
      it = it->second.worker_id == hello->worker_id && it->first != identity ? peers.erase(it) : std::next(it);
    }
    peers[identity] = {hello->worker_id, now_ms()};
    send(identity, data::Welcome{options.run_id, snapshot.policy_version(), snapshot.path(), snapshot.bytes(), options.lease_timeout_ms,
                                 options.heartbeat_ms});
    return;
  }
  const auto found = peers.find(identity);
  if (found == peers.end()) {
    send(identity, data::Refuse{"hello: expected first, got another message"});
    return;
  }
  Peer& peer = found->second;
  peer.last_heard_ms = now_ms();
  if (std::get_if<data::Goodbye>(&message)) {
    leases.release(peer.worker_id);
    peers.erase(found);
    return;
  }
  if (const auto* done = std::get_if<data::GroupDone>(&message)) return handle(identity, peer, *done);
  if (const auto* decline = std::get_if<data::Decline>(&message)) return handle(peer, *decline);
  if (finished) {
    peer.was_told_finished = send(identity, data::Finished{});
    arrived.notify_all();
  } else if (const auto* request = std::get_if<data::LeaseRequest>(&message)) {
    handle(identity, peer, *request);
  } else if (const auto* heartbeat = std::get_if<data::Heartbeat>(&message)) {
    leases.extend(peer.worker_id, heartbeat->lease_ids, now_ms());
    send(identity, data::Status{snapshot.policy_version()});
  } else if (const auto* wanted = std::get_if<data::WeightsRequest>(&message)) {
    send(identity, snapshot.chunk(*wanted));
  } else {
    send(identity, data::Refuse{"message: expected a worker's, got a learner's"});
  }
}

void LearnerServer::State::drop_silent_peers() {
  const std::int64_t limit = now_ms() - options.lease_timeout_ms;
  std::erase_if(peers, [&](const auto& entry) { return entry.second.last_heard_ms < limit; });
}

void LearnerServer::State::receive() {
  zmq::message_t identity_frame;
  zmq::message_t payload;
  for (int i = 0; i < kMessagesARound && socket.recv(identity_frame, zmq::recv_flags::dontwait); ++i) {
    int frames = 1;
    while (socket.get(zmq::sockopt::rcvmore)) {
      (void)socket.recv(payload, zmq::recv_flags::none);
      ++frames;
    }
    const std::string identity = identity_frame.to_string();
    const std::lock_guard lock(mutex);
    try {
      if (frames != 2) throw UserError(concat("message: expected one frame, got ", frames - 1));
      answer(identity, data::decode_message(payload.to_string_view()));
    } catch (const UserError& error) {
      if (++bad_messages <= 10) log_warning(concat("peer refused: ", error.what()));
      send(identity, data::Refuse{error.what()});
    }
  }
}

void LearnerServer::State::serve() {
  try {
    while (!stopping) {
      try {
        zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
        zmq::poll(&item, 1, kPollInterval);
        if (item.revents & ZMQ_POLLIN) receive();
      } catch (const zmq::error_t& error) {
        if (error.num() != EINTR) throw;  // a signal that this thread happened to take
      }
      const std::lock_guard lock(mutex);
      if (const int expired = leases.expire(now_ms())) log_warning(concat(expired, " lease(s) timed out and were queued again"));
      drop_silent_peers();
    }
  } catch (...) {
    const std::lock_guard lock(mutex);
    failure = std::current_exception();
    arrived.notify_all();
  }
}

LearnerServer::LearnerServer(LearnerServerOptions options) : state_(std::make_unique<State>(std::move(options))) {
  State& state = *state_;
  if (!state.options.curve_client_keys_file.empty()) state.gate.emplace(state.context, state.options.curve_client_keys_file);
  data::configure_server_socket(state.socket, state.options.endpoint, state.options.curve_secret_key_file,
                                state.options.curve_client_keys_file);
  state.socket.set(zmq::sockopt::maxmsgsize, state.options.max_message_bytes);
  state.socket.set(zmq::sockopt::rcvhwm, kMaxReceivedMessages);
  state.socket.set(zmq::sockopt::sndhwm, kMaxQueuedMessages);
  state.socket.set(zmq::sockopt::linger, 500);
  state.socket.set(zmq::sockopt::router_mandatory, true);
  try {
    state.socket.bind(state.options.endpoint);
  } catch (const zmq::error_t& error) {
    throw UserError(concat("learner: expected an endpoint to bind, got ", error.what(), " (", state.options.endpoint, ")"),
                    error.num() == ENAMETOOLONG ? "name a shorter one with /rollout/endpoint, such as tcp://127.0.0.1:*" : "");
  }
  state.bound_endpoint = state.socket.get(zmq::sockopt::last_endpoint);
  state.thread = std::thread([&state] { state.serve(); });
}

LearnerServer::~LearnerServer() {
  state_->stopping = true;
  if (state_->thread.joinable()) state_->thread.join();
}

std::string LearnerServer::endpoint() const { return state_->bound_endpoint; }

void LearnerServer::publish(std::int64_t policy_version, const std::string& snapshot_path) {
  SnapshotFile snapshot(snapshot_path, policy_version);
  const std::lock_guard lock(state_->mutex);
  state_->snapshot = std::move(snapshot);
}

void LearnerServer::submit(std::vector<LeaseRequestItem> items) {
  const std::lock_guard lock(state_->mutex);
  for (LeaseRequestItem& item : items) state_->leases.add(std::move(item));
}

std::optional<data::Group> LearnerServer::take(std::int64_t timeout_ms) {
  std::unique_lock lock(state_->mutex);
  state_->arrived.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return !state_->groups.empty() || state_->failure; });
  if (state_->failure) std::rethrow_exception(state_->failure);
  if (state_->groups.empty()) return std::nullopt;
  data::Group group = std::move(state_->groups.front());
  state_->groups.pop_front();
  return group;
}

void LearnerServer::reissue(std::int64_t step, std::int64_t prompt_idx, std::int64_t min_policy_version) {
  const std::lock_guard lock(state_->mutex);
  state_->leases.reissue(step, prompt_idx, min_policy_version);
}

void LearnerServer::forget_before(std::int64_t step) {
  const std::lock_guard lock(state_->mutex);
  state_->leases.forget_before(step);
}

void LearnerServer::finish(std::int64_t timeout_ms) {
  std::unique_lock lock(state_->mutex);
  state_->finished = true;
  state_->arrived.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
    const auto is_done = [&](const auto& entry) { return entry.second.was_told_finished || !state_->is_alive(entry.second); };
    return state_->failure || std::all_of(state_->peers.begin(), state_->peers.end(), is_done);
  });
}

LearnerServer::Statistics LearnerServer::statistics() const {
  const std::lock_guard lock(state_->mutex);
  Statistics statistics;
  statistics.leases = state_->leases.counters();
  for (const auto& [identity, peer] : state_->peers) statistics.workers += state_->is_alive(peer) ? 1 : 0;
  statistics.bad_messages = state_->bad_messages;
  statistics.pending = state_->leases.num_pending();
  statistics.leased = state_->leases.num_leased();
  return statistics;
}

}  // namespace longbow::trainer
