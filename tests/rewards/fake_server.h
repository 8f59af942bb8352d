// A small HTTP/1.1 server for tests: one thread a connection, every request answered by a function of its body, on a free port of this
// machine.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/errors.h"

namespace longbow::rewards {

struct FakeReply {
  int status = 200;
  std::string body = "";
  std::string headers = "";  // each ended by \r\n
  double delay_seconds = 0;
  double drip_seconds = 0;  // between the bytes of the message, while the client listens
  bool hang_up = false;     // close without a reply
};

class FakeServer {
 public:
  explicit FakeServer(std::function<FakeReply(const std::string& head, const std::string& body)> answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    LONGBOW_CHECK_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    LONGBOW_CHECK_EQ(::listen(listener_, 64), 0);
    LONGBOW_CHECK_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FakeServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) ::close(connection);
    ::close(listener_);
  }

  std::string url() const { return concat("http://127.0.0.1:", port_, "/v1"); }
  int num_requests() const { return num_requests_; }
  int most_at_once() const { return most_at_once_; }

 private:
  void accept_all() {
    while (!stopping_) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      const std::lock_guard lock(mutex_);
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] {
        while (serve_one(connection)) {
        }
        ::shutdown(connection, SHUT_RDWR);
      });
    }
  }

  bool serve_one(int connection) {
    std::string text;
    std::size_t head_size = std::string::npos, length = 0;
    while (head_size == std::string::npos || text.size() < head_size + length) {
      char buffer[65536];
      const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(got));
      if (head_size != std::string::npos) continue;
      const std::size_t end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      head_size = end + 4;
      const std::size_t field = text.find("Content-Length: ");
      length = field < head_size ? std::stoul(text.substr(field + 16)) : 0;
    }
    ++num_requests_;
    const int at_once = ++at_once_;
    int most = most_at_once_;
    while (at_once > most && !most_at_once_.compare_exchange_weak(most, at_once)) {
    }
    const FakeReply reply = answer_(text.substr(0, head_size), text.substr(head_size));
    std::this_thread::sleep_for(std::chrono::duration<double>(reply.delay_seconds));
    --at_once_;
    if (reply.hang_up) return false;
    const std::string message = concat("HTTP/1.1 ", reply.status, " X\r\nContent-Type: application/json\r\n", reply.headers,
                                       "Content-Length: ", reply.body.size(), "\r\n\r\n", reply.body);
    const std::size_t piece = reply.drip_seconds > 0 ? 1 : message.size();
    for (std::size_t at = 0; at < message.size(); at += piece) {
      if (::send(connection, message.data() + at, piece, MSG_NOSIGNAL) != static_cast<ssize_t>(piece)) return false;
      std::this_thread::sleep_for(std::chrono::duration<double>(reply.drip_seconds));
    }
    return true;
  }

  std::function<FakeReply(const std::string&, const std::string&)> answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> num_requests_{0}, at_once_{0}, most_at_once_{0};
  std::mutex mutex_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace longbow::rewards
