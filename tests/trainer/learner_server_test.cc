// The learner's socket against a scripted peer: what it grants, acknowledges, serves and refuses.
#include "trainer/learner_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <zmq.hpp>

#include "core/errors.h"
#include "data/protocol.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;

class Peer {
 public:
  explicit Peer(const std::string& endpoint) : socket_(context_, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.connect(endpoint);
  }
  void send_bytes(const std::string& bytes) { socket_.send(zmq::buffer(bytes)); }
  void send(const data::WireMessage& message) { send_bytes(data::encode_message(message)); }
  std::optional<data::WireMessage> receive(int timeout_ms = 5000) {
    socket_.set(zmq::sockopt::rcvtimeo, timeout_ms);
    zmq::message_t frame;
    if (!socket_.recv(frame)) return std::nullopt;
    return data::decode_message(frame.to_string_view());
  }
  template <class T>
  T expect(int timeout_ms = 5000) {
    const auto message = receive(timeout_ms);
    if (!message) {
      ADD_FAILURE() << "no answer";
      return {};
    }
    const T* found = std::get_if<T>(&*message);
    EXPECT_NE(found, nullptr) << "another kind of answer: " << message->index();
    return found ? *found : T{};
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

class LearnerServerTest : public testing::Test {
 protected:
  LearnerServerTest() {
    folder_ = fs::temp_directory_path() /
              concat("longbow-server-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
    std::ofstream(folder_ / "weights") << std::string(1000, 'w');
    LearnerServerOptions options;
    options.endpoint = "tcp://127.0.0.1:*";
    options.run_id = "run";
    options.layout_hash = 42;
    options.compute_dtype = "float32";
    options.vocab_size = 100;
    options.lease_timeout_ms = 400;
    options.heartbeat_ms = 50;
    options.max_message_bytes = 1 << 16;
    server_ = std::make_unique<LearnerServer>(options);
    server_->publish(3, (folder_ / "weights").string());
  }
  ~LearnerServerTest() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  static data::Hello hello(const std::string& id = "w") { return {data::kProtocolVersion, id, 42, "float32"}; }
  static std::vector<LeaseRequestItem> one_prompt() {
    LeaseRequestItem item;
    item.prompt.item_id = "i";
    item.prompt.tokens = {1, 2};
    item.group_size = 2;
    item.sampling.max_completion_tokens = 4;
    return {item};
  }
  static data::Group answer(const data::Lease& lease) {
    data::Group group{lease.lease_id, lease.prompt, {}};
    for (int i = 0; i < lease.group_size; ++i) {
      group.completions.push_back({i, {7}, {-0.5f}, data::FinishReason::stop, 3, 3, 1.0});
    }
    return group;
  }
  Peer connected(const std::string& id = "w") {
    Peer peer(server_->endpoint());
    peer.send(hello(id));
    peer.expect<data::Welcome>();
    return peer;
  }

  fs::path folder_;
  std::unique_ptr<LearnerServer> server_;
};

TEST_F(LearnerServerTest, GrantsTakesAndAcknowledgesOnce) {
  Peer peer(server_->endpoint());
  peer.send(hello());
  const auto welcome = peer.expect<data::Welcome>();
  EXPECT_EQ(welcome.policy_version, 3);
  EXPECT_EQ(welcome.snapshot_bytes, 1000);
  peer.send(data::LeaseRequest{1});
  peer.expect<data::Wait>();
  server_->submit(one_prompt());
  peer.send(data::LeaseRequest{1});
  const auto lease = peer.expect<data::Lease>();
  peer.send(data::GroupDone{answer(lease)});
  EXPECT_TRUE(peer.expect<data::Ack>().accepted);
  peer.send(data::GroupDone{answer(lease)});  // sent again: the acknowledgement was lost
  EXPECT_FALSE(peer.expect<data::Ack>().accepted);
  const auto group = server_->take(1000);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->lease_id, lease.lease_id);
  EXPECT_FALSE(server_->take(50));
  EXPECT_EQ(server_->statistics().leases.duplicates, 1);
}

TEST_F(LearnerServerTest, ReissuesWhatASilentOrLeavingWorkerHeld) {
  server_->submit(one_prompt());
  Peer silent = connected("silent");
  silent.send(data::LeaseRequest{1});
  silent.expect<data::Lease>();
  Peer other = connected("other");
  std::optional<data::Lease> second;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!second && std::chrono::steady_clock::now() < end) {
    other.send(data::LeaseRequest{1});
    const auto message = other.receive();
    ASSERT_TRUE(message);
    if (const auto* lease = std::get_if<data::Lease>(&*message)) second = *lease;
  }
  ASSERT_TRUE(second);
  other.send(data::Goodbye{});
  Peer third = connected("third");
  third.send(data::LeaseRequest{1});
  third.expect<data::Lease>();
  EXPECT_EQ(server_->statistics().leases.reissued, 2);
}

TEST_F(LearnerServerTest, ServesWeightsInChunksOfTheCurrentVersionOnly) {
  Peer peer = connected();
  peer.send(data::WeightsRequest{3, 900, 400});
  const auto chunk = peer.expect<data::WeightsChunk>();
  EXPECT_EQ(chunk.bytes, std::string(100, 'w'));
  EXPECT_EQ(chunk.total_bytes, 1000);
  for (const data::WeightsRequest& bad : {data::WeightsRequest{2, 0, 10}, {3, 1000, 10}, {3, 0, 0}}) {
    peer.send(bad);
    peer.expect<data::Refuse>();
  }
}

TEST_F(LearnerServerTest, RefusesPeersItCannotWorkWith) {
  struct Case {
    data::Hello hello;
    const char* reason;
  };
  for (const Case& test :
       {Case{{99, "w", 42, "float32"}, "protocol version"}, Case{{data::kProtocolVersion, "", 42, "float32"}, "worker id"},
        Case{{data::kProtocolVersion, "w", 7, "float32"}, "model"}, Case{{data::kProtocolVersion, "w", 42, "bfloat16"}, "compute dtype"}}) {
    Peer peer(server_->endpoint());
    peer.send(test.hello);
    EXPECT_EQ(peer.expect<data::Refuse>().reason.rfind(test.reason, 0), 0u) << test.reason;
  }
  Peer rude(server_->endpoint());
  rude.send(data::LeaseRequest{1});
  EXPECT_EQ(rude.expect<data::Refuse>().reason.rfind("hello", 0), 0u);
}

TEST_F(LearnerServerTest, SurvivesGarbageAndGoesOnServing) {
  Peer peer(server_->endpoint());
  std::string message = data::encode_message(hello());
  for (const std::string& garbage :
       {std::string(), std::string("hello"), std::string(5000, '\xff'), message.substr(0, message.size() / 2)}) {
    peer.send_bytes(garbage);
    peer.expect<data::Refuse>();
  }
  message[message.size() / 2] ^= 0x10;
  peer.send_bytes(message);
  peer.expect<data::Refuse>();
  EXPECT_EQ(server_->statistics().bad_messages, 5);
  peer.send(hello());
  peer.expect<data::Welcome>();
}

TEST_F(LearnerServerTest, AnswersFinishedAtTheEnd) {
  Peer peer = connected();
  std::thread last_words([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    peer.send(data::LeaseRequest{1});
    peer.expect<data::Finished>();
  });
  const auto begin = std::chrono::steady_clock::now();
  server_->finish(20'000);  // waits until the worker knows
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
  last_words.join();
}

TEST_F(LearnerServerTest, TheEndWaitsForNobodyWhoIsSilent) {
  Peer peer = connected();
  const auto begin = std::chrono::steady_clock::now();
  server_->finish(100);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(LearnerServerTest, APromptThatNobodyCanAnswerEndsTheRun) {
  server_->submit(one_prompt());
  Peer small = connected("small"), large = connected("large");
  small.send(data::LeaseRequest{1});
  const auto first = small.expect<data::Lease>();
  small.send(data::Decline{first.lease_id, "KV cache: needs 9 MiB"});
  small.send(data::LeaseRequest{1});
  small.expect<data::Wait>();  // not the same again
  large.send(data::LeaseRequest{1});
  const auto second = large.expect<data::Lease>();
  EXPECT_FALSE(server_->take(20));
  small.send(data::Heartbeat{});
  small.expect<data::Status>();
  large.send(data::Decline{second.lease_id, "KV cache: needs 9 MiB"});
  EXPECT_THROW(
      {
        try {
          server_->take(5000);
        } catch (const UserError& error) {
          EXPECT_NE(std::string(error.what()).find("refusals only: KV cache: needs 9 MiB"), std::string::npos) << error.what();
          throw;
        }
      },
      UserError);
}

TEST_F(LearnerServerTest, ASignalTakenByItsThreadDoesNotEndIt) {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, &old);  // so that the server's thread takes it
  for (int i = 0; i < 20; ++i) {
    ::kill(::getpid(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_NO_THROW(server_->take(10));
  Peer peer = connected();
  peer.send(data::LeaseRequest{1});
  peer.expect<data::Wait>();
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(LearnerServerTest, AMessageLargerThanAnyGroupEndsTheConnection) {
  Peer peer = connected();
  peer.send_bytes(std::string((1 << 16) + 1, 'x'));
  EXPECT_FALSE(peer.receive(300));
  EXPECT_EQ(server_->statistics().bad_messages, 0);  // it was never taken in
}

TEST_F(LearnerServerTest, AWorkerWithManySlotsGetsItsLeasesInPortions) {
  std::vector<LeaseRequestItem> items;
  for (int i = 0; i < 40; ++i) {
    items.push_back(one_prompt().front());
    items.back().prompt.prompt_idx = i;
  }
  server_->submit(std::move(items));
  Peer peer = connected();
  peer.send(data::LeaseRequest{2'000'000'000});
  for (int i = 0; i < 32; ++i) peer.expect<data::Lease>();
  peer.expect<data::Wait>();  // that was all, for this request
  EXPECT_EQ(server_->statistics().leased, 32);
  peer.send(data::LeaseRequest{2'000'000'000});
  for (int i = 0; i < 8; ++i) peer.expect<data::Lease>();
  peer.expect<data::Wait>();
}

TEST(LearnerServer, AnswersNobodyBeforeItHasWeights) {
  LearnerServerOptions options;
  options.endpoint = "tcp://127.0.0.1:*";
  options.run_id = "run";
  options.compute_dtype = "float32";
  LearnerServer server(options);
  Peer early(server.endpoint());
  early.send({data::Hello{data::kProtocolVersion, "w", 0, "float32"}});
  EXPECT_FALSE(early.receive(200));
  const fs::path weights = fs::temp_directory_path() / concat("longbow-weights-", ::getpid());
  std::ofstream(weights) << "w";
  server.publish(0, weights);
  fs::remove(weights);
  early.send({data::Hello{data::kProtocolVersion, "w", 0, "float32"}});
  EXPECT_EQ(early.expect<data::Welcome>().snapshot_bytes, 1);
}

TEST(LearnerServer, RefusesEndpointsOffThisMachineWithoutKeys) {
  LearnerServerOptions options;
  options.endpoint = "tcp://0.0.0.0:*";
  EXPECT_THROW(LearnerServer server(options), UserError);
}

}  // namespace
}  // namespace longbow::trainer
