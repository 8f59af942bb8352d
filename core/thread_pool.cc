// How a loop is handed out: one atomic word holds the call's number (upper half) and how many indexes are left (lower half).
// A thread claims an index by a compare-and-swap of that word, so a worker that wakes late, after the loop is over, finds
// nothing left and touches nothing of the next one; the caller waits for indexes to be done, never for workers to show up.
#include "core/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/errors.h"

namespace longbow {
namespace {

constexpr int kSpins = 400;  // some 20 us of `pause` on current x86 processors

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

std::vector<int> available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> processors;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) processors.push_back(i);
    }
  }
  return processors;
}

}  // namespace

struct ThreadPool::State {
  using Body = std::function<void(std::int64_t, int)>;

  alignas(64) std::atomic<std::uint64_t> work{0};  // call number << 32 | indexes left
  alignas(64) std::atomic<int> call{0};            // the call number again, as the int a futex waits on
  alignas(64) std::atomic<int> done{0};            // indexes finished in this call
  alignas(64) std::atomic<const Body*> body{nullptr};
  std::atomic<int> count{0};
  std::atomic<bool> failed{false};
  std::atomic<bool> stop{false};
  std::atomic<bool> busy{false};
  std::exception_ptr error;  // written by the thread that set `failed`, before it counts its index as done
  std::vector<std::thread> workers;

  void run_one(std::int64_t index, int thread, const Body& loop_body) {
    if (failed.load(std::memory_order_relaxed)) return;
    try {
      loop_body(index, thread);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
    }
  }

  // Claims and runs indexes until none is left.
  void work_on(int thread) {
    std::uint64_t seen = work.load(std::memory_order_acquire);
    while (static_cast<std::uint32_t>(seen) != 0) {
      // Only trusted once the swap below has succeeded: until then the caller may already be at its next call.
      const Body* loop_body = body.load(std::memory_order_relaxed);
      const int total = count.load(std::memory_order_relaxed);
      if (!work.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire)) continue;
      run_one(total - static_cast<std::int64_t>(static_cast<std::uint32_t>(seen)), thread, *loop_body);
      if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == total && thread != 0) done.notify_one();
      seen = work.load(std::memory_order_acquire);
    }
  }

  void worker_loop(int thread) {
    int seen = 0;
    while (true) {
      for (int spin = 0; spin < kSpins && call.load(std::memory_order_acquire) == seen; ++spin) relax();
      call.wait(seen, std::memory_order_acquire);
      seen = call.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      work_on(thread);
    }
  }

  void end_workers() {
    stop.store(true, std::memory_order_relaxed);
    call.fetch_add(1, std::memory_order_release);
    call.notify_all();
    for (std::thread& worker : workers) worker.join();
  }
};

ThreadPool::ThreadPool(int num_threads, bool pin) : state_(std::make_unique<State>()) {
  const std::vector<int> processors = available_processors();
  if (num_threads == 0) num_threads = processors.empty() ? 1 : static_cast<int>(processors.size());
  LONGBOW_CHECK_GE(num_threads, 1);
  for (int thread = 1; thread < num_threads; ++thread) {
    try {
      state_->workers.emplace_back([state = state_.get(), thread] { state->worker_loop(thread); });
    } catch (const std::system_error& error) {
      state_->end_workers();
      throw UserError(concat("threads: expected room for ", num_threads, ", got \"", error.code().message(), "\" after ", thread));
    }
    if (pin && !processors.empty()) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(processors[thread % processors.size()], &set);
      pthread_setaffinity_np(state_->workers.back().native_handle(), sizeof(set), &set);  // only a wish: it may be refused
    }
  }
}

ThreadPool::~ThreadPool() { state_->end_workers(); }

int ThreadPool::num_threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::parallel_for(std::int64_t count, const std::function<void(std::int64_t index, int thread)>& body) {
  if (count <= 0) return;
  LONGBOW_CHECK_LT(count, std::int64_t{1} << 31);
  State& state = *state_;
  if (state.workers.empty() || count == 1) {
    for (std::int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  LONGBOW_CHECK(!state.busy.exchange(true, std::memory_order_acquire));  // nested, or called by two threads at once
  const int total = static_cast<int>(count);
  state.body.store(&body, std::memory_order_relaxed);
  state.count.store(total, std::memory_order_relaxed);
  state.done.store(0, std::memory_order_relaxed);
  state.failed.store(false, std::memory_order_relaxed);
  const std::uint32_t call = static_cast<std::uint32_t>(state.call.load(std::memory_order_relaxed)) + 1;
  state.work.store(std::uint64_t{call} << 32 | static_cast<std::uint32_t>(total), std::memory_order_release);
  state.call.store(static_cast<int>(call), std::memory_order_release);
  state.call.notify_all();

  state.work_on(0);
  int done = state.done.load(std::memory_order_acquire);
  for (int spin = 0; spin < kSpins && done != total; ++spin, done = state.done.load(std::memory_order_acquire)) relax();
  for (; done != total; done = state.done.load(std::memory_order_acquire)) state.done.wait(done, std::memory_order_acquire);

  std::exception_ptr error;
  if (state.failed.load(std::memory_order_relaxed)) error = std::exchange(state.error, nullptr);
  state.busy.store(false, std::memory_order_release);
  if (error) std::rethrow_exception(error);
}

}  // namespace longbow
