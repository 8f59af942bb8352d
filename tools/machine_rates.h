// What this machine does, measured in about a second with the kernels that a run spends its time in.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "kernels/dtype.h"
#include "model/config.h"

namespace longbow::tools {

/// FLOP a second, all threads together.
struct MachineRates {
  double gemm = 0;       // a layer's largest product over 512 rows
  double few_rows = 0;   // the same over `decode_rows`; 0 when there are none
  double attention = 0;  // 256 queries over 2,048 keys
  int threads = 0;
};

MachineRates measure_rates(ThreadPool& pool, const model::ModelConfig& config, kernels::DType dtype, std::int64_t decode_rows);

/// Bytes of memory that a process here may use: what the machine has, or its control group's limit when that is less.
std::int64_t machine_memory_bytes();
/// Bytes that this process holds now.
std::int64_t resident_bytes();

}  // namespace longbow::tools
