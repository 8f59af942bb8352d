// Which links WebSearch's pages have: drawn so that nothing but the words of the asked-for links tells where a walk ends.
#include <algorithm>
#include <numeric>

#include "data/tasks/web_search.h"

namespace longbow::data {
namespace {

constexpr int kMaxTries = 500;                        // draws of a walk, or of the links between siblings
constexpr double kWalksMargin = 0.02;                 // that the likeliest end of a walk along any links may have over a guess
using Links = std::vector<std::vector<std::size_t>>;  // [other link][sibling]: the sibling of the next hop that it leads to

// Permutations without a fixed point, different everywhere.
Links draw_level(Rng& rng, std::size_t num_siblings, std::size_t num_others) {
  Links links;
  while (links.size() < num_others) {
    std::vector<std::size_t> link(num_siblings);
    std::iota(link.begin(), link.end(), std::size_t{0});
    rng.shuffle(link);
    bool fresh = true;
    for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
      fresh &= link[sibling] != sibling && (links.empty() || links.front()[sibling] != link[sibling]);
    }
    if (fresh) links.push_back(std::move(link));
  }
  return links;
}

// A walk that comes to no pair of kinds twice, so that each hop's links are told from all others by their words.
std::optional<std::vector<std::size_t>> draw_relations(Rng& rng, std::size_t num_hops) {
  const std::vector<WebRelation>& all = web_relations();
  for (int tries = 0; tries < kMaxTries; ++tries) {
    std::vector<std::size_t> walk = {rng.below(all.size())};
    while (walk.size() < num_hops) {
      std::vector<std::size_t> next;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const auto same_pair = [&](std::size_t before) { return before / kRelationsAPair == i / kRelationsAPair; };
        if (all[i].subject == all[walk.back()].object && std::none_of(walk.begin(), walk.end(), same_pair)) next.push_back(i);
      }
      if (next.empty()) break;
      walk.push_back(rng.pick(next));
    }
    if (walk.size() == num_hops) return walk;
  }
  return std::nullopt;
}

// Walks that follow any of their `links` at each hop, and the most of them that may end in one place.
std::size_t num_walks(std::size_t num_hops, std::size_t links) {
  std::size_t walks = 1;
  for (std::size_t hop = 0; hop < num_hops; ++hop) walks *= links;
  return walks;
}
std::size_t walks_allowed(std::size_t walks, std::size_t num_siblings) {
  const double share = 1.0 / static_cast<double>(num_siblings) + kWalksMargin;
  return std::max((walks + num_siblings - 1) / num_siblings, static_cast<std::size_t>(share * static_cast<double>(walks)));
}

std::size_t fewest_other_links(std::size_t num_hops, std::size_t num_siblings) {
  const std::size_t walks = num_walks(num_hops, 2);
  const double likeliest = static_cast<double>(walks_allowed(walks, num_siblings)) / static_cast<double>(walks);
  return walks >= num_siblings && likeliest <= 1.0 / static_cast<double>(num_siblings) + kWalksMargin ? 1 : 2;
}

// Other links never lead where the asked-for one does. Where walks along any links end says nothing: no place is the end of notably more
// of them than another, and the asked-for links are like the others in this, so that the right end is not known by having few, either.
// The evenest draw, where none is even enough.
std::vector<Links> draw_other_links(Rng& rng, std::size_t num_hops, std::size_t num_siblings, std::size_t num_others) {
  const std::size_t allowed = walks_allowed(num_walks(num_hops, 1 + num_others), num_siblings);
  std::vector<Links> evenest;
  std::size_t fewest = 0;
  for (int tries = 0; tries < kMaxTries && (evenest.empty() || fewest > allowed); ++tries) {
    std::vector<Links> levels;
    std::vector<std::size_t> arrived(num_siblings, 0);
    arrived[0] = 1;
    for (std::size_t level = 0; level < num_hops; ++level) {
      levels.push_back(draw_level(rng, num_siblings, num_others));
      std::vector<std::size_t> next = arrived;
      for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
        for (const auto& link : levels.back()) next[link[sibling]] += arrived[sibling];
      }
      arrived = std::move(next);
    }
    const std::size_t most = *std::max_element(arrived.begin(), arrived.end());
    if (!evenest.empty() && most >= fewest) continue;
    fewest = most;
    evenest = std::move(levels);
  }
  return evenest;
}

}  // namespace

std::optional<WebWorld> draw_web_world(std::size_t num_hops, std::size_t num_siblings, std::size_t num_other_links, Rng& rng) {
  const std::optional<std::vector<std::size_t>> relations = draw_relations(rng, num_hops);
  if (!relations) return std::nullopt;
  WebWorld world;
  world.relations = *relations;
  world.num_other_links = num_other_links > 0 ? num_other_links : fewest_other_links(num_hops, num_siblings);
  const std::vector<Links> others = draw_other_links(rng, num_hops, num_siblings, world.num_other_links);
  for (std::size_t hop = 0; hop < num_hops; ++hop) {
    const std::size_t asked = world.relations[hop], group = asked / kRelationsAPair * kRelationsAPair;
    std::vector<std::size_t> unasked;
    for (std::size_t i = 1; i < kRelationsAPair; ++i) unasked.push_back(group + (asked - group + i) % kRelationsAPair);
    rng.shuffle(unasked);
    auto& pages = world.links.emplace_back();
    for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
      std::vector<WebLink>& links = pages.emplace_back();
      links.push_back({asked, sibling});
      for (std::size_t i = 0; i < world.num_other_links; ++i) links.push_back({unasked[i], others[hop][i][sibling]});
      rng.shuffle(links);
    }
  }
  return world;
}

}  // namespace longbow::data
