// A version of the weights as the learner publishes it and workers load it: a header and the flat values, verified by a checksum.
// On one host it is a file in memory that both sides keep mapped; across hosts it travels in chunks. Bytes: docs/wire_format.md.
//
// Versions take turns in two files, so that no page is allocated or mapped anew. Whoever reads one holds a shared lock on it (flock)
// for as long as it does; a file that is still locked two versions later is left to its reader, and a new one takes its turn.
// The files have no name in any folder: they are gone with the learner, however it ends, once no worker has them mapped.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "model/weights.h"

namespace longbow::model {

/// Identifies a ParameterLayout: equal names, shapes and order give equal hashes.
std::uint64_t layout_hash(const ParameterLayout& layout);

class SnapshotFile;

struct Snapshot {
  std::int64_t policy_version = 0;
  std::uint64_t run = 0;  // as the publisher was told
  std::int64_t bytes = 0;
  WeightValues values;  // in place: holds the file's mapping and lock, or the bytes
};

/// The learner's side.
class SnapshotPublisher {
 public:
  /// Values are stored in `dtype`: f32, or rounded to bf16. `run` tells this learner's snapshots from any other's. Takes no memory yet.
  SnapshotPublisher(const ParameterLayout& layout, kernels::DType dtype, std::uint64_t run);
  ~SnapshotPublisher();
  SnapshotPublisher(const SnapshotPublisher&) = delete;
  SnapshotPublisher& operator=(const SnapshotPublisher&) = delete;

  /// Makes the next version. Returns its path, by which this user's processes on this host can read it until the second call after this
  /// one, or the publisher's end; whoever has opened it by then may go on reading. Throws UserError when memory has no room for it.
  /// Cost: reads 4 bytes a parameter and writes 2 or 4; the first two calls also allocate a file each.
  std::string publish(ThreadPool& pool, const float* values, std::int64_t policy_version);

 private:
  const ParameterLayout& layout_;
  kernels::DType dtype_;
  std::uint64_t run_;
  std::array<std::unique_ptr<SnapshotFile>, 2> files_;  // the next version goes to the first
};

/// A worker's side: keeps the files it has read mapped, since the same two come again.
class SnapshotReader {
 public:
  explicit SnapshotReader(const ParameterLayout& layout);
  ~SnapshotReader();

  /// Maps, locks and verifies what `path` holds now: the version that was published under it, or a later one. The lock lasts as long as
  /// the values do. Throws UserError for a file that is no snapshot, corrupt, of another format or layout, or locked for seconds.
  Snapshot read(ThreadPool& pool, const std::string& path);

 private:
  const ParameterLayout& layout_;
  std::vector<std::shared_ptr<SnapshotFile>> files_;  // at most two, the one read last at the end
};

/// A snapshot whose bytes came over the wire; `source` names them in errors. Throws UserError as SnapshotReader::read does.
Snapshot parse_snapshot(ThreadPool& pool, const std::shared_ptr<const std::string>& bytes, const std::string& source,
                        const ParameterLayout& layout);

}  // namespace longbow::model
