// Timing, ratios and the machine's ceilings.
#include <algorithm>
#include <atomic>
#include <cmath>

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
constexpr double kCeilingSeconds = 0.3;
constexpr std::size_t kMaxRuns = 1000;

using Words = std::uint64_t __attribute__((vector_size(64)));

std::atomic<std::uint64_t> read_result;  // so that the reads are not optimised away

/// Best of several rounds: what the machine can do, not what another program left of it.
double best_rate(double work, const std::function<void()>& body) {
  body();
  double best = 0;
  for (const double rate : rates(work, time_whole_runs(kCeilingSeconds, body))) best = std::max(best, rate);
  return best;
}

double read_rate(ThreadPool& pool, const kernels::Buffer<std::uint64_t>& memory) {
  return best_rate(kReadBytes, [&] {
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

double gemm_rate(ThreadPool& pool, std::int64_t m, std::int64_t k, std::int64_t n) {
  kernels::PackedMatrix packed = kernels::make_packed(n, k, kernels::DType::bf16);
  std::vector<float> x(static_cast<std::size_t>(std::max(m, n) * k)), y(static_cast<std::size_t>(m * n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = peers::peer_input(i, 0);
  kernels::pack_rows(pool, x.data(), n, 0, packed);
  return best_rate(2e-12 * static_cast<double>(m * n * k), [&] { kernels::linear_forward(pool, x.data(), m, packed, y.data()); });
}

double exp_rate(ThreadPool& pool) {
  constexpr std::int64_t kVocab = 4096, kRowsEach = 64;  // a row stays in the first cache
  std::vector<float> logits(kVocab);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = peers::peer_input(i, 0);
  const std::int64_t count = 16 * std::int64_t{pool.num_threads()};
  return best_rate(1e-9 * static_cast<double>(count * kRowsEach * kVocab), [&] {
    pool.parallel_for(count, [&](std::int64_t, int) {
      for (int i = 0; i < kRowsEach; ++i)
        read_result.fetch_or(kernels::row_logsumexp(logits.data(), kVocab, 1) > 0, std::memory_order_relaxed);
    });
  });
}

}  // namespace

Ceilings measure_ceilings(ThreadPool& pool) {
  Ceilings ceilings;
  {
    kernels::Buffer<std::uint64_t> memory(kReadBytes / 8);
    for (std::int64_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::uint64_t>(i);
    ThreadPool single(1);
    ceilings.read_gbps_1t = read_rate(single, memory) * 1e-9;
    ceilings.read_gbps = std::max(ceilings.read_gbps_1t, read_rate(pool, memory) * 1e-9);
  }
  ceilings.gemm_tflops = std::max(gemm_rate(pool, 512, 1024, 6144), gemm_rate(pool, 512, 3072, 1024));
  ceilings.exp_gps = exp_rate(pool);
  return ceilings;
}

double median_of(std::vector<double> values) {
  LONGBOW_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double BenchResult::median() const { return median_of(values); }

std::optional<double> BenchResult::ratio_to(std::optional<double> other) const {
  if (!other || !(*other > 0)) return std::nullopt;
  return higher_is_better ? median() / *other : *other / median();
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
  json["limit"] = or_null(limit);
  json["ratio_to_limit"] = or_null(ratio_to(limit));
  json["peer"] = peer.empty() ? Json() : Json(peer);
  json["peer_value"] = or_null(peer_value);
  json["ratio_to_peer"] = or_null(ratio_to(peer_value));
  json["peak_rss_bytes"] = peak_rss_bytes;
  json["note"] = note;
  return json;
}

std::vector<double> time_runs(double budget, const std::function<double()>& body) {
  const Stopwatch first;
  std::vector<double> seconds{body()};
  if (first.seconds() > budget / 2) return seconds;
  seconds.clear();
  const Stopwatch watch;
  do {
    seconds.push_back(body());
  } while (watch.seconds() < budget && seconds.size() < kMaxRuns);
  return seconds;
}

std::vector<double> time_whole_runs(double budget, const std::function<void()>& body) {
  return time_runs(budget, [&] {
    const Stopwatch watch;
    body();
    return watch.seconds();
  });
}

std::vector<double> rates(double work, const std::vector<double>& seconds) {
  std::vector<double> values;
  for (const double second : seconds) values.push_back(work / std::max(second, 1e-9));
  return values;
}

}  // namespace longbow::tools
