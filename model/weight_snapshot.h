// A version of the weights as the learner publishes it and workers load it: a header (magic, format version, policy version,
// layout hash, dtype, size, checksum) and the flat values. On one host it is a file in shared memory; across hosts it
// travels in chunks. Byte layout: docs/wire_format.md.
//
// A file's pages are used again two versions later, which is what makes publishing fast; whoever reads one holds a shared lock on it
// (flock) for as long as it does, and a file that is still locked is left alone and a new one made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/thread_pool.h"
#include "model/weights.h"

namespace longbow::model {

/// Identifies a ParameterLayout: equal names, shapes and order give equal hashes.
std::uint64_t layout_hash(const ParameterLayout& layout);

/// Makes `path` hold values (f32, or rounded to bf16): a reader sees the old version or the new one, never half. The version before
/// stays beside it as `path`.spare, for the next call to overwrite. Throws UserError when the file cannot be made or has no room.
void write_snapshot(ThreadPool& pool, const std::string& path, const ParameterLayout& layout, const float* values, kernels::DType dtype,
                    std::int64_t policy_version);

struct Snapshot {
  std::int64_t policy_version = 0;
  std::int64_t bytes = 0;
  WeightValues values;  // in place: holds the file's mapping and lock, or the bytes
};

/// Maps and verifies a snapshot. Throws UserError when it is truncated, corrupt, of another format or layout, or locked for seconds.
Snapshot read_snapshot(ThreadPool& pool, const std::string& path, const ParameterLayout& layout);
/// The same of bytes that came over the wire; `source` names them in errors.
Snapshot parse_snapshot(ThreadPool& pool, std::shared_ptr<const std::string> bytes, const std::string& source,
                        const ParameterLayout& layout);

}  // namespace longbow::model
