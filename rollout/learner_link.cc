#include "rollout/learner_link.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "data/endpoint.h"

namespace longbow::rollout {
namespace {

constexpr std::int64_t kFirstBackoffMs = 500;
constexpr std::int64_t kLongestBackoffMs = 5'000;
constexpr std::int64_t kMaxMessageBytes = 64 << 20;
constexpr std::int64_t kLoggedBadMessages = 10;

template <class Time>
std::int64_t ms_since(Time start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

LearnerLink::LearnerLink(LinkOptions options) : options_(std::move(options)), backoff_ms_(kFirstBackoffMs), next_hello_(Clock::now()) {
  zmq::socket_t trial(context_, zmq::socket_type::dealer);  // so that bad keys are an error now, not at the first message
  data::configure_client_socket(trial, options_.endpoint, options_.curve_server_key_file, options_.curve_secret_key_file);
}

void LearnerLink::open() {
  socket_ = zmq::socket_t(context_, zmq::socket_type::dealer);
  data::configure_client_socket(socket_, options_.endpoint, options_.curve_server_key_file, options_.curve_secret_key_file);
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::maxmsgsize, kMaxMessageBytes);
  socket_.set(zmq::sockopt::sndhwm, 0);  // the worker bounds what it sends; a full queue must not swallow a group
  try {
    socket_.connect(options_.endpoint);
  } catch (const zmq::error_t& error) {
    throw UserError(concat("learner: cannot connect to ", options_.endpoint, ": ", error.what()));
  }
  ++conversation_;
  unanswered_since_.reset();
  send_bytes(data::encode_message(options_.hello));
  next_hello_ = Clock::now() + std::chrono::milliseconds(backoff_ms_);
  backoff_ms_ = std::min(2 * backoff_ms_, kLongestBackoffMs);
}

void LearnerLink::send_bytes(const std::string& bytes) {
  if (!socket_.handle()) return;
  if (!unanswered_since_) unanswered_since_ = Clock::now();
  if (!silent_since_) silent_since_ = Clock::now();
  (void)socket_.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
}

void LearnerLink::ask_again() { send(options_.hello); }

void LearnerLink::reconnect(const std::string& why) {
  if (connected_) log_warning(concat("learner: ", why, "; starting a new conversation (", options_.endpoint, ")"));
  connected_ = false;
  backoff_ms_ = kFirstBackoffMs;
  next_hello_ = Clock::now();
}

void LearnerLink::leave() {
  if (!connected_) return;
  socket_.set(zmq::sockopt::linger, 500);
  send(data::Goodbye{});
  socket_.close();
  connected_ = false;
}

void LearnerLink::judge_silence() {
  if (silent_since_ && ms_since(*silent_since_) > options_.give_up_ms) {
    throw UserError(concat("learner: expected an answer to ", connected_ ? "a request" : "Hello", " within ", options_.give_up_ms,
                           " ms, got none (", options_.endpoint, ")"));
  }
  if (connected_ && unanswered_since_ && ms_since(*unanswered_since_) > options_.silence_ms) {
    reconnect(concat("no answer to a request within ", options_.silence_ms, " ms"));
  }
}

std::optional<data::WireMessage> LearnerLink::receive(std::int64_t timeout_ms) {
  if (!connected_ && Clock::now() >= next_hello_) open();
  try {
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, std::chrono::milliseconds(timeout_ms));
    zmq::message_t frame;
    if ((item.revents & ZMQ_POLLIN) && socket_.recv(frame, zmq::recv_flags::dontwait)) {
      bool more = false;
      for (zmq::message_t rest; socket_.get(zmq::sockopt::rcvmore); more = true) (void)socket_.recv(rest, zmq::recv_flags::none);
      return take(frame, more);
    }
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw UserError(concat("learner: cannot receive from ", options_.endpoint, ": ", error.what()));
    return std::nullopt;  // a signal: the caller looks at its flags
  }
  judge_silence();
  return std::nullopt;
}

std::optional<data::WireMessage> LearnerLink::take(const zmq::message_t& frame, bool more) {
  data::WireMessage message;
  try {
    if (more) throw UserError("message: expected one frame, got several");
    message = data::decode_message(frame.to_string_view());
  } catch (const UserError& error) {
    if (++bad_messages_ <= kLoggedBadMessages) log_warning(concat("learner: message ignored: ", error.what()));
    return std::nullopt;
  }
  unanswered_since_.reset();
  silent_since_.reset();
  if (const auto* refusal = std::get_if<data::Refuse>(&message)) {
    // To a Hello it is final. Later it means that the learner no longer knows us (it restarted) or has moved on: begin again.
    if (!connected_) throw UserError(concat("learner refused this worker: ", refusal->reason, " (", options_.endpoint, ")"));
    reconnect(refusal->reason);
    return std::nullopt;
  }
  if (std::holds_alternative<data::Welcome>(message)) {
    connected_ = true;
    backoff_ms_ = kFirstBackoffMs;
  } else if (!connected_ && !std::holds_alternative<data::Finished>(message)) {
    return std::nullopt;  // an answer to nothing we asked in this conversation
  }
  return message;
}

}  // namespace longbow::rollout
