#include "rollout/weight_fetch.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "core/random.h"

namespace longbow::rollout {
namespace {

constexpr std::int64_t kChunkBytes = 4 << 20;
constexpr std::int64_t kHeaderAllowance = 64 << 10;  // a snapshot is its values and a small header

}  // namespace

std::optional<model::Snapshot> fetch_from_file(ThreadPool& pool, const data::Welcome& welcome, model::SnapshotReader& reader) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(welcome.snapshot_path, error)) return std::nullopt;  // the learner is on another host
  try {
    model::Snapshot snapshot = reader.read(pool, welcome.snapshot_path);
    const std::uint64_t run = stable_hash(welcome.run_id);
    if (snapshot.run != run || snapshot.policy_version < welcome.policy_version) {
      throw UserError(concat("expected version ", welcome.policy_version, " or later of run ", run, ", got version ",
                             snapshot.policy_version, " of run ", snapshot.run, " (", welcome.snapshot_path, ")"));
    }
    return snapshot;
  } catch (const UserError& failure) {
    log_warning(concat("weights: asking for them over the wire: ", failure.what()));
    return std::nullopt;
  }
}

ChunkedFetch::ChunkedFetch(ThreadPool& pool, const data::Welcome& welcome, const model::ParameterLayout& layout)
    : pool_(pool),
      layout_(layout),
      run_(stable_hash(welcome.run_id)),
      policy_version_(welcome.policy_version),
      total_bytes_(welcome.snapshot_bytes) {
  const std::int64_t largest = layout.total * 4 + kHeaderAllowance;
  if (total_bytes_ <= 0 || total_bytes_ > largest) {
    throw UserError(concat("weights: expected a snapshot of at most ", largest, " bytes, got one of ", total_bytes_));
  }
  bytes_.reserve(static_cast<std::size_t>(total_bytes_));
}

data::WeightsRequest ChunkedFetch::next_request() const { return {policy_version_, static_cast<std::int64_t>(bytes_.size()), kChunkBytes}; }

std::optional<model::Snapshot> ChunkedFetch::add(const data::WeightsChunk& chunk) {
  const auto have = static_cast<std::int64_t>(bytes_.size());
  const auto got = static_cast<std::int64_t>(chunk.bytes.size());
  if (chunk.policy_version != policy_version_ || chunk.total_bytes != total_bytes_ || chunk.offset_bytes != have || got == 0 ||
      got > total_bytes_ - have) {
    throw UserError(concat("weights: expected bytes from ", have, " of ", total_bytes_, " of version ", policy_version_, ", got ", got,
                           " from ", chunk.offset_bytes, " of ", chunk.total_bytes, " of version ", chunk.policy_version));
  }
  bytes_ += chunk.bytes;
  if (have + got < total_bytes_) return std::nullopt;
  auto snapshot = model::parse_snapshot(pool_, std::make_shared<const std::string>(std::move(bytes_)), "weights from the learner", layout_);
  if (snapshot.run != run_ || snapshot.policy_version != policy_version_) {
    throw UserError(concat("weights: expected version ", policy_version_, " of run ", run_, ", got version ", snapshot.policy_version,
                           " of run ", snapshot.run));
  }
  return snapshot;
}

}  // namespace longbow::rollout
