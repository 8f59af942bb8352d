// The order in which a backward pass adds up its sums, so that threads may share them and no thread count shows in the bits.
//
// A task takes one tile of query rows through one tile of keys and adds to the gradients of both. Each tile has its tasks in one order,
// that of the list; a thread that gets a task first waits for those before it. Neighbours in the list have different tiles, so that
// waiting is rare, and a task waits only for earlier ones, which some thread already has.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/attention.h"

namespace longbow::kernels {

struct SegmentRange {  // rows of a segment, as queries or as keys
  std::int64_t segment;
  std::int64_t first;
  std::int64_t count;
};

struct BackwardTask {
  int query_tile;
  int key_tile;
  int query_turn;  // how many tasks of the query tile come before it
  int key_turn;
};

struct BackwardPlan {
  std::vector<SegmentRange> blocks;  // of kKeyBlock keys, segment by segment
  std::vector<SegmentRange> query_tiles;
  std::vector<SegmentRange> key_tiles;
  std::vector<std::int64_t> first_block;  // of each key tile
  std::vector<BackwardTask> tasks;        // for each kv head
};

/// Keys [begin, end) of segment `keys` that row `row` of segment `queries` sees; begin >= end: none.
struct KeyRange {
  std::int64_t begin, end;
};
KeyRange visible_keys(const AttentionShape& shape, std::span<const TrainSegment> segments, std::int64_t queries, std::int64_t row,
                      std::int64_t keys);

BackwardPlan plan_backward(const AttentionShape& shape, std::span<const TrainSegment> segments);

}  // namespace longbow::kernels
