// The worker against a scripted learner: delivery until acknowledged, restarts, silence, garbage, and weights by version.
#include "rollout/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include "core/random.h"
#include "model/weight_snapshot.h"
#include "tests/rollout/fake_learner.h"
#include "tests/rollout/tiny_model.h"

namespace longbow::rollout {
namespace {

using testing::HasSubstr;

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = std::filesystem::temp_directory_path() / concat("longbow_worker_", ::getpid(), "_", info->name());
    std::filesystem::create_directories(dir_);
    std::ofstream(dir_ / "config.json") << model::model_config_to_json(tiny_.config, "float32").dump(1);
    endpoint_ = concat("ipc://", (dir_ / "wire").string());
    config_.model_path = dir_.string();
    config_.silence_ms = 4'000;
    config_.give_up_ms = 20'000;
    config_.resend_ms = 50;
    config_.kv_budget_mib = 64;
  }
  ~WorkerTest() override {
    stop_worker();
    std::filesystem::remove_all(dir_);
  }

  void start_worker() {
    thread_ = std::thread([this] {
      try {
        Worker worker(config_, endpoint_, "worker 1");
        end_ = worker.run([this] { return stop_.load(); });
      } catch (const UserError& error) {
        error_ = error.what();
      }
    });
  }
  void stop_worker() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void join_worker() {
    if (thread_.joinable()) thread_.join();
  }

  /// Publishes a version, as the learner of run `run_id`; the path serves until the test ends.
  std::string snapshot(std::int64_t version, const model::Weights& weights, const std::string& run_id = "run") {
    auto& publisher = publishers_.emplace_back(tiny_.layout, kernels::DType::f32, stable_hash(run_id));
    return publisher.publish(tiny_.pool, weights.values.data(), version);
  }
  data::Welcome welcome(std::int64_t version, const std::string& path, const std::string& run_id = "run") {
    return {run_id, version, path, static_cast<std::int64_t>(std::filesystem::file_size(path)), 10'000, 50};
  }
  /// Greets a fresh worker with the weights of tiny_ as version 0.
  void greet(FakeLearner& learner) {
    const auto hello = learner.expect<data::Hello>();
    EXPECT_EQ(hello.worker_id, "worker 1");
    EXPECT_EQ(hello.layout_hash, model::layout_hash(tiny_.layout));
    EXPECT_EQ(hello.compute_dtype, "float32");
    learner.send(welcome(0, snapshot(0, tiny_.weights)));
  }
  static data::Lease lease(std::uint64_t id, std::int64_t min_version = 0) {
    const GroupRequest request = make_request(id, 40, 2, 20);
    return {id, request.prompt, request.group_size, request.sampling, min_version};
  }
  /// What `model` answers to lease `id`.
  static data::Group expected_group(TinyModel& model, std::uint64_t id) {
    Engine engine(model.pool, *model.packed, {1, 16, std::int64_t{1} << 30});
    engine.submit(make_request(id, 40, 2, 20));
    return run_all(engine).front().group;
  }
  static void expect_same_answer(const data::Group& group, const data::Group& expected) {
    ASSERT_EQ(group.completions.size(), expected.completions.size());
    for (std::size_t i = 0; i < expected.completions.size(); ++i) {
      EXPECT_EQ(group.completions[i].tokens, expected.completions[i].tokens);
      EXPECT_EQ(group.completions[i].rollout_logprobs, expected.completions[i].rollout_logprobs);
    }
  }

  TinyModel tiny_;
  std::deque<model::SnapshotPublisher> publishers_;
  std::filesystem::path dir_;
  std::string endpoint_;
  WorkerConfig config_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
  Worker::End end_ = Worker::End::stopped;
  std::string error_;
};

TEST_F(WorkerTest, OffersAGroupUntilItIsAcknowledged) {
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  EXPECT_EQ(learner.expect<data::LeaseRequest>().free_slots, 2);
  learner.grant(lease(1));
  const data::Group first = learner.expect<data::GroupDone>().group;
  EXPECT_EQ(first.lease_id, 1u);
  expect_same_answer(first, expected_group(tiny_, 1));
  const data::Group again = learner.expect<data::GroupDone>().group;  // nobody acknowledged
  EXPECT_EQ(data::encode_group(again), data::encode_group(first));
  EXPECT_THAT(learner.expect<data::Heartbeat>().lease_ids, testing::ElementsAre(1u));  // the lease is kept alive meanwhile
  learner.send(data::Status{0});
  for (int i = 0; i < 3; ++i) learner.send(data::Ack{1, true});  // a doubled acknowledgement harms nobody
  learner.send(data::Ack{77, true});
  while (learner.wait_for<data::GroupDone>(20)) {
  }  // sent before the acknowledgement arrived
  EXPECT_FALSE(learner.wait_for<data::GroupDone>(200));
  learner.expect<data::LeaseRequest>();
  learner.send(data::Finished{});
  join_worker();
  EXPECT_EQ(end_, Worker::End::finished);
  EXPECT_EQ(error_, "");
}

TEST_F(WorkerTest, AsksForAsManyGroupsAsItHasSlots) {
  config_.concurrent_groups = 3;
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  EXPECT_EQ(learner.expect<data::LeaseRequest>().free_slots, 3);
  for (const std::uint64_t id : {1, 2, 3}) learner.send(lease(id));
  std::set<std::uint64_t> done;
  while (done.size() < 3) {
    const data::Group group = learner.expect<data::GroupDone>().group;
    learner.send(data::Ack{group.lease_id, true});
    expect_same_answer(group, expected_group(tiny_, group.lease_id));
    done.insert(group.lease_id);
  }
}

TEST_F(WorkerTest, DoesNotAskAgainWhileLeasesAreOnTheirWay) {
  config_.concurrent_groups = 4;
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  EXPECT_EQ(learner.expect<data::LeaseRequest>().free_slots, 4);
  learner.send(lease(1));
  EXPECT_FALSE(learner.wait_for<data::LeaseRequest>(200));
  for (const std::uint64_t id : {2, 3}) learner.send(lease(id));
  EXPECT_FALSE(learner.wait_for<data::LeaseRequest>(200));
  learner.send(data::Wait{1});  // there is no fourth
  EXPECT_GT(learner.expect<data::LeaseRequest>().free_slots, 0);
}

TEST_F(WorkerTest, SaysGoodbyeWhenStopped) {
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();
  stop_ = true;
  learner.expect<data::Goodbye>();
  join_worker();
  EXPECT_EQ(end_, Worker::End::stopped);
  EXPECT_EQ(error_, "");
}

TEST_F(WorkerTest, ARefusedHelloIsAnError) {
  FakeLearner learner(endpoint_);
  start_worker();
  learner.expect<data::Hello>();
  learner.send(data::Refuse{"compute dtype: expected bfloat16, got float32"});
  join_worker();
  EXPECT_THAT(error_, HasSubstr("learner refused this worker: compute dtype: expected bfloat16, got float32"));
}

TEST_F(WorkerTest, GivesUpWithoutALearner) {
  config_.give_up_ms = 150;
  start_worker();  // nobody listens
  join_worker();
  EXPECT_THAT(error_, HasSubstr("expected an answer to Hello within 150 ms, got none (ipc://"));
}

TEST_F(WorkerTest, GreetsASilentLearnerAgain) {
  config_.silence_ms = 400;
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();  // and from now on, nothing is answered
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  greet(learner);
  learner.expect<data::LeaseRequest>();
}

TEST_F(WorkerTest, HandsItsGroupsToARestartedLearner) {
  data::Group first;
  config_.silence_ms = 400;
  {
    FakeLearner learner(endpoint_);
    start_worker();
    greet(learner);
    learner.expect<data::LeaseRequest>();
    learner.grant(lease(1));
    first = learner.expect<data::GroupDone>().group;
  }
  FakeLearner restarted(endpoint_);
  greet(restarted);
  const data::Group offered = restarted.expect<data::GroupDone>().group;
  EXPECT_EQ(data::encode_group(offered), data::encode_group(first));
  restarted.send(data::Ack{1, false});
  while (restarted.wait_for<data::GroupDone>(20)) {
  }
  EXPECT_FALSE(restarted.wait_for<data::GroupDone>(150));
}

TEST_F(WorkerTest, OffersNothingToAnotherRun) {
  config_.silence_ms = 400;
  {
    FakeLearner learner(endpoint_);
    start_worker();
    greet(learner);
    learner.expect<data::LeaseRequest>();
    learner.grant(lease(1));
    learner.expect<data::GroupDone>();
  }
  FakeLearner other(endpoint_);
  other.expect<data::Hello>();
  other.send(welcome(0, snapshot(0, tiny_.weights, "another run"), "another run"));
  EXPECT_FALSE(other.wait_for<data::GroupDone>(300));
}

TEST_F(WorkerTest, BeginsAgainWhenTheLearnerDoesNotKnowIt) {
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();
  learner.send(data::Refuse{"hello: expected first, got another message"});
  greet(learner);
  learner.expect<data::LeaseRequest>();
  learner.grant(lease(4));
  expect_same_answer(learner.expect<data::GroupDone>().group, expected_group(tiny_, 4));
}

TEST_F(WorkerTest, SurvivesGarbage) {
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();
  Rng rng(1, {1});
  const std::string valid = data::encode_message(lease(1));
  for (int i = 0; i < 200; ++i) {
    std::string bytes = i % 3 == 0 ? std::string(rng.below(300), '\0') : valid;
    if (i % 3 == 0) {
      for (char& c : bytes) c = static_cast<char>(rng.below(256));
    } else if (i % 3 == 1) {
      bytes.resize(rng.below(bytes.size()));
    } else {
      bytes[rng.below(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
    }
    learner.send_bytes(bytes);
  }
  learner.send(data::Hello{});  // valid, but a worker's
  data::Lease bad = lease(2);
  bad.prompt.tokens[0] = 1 << 20;  // outside the vocabulary
  learner.send(bad);
  learner.grant(lease(3));
  const data::Group group = learner.expect<data::GroupDone>().group;
  EXPECT_EQ(group.lease_id, 3u);
  expect_same_answer(group, expected_group(tiny_, 3));
}

TEST_F(WorkerTest, TakesNewWeightsFromAFile) {
  TinyModel newer(1, 2);
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();
  learner.send(data::Wait{20});
  learner.policy_version = 1;
  learner.expect<data::Hello>();  // after a heartbeat's Status it asks where the new weights are
  learner.send(welcome(1, snapshot(1, newer.weights)));
  learner.expect<data::LeaseRequest>();
  learner.grant(lease(5, 1));
  const data::Group group = learner.expect<data::GroupDone>().group;
  expect_same_answer(group, expected_group(newer, 5));
  EXPECT_EQ(group.completions[0].min_policy_version, 1);
  EXPECT_EQ(group.completions[0].max_policy_version, 1);
}

TEST_F(WorkerTest, ALeaseForNewerWeightsWaitsForThem) {
  TinyModel newer(1, 2);
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();
  learner.grant(lease(6, 1));
  learner.expect<data::Hello>();
  EXPECT_FALSE(learner.wait_for<data::GroupDone>(100));
  learner.policy_version = 1;
  learner.send(welcome(1, snapshot(1, newer.weights)));
  expect_same_answer(learner.expect<data::GroupDone>().group, expected_group(newer, 6));
}

TEST_F(WorkerTest, AsksAgainWhenAnAnswerWasLostThoughTheLearnerLives) {
  config_.silence_ms = 1'000;
  TinyModel newer(1, 2);
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();  // never answered; heartbeats are
  greet(learner);
  learner.expect<data::LeaseRequest>();
  learner.send(data::Wait{20});
  learner.policy_version = 1;
  learner.expect<data::Hello>();  // where are the new weights? never answered either
  learner.expect<data::Hello>();
  learner.send(welcome(1, snapshot(1, newer.weights)));
  learner.expect<data::LeaseRequest>();
  learner.grant(lease(5, 1));
  expect_same_answer(learner.expect<data::GroupDone>().group, expected_group(newer, 5));
}

TEST_F(WorkerTest, DeclinesWhatItCannotDoAndGoesOn) {
  FakeLearner learner(endpoint_);
  start_worker();
  greet(learner);
  learner.expect<data::LeaseRequest>();
  data::Lease huge = lease(8);
  huge.sampling.max_completion_tokens = 1 << 20;
  learner.send(huge);
  const auto decline = learner.expect<data::Decline>();
  EXPECT_EQ(decline.lease_id, 8u);
  EXPECT_THAT(decline.reason, HasSubstr("KV cache: a prompt of 40 tokens"));
  data::Lease silent = lease(9);
  silent.sampling.max_completion_tokens = 0;
  learner.send(silent);
  EXPECT_THAT(learner.expect<data::Decline>().reason, HasSubstr("expected max_completion_tokens in [1, 1048576]"));
  data::Lease endless = lease(9);
  endless.sampling.max_completion_tokens = std::numeric_limits<std::int32_t>::max();
  endless.group_size = 4096;
  learner.send(endless);  // no message of ours: its cache would have no size in 64 bits
  learner.grant(lease(10));
  expect_same_answer(learner.expect<data::GroupDone>().group, expected_group(tiny_, 10));
}

TEST_F(WorkerTest, BelievesNoSnapshotOfAnotherLearnerOrAnOlderVersion) {
  TinyModel other(1, 2);
  FakeLearner learner(endpoint_);
  start_worker();
  learner.expect<data::Hello>();
  learner.send(welcome(0, snapshot(0, other.weights, "an earlier run")));
  learner.expect<data::WeightsRequest>();  // over the wire instead
  learner.send(data::Refuse{"weights: expected a request for version 1, got 0"});
  learner.expect<data::Hello>();
  learner.send(welcome(1, snapshot(0, other.weights)));
  learner.expect<data::WeightsRequest>();
  learner.send(data::Refuse{"weights: expected a request for version 2, got 1"});
  greet(learner);
  learner.expect<data::LeaseRequest>();
  learner.grant(lease(11));
  expect_same_answer(learner.expect<data::GroupDone>().group, expected_group(tiny_, 11));
}

class ChunkedWeights : public WorkerTest {
 protected:
  /// Serves `bytes` in pieces of 5000; `spoil` changes the chunk that starts at `at`.
  void serve(FakeLearner& learner, std::int64_t version, const std::string& bytes, std::size_t at = std::string::npos,
             void (*spoil)(data::WeightsChunk&) = nullptr) {
    for (std::size_t offset = 0; offset < bytes.size(); offset += 5'000) {
      const auto request = learner.expect<data::WeightsRequest>();
      ASSERT_EQ(request.policy_version, version);
      ASSERT_EQ(request.offset_bytes, static_cast<std::int64_t>(offset));
      data::WeightsChunk chunk{version, request.offset_bytes, static_cast<std::int64_t>(bytes.size()), bytes.substr(offset, 5'000)};
      if (offset == at) spoil(chunk);
      learner.send(chunk);
      if (offset == at) return;
    }
  }
  std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(ChunkedWeights, ComeOverTheWireWhenTheFileCannotBeRead) {
  FakeLearner learner(endpoint_);
  start_worker();
  learner.expect<data::Hello>();
  const std::string bytes = read(snapshot(0, tiny_.weights));
  learner.send(data::Welcome{"run", 0, "/nowhere/weights", static_cast<std::int64_t>(bytes.size()), 10'000, 50});
  serve(learner, 0, bytes);
  learner.expect<data::LeaseRequest>();
  learner.grant(lease(7));
  expect_same_answer(learner.expect<data::GroupDone>().group, expected_group(tiny_, 7));
}

TEST_F(ChunkedWeights, AreFetchedAgainWhenAChunkIsWrong) {
  FakeLearner learner(endpoint_);
  start_worker();
  const std::string bytes = read(snapshot(0, tiny_.weights));
  const data::Welcome answer{"run", 0, "", static_cast<std::int64_t>(bytes.size()), 10'000, 50};
  const auto last = (bytes.size() - 1) / 5'000 * 5'000;
  const std::vector<void (*)(data::WeightsChunk&)> spoilers = {
      [](data::WeightsChunk& chunk) { chunk.bytes[17] ^= 4; },  // found by the snapshot's checksum
      [](data::WeightsChunk& chunk) { chunk.offset_bytes += 1; }, [](data::WeightsChunk& chunk) { chunk.total_bytes -= 1; }};
  for (const auto spoil : spoilers) {
    learner.expect<data::Hello>();
    learner.send(answer);
    serve(learner, 0, bytes, last, spoil);
  }
  learner.expect<data::Hello>();
  learner.send(answer);
  serve(learner, 0, bytes);
  learner.expect<data::LeaseRequest>();
}

TEST_F(ChunkedWeights, AbsurdSizesEndTheWorkerAfterAFewTries) {
  FakeLearner learner(endpoint_);
  start_worker();
  for (int i = 0; i < 5; ++i) {
    learner.expect<data::Hello>();
    learner.send(data::Welcome{"run", 0, "", std::int64_t{1} << 60, 10'000, 50});
  }
  join_worker();
  EXPECT_THAT(error_, HasSubstr("weights: expected a snapshot of at most"));
}

}  // namespace
}  // namespace longbow::rollout
