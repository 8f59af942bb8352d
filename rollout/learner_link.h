// The worker's side of the wire: one DEALER socket to the learner, kept alive. It introduces the worker, notices silence,
// starts again on a fresh socket with back-off (so answers to an old conversation never mix with a new one), and gives up
// after a time without any answer. Nothing that arrives is trusted: what does not decode is logged and dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "data/protocol.h"

namespace longbow::rollout {

struct LinkOptions {
  std::string endpoint;
  std::string curve_server_key_file;  // the learner's public key; empty: no CURVE
  std::string curve_secret_key_file;
  std::int64_t silence_ms = 10'000;   // a request unanswered for this long means that the learner is gone
  std::int64_t give_up_ms = 120'000;  // no answer at all for this long is an error
  data::Hello hello;
};

class LearnerLink {
 public:
  /// Connects lazily. Throws UserError for an endpoint that its keys do not permit.
  explicit LearnerLink(LinkOptions options);

  /// The next message, or nothing after `timeout_ms`. A Welcome that opens a new conversation makes is_connected() true.
  /// Throws UserError when the learner refuses this worker's Hello, or has not answered for give_up_ms.
  std::optional<data::WireMessage> receive(std::int64_t timeout_ms);

  /// Sends when connected; otherwise drops the message (every request is repeated by its own timer).
  void send(const data::WireMessage& message) { send_bytes(data::encode_message(message)); }
  void send_bytes(const std::string& bytes);

  /// Asks for a new Welcome within the conversation: it carries the current weights' version and place.
  void ask_again();
  /// Ends the conversation; the next receive() begins another. `why` goes to the log.
  void reconnect(const std::string& why);
  /// Tells the learner that the worker leaves, waiting at most half a second for the message to go out.
  void leave();

  bool is_connected() const { return connected_; }
  /// Counts conversations: changes with every reconnect.
  std::int64_t conversation() const { return conversation_; }

 private:
  using Clock = std::chrono::steady_clock;

  void open();
  void judge_silence();
  std::optional<data::WireMessage> take(const zmq::message_t& frame, bool more);
  std::int64_t unanswered_ms() const;

  LinkOptions options_;
  zmq::context_t context_{1};
  zmq::socket_t socket_;
  bool connected_ = false;
  std::int64_t conversation_ = 0;
  std::int64_t backoff_ms_;
  Clock::time_point next_hello_;
  std::optional<Clock::time_point> unanswered_since_;  // first send that nothing has answered, in this conversation
  std::optional<Clock::time_point> silent_since_;      // the same over all conversations
  std::int64_t bad_messages_ = 0;
};

}  // namespace longbow::rollout
