// Which query rows of a forward pass are computed together, and over which parts of the keys.
//
// Parts are what makes long prefixes divisible: a segment's keys are cut at multiples of kPartKeys from its first key, whoever asks,
// a query's softmax over each part is computed alone, and parts are joined in order. So one thread that walks all parts and several
// that share them give the same bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/attention.h"

namespace longbow::kernels {

inline constexpr std::int64_t kPartBlocks = 16;
inline constexpr std::int64_t kPartKeys = kPartBlocks * kKeyBlock;

struct PlannedRow {
  std::int64_t row;  // of q and out
  std::int64_t position;
  std::int64_t own_end;  // keys of its own segment that it sees end here
};

/// Blocks [first_block, end_block) of `keys`, at least one, for rows [begin, end) of a tile.
struct PlannedKeys {
  const KvBlocks* keys;
  bool own;  // else the prefix, whose keys have no end
  int begin, end;
  std::int64_t first_block, end_block;
};

/// Keys of one part.
struct PlannedPart : PlannedKeys {
  bool first;  // no part before it has these rows
};

/// A tile of a plan. Parts are not listed: a plan of a long prompt would grow with its square.
struct PlannedTile {
  std::span<const PlannedRow> rows;
  std::span<const PlannedKeys> keys;  // the prefix's first

  std::int64_t num_parts() const {
    std::int64_t count = 0;
    for (const PlannedKeys& some : keys) count += (some.end_block - 1) / kPartBlocks - some.first_block / kPartBlocks + 1;
    return count;
  }

  /// Calls body(part) in the order in which parts are joined.
  template <class Body>
  void for_each_part(const Body& body) const {
    for (const PlannedKeys& some : keys) {
      bool first = &some == keys.data() || keys.front().own;  // a prefix's part has all rows of the tile
      PlannedPart part{some, false};
      for (; part.first_block < some.end_block; part.first_block = part.end_block) {
        part.end_block = std::min(some.end_block, (part.first_block / kPartBlocks + 1) * kPartBlocks);
        part.first = std::exchange(first, false);
        body(part);
      }
    }
  }
};

/// The first key of `keys` that a query at `position` sees.
std::int64_t first_visible(const AttentionShape& shape, const KvBlocks& keys, std::int64_t position);

/// Tiles of rows; those of segments that share a prefix stand together. Made anew for every call, in memory that is kept: decoding
/// plans a step of every layer and takes none.
class AttentionPlan {
 public:
  void make(const AttentionShape& shape, std::span<const QuerySegment> segments, int num_threads);

  std::int64_t num_tiles() const { return static_cast<std::int64_t>(tiles_.size()); }
  PlannedTile tile(std::int64_t i) const {
    const Tile from = i == 0 ? Tile{} : tiles_[i - 1];
    return {std::span(rows_).subspan(from.end_row, tiles_[i].end_row - from.end_row),
            std::span(keys_).subspan(from.end_key, tiles_[i].end_key - from.end_key)};
  }

 private:
  struct Tile {
    std::size_t end_row = 0, end_key = 0;
  };
  struct Owner {
    const QuerySegment* segment;
    int begin;  // its first row in the tile
  };

  void add_rows(const AttentionShape& shape, const QuerySegment& segment, std::int64_t most_rows);
  void finish_tile(const AttentionShape& shape);
  void add_keys(const AttentionShape& shape, const KvBlocks& keys, bool own, int begin, int end);
  /// Rows of the tile that is being collected.
  std::span<const PlannedRow> open_rows() const { return std::span(rows_).subspan(tiles_.empty() ? 0 : tiles_.back().end_row); }

  std::vector<PlannedRow> rows_;
  std::vector<PlannedKeys> keys_;
  std::vector<Tile> tiles_;
  std::vector<Owner> owners_;  // of the open tile's rows; they share a prefix
  std::vector<bool> planned_;  // segments
};

}  // namespace longbow::kernels
