// Which query rows of a forward pass are computed together, and over which parts of the keys.
//
// Parts are what makes long prefixes divisible: a segment's keys are cut at multiples of kPartKeys from its first key, whoever asks,
// a query's softmax over each part is computed alone, and parts are joined in order. So one thread that walks all parts and several
// that share them give the same bits.
#pragma once

#include <cstdint>
#include <span>
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

/// Blocks [first_block, end_block) of `keys`, for rows [begin, end) of a tile.
struct PlannedPart {
  const KvBlocks* keys;
  bool own;  // else the prefix, whose keys have no end
  int begin, end;
  std::int64_t first_block, end_block;
  bool first;  // no part before it has these rows
};

struct PlannedTile {
  std::vector<PlannedRow> rows;
  std::vector<PlannedPart> parts;
};

/// The first key of `keys` that a query at `position` sees.
std::int64_t first_visible(const AttentionShape& shape, const KvBlocks& keys, std::int64_t position);

/// Tiles of rows; those of segments that share a prefix stand together.
std::vector<PlannedTile> plan_tiles(const AttentionShape& shape, std::span<const QuerySegment> segments, int num_threads);

}  // namespace longbow::kernels
