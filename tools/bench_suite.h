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

/// What this machine can do; measured before and after each benchmark, because shared machines change their speed within seconds.
struct Ceilings {
  double read_gbps = 0;     // DRAM read, all threads
  double read_gbps_1t = 0;  // one thread
  double gemm_tflops = 0;   // the best rate of kernels::linear_forward in bf16, prepacked
  double exp_gps = 0;       // 10^9 exponentials a second in kernels::row_logsumexp, all threads
};

/// `seconds` on each of them, after a first round that only warms up.
Ceilings measure_ceilings(ThreadPool& pool, double seconds);
Ceilings best_of(const Ceilings& a, const Ceilings& b);
Json ceilings_to_json(const Ceilings& ceilings);

/// Seconds of each run, and what all of them together took of the clock and of the processors.
struct Timing {
  std::vector<double> seconds;
  double wall_seconds = 0;
  double cpu_seconds = 0;

  void append(const Timing& other);
  double best() const;
};

struct BenchResult {
  std::vector<double> values;  // of each run, in `unit`; the median counts
  std::string unit;
  bool higher_is_better = true;
  double wall_seconds = 0, cpu_seconds = 0;         // of our own timed runs
  std::function<double(const Ceilings&)> limit_of;  // in `unit`; empty: there is none
  std::optional<double> limit;                      // limit_of the ceilings around this benchmark
  std::string peer;                                 // empty: there is none
  std::optional<double> peer_value;                 // its best run
  std::optional<double> flop_rate, flop_per_byte;   // its place in the roofline picture, where it has one
  std::int64_t peak_rss_bytes = 0;
  std::string note;  // sizes, and what else the run showed

  /// The values are the seconds themselves, less being better.
  void set_seconds(const Timing& timing);
  /// The values are `work` over each run's seconds.
  void set_rates(double work, const Timing& timing);
  /// A run does `flop` operations on `bytes` that memory must deliver at least once.
  void place_on_roofline(double flop, double bytes, const Timing& timing);

  double median() const;
  double best() const;
  /// How many times better than `other` the median is.
  std::optional<double> ratio_to(std::optional<double> other) const { return ratio(median(), other); }
  /// The same of the best run: a limit is a best round too, and machines that others share rarely give two runs alike.
  std::optional<double> best_ratio_to(std::optional<double> other) const { return ratio(best(), other); }
  Json to_json(const std::string& name) const;

 private:
  std::optional<double> ratio(double value, std::optional<double> other) const;
};

/// Runs `body`, which returns the seconds that count, until `budget` seconds are over, at least once; a run before them only warms up,
/// for it takes its memory from the system.
Timing time_runs(double budget, const std::function<double()>& body);
/// One run, as it is.
Timing time_once(const std::function<void()>& body);
/// time_runs of a body that counts whole.
Timing time_whole_runs(double budget, const std::function<void()>& body);
double median_of(std::vector<double> values);

/// Inputs that the peer makes for itself in the same way.
std::vector<float> bench_input(std::int64_t size, std::uint64_t salt);
std::string format(const char* pattern, double a, double b = 0);

struct PeerRun {
  std::vector<double> seconds;
  std::int64_t growth_bytes = 0;    // peak memory above the inputs
  std::int64_t peak_rss_bytes = 0;  // of its whole process

  double best() const;
};
/// Runs longbow-libtorch-peer, which stands beside this program; nothing when it is not there or cannot run, which is said once.
std::optional<PeerRun> run_peer(const std::string& name, int threads, double budget, std::span<const std::int64_t> size);

/// Ours and the peer take turns, twice each (once, when a run takes seconds), so that a machine that changes its speed meanwhile does
/// it to both. The peer's best run counts, so that noise never flatters us.
struct Comparison {
  Timing ours;
  std::optional<PeerRun> peer;
  /// `work` over seconds on both sides.
  BenchResult rates(double work) const;
};
Comparison compare(ThreadPool& pool, const std::function<double()>& ours, const char* peer, std::span<const std::int64_t> size);
/// A body whose whole time counts.
std::function<double()> whole(std::function<void()> body);

struct Benchmark {
  const char* name;
  BenchResult (*run)(ThreadPool& pool);
};

std::vector<Benchmark> kernel_benchmarks();      // matrix products and the head
std::vector<Benchmark> attention_benchmarks();   // one operation each
std::vector<Benchmark> engine_benchmarks();      // generation
std::vector<Benchmark> training_benchmarks();    // steps, and the weights' way to a worker
std::vector<Benchmark> whole_step_benchmarks();  // steps with generation
std::vector<Benchmark> data_benchmarks();        // building a data set

}  // namespace longbow::tools
