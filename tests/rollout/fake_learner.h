// The learner's side of the wire as a script: a test says what to expect and what to answer. Requests that a test does not wait for
// are answered with the least (no work, no news), so that only the scripted part of the conversation matters.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "core/errors.h"
#include "data/protocol.h"

namespace longbow::rollout {

class FakeLearner {
 public:
  explicit FakeLearner(const std::string& endpoint) : socket_(context_, zmq::socket_type::router) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.bind(endpoint);
  }

  void send(const data::WireMessage& message) {
    if (const auto* welcome = std::get_if<data::Welcome>(&message)) welcome_ = *welcome;
    send_bytes(data::encode_message(message));
  }
  /// One lease, to a worker that asked for several.
  void grant(const data::Lease& lease) {
    send(lease);
    send(data::Wait{20});
  }
  void send_bytes(const std::string& bytes) {
    socket_.send(zmq::buffer(peer_), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(bytes), zmq::send_flags::none);
  }

  /// The next message of type T; a failure after `timeout_ms`.
  template <class T>
  T expect(std::int64_t timeout_ms = 5'000) {
    if (auto message = wait_for<T>(timeout_ms)) return std::move(*message);
    throw UserError(std::string("the worker did not send a ") + typeid(T).name());
  }

  template <class T>
  std::optional<T> wait_for(std::int64_t timeout_ms) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (std::chrono::steady_clock::now() < deadline) {
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(10));
      if (!(item.revents & ZMQ_POLLIN)) continue;
      zmq::message_t identity;
      zmq::message_t payload;
      (void)socket_.recv(identity);
      (void)socket_.recv(payload);
      peer_ = identity.to_string();
      data::WireMessage message = data::decode_message(payload.to_string_view());
      greeted_ |= std::holds_alternative<data::Hello>(message);
      if (T* wanted = std::get_if<T>(&message)) return std::move(*wanted);
      answer_with_the_least(message);
    }
    return std::nullopt;
  }

  std::int64_t policy_version = 0;  // what Status says

 private:
  void answer_with_the_least(const data::WireMessage& message) {
    if (!greeted_) return send(data::Refuse{"hello: expected first, got another message"});  // as a learner that restarted does
    // A worker that waited too long for its Welcome greets again under a new identity, and what was sent to the old one is lost.
    if (std::holds_alternative<data::Hello>(message) && welcome_) send(data::Welcome(*welcome_));
    if (std::holds_alternative<data::LeaseRequest>(message)) send(data::Wait{20});
    if (std::holds_alternative<data::Heartbeat>(message)) send(data::Status{policy_version});
  }

  zmq::context_t context_{1};
  zmq::socket_t socket_;
  std::string peer_;
  bool greeted_ = false;
  std::optional<data::Welcome> welcome_;  // the last that was sent
};

}  // namespace longbow::rollout
