// What pages about invented people, towns, ships … say, as a graph of links; and walks over it. WebSearch and LongDocQA read their pages
// into one, each in its own form.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/item.h"
#include "data/tasks/web_search.h"

namespace longbow::data {

struct WebFact {
  std::size_t relation = 0;
  std::string subject;
  std::string object;
  std::size_t page = 0;
  EvidenceSpan span;  // of its sentence
};

struct WebGraph {
  std::vector<WebFact> facts;  // in text order
  std::vector<EvidenceSpan> pages;
};

/// One sentence pattern of one relation with its subject named, or called "it".
struct WebForm {
  std::string pattern;
  std::size_t relation = 0;
  bool object_first = false;
  bool is_named = false;
};

const std::vector<WebForm>& web_forms();

/// Whether a subject is one of a page's "he", "she" and "it", which the forms of people's names match too.
bool is_pronoun(std::string_view word);

inline constexpr std::size_t kNoPage = static_cast<std::size_t>(-1);
/// Everything that the walk may lead to. A link that no page states may lead to anything that such links lead to, so that without one of
/// its pages a walk has several ends.
std::set<std::string> solve_walk(const WebGraph& graph, const WebWalk& walk, std::size_t without_page = kNoPage);

/// The first stated walk; shorter than asked where a link is missing. The facts are the graph's.
std::vector<const WebFact*> follow_walk(const WebGraph& graph, const WebWalk& walk);

/// In how many ways one comes from the start to each thing, along any links.
std::map<std::string, double> walk_ends(const WebGraph& graph, const WebWalk& walk);

}  // namespace longbow::data
