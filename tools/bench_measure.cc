// Timing, ratios and the machine's ceilings.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <utility>

#include "core/clock.h"
#include "core/errors.h"
#include "kernels/linear.h"
#include "kernels/logprob.h"
#include "peers/peer_inputs.h"
#include "tools/bench_suite.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kReadBytes = std::int64_t{256} << 20;  // far more than any cache here
constexpr std::int64_t kReadBlock = std::int64_t{1} << 20;
constexpr double kBudgetSeconds = 1.5;  // of each of a comparison's four timings
constexpr std::size_t kMaxRuns = 1000;

using Words = std::uint64_t __attribute__((vector_size(64)));

std::atomic<std::uint64_t> read_result;  // so that the reads are not optimised away

/// Seconds that all threads of this process have spent on processors.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// The rate of the best round: what the machine can do, not what another program left of it.
double best_rate(double work, double seconds, const std::function<void()>& body) {
  body();
  return work / time_whole_runs(seconds, body).best();
}

double read_rate(ThreadPool& pool, double seconds, const kernels::Buffer<std::uint64_t>& memory) {
  return best_rate(kReadBytes, seconds, [&] {
    pool.parallel_for(kReadBytes / kReadBlock, [&](std::int64_t block, int) {
      const auto* words = reinterpret_cast<const Words*>(memory.data()) + block * (kReadBlock / 64);
      Words a{}, b{}, c{}, d{};
      for (std::int64_t i = 0; i < kReadBlock / 64; i += 4) {
        a |= words[i];
        b |= words[i + 1];
        c |= words[i + 2];
        d |= words[i + 3];
      }
      a |= b | c | d;
      read_result.fetch_or(a[0] | a[7], std::memory_order_relaxed);
    });
  });
}

double gemm_rate(ThreadPool& pool, double seconds, std::int64_t m, std::int64_t k, std::int64_t n) {
  kernels::PackedMatrix packed = kernels::make_packed(n, k, kernels::DType::bf16);
  const std::vector<float> x = bench_input(std::max(m, n) * k, 0);
  std::vector<float> y(static_cast<std::size_t>(m * n));
  kernels::pack_rows(pool, x.data(), n, 0, packed);
  return best_rate(2e-12 * static_cast<double>(m * n * k), seconds, [&] { kernels::linear_forward(pool, x.data(), m, packed, y.data()); });
}

double exp_rate(ThreadPool& pool, double seconds) {
  constexpr std::int64_t kVocab = 4096, kRowsEach = 64;  // a row stays in the first cache
  const std::vector<float> logits = bench_input(kVocab, 0);
  const std::int64_t count = 16 * std::int64_t{pool.num_threads()};
  return best_rate(1e-9 * static_cast<double>(count * kRowsEach * kVocab), seconds, [&] {
    pool.parallel_for(count, [&](std::int64_t, int) {
      for (int i = 0; i < kRowsEach; ++i)
        read_result.fetch_or(kernels::row_logsumexp(logits.data(), kVocab, 1) > 0, std::memory_order_relaxed);
    });
  });
}

}  // namespace

Ceilings measure_ceilings(ThreadPool& pool, double seconds) {
  Ceilings ceilings;
  {
    kernels::Buffer<std::uint64_t> memory(kReadBytes / 8);
    for (std::int64_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::uint64_t>(i);
    ThreadPool single(1);
    ceilings.read_gbps_1t = read_rate(single, seconds, memory) * 1e-9;
    ceilings.read_gbps = std::max(ceilings.read_gbps_1t, read_rate(pool, seconds, memory) * 1e-9);
  }
  ceilings.gemm_tflops = std::max(
      {gemm_rate(pool, seconds, 512, 1024, 6144), gemm_rate(pool, seconds, 512, 3072, 1024), gemm_rate(pool, seconds, 512, 1024, 1024)});
  ceilings.exp_gps = exp_rate(pool, seconds);
  return ceilings;
}

Ceilings best_of(const Ceilings& a, const Ceilings& b) {
  return {std::max(a.read_gbps, b.read_gbps), std::max(a.read_gbps_1t, b.read_gbps_1t), std::max(a.gemm_tflops, b.gemm_tflops),
          std::max(a.exp_gps, b.exp_gps)};
}

Json ceilings_to_json(const Ceilings& ceilings) {
  Json json = Json::object();
  json["read_gbps"] = ceilings.read_gbps;
  json["read_gbps_1t"] = ceilings.read_gbps_1t;
  json["gemm_tflops"] = ceilings.gemm_tflops;
  json["exp_gps"] = ceilings.exp_gps;
  return json;
}

double median_of(std::vector<double> values) {
  LONGBOW_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void Timing::append(const Timing& other) {
  seconds.insert(seconds.end(), other.seconds.begin(), other.seconds.end());
  wall_seconds += other.wall_seconds;
  cpu_seconds += other.cpu_seconds;
}

double Timing::best() const { return std::max(1e-9, *std::min_element(seconds.begin(), seconds.end())); }

double PeerRun::best() const { return std::max(1e-9, *std::min_element(seconds.begin(), seconds.end())); }

void BenchResult::set_seconds(const Timing& timing) {
  values = timing.seconds;
  unit = std::string("s");  // GCC 12 warns of an overlap in the assignment of one character
  higher_is_better = false;
  wall_seconds = timing.wall_seconds;
  cpu_seconds = timing.cpu_seconds;
}

void BenchResult::set_rates(double work, const Timing& timing) {
  for (const double second : timing.seconds) values.push_back(work / std::max(second, 1e-9));
  wall_seconds = timing.wall_seconds;
  cpu_seconds = timing.cpu_seconds;
}

void BenchResult::place_on_roofline(double flop, double bytes, const Timing& timing) {
  flop_rate = flop / median_of(timing.seconds);
  flop_per_byte = flop / bytes;
}

double BenchResult::median() const { return median_of(values); }

double BenchResult::best() const {
  LONGBOW_CHECK(!values.empty());
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return higher_is_better ? *most : *least;
}

std::optional<double> BenchResult::ratio(double value, std::optional<double> other) const {
  if (!other || !(*other > 0)) return std::nullopt;
  return higher_is_better ? value / *other : *other / value;
}

Json BenchResult::to_json(const std::string& name) const {
  const auto or_null = [](std::optional<double> value) { return value ? Json(*value) : Json(); };
  Json json = Json::object();
  json["name"] = name;
  json["value"] = median();
  json["unit"] = unit;
  json["higher_is_better"] = higher_is_better;
  json["min"] = *std::min_element(values.begin(), values.end());
  json["max"] = *std::max_element(values.begin(), values.end());
  json["runs"] = static_cast<std::int64_t>(values.size());
  json["wall_seconds"] = wall_seconds;
  json["cpu_seconds"] = cpu_seconds;
  json["limit"] = or_null(limit);
  json["ratio_to_limit"] = or_null(ratio_to(limit));
  json["best_ratio_to_limit"] = or_null(best_ratio_to(limit));
  json["peer"] = peer.empty() ? Json() : Json(peer);
  json["peer_value"] = or_null(peer_value);
  json["ratio_to_peer"] = or_null(ratio_to(peer_value));
  json["flop_rate"] = or_null(flop_rate);
  json["flop_per_byte"] = or_null(flop_per_byte);
  json["peak_rss_bytes"] = peak_rss_bytes;
  json["note"] = note;
  return json;
}

Timing time_once(const std::function<void()>& body) {
  const double cpu = processor_seconds();
  const Stopwatch watch;
  body();
  const double seconds = watch.seconds();
  return {{seconds}, seconds, processor_seconds() - cpu};
}

Timing time_runs(double budget, const std::function<double()>& body) {
  body();
  Timing timing;
  const double cpu = processor_seconds();
  const Stopwatch watch;
  do {
    timing.seconds.push_back(body());
  } while (watch.seconds() < budget && timing.seconds.size() < kMaxRuns);
  timing.wall_seconds = watch.seconds();
  timing.cpu_seconds = processor_seconds() - cpu;
  return timing;
}

Timing time_whole_runs(double budget, const std::function<void()>& body) { return time_runs(budget, whole(body)); }

std::function<double()> whole(std::function<void()> body) {
  return [body = std::move(body)] {
    const Stopwatch watch;
    body();
    return watch.seconds();
  };
}

std::vector<float> bench_input(std::int64_t size, std::uint64_t salt) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = peers::peer_input(i, salt);
  return values;
}

std::string format(const char* pattern, double a, double b) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, a, b);
  return text;
}

Comparison compare(ThreadPool& pool, const std::function<double()>& ours, const char* peer, std::span<const std::int64_t> size) {
  const auto time_ours = [&] { return time_runs(kBudgetSeconds, ours); };
  const auto time_peer = [&] { return run_peer(peer, pool.num_threads(), kBudgetSeconds, size); };
  Comparison comparison{time_ours(), time_peer()};
  if (comparison.ours.seconds.front() >= 2 * kBudgetSeconds) return comparison;
  comparison.ours.append(time_ours());
  if (!comparison.peer || comparison.peer->best() >= 2 * kBudgetSeconds) return comparison;
  if (const std::optional<PeerRun> again = time_peer())
    comparison.peer->seconds.insert(comparison.peer->seconds.end(), again->seconds.begin(), again->seconds.end());
  return comparison;
}

BenchResult Comparison::rates(double work) const {
  BenchResult result;
  result.set_rates(work, ours);
  if (peer) result.peer_value = work / peer->best();
  return result;
}

}  // namespace longbow::tools
