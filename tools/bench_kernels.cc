// Benchmarks of matrix products and of the head, m105 shape (hidden 1024, MLP 3072, 8 query and 2 kv heads of 128), bf16 weights.
#include <algorithm>
#include <array>
#include <vector>

#include "kernels/linear.h"
#include "kernels/logprob.h"
#include "tools/bench_memory.h"
#include "tools/bench_suite.h"

namespace longbow::tools {
namespace {

/// `count` matrices [n, k], prepacked, each with values of its own.
std::vector<kernels::PackedMatrix> make_weights(ThreadPool& pool, std::int64_t n, std::int64_t k, std::int64_t count) {
  std::vector<kernels::PackedMatrix> weights;
  for (std::int64_t i = 0; i < count; ++i) {
    weights.push_back(kernels::make_packed(n, k, kernels::DType::bf16));
    kernels::pack_rows(pool, bench_input(n * k, static_cast<std::uint64_t>(i + 1)).data(), n, 0, weights.back());
  }
  return weights;
}

BenchResult gemm_decode(ThreadPool& pool) {
  constexpr std::int64_t m = 8, k = 1024, n = 3072, kCount = 32;
  constexpr double kBytes = 2.0 * n * k * kCount;
  const std::vector<float> x = bench_input(m * k, 0);
  std::vector<float> y(m * n);
  const std::vector<kernels::PackedMatrix> weights = make_weights(pool, n, k, kCount);
  const auto ours = whole([&] {
    for (const kernels::PackedMatrix& weight : weights) kernels::linear_forward(pool, x.data(), m, weight, y.data());
  });
  const Comparison comparison = compare(pool, ours, "linear", std::array{m, k, n, kCount});
  BenchResult result = comparison.rates(1e-9 * kBytes);
  result.unit = "GB/s";
  result.limit_of = [](const Ceilings& ceilings) { return ceilings.read_gbps; };
  result.place_on_roofline(m * kBytes, kBytes, comparison.ours);
  result.peer = "LibTorch linear, bf16";
  result.note = "8 rows times 32 matrices of 3072 x 1024 in turn (201 MB, so that weights come from memory); limit: memory reads";
  return result;
}

/// There is no other mode to switch to: every product has one order of summation. So the price of that order is ours against the
/// fastest product here that keeps none, LibTorch's, over a layer's four matrices.
BenchResult deterministic_cost(ThreadPool& pool) {
  constexpr std::int64_t kShapes[][2] = {{1536, 1024}, {1024, 1024}, {6144, 1024}, {1024, 3072}};  // [n, k]: qkv, o, gate and up, down
  constexpr std::int64_t kRows[] = {8, 512};                                                       // a group's decode step; a prefill chunk
  double ours_seconds[2] = {}, peer_seconds[2] = {};
  Timing timing;
  bool has_peer = true;
  for (int i = 0; i < 2; ++i) {
    const std::int64_t m = kRows[i];
    for (const auto& [n, k] : kShapes) {
      const std::int64_t count = std::max<std::int64_t>(1, (std::int64_t{96} << 20) / (2 * n * k));  // too much for a cache
      const std::vector<kernels::PackedMatrix> weights = make_weights(pool, n, k, count);
      const std::vector<float> x = bench_input(m * k, 0);
      std::vector<float> y(static_cast<std::size_t>(m * n));
      const Comparison comparison = compare(pool, whole([&] {
                                              for (const kernels::PackedMatrix& weight : weights)
                                                kernels::linear_forward(pool, x.data(), m, weight, y.data());
                                            }),
                                            "linear", std::array{m, k, n, count});
      timing.append(comparison.ours);
      ours_seconds[i] += comparison.ours.best() / static_cast<double>(count);
      has_peer = has_peer && comparison.peer.has_value();
      if (has_peer) peer_seconds[i] += comparison.peer->best() / static_cast<double>(count);
    }
  }
  BenchResult result;
  result.set_seconds(timing);
  result.values = {ours_seconds[0] + ours_seconds[1]};
  result.peer = "LibTorch linear, bf16, any order of summation";
  result.note =
      format("a layer's four products, best of both sides: 8 rows %.2f ms, 512 rows %.1f ms", 1e3 * ours_seconds[0], 1e3 * ours_seconds[1]);
  if (!has_peer) return result;
  result.peer_value = peer_seconds[0] + peer_seconds[1];
  result.note += format("; the peer's %.2f ms and %.1f ms", 1e3 * peer_seconds[0], 1e3 * peer_seconds[1]);
  return result;
}

/// A head matrix packed piece by piece, so that its f32 form (600 MB) never stands in memory.
kernels::PackedMatrix make_head(ThreadPool& pool, std::int64_t vocab, std::int64_t dim) {
  kernels::PackedMatrix head = kernels::make_packed(vocab, dim, kernels::DType::bf16);
  constexpr std::int64_t kPiece = 4096;
  for (std::int64_t first = 0; first < vocab; first += kPiece) {
    const std::int64_t rows = std::min(kPiece, vocab - first);
    kernels::pack_rows(pool, bench_input(rows * dim, static_cast<std::uint64_t>(first)).data(), rows, first, head);
  }
  return head;
}

BenchResult logprob(ThreadPool& pool) {
  constexpr std::int64_t kRows = 512, kDim = 1024, kVocab = 151936;
  constexpr double kFlopARow = 2.0 * kDim * kVocab;
  const kernels::PackedMatrix head = make_head(pool, kVocab, kDim);
  const std::vector<float> hidden = bench_input(kRows * kDim, 0);
  std::vector<std::int32_t> targets(kRows);
  for (std::int64_t r = 0; r < kRows; ++r) targets[r] = static_cast<std::int32_t>(r * 7919 % kVocab);
  std::vector<float> logprobs(kRows);
  const std::int64_t before = reset_peak_resident_bytes();
  const auto ours =
      whole([&] { kernels::lm_head_logprobs(pool, hidden.data(), kRows, head, targets.data(), 1, logprobs.data(), nullptr, nullptr); });
  const Comparison comparison = compare(pool, ours, "log_softmax", std::array{kRows, kDim, kVocab});
  const double growth = static_cast<double>(peak_resident_bytes() - before) / (1 << 20);
  BenchResult result = comparison.rates(kRows);
  result.unit = "tokens/s";
  result.limit_of = [](const Ceilings& ceilings) { return ceilings.gemm_tflops * 1e12 / kFlopARow; };
  result.place_on_roofline(kRows * kFlopARow, 2.0 * kDim * kVocab, comparison.ours);
  result.peer = "LibTorch linear + log_softmax";
  result.note = format("512 tokens, hidden 1024, vocabulary 151936; working memory %.0f MiB", growth);
  if (comparison.peer)
    result.note += format(" against the peer's %.0f MiB", static_cast<double>(comparison.peer->growth_bytes) / (1 << 20));
  return result;
}

}  // namespace

std::vector<Benchmark> kernel_benchmarks() {
  return {{"gemm_decode_m8", gemm_decode}, {"deterministic_cost", deterministic_cost}, {"logprob_152k", logprob}};
}

}  // namespace longbow::tools
