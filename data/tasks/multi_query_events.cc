// The order in which MultiQuery asks, takes back and replaces. Nothing about a question tells whether it stands but which of its last two
// mentions asks: how often it is mentioned, asked and taken back, and where, is drawn before that, alike for all.
#include <algorithm>
#include <numeric>

#include "data/tasks/multi_query.h"

namespace longbow::data {
namespace {

constexpr double kAskShare = 0.75;  // of the earlier mentions: a text takes back fewer questions than it asks

// Events that stay side by side. A question's last two do: further apart, the order of the last askings alone would tell which stand,
// since a question that is taken back is last asked before its last mention.
struct Block {
  std::vector<QueryEvent> events;
  std::size_t key = 0;
  bool is_last = false;  // of its key
};

}  // namespace

std::vector<QueryEvent> draw_query_events(const QueryCounts& counts, Rng& rng) {
  using What = QueryEvent::What;
  const std::size_t num_keys = counts.standing + counts.withdrawn;
  const auto stands = [&](std::size_t key) { return key < counts.standing; };
  std::vector<std::size_t> row(num_keys);
  std::iota(row.begin(), row.end(), std::size_t{0});
  rng.shuffle(row);
  std::vector<Block> blocks;
  for (const std::size_t key : row) {
    const QueryEvent ask{What::ask, key, 0}, cancel{What::cancel, key, 0};
    blocks.push_back({stands(key) ? std::vector{cancel, ask} : std::vector{ask, cancel}, key, true});
  }
  const auto random_mention = [&](std::size_t key) { return QueryEvent{rng.uniform() < kAskShare ? What::ask : What::cancel, key, 0}; };
  std::vector<QueryEvent> earlier;
  for (const std::size_t key : row) earlier.push_back(random_mention(key));
  for (std::size_t i = 0; i < counts.reasked; ++i) earlier.push_back(random_mention(rng.below(num_keys)));
  // A replacement settles one question and is an earlier mention, which settles nothing, of another. That one gets the opposite mention
  // too: as the number that stands is known, what settles the one would say something about the other.
  std::vector<std::size_t> places(num_keys - 1);
  std::iota(places.begin(), places.end(), std::size_t{0});
  rng.shuffle(places);
  places.resize(std::min(places.size(), counts.replacements));
  for (const std::size_t place : places) {
    const std::size_t key = row[place], other = row[place + 1 + rng.below(num_keys - 1 - place)];
    blocks[place].events.back() = stands(key) ? QueryEvent{What::replace, other, key} : QueryEvent{What::replace, key, other};
    earlier.push_back({stands(key) ? What::ask : What::cancel, other, 0});
  }
  for (const QueryEvent& event : earlier) {
    const auto is_last = [&](const Block& block) { return block.is_last && block.key == event.key; };
    const auto last = std::find_if(blocks.begin(), blocks.end(), is_last);
    const auto at = static_cast<std::ptrdiff_t>(rng.below(static_cast<std::uint64_t>(last - blocks.begin()) + 1));
    blocks.insert(blocks.begin() + at, Block{{event}, event.key, false});
  }
  std::vector<QueryEvent> events;
  for (const Block& block : blocks) events.insert(events.end(), block.events.begin(), block.events.end());
  return events;
}

}  // namespace longbow::data
