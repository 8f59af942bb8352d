// Benchmarks of single operations, m105 shape (hidden 1024, MLP 3072, 8 query and 2 kv heads of 128), bf16 weights and keys.
// Ours runs before and after the peer (once before, when a run takes seconds), so that a machine that changes its speed meanwhile is seen
// in min and max.
#include <algorithm>
#include <array>
#include <cstdio>

#include "core/clock.h"
#include "core/errors.h"
#include "kernels/attention.h"
#include "kernels/linear.h"
#include "kernels/logprob.h"
#include "peers/peer_inputs.h"
#include "tools/bench_memory.h"
#include "tools/bench_suite.h"

namespace longbow::tools {
namespace {

constexpr double kBudgetSeconds = 1.5;  // of each of the three timings
constexpr int kHeads = 8, kKvHeads = 2, kHeadDim = 128;
constexpr std::int64_t kQ = kHeads * kHeadDim, kKv = kKvHeads * kHeadDim, kQkv = kQ + 2 * kKv;

std::vector<float> make_input(std::int64_t size, std::uint64_t salt) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = peers::peer_input(i, salt);
  return values;
}

std::string format(const char* pattern, double a, double b = 0) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, a, b);
  return text;
}

/// Ours, the peer, ours again; `work` over seconds is the value. The peer's best run counts, so that noise never flatters us.
struct Comparison {
  BenchResult result;
  std::optional<PeerRun> peer;
};
Comparison compare(BenchMachine& machine, double work, const std::function<double()>& ours, const char* peer,
                   std::span<const std::int64_t> size) {
  Comparison comparison;
  std::vector<double> seconds = time_runs(kBudgetSeconds, ours);
  comparison.peer = run_peer(peer, machine.pool.num_threads(), kBudgetSeconds, size);
  if (seconds.front() < 2 * kBudgetSeconds) {  // else one reading must do
    for (const double second : time_runs(kBudgetSeconds, ours)) seconds.push_back(second);
  }
  comparison.result.values = rates(work, seconds);
  if (comparison.peer)
    comparison.result.peer_value = work / *std::min_element(comparison.peer->seconds.begin(), comparison.peer->seconds.end());
  return comparison;
}

std::function<double()> whole(std::function<void()> body) {
  return [body = std::move(body)] {
    const Stopwatch watch;
    body();
    return watch.seconds();
  };
}

BenchResult gemm_decode(BenchMachine& machine) {
  constexpr std::int64_t m = 8, k = 1024, n = 3072, kCount = 32;
  const std::vector<float> x = make_input(m * k, 0);
  std::vector<float> y(m * n);
  std::vector<kernels::PackedMatrix> weights;
  for (std::int64_t i = 0; i < kCount; ++i) {
    weights.push_back(kernels::make_packed(n, k, kernels::DType::bf16));
    kernels::pack_rows(machine.pool, make_input(n * k, static_cast<std::uint64_t>(i + 1)).data(), n, 0, weights.back());
  }
  const auto ours = whole([&] {
    for (const kernels::PackedMatrix& weight : weights) kernels::linear_forward(machine.pool, x.data(), m, weight, y.data());
  });
  BenchResult result = compare(machine, 2e-9 * n * k * kCount, ours, "linear", std::array{m, k, n, kCount}).result;
  result.unit = "GB/s";
  result.limit = machine.ceilings.read_gbps;
  result.peer = "LibTorch linear, bf16";
  result.note = "8 rows times 32 matrices of 3072 x 1024 in turn (201 MB, so that weights come from memory); limit: memory reads";
  return result;
}

struct AttentionBench {
  std::int64_t length;
  kernels::AttentionShape shape;
  std::vector<float> qkv;  // [length, kQkv]
  AttentionBench(std::int64_t num_rows, int window)
      : length(num_rows),
        shape{.num_heads = kHeads,
              .num_kv_heads = kKvHeads,
              .head_dim = kHeadDim,
              .window = window,
              .softmax_scale = 0.08838835f,
              .kv_dtype = kernels::DType::bf16},
        qkv(make_input(num_rows * kQkv, 0)) {}

  kernels::KvBlocks keys(ThreadPool& pool) const {
    kernels::KvBlocks blocks(shape, (length + kernels::kKeyBlock - 1) / kernels::kKeyBlock, 0);
    blocks.append(pool, qkv.data() + kQ, qkv.data() + kQ + kKv, length, kQkv);
    return blocks;
  }
  /// Pairs of a query and a key it sees.
  double pairs() const {
    const double n = static_cast<double>(length), w = shape.window;
    return w == 0 || w >= n ? n * (n + 1) / 2 : w * (w + 1) / 2 + (n - w) * w;
  }
  std::array<std::int64_t, 5> peer_size() const { return {length, kHeads, kKvHeads, kHeadDim, std::max(shape.window, 1)}; }
};

BenchResult attention_forward(BenchMachine& machine, std::int64_t length, int window) {
  const AttentionBench bench(length, window);
  std::vector<float> out(static_cast<std::size_t>(length * kQ));
  // Appending the keys counts: it is how they come to the kernel, as the packing inside SDPA is for the peer.
  const auto ours = whole([&] {
    const kernels::KvBlocks keys = bench.keys(machine.pool);
    const kernels::QuerySegment segment{.first_row = 0, .num_rows = length, .prefix = nullptr, .own = &keys, .own_offset = 0};
    kernels::attention_forward(machine.pool, bench.shape, bench.qkv.data(), kQkv, {&segment, 1}, out.data(), nullptr);
  });
  const double work = 4e-12 * bench.pairs() * static_cast<double>(kQ);
  BenchResult result = compare(machine, work, ours, window ? "attention_sliding" : "attention_forward", bench.peer_size()).result;
  result.unit = "TFLOP/s";
  result.limit = machine.ceilings.gemm_tflops;
  result.peer = window ? "LibTorch SDPA in blocks" : "LibTorch SDPA, bf16";
  result.note = format("%.0f rows, %.0f GFLOP over visible pairs; limit: bf16 products", static_cast<double>(length), 1e3 * work);
  if (window) result.note += "; the peer knows no window: blocks of 128 queries see 256 keys through a mask";
  return result;
}

BenchResult attention_forward_full(BenchMachine& machine) { return attention_forward(machine, 16384, 0); }
BenchResult attention_forward_sliding(BenchMachine& machine) { return attention_forward(machine, 65536, 128); }

BenchResult attention_backward_full(BenchMachine& machine) {
  const AttentionBench bench(16384, 0);
  const std::int64_t length = bench.length;
  std::vector<float> out(static_cast<std::size_t>(length * kQ)), lse(static_cast<std::size_t>(length * kHeads)), dqkv(bench.qkv.size());
  const std::vector<float> dout = make_input(length * kQ, 3);
  {
    const kernels::KvBlocks keys = bench.keys(machine.pool);
    const kernels::QuerySegment segment{.first_row = 0, .num_rows = length, .prefix = nullptr, .own = &keys, .own_offset = 0};
    kernels::attention_forward(machine.pool, bench.shape, bench.qkv.data(), kQkv, {&segment, 1}, out.data(), lse.data());
  }
  const kernels::TrainSegment segment{.first_row = 0, .num_rows = length, .first_position = 0, .prefix = -1};
  const auto ours = whole([&] {
    kernels::attention_backward(machine.pool, bench.shape, {&segment, 1}, bench.qkv.data(), bench.qkv.data() + kQ,
                                bench.qkv.data() + kQ + kKv, kQkv, out.data(), lse.data(), dout.data(), dqkv.data(), dqkv.data() + kQ,
                                dqkv.data() + kQ + kKv);
  });
  const double work = 10e-12 * bench.pairs() * static_cast<double>(kQ);
  BenchResult result = compare(machine, work, ours, "attention_backward", bench.peer_size()).result;
  result.unit = "TFLOP/s";
  result.limit = machine.ceilings.gemm_tflops;
  result.peer = "LibTorch SDPA backward, bf16";
  result.note = format("16384 rows, %.0f GFLOP (five products a visible pair), without the forward pass; limit: bf16 products", 1e3 * work);
  return result;
}

BenchResult decode_shared(BenchMachine& machine) {
  constexpr std::int64_t kGroup = 8;
  const AttentionBench bench(65536, 0);
  const kernels::KvBlocks prefix = bench.keys(machine.pool);
  std::vector<kernels::KvBlocks> own;
  std::vector<kernels::QuerySegment> segments;
  for (std::int64_t i = 0; i < kGroup; ++i) {
    own.emplace_back(bench.shape, 1, bench.length);
    own.back().append(machine.pool, bench.qkv.data() + kQ, bench.qkv.data() + kQ + kKv, 1, kQkv);
  }
  for (std::int64_t i = 0; i < kGroup; ++i)
    segments.push_back({.first_row = i, .num_rows = 1, .prefix = &prefix, .own = &own[i], .own_offset = 0});
  std::vector<float> out(kGroup * kQ);
  const auto ours =
      whole([&] { kernels::attention_forward(machine.pool, bench.shape, bench.qkv.data(), kQkv, segments, out.data(), nullptr); });
  auto size = bench.peer_size();
  size[4] = kGroup;
  const double bytes = 2e-9 * 2 * static_cast<double>(bench.length) * kKv;
  BenchResult result = compare(machine, bytes, ours, "attention_decode", size).result;
  result.unit = "GB/s";
  result.limit = machine.ceilings.read_gbps;
  result.peer = "LibTorch SDPA, bf16";
  result.note = "one token of 8 completions over 65536 shared keys, counted as one read of them; limit: memory reads";
  return result;
}

/// A head matrix packed piece by piece, so that its f32 form (600 MB) never stands in memory.
kernels::PackedMatrix make_head(ThreadPool& pool, std::int64_t vocab, std::int64_t dim) {
  kernels::PackedMatrix head = kernels::make_packed(vocab, dim, kernels::DType::bf16);
  constexpr std::int64_t kPiece = 4096;
  for (std::int64_t first = 0; first < vocab; first += kPiece) {
    const std::int64_t rows = std::min(kPiece, vocab - first);
    kernels::pack_rows(pool, make_input(rows * dim, static_cast<std::uint64_t>(first)).data(), rows, first, head);
  }
  return head;
}

BenchResult logprob(BenchMachine& machine) {
  constexpr std::int64_t kRows = 512, kDim = 1024, kVocab = 151936;
  const kernels::PackedMatrix head = make_head(machine.pool, kVocab, kDim);
  const std::vector<float> hidden = make_input(kRows * kDim, 0);
  std::vector<std::int32_t> targets(kRows);
  for (std::int64_t r = 0; r < kRows; ++r) targets[r] = static_cast<std::int32_t>(r * 7919 % kVocab);
  std::vector<float> logprobs(kRows);
  const std::int64_t before = reset_peak_resident_bytes();
  const auto ours = whole(
      [&] { kernels::lm_head_logprobs(machine.pool, hidden.data(), kRows, head, targets.data(), 1, logprobs.data(), nullptr, nullptr); });
  const Comparison comparison = compare(machine, kRows, ours, "log_softmax", std::array{kRows, kDim, kVocab});
  const double growth = static_cast<double>(peak_resident_bytes() - before) / (1 << 20);
  BenchResult result = comparison.result;
  result.unit = "tokens/s";
  result.limit = machine.ceilings.gemm_tflops * 1e12 / (2.0 * kDim * kVocab);
  result.peer = "LibTorch linear + log_softmax";
  result.note = format("512 tokens, hidden 1024, vocabulary 151936; working memory %.0f MiB", growth);
  if (comparison.peer)
    result.note += format(" against the peer's %.0f MiB", static_cast<double>(comparison.peer->growth_bytes) / (1 << 20));
  return result;
}

}  // namespace

std::vector<Benchmark> kernel_benchmarks() {
  return {{"gemm_decode_m8", gemm_decode},
          {"attn_fwd_full_16k", attention_forward_full},
          {"attn_fwd_sliding_64k", attention_forward_sliding},
          {"attn_bwd_full_16k", attention_backward_full},
          {"decode_shared_64k_g8", decode_shared},
          {"logprob_152k", logprob}};
}

}  // namespace longbow::tools
