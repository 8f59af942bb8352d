// Benchmarks of attention, m105 shape (8 query and 2 kv heads of 128), bf16 keys: forward, backward, and a group's decode step.
// Rates count the pairs of a query and a key that it sees, whatever either side computes besides.
#include <algorithm>
#include <array>
#include <vector>

#include "core/clock.h"
#include "kernels/attention.h"
#include "tools/bench_suite.h"
#include "tools/visible_pairs.h"

namespace longbow::tools {
namespace {

constexpr int kHeads = 8, kKvHeads = 2, kHeadDim = 128;
constexpr std::int64_t kQ = kHeads * kHeadDim, kKv = kKvHeads * kHeadDim, kQkv = kQ + 2 * kKv;

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
        qkv(bench_input(num_rows * kQkv, 0)) {}

  kernels::KvBlocks keys(ThreadPool& pool, std::int64_t first_row, std::int64_t count, std::int64_t first_position) const {
    kernels::KvBlocks blocks(shape, (count + kernels::kKeyBlock - 1) / kernels::kKeyBlock, first_position);
    const float* row = qkv.data() + first_row * kQkv;
    blocks.append(pool, row + kQ, row + kQ + kKv, count, kQkv);
    return blocks;
  }
  /// The forward pass as training runs it; returns its seconds.
  double forward(ThreadPool& pool, const std::vector<kernels::TrainSegment>& segments, float* out, float* lse) const {
    const Stopwatch watch;
    std::vector<kernels::KvBlocks> blocks;
    blocks.reserve(segments.size());  // queries point at them
    std::vector<kernels::QuerySegment> queries;
    for (const kernels::TrainSegment& segment : segments) {
      blocks.push_back(keys(pool, segment.first_row, segment.num_rows, segment.first_position));
      queries.push_back({.first_row = segment.first_row,
                         .num_rows = segment.num_rows,
                         .prefix = segment.prefix < 0 ? nullptr : &blocks[segment.prefix],
                         .own = &blocks.back(),
                         .own_offset = 0});
    }
    kernels::attention_forward(pool, shape, qkv.data(), kQkv, queries, out, lse);
    return watch.seconds();
  }
  /// Pairs of a query and a key it sees, of a segment that continues `start` keys.
  double pairs(double start, double rows) const { return visible_pairs(start, rows, shape.window); }
  /// Bytes that memory must deliver or take at least once: q and out as f32, k and v as f32 rows and bf16 blocks.
  double bytes() const { return static_cast<double>(length) * (4.0 * (kQkv + kQ) + 2.0 * 2 * kKv); }
  std::array<std::int64_t, 5> peer_size() const { return {length, kHeads, kKvHeads, kHeadDim, std::max(shape.window, 1)}; }
};

BenchResult forward(ThreadPool& pool, std::int64_t length, int window) {
  const AttentionBench bench(length, window);
  std::vector<float> out(static_cast<std::size_t>(length * kQ));
  // Appending the keys counts: it is how they come to the kernel, as the packing inside SDPA is for the peer.
  const auto ours = [&] { return bench.forward(pool, {{0, length, 0, -1}}, out.data(), nullptr); };
  const double flop = 4 * bench.pairs(0, static_cast<double>(length)) * kQ;
  const Comparison comparison = compare(pool, ours, window ? "attention_sliding" : "attention_forward", bench.peer_size());
  BenchResult result = comparison.rates(1e-12 * flop);
  result.unit = "TFLOP/s";
  result.limit_of = [](const Ceilings& ceilings) { return ceilings.gemm_tflops; };
  result.place_on_roofline(flop, bench.bytes(), comparison.ours);
  result.peer = window ? "LibTorch SDPA in blocks" : "LibTorch SDPA, bf16";
  result.note = format("%.0f rows, %.0f GFLOP over visible pairs; limit: bf16 products", static_cast<double>(length), 1e-9 * flop);
  if (window) result.note += "; the peer knows no window: blocks of 128 queries see 256 keys through a mask";
  return result;
}

BenchResult forward_full(ThreadPool& pool) { return forward(pool, 16384, 0); }
BenchResult forward_sliding(ThreadPool& pool) { return forward(pool, 65536, 128); }

/// Backward alone; the limit is the rate of our own forward pass over the same rows, in the same run.
BenchResult backward(ThreadPool& pool, const AttentionBench& bench, const std::vector<kernels::TrainSegment>& segments, double pairs,
                     const char* peer, std::span<const std::int64_t> size) {
  const std::int64_t length = bench.length;
  std::vector<float> out(static_cast<std::size_t>(length * kQ)), lse(static_cast<std::size_t>(length * kHeads)), dqkv(bench.qkv.size());
  const std::vector<float> dout = bench_input(length * kQ, 3);
  Timing forward = time_runs(1, [&] { return bench.forward(pool, segments, out.data(), lse.data()); });
  const float* qkv = bench.qkv.data();
  const auto ours = whole([&] {
    kernels::attention_backward(pool, bench.shape, segments, qkv, qkv + kQ, qkv + kQ + kKv, kQkv, out.data(), lse.data(), dout.data(),
                                dqkv.data(), dqkv.data() + kQ, dqkv.data() + kQ + kKv);
  });
  const double flop = 10 * pairs * kQ;
  const Comparison comparison = compare(pool, ours, peer, size);
  forward.append(time_runs(1, [&] { return bench.forward(pool, segments, out.data(), lse.data()); }));
  const double forward_tflops = 4e-12 * pairs * kQ / forward.best();
  BenchResult result = comparison.rates(1e-12 * flop);
  result.unit = "TFLOP/s";
  result.limit_of = [forward_tflops](const Ceilings&) { return forward_tflops; };
  result.place_on_roofline(flop, 2 * bench.bytes(), comparison.ours);
  result.peer = "LibTorch SDPA backward, bf16";
  result.note = format("%.0f rows, %.0f GFLOP (five products a visible pair), without the forward pass; limit: our forward's rate",
                       static_cast<double>(length), 1e-9 * flop);
  return result;
}

BenchResult backward_full(ThreadPool& pool) {
  const AttentionBench bench(16384, 0);
  return backward(pool, bench, {{0, bench.length, 0, -1}}, bench.pairs(0, static_cast<double>(bench.length)), "attention_backward",
                  bench.peer_size());
}

BenchResult backward_sliding(ThreadPool& pool) {
  const AttentionBench bench(16384, 128);
  BenchResult result = backward(pool, bench, {{0, bench.length, 0, -1}}, bench.pairs(0, static_cast<double>(bench.length)),
                                "attention_backward_sliding", bench.peer_size());
  result.peer += ", in blocks";
  return result;
}

/// A prompt of 4096 with 8 completions of 256; the peer has the prompt before every completion.
BenchResult backward_shared(ThreadPool& pool) {
  constexpr std::int64_t kPrompt = 4096, kCompletion = 256, kGroup = 8;
  const AttentionBench bench(kPrompt + kGroup * kCompletion, 0);
  std::vector<kernels::TrainSegment> segments = {{0, kPrompt, 0, -1}};
  for (std::int64_t i = 0; i < kGroup; ++i) segments.push_back({kPrompt + i * kCompletion, kCompletion, kPrompt, 0});
  const double pairs = bench.pairs(0, kPrompt) + kGroup * bench.pairs(kPrompt, kCompletion);
  BenchResult result = backward(pool, bench, segments, pairs, "attention_backward_repeated",
                                std::array<std::int64_t, 5>{kPrompt + kCompletion, kHeads, kKvHeads, kHeadDim, kGroup});
  result.peer += ", prompt repeated";
  result.note += "; both sides over the work of the prompt once";
  return result;
}

BenchResult decode_shared(ThreadPool& pool) {
  constexpr std::int64_t kGroup = 8;
  const AttentionBench bench(65536, 0);
  const kernels::KvBlocks prefix = bench.keys(pool, 0, bench.length, 0);
  std::vector<kernels::KvBlocks> own;
  std::vector<kernels::QuerySegment> segments;
  for (std::int64_t i = 0; i < kGroup; ++i) own.push_back(bench.keys(pool, 0, 1, bench.length));
  for (std::int64_t i = 0; i < kGroup; ++i)
    segments.push_back({.first_row = i, .num_rows = 1, .prefix = &prefix, .own = &own[i], .own_offset = 0});
  std::vector<float> out(kGroup * kQ);
  const auto ours = whole([&] { kernels::attention_forward(pool, bench.shape, bench.qkv.data(), kQkv, segments, out.data(), nullptr); });
  auto size = bench.peer_size();
  size[4] = kGroup;
  const double bytes = 2.0 * 2 * static_cast<double>(bench.length) * kKv;
  const Comparison comparison = compare(pool, ours, "attention_decode", size);
  BenchResult result = comparison.rates(1e-9 * bytes);
  result.unit = "GB/s";
  result.limit_of = [](const Ceilings& ceilings) { return ceilings.read_gbps; };
  result.place_on_roofline(4.0 * static_cast<double>(bench.length) * kGroup * kQ, bytes, comparison.ours);
  result.peer = "LibTorch SDPA, bf16, keys read for each sequence";
  result.note = "one token of 8 completions over 65536 shared keys, counted as one read of them; limit: memory reads";
  return result;
}

}  // namespace

std::vector<Benchmark> attention_benchmarks() {
  return {{"attn_fwd_full_16k", forward_full},        {"attn_fwd_sliding_64k", forward_sliding},  {"attn_bwd_full_16k", backward_full},
          {"attn_bwd_sliding_16k", backward_sliding}, {"attn_bwd_shared_4k_g8", backward_shared}, {"decode_shared_64k_g8", decode_shared}};
}

}  // namespace longbow::tools
