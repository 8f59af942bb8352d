#include "kernels/attention_backward_plan.h"

#include <algorithm>

#include "core/errors.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kTileQueries = 128;  // their vectors, gradients and scratch stay in a second-level cache
constexpr std::int64_t kTileBlocks = 8;     // of keys: what a tile of queries is packed for
constexpr std::size_t kInterleaved = 8;     // query tiles that take turns

void check_prefix(std::span<const TrainSegment> segments, std::int64_t s) {
  const int prefix = segments[s].prefix;
  if (prefix < 0) return;
  LONGBOW_CHECK_LT(prefix, s);
  LONGBOW_CHECK_LT(segments[prefix].prefix, 0);
  LONGBOW_CHECK_LE(segments[prefix].first_position + segments[prefix].num_rows, segments[s].first_position);
}

}  // namespace

KeyRange visible_keys(const AttentionShape& shape, std::span<const TrainSegment> segments, std::int64_t queries, std::int64_t row,
                      std::int64_t keys) {
  const std::int64_t position = segments[queries].first_position + row;
  const std::int64_t begin = shape.window == 0 ? 0 : std::max<std::int64_t>(0, position - shape.window + 1 - segments[keys].first_position);
  return {begin, queries == keys ? row + 1 : segments[keys].num_rows};
}

BackwardPlan plan_backward(const AttentionShape& shape, std::span<const TrainSegment> segments) {
  BackwardPlan plan;
  const std::int64_t tile_rows = std::max<std::int64_t>(1, kTileQueries / (shape.num_heads / shape.num_kv_heads));
  constexpr std::int64_t kTileKeys = kTileBlocks * kKeyBlock;
  std::vector<std::size_t> first_key_tile;  // of each segment
  for (std::int64_t s = 0; s < static_cast<std::int64_t>(segments.size()); ++s) {
    check_prefix(segments, s);
    first_key_tile.push_back(plan.key_tiles.size());
    const auto cut = [&](std::int64_t first, std::int64_t size, std::vector<SegmentRange>& ranges) {
      for (std::int64_t i = first; i < segments[s].num_rows; i += size) ranges.push_back({s, i, std::min(size, segments[s].num_rows - i)});
    };
    for (std::int64_t i = 0; i < segments[s].num_rows; i += kTileKeys)
      plan.first_block.push_back(static_cast<std::int64_t>(plan.blocks.size()) + i / kKeyBlock);
    cut(0, kKeyBlock, plan.blocks);
    cut(segments[s].first_query, tile_rows, plan.query_tiles);
    cut(0, kTileKeys, plan.key_tiles);
  }
  first_key_tile.push_back(plan.key_tiles.size());

  const auto key_tiles_of = [&](const SegmentRange& queries) {
    std::vector<int> seen;
    const auto add = [&](std::int64_t keys) {
      const std::int64_t begin = visible_keys(shape, segments, queries.segment, queries.first, keys).begin;
      const std::int64_t end = visible_keys(shape, segments, queries.segment, queries.first + queries.count - 1, keys).end;
      for (std::size_t t = first_key_tile[keys]; t < first_key_tile[keys + 1]; ++t) {
        const SegmentRange& tile = plan.key_tiles[t];
        if (begin < tile.first + tile.count && end > tile.first) seen.push_back(static_cast<int>(t));
      }
    };
    if (segments[queries.segment].prefix >= 0) add(segments[queries.segment].prefix);
    add(queries.segment);
    return seen;
  };
  std::vector<int> key_turns(plan.key_tiles.size());
  for (std::size_t first = 0; first < plan.query_tiles.size(); first += kInterleaved) {
    std::vector<std::vector<int>> seen;
    std::size_t rounds = 0;
    for (std::size_t tile = first; tile < std::min(first + kInterleaved, plan.query_tiles.size()); ++tile) {
      seen.push_back(key_tiles_of(plan.query_tiles[tile]));
      rounds = std::max(rounds, seen.back().size());
    }
    for (std::size_t round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < seen.size(); ++i) {
        if (round >= seen[i].size()) continue;
        const int key_tile = seen[i][(round + i) % seen[i].size()];
        plan.tasks.push_back({static_cast<int>(first + i), key_tile, static_cast<int>(round), key_turns[key_tile]++});
      }
    }
  }
  return plan;
}

}  // namespace longbow::kernels
