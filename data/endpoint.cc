#include "data/endpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>

#include "core/errors.h"
#include "core/log.h"

namespace longbow::data {
namespace {

constexpr std::string_view kZapEndpoint = "inproc://zeromq.zap.01";
constexpr std::size_t kZ85KeyLength = 40;

[[noreturn]] void refuse(std::string_view endpoint, std::string_view why) {
  throw UserError(concat("endpoint: expected ipc://PATH or tcp://HOST:PORT, got '", endpoint, "' (", why, ")"));
}

std::vector<std::string> read_keys(const std::string& path, std::string_view what) {
  std::ifstream file(path);
  if (!file) throw UserError(concat(what, ": expected a readable file (", path, ")"));
  std::vector<std::string> keys;
  std::string line;
  for (int number = 1; keys.size() < 65536 && std::getline(file, line); ++number) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    std::string key = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    std::array<std::uint8_t, 32> binary{};
    if (key.size() != kZ85KeyLength || zmq_z85_decode(binary.data(), key.c_str()) == nullptr) {
      throw UserError(concat(what, ": expected a Z85 key of 40 characters, got ", key.size(), " (", path, ":", number, ")"));
    }
    keys.push_back(std::move(key));
  }
  if (keys.empty()) throw UserError(concat(what, ": expected a key, got none (", path, ")"));
  return keys;
}

std::string read_secret_key(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw UserError(concat("CURVE secret key: expected a file that only its owner can read (", path, ")"), concat("chmod 600 ", path));
  }
  const auto keys = read_keys(path, "CURVE secret key");
  if (keys.size() != 1) throw UserError(concat("CURVE secret key: expected one key, got ", keys.size(), " (", path, ")"));
  return keys.front();
}

void require_keys(const std::string& endpoint) {
  if (is_local_endpoint(endpoint)) return;
  throw UserError(concat("endpoint: expected CURVE keys for ", endpoint, ", which other machines can reach, got none"),
                  "give both key files, or use ipc:// or tcp://127.0.0.1");
}

}  // namespace

bool is_local_endpoint(std::string_view endpoint) {
  const auto split = endpoint.find("://");
  if (split == std::string_view::npos) refuse(endpoint, "no transport");
  const std::string_view transport = endpoint.substr(0, split);
  const std::string_view address = endpoint.substr(split + 3);
  if (address.empty()) refuse(endpoint, "no address");
  if (transport == "ipc" || transport == "inproc") return true;
  if (transport != "tcp") refuse(endpoint, "another transport");
  // tcp://SOURCE;TARGET names two hosts: what looks local there need not be.
  if (address.find_first_of(";/ ") != std::string_view::npos) refuse(endpoint, "more than a host and a port");
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) refuse(endpoint, "no port");
  const std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits && port != "*") refuse(endpoint, "no port");
  return host == "127.0.0.1" || host == "localhost" || host == "[::1]";
}

void configure_client_socket(zmq::socket_t& socket, const std::string& endpoint, const std::string& server_key_file,
                             const std::string& secret_key_file) {
  if (server_key_file.empty() && secret_key_file.empty()) return require_keys(endpoint);
  (void)is_local_endpoint(endpoint);
  if (server_key_file.empty() || secret_key_file.empty()) {
    throw UserError("CURVE keys: expected the learner's public key and our secret key, got only one of them");
  }
  const auto server_keys = read_keys(server_key_file, "CURVE server key");
  if (server_keys.size() != 1)
    throw UserError(concat("CURVE server key: expected one key, got ", server_keys.size(), " (", server_key_file, ")"));
  const std::string secret_key = read_secret_key(secret_key_file);
  std::array<char, kZ85KeyLength + 1> public_key{};
  if (zmq_curve_public(public_key.data(), secret_key.c_str()) != 0)
    throw UserError("CURVE keys: expected a libzmq built with CURVE, got one without");
  socket.set(zmq::sockopt::curve_serverkey, server_keys.front());
  socket.set(zmq::sockopt::curve_publickey, std::string(public_key.data()));
  socket.set(zmq::sockopt::curve_secretkey, secret_key);
}

void configure_server_socket(zmq::socket_t& socket, const std::string& endpoint, const std::string& secret_key_file,
                             const std::string& client_keys_file) {
  if (secret_key_file.empty() && client_keys_file.empty()) return require_keys(endpoint);
  (void)is_local_endpoint(endpoint);
  if (secret_key_file.empty() || client_keys_file.empty()) {
    throw UserError("CURVE keys: expected our secret key and the list of clients' public keys, got only one of them");
  }
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, read_secret_key(secret_key_file));
  socket.set(zmq::sockopt::zap_domain, "longbow");
  // No gate, no client. Releases of libzmq know the option, but its name stands among the drafts of zmq.h.
  constexpr int kZapEnforceDomain = 93;
  const int enforce = 1;
  if (zmq_setsockopt(socket.handle(), kZapEnforceDomain, &enforce, sizeof enforce) != 0) {
    throw UserError("CURVE: expected libzmq 4.3.1 or newer, got one that cannot enforce authentication");
  }
}

ClientKeyGate::ClientKeyGate(zmq::context_t& context, const std::string& client_keys_file)
    : client_keys_(read_keys(client_keys_file, "CURVE client keys")), socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(std::string(kZapEndpoint));
  thread_ = std::thread([this] { serve(); });
}

ClientKeyGate::~ClientKeyGate() {
  stopping_ = true;
  thread_.join();
}

void ClientKeyGate::serve() {
  while (!stopping_) {
    try {
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(100));
      if (item.revents & ZMQ_POLLIN) answer();
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) continue;
      log_warning(concat("CURVE: the gate for clients has failed and admits none from now on: ", error.what()));
      return;
    }
  }
}

// RFC 27: version, request id, domain, address, identity, mechanism, then the client's key (32 bytes) for CURVE.
void ClientKeyGate::answer() {
  std::vector<std::string> frames;
  do {
    zmq::message_t frame;
    if (!socket_.recv(frame)) return;
    frames.push_back(frame.to_string());
  } while (socket_.get(zmq::sockopt::rcvmore));
  bool admitted = false;
  std::array<char, kZ85KeyLength + 1> key{};
  if (frames.size() == 7 && frames[0] == "1.0" && frames[5] == "CURVE" && frames[6].size() == 32) {
    zmq_z85_encode(key.data(), reinterpret_cast<const std::uint8_t*>(frames[6].data()), 32);
    admitted = std::find(client_keys_.begin(), client_keys_.end(), key.data()) != client_keys_.end();
  }
  if (!admitted) log_warning(concat("CURVE: refused a client whose public key is not listed (", key.data(), ")"));
  const std::array<std::string, 6> reply = {
      "1.0", frames.size() > 1 ? frames[1] : "", admitted ? "200" : "400", admitted ? "OK" : "unknown key", admitted ? key.data() : "", ""};
  for (std::size_t i = 0; i < reply.size(); ++i) {
    socket_.send(zmq::buffer(reply[i]), i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

}  // namespace longbow::data
