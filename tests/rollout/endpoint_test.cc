// Which endpoints are open, and that CURVE admits exactly the clients whose keys are listed.
#include "data/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "core/errors.h"

namespace longbow::data {
namespace {

TEST(Endpoint, LocalAndRemote) {
  for (const char* local : {"ipc:///tmp/x", "ipc://@abstract", "inproc://name", "tcp://127.0.0.1:5555", "tcp://127.0.0.1:*",
                            "tcp://localhost:1", "tcp://[::1]:5555"}) {
    EXPECT_TRUE(is_local_endpoint(local)) << local;
  }
  for (const char* remote :
       {"tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://10.0.0.7:5555", "tcp://node1:5555", "tcp://eth0:*", "tcp://lo:5555",
        "tcp://127.0.0.1.example.org:80", "tcp://localhost.:5555", "tcp://[::]:5555", "tcp://127.0.0.2:5"}) {
    EXPECT_FALSE(is_local_endpoint(remote)) << remote;
  }
  for (const char* bad :
       {"", "tcp", "tcp://", "tcp://127.0.0.1", "tcp://:5555", "tcp://127.0.0.1:", "tcp://127.0.0.1:http",
        "tcp://127.0.0.1:0;10.0.0.1:5555", "udp://127.0.0.1:5", "pgm://a;b:5", "127.0.0.1:5555", "tcp://127.0.0.1:123456", "ipc://"}) {
    EXPECT_THROW(is_local_endpoint(bad), UserError) << bad;
  }
}

class Curve : public testing::Test {
 protected:
  struct KeyPair {
    std::string public_key, secret_key;
  };
  Curve() {
    dir_ = std::filesystem::temp_directory_path() /
           concat("longbow_curve_", ::getpid(), "_", testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(dir_);
  }
  ~Curve() override { std::filesystem::remove_all(dir_); }

  static KeyPair make_pair() {
    std::array<char, 41> public_key{};
    std::array<char, 41> secret_key{};
    zmq_curve_keypair(public_key.data(), secret_key.data());
    return {public_key.data(), secret_key.data()};
  }
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = (dir_ / name).string();
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  std::filesystem::path dir_;
};

TEST_F(Curve, AdmitsListedKeysOnly) {
  const KeyPair server = make_pair();
  const KeyPair friendly = make_pair();
  const KeyPair stranger = make_pair();
  const std::string secret_file = file("server.secret", "# the learner's\n" + server.secret_key + "\n");
  const std::string clients_file = file("clients", "\n" + friendly.public_key + "\n# that is all\n");
  const std::string server_file = file("server.public", server.public_key);
  zmq::context_t context;
  const ClientKeyGate gate(context, clients_file);
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  configure_server_socket(router, "tcp://127.0.0.1:*", secret_file, clients_file);
  router.bind("tcp://127.0.0.1:*");
  const std::string endpoint = router.get(zmq::sockopt::last_endpoint);
  const auto arrives = [&](const std::function<void(zmq::socket_t&)>& configure) {
    zmq::context_t client_context;
    zmq::socket_t dealer(client_context, zmq::socket_type::dealer);
    dealer.set(zmq::sockopt::linger, 0);
    configure(dealer);
    dealer.connect(endpoint);
    dealer.send(zmq::str_buffer("hello"), zmq::send_flags::dontwait);
    router.set(zmq::sockopt::rcvtimeo, 400);
    zmq::message_t identity;
    zmq::message_t text;
    return router.recv(identity) && router.recv(text) && text.to_string() == "hello";
  };
  const auto with_key = [&](const std::string& name, const KeyPair& pair) {
    const std::string path = file(name, pair.secret_key);
    return [=](zmq::socket_t& socket) { configure_client_socket(socket, "tcp://10.1.2.3:5555", server_file, path); };
  };
  EXPECT_TRUE(arrives(with_key("friend.secret", friendly)));
  EXPECT_FALSE(arrives(with_key("stranger.secret", stranger)));
  EXPECT_FALSE(arrives([](zmq::socket_t&) {}));  // no CURVE at all
}

TEST_F(Curve, AServerWithoutAGateAdmitsNobody) {
  const KeyPair server = make_pair();
  const KeyPair client = make_pair();
  const std::string clients_file = file("clients", client.public_key);
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  configure_server_socket(router, "tcp://127.0.0.1:*", file("server.secret", server.secret_key), clients_file);
  router.bind("tcp://127.0.0.1:*");
  router.set(zmq::sockopt::rcvtimeo, 300);
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  dealer.set(zmq::sockopt::linger, 0);
  configure_client_socket(dealer, "tcp://127.0.0.1:1", file("server.public", server.public_key), file("client.secret", client.secret_key));
  dealer.connect(router.get(zmq::sockopt::last_endpoint));
  dealer.send(zmq::str_buffer("hello"), zmq::send_flags::dontwait);
  zmq::message_t identity;
  EXPECT_FALSE(router.recv(identity));
}

TEST_F(Curve, BadKeysAreOneLine) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  const KeyPair pair = make_pair();
  const std::string good_public = file("public", pair.public_key);
  const std::string good_secret = file("secret", pair.secret_key);
  using testing::HasSubstr;
  const auto client = [&](const std::string& endpoint, const std::string& server_key, const std::string& secret_key) {
    return error_of([&] { configure_client_socket(socket, endpoint, server_key, secret_key); });
  };
  EXPECT_EQ(client("tcp://127.0.0.1:5", "", ""), "");
  EXPECT_EQ(client("tcp://10.0.0.1:5", good_public, good_secret), "");
  EXPECT_THAT(client("tcp://10.0.0.1:5", "", ""), HasSubstr("expected CURVE keys for tcp://10.0.0.1:5"));
  EXPECT_THAT(client("tcp://10.0.0.1:5", good_public, ""), HasSubstr("got only one of them"));
  EXPECT_THAT(client("tcp://10.0.0.1:5", file("short", "abc"), good_secret), HasSubstr("expected a Z85 key of 40 characters, got 3"));
  EXPECT_THAT(client("tcp://10.0.0.1:5", file("empty", "# nothing\n"), good_secret), HasSubstr("expected a key, got none"));
  EXPECT_THAT(client("tcp://10.0.0.1:5", good_public, (dir_ / "missing").string()), HasSubstr("expected a readable file"));
  EXPECT_THAT(client("tcp://10.0.0.1:5", good_public, file("open", pair.secret_key, 0644)), HasSubstr("only its owner can read"));
  EXPECT_THAT(error_of([&] { configure_server_socket(socket, "tcp://*:5", "", ""); }), HasSubstr("expected CURVE keys for tcp://*:5"));
}

}  // namespace
}  // namespace longbow::data
