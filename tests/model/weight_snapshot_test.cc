// Weight snapshots: what readers see while versions come and go, and that nothing which is no whole snapshot is believed.
#include "model/weight_snapshot.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <numeric>
#include <thread>

#include "core/errors.h"
#include "core/line_reader.h"
#include "tests/model/tiny_model.h"

namespace longbow::model {
namespace {

using kernels::DType;
using testing::HasSubstr;

constexpr std::uint64_t kRun = 77;

class WeightSnapshot : public testing::Test {
 protected:
  /// What every weight of a version is: bf16 holds whole numbers up to 256, and a publisher whose readers are slow gets further.
  static float value_of(std::int64_t version) { return static_cast<float>(version % 256); }
  std::string publish(std::int64_t version) {
    std::fill_n(model_.weights.values.data(), model_.layout.total, value_of(version));
    return publisher_.publish(model_.pool, model_.weights.values.data(), version);
  }
  Snapshot read(const std::string& path) { return reader_.read(model_.pool, path); }

  static std::vector<float> values_of(const Snapshot& snapshot, std::int64_t size) {
    std::vector<float> values(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = snapshot.values.dtype() == DType::f32 ? snapshot.values.floats()[i] : kernels::to_float(snapshot.values.halves()[i]);
    }
    return values;
  }
  /// True when every value is the version's.
  bool is_whole(const Snapshot& snapshot) const {
    return values_of(snapshot, model_.layout.total) == std::vector<float>(model_.layout.total, value_of(snapshot.policy_version));
  }

  TinyModel model_{tiny_config(8)};
  SnapshotPublisher publisher_{model_.layout, DType::bf16, kRun};
  SnapshotReader reader_{model_.layout};
};

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(WeightSnapshot, RoundTrips) {
  model_.weights.values[5] = 1 + 0x1p-9f;  // a tie, and values that are no numbers
  model_.weights.values[6] = std::numeric_limits<float>::infinity();
  for (const DType dtype : {DType::f32, DType::bf16}) {
    SnapshotPublisher publisher(model_.layout, dtype, kRun);
    const Snapshot snapshot = read(publisher.publish(model_.pool, model_.weights.values.data(), 42));
    EXPECT_EQ(snapshot.policy_version, 42);
    EXPECT_EQ(snapshot.run, kRun);
    EXPECT_EQ(snapshot.bytes, 64 + model_.layout.total * kernels::size_of(dtype) + 8);
    const std::vector<float> values = values_of(snapshot, model_.layout.total);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float value = model_.weights.values[static_cast<std::int64_t>(i)];
      ASSERT_EQ(values[i], dtype == DType::f32 ? value : kernels::to_float(kernels::to_bf16(value))) << i;
    }
  }
}

TEST_F(WeightSnapshot, VersionsTakeTurnsInTwoFiles) {
  const std::string first = publish(1), second = publish(2);
  EXPECT_NE(first, second);
  EXPECT_EQ(publish(3), first);
  EXPECT_EQ(publish(4), second);
  EXPECT_EQ(read(second).policy_version, 4);
  EXPECT_EQ(publish(5), first);  // a reader that is done is in nobody's way
}

TEST_F(WeightSnapshot, OnesInUseAreNeverOverwritten) {
  publish(1);
  publish(2);
  const Snapshot held = read(publish(3));
  for (const std::int64_t version : {4, 5, 6}) publish(version);
  EXPECT_EQ(held.policy_version, 3);
  EXPECT_TRUE(is_whole(held));
  const Snapshot newest = read(publish(7));
  EXPECT_EQ(newest.policy_version, 7);
  EXPECT_TRUE(is_whole(newest));
}

/// Snapshots' files that this process has open.
std::int64_t num_open_files() {
  std::int64_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // that of the iterator itself
    count += std::filesystem::read_symlink(entry, gone).string().find("longbow-weights") != std::string::npos ? 1 : 0;
  }
  return count;
}

TEST_F(WeightSnapshot, FilesCloseWithTheirUsers) {
  {
    SnapshotReader reader(model_.layout);
    std::vector<Snapshot> held;
    for (std::int64_t version = 1; version <= 4; ++version) held.push_back(reader.read(model_.pool, publish(version)));
    EXPECT_EQ(num_open_files(), 2 + 4);
    for (const Snapshot& snapshot : held) EXPECT_TRUE(is_whole(snapshot));
    held.clear();
    EXPECT_EQ(num_open_files(), 2 + 2);  // a reader keeps two for the versions to come
  }
  EXPECT_EQ(num_open_files(), 2);
}

TEST_F(WeightSnapshot, ReadTwiceIsLockedUntilBothAreDone) {
  const std::string path = publish(1);
  auto once = std::make_unique<Snapshot>(read(path));
  const Snapshot twice = read(path);
  once.reset();
  for (const std::int64_t version : {2, 3, 4}) publish(version);
  EXPECT_EQ(twice.policy_version, 1);
  EXPECT_TRUE(is_whole(twice));
}

TEST_F(WeightSnapshot, OutlivesItsPublisherAndItsReader) {
  auto publisher = std::make_unique<SnapshotPublisher>(model_.layout, DType::bf16, kRun);
  auto reader = std::make_unique<SnapshotReader>(model_.layout);
  std::fill_n(model_.weights.values.data(), model_.layout.total, 9.0f);
  const std::string path = publisher->publish(model_.pool, model_.weights.values.data(), 9);
  const Snapshot held = reader->read(model_.pool, path);
  publisher.reset();
  reader.reset();
  EXPECT_TRUE(is_whole(held));
  EXPECT_THAT(error_of([&] { read(path); }), HasSubstr(path));  // nothing is left of it under any name
}

TEST_F(WeightSnapshot, ReadersBesideAPublisherSeeWholeVersionsOnly) {
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0, torn = 0;
  std::mutex mutex;
  std::string newest_path = publish(1);
  const auto read_on = [&] {
    ThreadPool pool(1);
    SnapshotReader reader(model_.layout);
    while (!done) {
      std::unique_lock lock(mutex);
      const std::string path = newest_path;
      lock.unlock();
      try {
        const Snapshot snapshot = reader.read(pool, path);
        torn += is_whole(snapshot) ? 0 : 1;
        ++reads;
      } catch (const UserError& error) {  // it was left to another reader, and a new one has its turn
        EXPECT_THAT(error.what(), HasSubstr("weight snapshot: expected a"));
      }
    }
  };
  std::thread first(read_on), second(read_on);
  for (std::int64_t version = 2; version < 100 || (reads < 200 && version < 100'000); ++version) {
    std::string path = publish(version);
    const std::lock_guard lock(mutex);
    newest_path = std::move(path);
  }
  done = true;
  first.join();
  second.join();
  EXPECT_EQ(torn, 0);
  EXPECT_GE(reads, 200);
}

/// Runs `body` in a process of its own, which is killed once it has written a byte and `meanwhile` has run.
template <class Body, class Meanwhile>
void with_killed_process(const Body& body, const Meanwhile& meanwhile) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    (void)!::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  meanwhile(child);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(WeightSnapshot, AKilledReadersLockGoesWithIt) {
  const auto number_of = [](const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_ino;
  };
  const std::string first = publish(1);
  const auto first_number = number_of(first);
  std::unique_ptr<Snapshot> held;
  const auto read_in_child = [&] {
    ThreadPool pool(1);
    held = std::make_unique<Snapshot>(SnapshotReader(model_.layout).read(pool, first));
  };
  with_killed_process(read_in_child, [&](pid_t) {
    publish(2);
    EXPECT_NE(number_of(publish(3)), first_number) << "another process was reading it";
  });
  const auto number = number_of(publish(4));
  publish(5);
  EXPECT_EQ(number_of(publish(6)), number);
}

TEST_F(WeightSnapshot, AKilledPublishersSnapshotIsWholeForItsReadersAndGoneForOthers) {
  SnapshotPublisher publisher(model_.layout, DType::bf16, kRun);
  std::fill_n(model_.weights.values.data(), model_.layout.total, 5.0f);
  std::string path;
  std::unique_ptr<Snapshot> held;
  const auto publish_in_child = [&] {
    ThreadPool pool(1);
    path = publisher.publish(pool, model_.weights.values.data(), 5);
  };
  with_killed_process(publish_in_child, [&](pid_t child) {
    for (int descriptor = 3; descriptor < 64 && !held; ++descriptor) {  // the child knows the path, we look for it
      path = concat("/proc/", child, "/fd/", descriptor);
      try {
        held = std::make_unique<Snapshot>(read(path));
      } catch (const UserError&) {
      }
    }
    ASSERT_TRUE(held);
  });
  EXPECT_EQ(held->policy_version, 5);
  EXPECT_TRUE(is_whole(*held));
  EXPECT_THAT(error_of([&] { read(path); }), HasSubstr("No such file"));
}

TEST(WeightSnapshotPages, AreMappedOnce) {
  ModelConfig config = tiny_config(8);
  config.vocab_size = 65'536;  // 4 MB as bf16
  const TinyModel model(config);
  SnapshotPublisher publisher(model.layout, DType::bf16, kRun);
  SnapshotReader reader(model.layout);
  auto faults_of_a_version = [&, version = 0]() mutable {
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    EXPECT_EQ(reader.read(model.pool, publisher.publish(model.pool, model.weights.values.data(), ++version)).policy_version, version);
    ::getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt;
  };
  for (int i = 0; i < 2; ++i) faults_of_a_version();
  const long pages = model.layout.total * 2 / 4096;
  ASSERT_GT(pages, 1000);
  for (int i = 0; i < 4; ++i) EXPECT_LT(faults_of_a_version(), 50);
}

TEST_F(WeightSnapshot, RefusesFilesThatCouldShrinkUnderIt) {
  const std::string path = publish(1);
  const std::string bytes = read_file(path);
  const int open_file = ::memfd_create("not sealed", MFD_ALLOW_SEALING);
  ASSERT_EQ(::write(open_file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const std::string copy = concat("/proc/self/fd/", open_file);
  EXPECT_THAT(error_of([&] { read(copy); }), HasSubstr("expected a sealed file in memory of 64 to"));
  ::fcntl(open_file, F_ADD_SEALS, F_SEAL_SHRINK);
  EXPECT_EQ(read(copy).policy_version, 1);
  EXPECT_EQ(::ftruncate(open_file, 1 << 20), 0);  // longer than any snapshot of the model
  SnapshotReader fresh(model_.layout);
  EXPECT_THAT(error_of([&] { fresh.read(model_.pool, copy); }), HasSubstr("bytes, got one of 1048576"));
  ::close(open_file);
  const std::string on_disk = testing::TempDir() + concat("longbow_snapshot_", ::getpid());
  std::ofstream(on_disk, std::ios::binary) << bytes;
  EXPECT_THAT(error_of([&] { read(on_disk); }), HasSubstr("got another kind of file"));
  ::unlink(on_disk.c_str());
  EXPECT_THAT(error_of([&] { read(on_disk); }), HasSubstr("expected a readable file, got No such file"));
  EXPECT_THAT(error_of([&] { read("/dev/null"); }), HasSubstr("another kind of file"));
}

TEST_F(WeightSnapshot, NoRoomIsOneLine) {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};  // stands in for memory that is used up: the same call fails
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of([&] { publish(1); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, HasSubstr(concat("expected room for ", 64 + 2 * model_.layout.total + 8, " bytes, got File too large")));
  EXPECT_EQ(read(publish(2)).policy_version, 2);
}

TEST_F(WeightSnapshot, RefusesTruncationBitFlipsAndOtherModels) {
  const std::string path = publish(1);
  const std::string bytes = read_file(path);
  const auto parse = [&](const std::string& text) {
    return parse_snapshot(model_.pool, std::make_shared<const std::string>(text), "test", model_.layout);
  };
  EXPECT_EQ(parse(bytes).policy_version, 1);
  Rng rng(1, {1});
  for (int i = 0; i < 200; ++i) {
    const std::size_t size = i < 80 ? i : rng.below(bytes.size());
    EXPECT_THROW(parse(bytes.substr(0, size)), UserError) << size;
  }
  EXPECT_THROW(parse(bytes + "x"), UserError);
  for (int i = 0; i < 1200; ++i) {  // every bit of the header, then bits of values and checksum
    std::string flipped = bytes;
    const std::size_t bit = i < 64 * 8 ? i : rng.below(bytes.size() * 8);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(parse(flipped), UserError) << "bit " << bit;
  }
  ModelConfig other = tiny_config(8);
  other.intermediate_size = 64;
  const ParameterLayout other_layout(other);
  EXPECT_THAT(error_of([&] { SnapshotReader(other_layout).read(model_.pool, path); }), HasSubstr("another (layout hash differs) (/proc/"));
  // The window is not part of the weights: a model whose window grows reads them all the same.
  EXPECT_EQ(layout_hash(ParameterLayout(tiny_config(64))), layout_hash(model_.layout));
}

TEST(WeightSnapshotPacking, GivesTheBitsOfWeightsRoundedByTheModel) {
  const TinyModel model(tiny_config(8));
  SnapshotPublisher publisher(model.layout, DType::bf16, kRun);
  SnapshotReader reader(model.layout);
  PackedModel from_snapshot = model.packed(DType::bf16);
  kernels::Buffer<float> zeros(model.layout.total);
  from_snapshot.update(model.pool, zeros.data());
  from_snapshot.update(model.pool, reader.read(model.pool, publisher.publish(model.pool, model.weights.values.data(), 1)).values);
  const PackedModel expected = model.packed(DType::bf16);
  const auto same = [](const kernels::PackedMatrix& a, const kernels::PackedMatrix& b) {
    return a.bytes() == b.bytes() && std::memcmp(a.panels(), b.panels(), a.bytes()) == 0;
  };
  EXPECT_TRUE(same(from_snapshot.head(), expected.head()));
  for (std::size_t i = 0; i < expected.layers().size(); ++i) {
    const PackedModel::Layer &a = from_snapshot.layers()[i], &b = expected.layers()[i];
    EXPECT_TRUE(same(a.qkv, b.qkv) && same(a.o, b.o) && same(a.gate_up, b.gate_up) && same(a.down, b.down)) << i;
    EXPECT_EQ(std::memcmp(a.input_norm, b.input_norm, sizeof(float) * model.config.hidden_size), 0);
  }
  std::vector<std::int32_t> tokens(61);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::vector<float> rows(61 * 32), expected_rows(61 * 32);
  from_snapshot.embed(model.pool, tokens, rows.data());
  expected.embed(model.pool, tokens, expected_rows.data());
  EXPECT_EQ(rows, expected_rows);
}

}  // namespace
}  // namespace longbow::model
