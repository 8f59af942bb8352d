#include "tools/machine_rates.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <vector>

#include "core/clock.h"
#include "kernels/attention.h"
#include "kernels/linear.h"
#include "model/saved_activations.h"
#include "model/transformer.h"

namespace longbow::tools {
namespace {

constexpr double kSecondsEach = 0.35;

/// FLOP a second of `body`: the best of several rounds, since another program may take the processor from some.
double rate_of(double flop, const std::function<void()>& body) {
  body();  // scratch grows, pages come in
  double best = 0;
  const Stopwatch watch;
  do {
    const Stopwatch round;
    body();
    best = std::max(best, flop / std::max(round.seconds(), 1e-9));
  } while (watch.seconds() < kSecondsEach);
  return best;
}

std::vector<float> wave(std::int64_t size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i % 9973));
  return values;
}

double measure_gemm(ThreadPool& pool, const model::ModelConfig& config, kernels::DType dtype, std::int64_t rows) {
  const std::int64_t n = 2 * std::int64_t{config.intermediate_size}, k = config.hidden_size;
  kernels::PackedMatrix packed = kernels::make_packed(n, k, dtype);
  kernels::pack_rows(pool, wave(n * k).data(), n, 0, packed);
  const std::vector<float> x = wave(rows * k);
  std::vector<float> y(static_cast<std::size_t>(rows * n));
  return rate_of(2.0 * static_cast<double>(rows * n * k), [&] { kernels::linear_forward(pool, x.data(), rows, packed, y.data()); });
}

double measure_attention(ThreadPool& pool, const model::ModelConfig& config, kernels::DType dtype) {
  constexpr std::int64_t kKeys = 2048, kQueries = 256;
  kernels::AttentionShape shape = model::attention_shape(config, 0, dtype);
  shape.window = 0;
  const model::RowWidths widths(config);
  const std::vector<float> rows = wave(kKeys * widths.qkv);
  kernels::KvBlocks prefix(shape, kKeys / kernels::kKeyBlock, 0), own(shape, kQueries / kernels::kKeyBlock, kKeys);
  prefix.append(pool, rows.data() + widths.q, rows.data() + widths.q + widths.kv, kKeys, widths.qkv);
  own.append(pool, rows.data() + widths.q, rows.data() + widths.q + widths.kv, kQueries, widths.qkv);
  const kernels::QuerySegment segment{.first_row = 0, .num_rows = kQueries, .prefix = &prefix, .own = &own, .own_offset = 0};
  std::vector<float> out(static_cast<std::size_t>(kQueries * widths.q));
  const double pairs = kQueries * kKeys + kQueries * (kQueries + 1) / 2.0;
  return rate_of(4 * pairs * static_cast<double>(widths.q), [&] {
    kernels::attention_forward(pool, shape, rows.data(), widths.qkv, {&segment, 1}, out.data(), nullptr);
  });
}

}  // namespace

MachineRates measure_rates(ThreadPool& pool, const model::ModelConfig& config, kernels::DType dtype, std::int64_t decode_rows) {
  MachineRates rates;
  rates.threads = pool.num_threads();
  rates.gemm = measure_gemm(pool, config, dtype, 512);
  if (decode_rows > 0) rates.few_rows = measure_gemm(pool, config, dtype, decode_rows);
  rates.attention = measure_attention(pool, config, dtype);
  return rates;
}

std::int64_t machine_memory_bytes() {
  struct sysinfo info {};
  std::int64_t bytes = INT64_MAX;
  if (::sysinfo(&info) == 0) bytes = static_cast<std::int64_t>(info.totalram) * info.mem_unit;
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::int64_t limit = 0;
    if (std::ifstream(file) >> limit && limit > 0) bytes = std::min(bytes, limit);  // "max" reads as no number
  }
  return bytes;
}

std::int64_t resident_bytes() {
  std::int64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace longbow::tools
