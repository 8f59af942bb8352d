// A version of the weights as the learner publishes it and workers load it: a header (magic, format version, policy version,
// layout hash, dtype, size, checksum) and the flat values. On one host it is a file in shared memory; across hosts it
// travels in chunks. Byte layout: docs/wire_format.md.
#pragma once

#include <cstdint>
#include <string>

#include "model/weights.h"

namespace longbow::model {

/// Identifies a ParameterLayout: equal names, shapes and order give equal hashes.
std::uint64_t layout_hash(const ParameterLayout& layout);

/// Writes values (f32, or rounded to bf16) to `path` atomically: a reader sees the old file or the new one, never half.
void write_snapshot(const std::string& path, const ParameterLayout& layout, const float* values, kernels::DType dtype,
                    std::int64_t policy_version);

struct SnapshotInfo {
  std::int64_t policy_version;
  std::int64_t bytes;
};

/// Reads and verifies a snapshot into `values` [layout.total]. Throws UserError when it is truncated, corrupt, of another format or layout.
SnapshotInfo read_snapshot(const std::string& path, const ParameterLayout& layout, float* values);

/// The same from memory (a snapshot that came in chunks).
SnapshotInfo parse_snapshot(const void* bytes, std::int64_t size, const std::string& source, const ParameterLayout& layout, float* values);

}  // namespace longbow::model
