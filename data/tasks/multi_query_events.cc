// The order in which MultiQuery asks, takes back and replaces. Which places among the last askings stand at the end is drawn evenly: a
// question that is taken back needs room behind it, so orders drawn at random would leave the later questions standing too often.
#include <algorithm>
#include <numeric>

#include "data/tasks/multi_query.h"

namespace longbow::data {
namespace {

constexpr int kMaxTries = 200;

// The last asking of every key, as places of a shuffled row; empty when a replaced key would stand behind what replaces it.
std::vector<std::size_t> draw_places(const QueryCounts& counts, const std::vector<std::size_t>& row, Rng& rng) {
  const std::size_t num_standing = counts.standing;
  std::vector<std::size_t> place_of(row.size());
  // `row` says which places stand; who of those that stand, and of those that do not, is on them is drawn here.
  std::vector<std::size_t> standing(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(num_standing)),
      withdrawn(row.begin() + static_cast<std::ptrdiff_t>(num_standing), row.end());
  rng.shuffle(standing);
  rng.shuffle(withdrawn);
  std::copy(standing.begin(), standing.end(), place_of.begin());
  std::copy(withdrawn.begin(), withdrawn.end(), place_of.begin() + static_cast<std::ptrdiff_t>(num_standing));
  for (std::size_t i = 0; i < counts.replaced; ++i) {
    if (place_of[num_standing + counts.cancelled + i] > place_of[i]) return {};
  }
  return place_of;
}

std::vector<std::size_t> draw_last_askings(const QueryCounts& counts, Rng& rng) {
  std::vector<std::size_t> row(counts.standing + counts.cancelled + counts.replaced);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (;;) {  // ends: a row whose first places are not to stand always works out
    rng.shuffle(row);
    for (int tries = 0; tries < kMaxTries; ++tries) {
      std::vector<std::size_t> places = draw_places(counts, row, rng);
      if (!places.empty()) return places;
    }
  }
}

}  // namespace

std::vector<QueryEvent> draw_query_events(const QueryCounts& counts, Rng& rng) {
  using What = QueryEvent::What;
  const std::vector<std::size_t> places = draw_last_askings(counts, rng);
  const std::size_t first_cancelled = counts.standing, first_replaced = first_cancelled + counts.cancelled;
  std::vector<QueryEvent> events(places.size());
  for (std::size_t key = 0; key < places.size(); ++key) {
    const bool replaces = key < counts.replaced;
    events[places[key]] = replaces ? QueryEvent{What::replace, first_replaced + key, key} : QueryEvent{What::ask, key, 0};
  }
  const auto last_of = [&](std::size_t key) {  // the last event that asks for the key
    const auto asks = [&](const QueryEvent& event) { return event.what == What::ask && event.key == key; };
    return events.rend() - std::find_if(events.rbegin(), events.rend(), asks) - 1;
  };
  const auto insert = [&](std::ptrdiff_t low, std::ptrdiff_t high, QueryEvent event) {  // anywhere from low to high
    const auto at = low + static_cast<std::ptrdiff_t>(rng.below(static_cast<std::uint64_t>(high - low) + 1));
    events.insert(events.begin() + at, event);
    return at;
  };
  for (std::size_t key = first_cancelled; key < first_replaced; ++key)
    insert(last_of(key) + 1, static_cast<std::ptrdiff_t>(events.size()), {What::cancel, key, 0});
  // Asked again: as likely one that is then cancelled for good as one that stands.
  std::vector<std::size_t> again(counts.standing + counts.cancelled - counts.replaced);
  std::iota(again.begin(), again.end(), counts.replaced);
  rng.shuffle(again);
  again.resize(std::min(again.size(), counts.reasked));
  for (const std::size_t key : again) {
    const std::ptrdiff_t taken_back = insert(0, last_of(key), {What::cancel, key, 0});
    insert(0, taken_back, {What::ask, key, 0});
  }
  return events;
}

}  // namespace longbow::data
