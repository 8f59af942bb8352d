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

// Appends to the tile what rows [begin, end) see of `keys`.
void add_keys(const AttentionShape& shape, const KvBlocks& keys, bool own, int begin, int end, PlannedTile& tile) {
  std::int64_t first_key = INT64_MAX;
  std::int64_t end_key = 0;
  for (int i = begin; i < end; ++i) {
    first_key = std::min(first_key, first_visible(shape, keys, tile.rows[i].position));
    end_key = std::max(end_key, own ? tile.rows[i].own_end : keys.num_keys());
  }
  const std::int64_t first_block = first_key / kKeyBlock;
  const std::int64_t end_block = (end_key + kKeyBlock - 1) / kKeyBlock;
  if (first_block < end_block) tile.keys.push_back({&keys, own, begin, end, first_block, end_block});
}

/// Collects rows of segments that share a prefix into tiles.
class TileCutter {
 public:
  TileCutter(const AttentionShape& shape, const KvBlocks* prefix, std::int64_t most_rows, std::vector<PlannedTile>& tiles)
      : shape_(shape), prefix_(prefix), most_rows_(most_rows), tiles_(tiles) {}

  void add(const QuerySegment& segment) {
    for (std::int64_t i = 0; i < segment.num_rows; ++i) {
      if (owners_.empty() || owners_.back().segment != &segment) owners_.push_back({&segment, num_rows()});
      const std::int64_t own_key = segment.own_offset + i;
      tile_.rows.push_back({segment.first_row + i, segment.own->first_position() + own_key, own_key + 1});
      if (num_rows() == most_rows_) finish();
    }
  }

  void finish() {
    if (tile_.rows.empty()) return;
    if (prefix_ != nullptr) add_keys(shape_, *prefix_, false, 0, num_rows(), tile_);
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      const int end = i + 1 < owners_.size() ? owners_[i + 1].begin : num_rows();
      add_keys(shape_, *owners_[i].segment->own, true, owners_[i].begin, end, tile_);
    }
    tiles_.push_back(std::exchange(tile_, {}));
    owners_.clear();
  }

 private:
  struct Owner {
    const QuerySegment* segment;
    int begin;  // its first row in the tile
  };
  int num_rows() const { return static_cast<int>(tile_.rows.size()); }

  const AttentionShape& shape_;
  const KvBlocks* prefix_;
  std::int64_t most_rows_;
  std::vector<PlannedTile>& tiles_;
  PlannedTile tile_;
  std::vector<Owner> owners_;
};

}  // namespace

std::int64_t first_visible(const AttentionShape& shape, const KvBlocks& keys, std::int64_t position) {
  return shape.window == 0 ? 0 : std::max<std::int64_t>(0, position - shape.window + 1 - keys.first_position());
}

std::vector<PlannedTile> plan_tiles(const AttentionShape& shape, std::span<const QuerySegment> segments, int num_threads) {
  const std::int64_t heads_per_kv = shape.num_heads / shape.num_kv_heads;
  std::vector<PlannedTile> tiles;
  std::vector<bool> planned(segments.size());
  std::vector<const QuerySegment*> family;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (planned[i] || segments[i].num_rows == 0) continue;
    family.assign(1, &segments[i]);
    std::int64_t rows = segments[i].num_rows;
    std::int64_t queries = kTileQueries;
    if (segments[i].prefix != nullptr) {
      for (std::size_t j = i + 1; j < segments.size(); ++j) {
        if (segments[j].prefix != segments[i].prefix) continue;
        planned[j] = true;
        family.push_back(&segments[j]);
        rows += segments[j].num_rows;
      }
      const std::int64_t share = (rows * shape.num_heads + num_threads - 1) / num_threads;
      queries = std::clamp(share, kFewestQueries, kSharedTileQueries);
    }
    TileCutter cutter(shape, segments[i].prefix, std::max<std::int64_t>(1, queries / heads_per_kv), tiles);
    for (const QuerySegment* segment : family) {
      check_segment(shape, *segment);
      cutter.add(*segment);
    }
    cutter.finish();
  }
  return tiles;
}

}  // namespace longbow::kernels
