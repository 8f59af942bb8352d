// The benchmarks of `longbow bench`, and what they share: the machine's ceilings, timing, and the LibTorch program that is measured
// beside us in the same run. A ratio is always "higher is better": of value to limit, or of limit to value where less is better.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/thread_pool.h"

namespace longbow::tools {

/// What this machine can do, measured at the start of every run.
struct Ceilings {
  double read_gbps = 0;     // DRAM read, all threads
  double read_gbps_1t = 0;  // one thread
  double gemm_tflops = 0;   // the best rate of kernels::linear_forward in bf16, prepacked
  double exp_gps = 0;       // 10^9 exponentials a second in kernels::row_logsumexp, all threads
};

Ceilings measure_ceilings(ThreadPool& pool);

struct BenchResult {
  std::vector<double> values;  // of each run, in `unit`; the median counts
  std::string unit;
  bool higher_is_better = true;
  std::optional<double> limit;       // in `unit`
  std::string peer;                  // empty: there is none
  std::optional<double> peer_value;  // its best run
  std::int64_t peak_rss_bytes = 0;
  std::string note;  // sizes, and what else the run showed

  double median() const;
  /// How many times better than `other` the median is.
  std::optional<double> ratio_to(std::optional<double> other) const;
  Json to_json(const std::string& name) const;
};

/// Runs `body`, which returns the seconds that count, until `budget` seconds are over; the first run only warms up unless it takes
/// more than half of them.
std::vector<double> time_runs(double budget, const std::function<double()>& body);
/// The same of a body that counts whole.
std::vector<double> time_whole_runs(double budget, const std::function<void()>& body);
/// work / seconds of each run.
std::vector<double> rates(double work, const std::vector<double>& seconds);
double median_of(std::vector<double> values);

struct PeerRun {
  std::vector<double> seconds;
  std::int64_t growth_bytes = 0;  // peak memory above the inputs
};
/// Runs longbow-libtorch-peer, which stands beside this program; nothing when it is not there or cannot run, which is said once.
std::optional<PeerRun> run_peer(const std::string& name, int threads, double budget, std::span<const std::int64_t> size);

struct BenchMachine {
  ThreadPool& pool;
  Ceilings ceilings;
};

struct Benchmark {
  const char* name;
  BenchResult (*run)(BenchMachine& machine);
};

std::vector<Benchmark> kernel_benchmarks();  // one operation each
std::vector<Benchmark> engine_benchmarks();  // generation, a training step, weights

}  // namespace longbow::tools
