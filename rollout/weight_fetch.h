// Getting one version of the weights from the learner: from its snapshot file when this host can read it, else in chunks over
// the wire. Chunks are collected into one snapshot, which is believed only when the whole of it verifies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/protocol.h"
#include "model/weight_snapshot.h"

namespace longbow::rollout {

/// Reads the snapshot file that a Welcome names; nothing when this host has no such file, or it fails to verify, is of another learner or
/// older than the Welcome says (the reason is logged).
std::optional<model::Snapshot> fetch_from_file(ThreadPool& pool, const data::Welcome& welcome, model::SnapshotReader& reader);

/// One transfer in chunks. Throws UserError for a chunk that does not fit the transfer, or a snapshot that does not verify or is of another
/// learner or version.
class ChunkedFetch {
 public:
  ChunkedFetch(ThreadPool& pool, const data::Welcome& welcome, const model::ParameterLayout& layout);

  data::WeightsRequest next_request() const;
  /// Takes the answer to next_request(); returns the weights when it was the last.
  std::optional<model::Snapshot> add(const data::WeightsChunk& chunk);

 private:
  ThreadPool& pool_;
  const model::ParameterLayout& layout_;
  std::uint64_t run_;
  std::int64_t policy_version_;
  std::int64_t total_bytes_;
  std::string bytes_;
};

}  // namespace longbow::rollout
