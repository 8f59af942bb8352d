// Who may talk to whom: endpoints on this machine are open, any other needs CURVE keys on both sides. Learner and worker
// configure their sockets here, before bind or connect.
// Key files hold one Z85 key of 40 characters a line (curve_keygen, which comes with libzmq, makes pairs); '#' starts a comment.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace longbow::data {

/// True for ipc://…, inproc://…, and tcp:// to 127.0.0.1, localhost or [::1]. Throws UserError for anything that is not
/// TRANSPORT://ADDRESS of these three transports, or tcp without exactly one host and one port (a number, or * to bind any).
bool is_local_endpoint(std::string_view endpoint);

/// Sets up a worker's socket: CURVE when keys are given. `server_key_file` holds the learner's public key, `secret_key_file` our secret
/// key. Throws UserError for a remote endpoint without keys, or keys that cannot be read.
void configure_client_socket(zmq::socket_t& socket, const std::string& endpoint, const std::string& server_key_file,
                             const std::string& secret_key_file);

/// Sets up the learner's socket, in the same way. With CURVE the socket also demands a ClientKeyGate in its context: without one
/// every client is refused.
void configure_server_socket(zmq::socket_t& socket, const std::string& endpoint, const std::string& secret_key_file,
                             const std::string& client_keys_file);

/// Admits only the clients whose public keys `client_keys_file` lists (ZeroMQ's authentication protocol, RFC 27). Make it before the
/// server binds; one a context. The thread ends with the object, which must go before the context.
class ClientKeyGate {
 public:
  ClientKeyGate(zmq::context_t& context, const std::string& client_keys_file);
  ~ClientKeyGate();
  ClientKeyGate(const ClientKeyGate&) = delete;
  ClientKeyGate& operator=(const ClientKeyGate&) = delete;

 private:
  void serve();
  void answer();

  std::vector<std::string> client_keys_;
  zmq::socket_t socket_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace longbow::data
