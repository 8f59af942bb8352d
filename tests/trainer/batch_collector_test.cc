// The staleness bound, from the collector down to the wire: a group that is too old is dropped, asked for again with newer weights,
// and counted; it never reaches a batch.
#include "trainer/batch_collector.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <zmq.hpp>

#include "core/errors.h"
#include "data/protocol.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModel = LONGBOW_SOURCE_DIR "/models/quickstart";

std::vector<data::Item> two_items() {
  std::vector<data::Item> items(2);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].id = concat("item ", i);
    items[i].task = "t";
    items[i].family = "retrieval";
    items[i].messages = {{"user", concat("what is number ", i)}};
    items[i].answer = {"sub_em", {"four"}, Json::object()};
  }
  return items;
}

/// A worker whose weights are as old as each answer's turn says: answers leases of prompt 0 with `versions` in turn, others with 5.
class ScriptedWorker {
 public:
  ScriptedWorker(const std::string& endpoint, std::vector<std::int64_t> versions)
      : versions_(std::move(versions)), thread_([this, endpoint] { run(endpoint); }) {}
  ~ScriptedWorker() {
    stop_ = true;
    thread_.join();
  }
  std::vector<std::int64_t> asked_versions() const { return asked_versions_; }  // of prompt 0's leases; read after the collector is done
  std::int64_t refused() const { return refused_; }

 private:
  void run(const std::string& endpoint) {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 20);
    socket.connect(endpoint);
    const auto send = [&](const data::WireMessage& message) { socket.send(zmq::buffer(data::encode_message(message))); };
    send(data::Hello{data::kProtocolVersion, "w", 42, "float32"});
    while (!stop_) {
      zmq::message_t frame;
      if (!socket.recv(frame)) {
        send(data::LeaseRequest{1});
        continue;
      }
      const data::WireMessage message = data::decode_message(frame.to_string_view());
      if (const auto* lease = std::get_if<data::Lease>(&message)) send(data::GroupDone{answer(*lease)});
      if (const auto* ack = std::get_if<data::Ack>(&message)) refused_ += ack->accepted ? 0 : 1;
    }
  }
  data::Group answer(const data::Lease& lease) {
    std::int64_t version = 5;
    if (lease.prompt.prompt_idx == 0) {
      version = versions_.at(asked_versions_.size());
      asked_versions_.push_back(lease.min_policy_version);
    }
    data::Group group{lease.lease_id, lease.prompt, {}};
    for (std::int32_t i = 0; i < lease.group_size; ++i) {
      group.completions.push_back({i, {7}, {-0.5f}, data::FinishReason::stop, version, version, 1.0});
    }
    return group;
  }

  std::vector<std::int64_t> versions_, asked_versions_;
  std::atomic<std::int64_t> refused_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class BatchCollectorTest : public testing::Test {
 protected:
  BatchCollectorTest()
      : tokenizer_(kModel), source_(two_items(), tokenizer_, data::ChatTemplate::load(kModel), {}), scorer_(recipe_, tokenizer_) {
    recipe_.algorithm.prompts_per_step = 2;
    recipe_.algorithm.max_off_policy_steps = 1;
    recipe_.rollout.group_size = 2;
    recipe_.rollout.max_completion_tokens = 4;
    weights_ = fs::temp_directory_path() / concat("longbow-collector-", ::getpid());
    std::ofstream(weights_) << "w";
    LearnerServerOptions options;
    options.endpoint = "tcp://127.0.0.1:*";
    options.run_id = "run";
    options.layout_hash = 42;
    options.compute_dtype = "float32";
    options.vocab_size = tokenizer_.vocab_size();
    server_ = std::make_unique<LearnerServer>(options);
    server_->publish(5, weights_);
  }
  ~BatchCollectorTest() override { fs::remove(weights_); }

  TrainRecipe recipe_;
  data::Tokenizer tokenizer_;
  data::PromptSource source_;
  Scorer scorer_;
  fs::path weights_;
  std::unique_ptr<LearnerServer> server_;
};

TEST_F(BatchCollectorTest, AGroupThatIsTooStaleIsDroppedAskedForAgainAndCounted) {
  BatchCollector collector(recipe_, tokenizer_.eos_id(), source_, *server_, scorer_, {});
  collector.request(2);  // its prompts may be answered by versions from 1 on
  // Weights of version 5 are about to be trained: 1 is four steps old, 3 two, 4 one.
  ScriptedWorker worker(server_->endpoint(), {1, 3, 4});
  const CollectedBatch batch = collector.collect(2, 5);
  EXPECT_EQ(batch.stale_groups, 1);  // version 1; asked for again with at least 4
  EXPECT_EQ(worker.refused(), 1);    // version 3 does not even reach the collector: its lease said 4
  EXPECT_EQ(worker.asked_versions(), (std::vector<std::int64_t>{1, 4, 4}));
  EXPECT_EQ(server_->statistics().leases.refused, 1);
  EXPECT_EQ(server_->statistics().leases.reissued, 1);
  ASSERT_EQ(batch.groups.size(), 2u);
  for (const GroupScore& score : batch.groups) {
    for (const data::Completion& completion : score.scored.group.completions) EXPECT_GE(completion.min_policy_version, 4);
  }
}

TEST_F(BatchCollectorTest, AGroupWithinTheBoundIsUsed) {
  BatchCollector collector(recipe_, tokenizer_.eos_id(), source_, *server_, scorer_, {});
  collector.request(5);
  ScriptedWorker worker(server_->endpoint(), {4});
  const CollectedBatch batch = collector.collect(5, 5);
  EXPECT_EQ(batch.stale_groups, 0);
  EXPECT_EQ(batch.groups.size(), 2u);
  EXPECT_EQ(worker.asked_versions(), std::vector<std::int64_t>{4});
}

}  // namespace
}  // namespace longbow::trainer
