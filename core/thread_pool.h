// A fixed set of worker threads for data-parallel loops. Results never depend on the number of threads as long as
// each index is computed independently, which is the contract of every kernel here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace longbow {

class ThreadPool {
 public:
  /// `num_threads` >= 1 including the calling thread; 0 means one per available processor.
  /// `pin` ties worker i to the i-th available processor (the calling thread, worker 0, is left alone).
  explicit ThreadPool(int num_threads = 0, bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const;

  /// Calls `body(index, thread)` for every index in [0, count), handing indexes out in increasing order to whichever
  /// thread is free; returns when all are done. `thread` is in [0, num_threads). The first exception is rethrown here.
  /// Not re-entrant: `body` must not call parallel_for of the same pool. No allocation per call. `count` < 2^31.
  /// Cost: under 1 us for a loop of empty bodies; workers spin some 20 us for the next call, then sleep on a futex.
  void parallel_for(std::int64_t count, const std::function<void(std::int64_t index, int thread)>& body);
  template <class Body>
  void parallel_for(std::int64_t count, const Body& body) {
    // A std::function of a reference needs no memory; one of a closure takes some for what it captures.
    const std::function<void(std::int64_t, int)> reference = std::cref(body);
    parallel_for(count, reference);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow
