#include "kernels/attention_plan.h"

#include <algorithm>
#include <utility>

#include "core/errors.h"

namespace longbow::kernels {
namespace {

// Queries a tile: enough to use a block of keys from the first-level cache again; with a shared prefix more, so that a whole group's
// decode step reads the prefix from memory once.
constexpr std::int64_t kTileQueries = 64;
constexpr std::int64_t kSharedTileQueries = 256;
constexpr std::int64_t kFewestQueries = 16;  // smaller tiles re-read keys too often to be worth another thread

std::int64_t num_blocks(const KvBlocks& keys) { return (keys.num_keys() + kKeyBlock - 1) / kKeyBlock; }

void check_held(const KvBlocks& keys, std::int64_t first, std::int64_t end) {
  LONGBOW_CHECK_LE(end, keys.num_keys());
  const std::int64_t oldest = (num_blocks(keys) - keys.num_slots()) * kKeyBlock;
  if (first < end) LONGBOW_CHECK_GE(first, oldest);  // the ring has overwritten a key that is still visible
}

void check_segment(const AttentionShape& shape, const QuerySegment& segment) {
  LONGBOW_CHECK(segment.own != nullptr);
  const std::int64_t position = segment.own->first_position() + segment.own_offset;
  check_held(*segment.own, first_visible(shape, *segment.own, position), segment.own_offset + segment.num_rows);
  if (segment.prefix == nullptr) return;
  LONGBOW_CHECK_LE(segment.prefix->first_position() + segment.prefix->num_keys(), segment.own->first_position());
  check_held(*segment.prefix, first_visible(shape, *segment.prefix, position), segment.prefix->num_keys());
}

}  // namespace

std::int64_t first_visible(const AttentionShape& shape, const KvBlocks& keys, std::int64_t position) {
  return shape.window == 0 ? 0 : std::max<std::int64_t>(0, position - shape.window + 1 - keys.first_position());
}

// What rows [begin, end) of the open tile see of `keys`.
void AttentionPlan::add_keys(const AttentionShape& shape, const KvBlocks& keys, bool own, int begin, int end) {
  std::int64_t first_key = INT64_MAX;
  std::int64_t end_key = 0;
  for (const PlannedRow& row : open_rows().subspan(begin, end - begin)) {
    first_key = std::min(first_key, first_visible(shape, keys, row.position));
    end_key = std::max(end_key, own ? row.own_end : keys.num_keys());
  }
  const std::int64_t first_block = first_key / kKeyBlock;
  const std::int64_t end_block = (end_key + kKeyBlock - 1) / kKeyBlock;
  if (first_block < end_block) keys_.push_back({&keys, own, begin, end, first_block, end_block});
}

void AttentionPlan::finish_tile(const AttentionShape& shape) {
  if (owners_.empty()) return;
  const int num_rows = static_cast<int>(open_rows().size());
  const KvBlocks* prefix = owners_[0].segment->prefix;
  if (prefix != nullptr) add_keys(shape, *prefix, false, 0, num_rows);
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    add_keys(shape, *owners_[i].segment->own, true, owners_[i].begin, i + 1 < owners_.size() ? owners_[i + 1].begin : num_rows);
  }
  tiles_.push_back({rows_.size(), keys_.size()});
  owners_.clear();
}

void AttentionPlan::add_rows(const AttentionShape& shape, const QuerySegment& segment, std::int64_t most_rows) {
  check_segment(shape, segment);
  for (std::int64_t i = 0; i < segment.num_rows; ++i) {
    if (owners_.empty() || owners_.back().segment != &segment) owners_.push_back({&segment, static_cast<int>(open_rows().size())});
    const std::int64_t own_key = segment.own_offset + i;
    rows_.push_back({segment.first_row + i, segment.own->first_position() + own_key, own_key + 1});
    if (static_cast<std::int64_t>(open_rows().size()) == most_rows) finish_tile(shape);
  }
}

void AttentionPlan::make(const AttentionShape& shape, std::span<const QuerySegment> segments, int num_threads) {
  rows_.clear();
  keys_.clear();
  tiles_.clear();
  owners_.clear();
  planned_.assign(segments.size(), false);
  const std::int64_t heads_per_kv = shape.num_heads / shape.num_kv_heads;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (planned_[i] || segments[i].num_rows == 0) continue;
    const auto is_of_family = [&](std::size_t j) {
      return j == i || (segments[i].prefix != nullptr && segments[j].prefix == segments[i].prefix);
    };
    std::int64_t queries = kTileQueries;
    if (segments[i].prefix != nullptr) {
      std::int64_t rows = 0;
      for (std::size_t j = i; j < segments.size(); ++j) rows += is_of_family(j) ? segments[j].num_rows : 0;
      const std::int64_t share = (rows * shape.num_heads + num_threads - 1) / num_threads;
      queries = std::clamp(share, kFewestQueries, kSharedTileQueries);
    }
    for (std::size_t j = i; j < segments.size(); ++j) {
      if (!is_of_family(j)) continue;
      planned_[j] = true;
      add_rows(shape, segments[j], std::max<std::int64_t>(1, queries / heads_per_kv));
    }
    finish_tile(shape);
  }
}

}  // namespace longbow::kernels
