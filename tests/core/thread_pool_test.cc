#include "core/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/errors.h"

namespace longbow {
namespace {

TEST(ThreadPool, RunsEveryIndexOnceWhateverTheSizes) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(count);
      std::atomic<bool> thread_in_range{true};
      pool.parallel_for(count, [&](std::int64_t index, int thread) {
        ++runs[index];
        if (thread < 0 || thread >= threads) thread_in_range = false;
      });
      for (int i = 0; i < count; ++i) EXPECT_EQ(runs[i], 1) << threads << " threads, index " << i;
      EXPECT_TRUE(thread_in_range);
    }
  }
}

// Workers that wake after their loop is over must find nothing, and take nothing of the next one twice.
TEST(ThreadPool, ManyShortCallsInARow) {
  ThreadPool pool(4);
  std::int64_t sum = 0;
  std::vector<std::int64_t> slots(5);
  for (int call = 0; call < 20000; ++call) {
    const int count = 2 + call % 4;
    pool.parallel_for(count, [&](std::int64_t index, int) { slots[index] = call + index; });
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(slots[i], call + i);
      sum += slots[i];
    }
    if (call % 5000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // let the workers fall asleep
  }
  EXPECT_GT(sum, 0);
}

TEST(ThreadPool, RethrowsTheFirstExceptionAndStaysUsable) {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    try {
      pool.parallel_for(100, [](std::int64_t index, int) {
        if (index % 10 == 3) throw UserError("index refused: expected another, got this");
      });
      FAIL() << "nothing was thrown";
    } catch (const UserError& error) {
      EXPECT_STREQ(error.what(), "index refused: expected another, got this");
    }
    std::atomic<int> runs{0};
    pool.parallel_for(10, [&](std::int64_t, int) { ++runs; });
    EXPECT_EQ(runs, 10);
  }
}

TEST(ThreadPool, NestedCallsAreRefused) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(4, [&](std::int64_t, int) { pool.parallel_for(4, [](std::int64_t, int) {}); }), InternalError);
  std::atomic<int> runs{0};
  pool.parallel_for(4, [&](std::int64_t, int) { ++runs; });
  EXPECT_EQ(runs, 4);
}

TEST(ThreadPool, WorkersShareTheWork) {
  ThreadPool pool(2, /*pin=*/true);
  std::atomic<int> waiting{0};
  // Each index waits for the other: only two threads at once can finish.
  pool.parallel_for(2, [&](std::int64_t, int) {
    ++waiting;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (waiting < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
  EXPECT_EQ(waiting, 2);
}

// Where no further thread can be made, those that were must end, not the program.
TEST(ThreadPoolDeathTest, MoreThreadsThanTheMachineHasRoomForIsOneError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory does not fit the address space that this test leaves";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto make_too_many = [] {
    rlimit room{std::size_t{1} << 30, std::size_t{1} << 30};
    setrlimit(RLIMIT_AS, &room);
    try {
      const ThreadPool pool(100000);
    } catch (const UserError& error) {
      std::cerr << error.what() << "\n";
      std::_Exit(3);
    }
  };
  EXPECT_EXIT(make_too_many(), testing::ExitedWithCode(3), "threads: expected room for 100000, got \".+\" after [0-9]+");
}

}  // namespace
}  // namespace longbow
