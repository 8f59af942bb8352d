#include "data/tasks/web_graph.h"

#include <algorithm>

namespace longbow::data {

const std::vector<WebForm>& web_forms() {
  static const std::vector<WebForm> all = [] {
    std::vector<WebForm> forms;
    for (std::size_t r = 0; r < web_relations().size(); ++r) {
      const WebRelation& relation = web_relations()[r];
      const Naming &subject = web_namings()[relation.subject], &object = web_namings()[relation.object];
      for (const std::string_view sentence : relation.sentences) {
        const bool object_first = sentence.find('#') < sentence.find('@');
        forms.push_back({put(put(sentence, '@', subject.full), '#', object.full), r, object_first, true});
        for (const char* again : subject.again) forms.push_back({put(put(sentence, '@', again), '#', object.full), r, false, false});
      }
    }
    return forms;
  }();
  return all;
}

bool is_pronoun(std::string_view word) {
  constexpr std::array kPronouns = {"He", "She", "It", "he", "she", "it"};
  return std::find(kPronouns.begin(), kPronouns.end(), word) != kPronouns.end();
}

std::set<std::string> solve_walk(const WebGraph& graph, const WebWalk& walk, std::size_t without_page) {
  std::set<std::string> reached = {walk.start};
  for (const std::size_t relation : walk.relations) {
    std::map<std::string, std::set<std::string>> links;
    std::set<std::string> anything;
    for (const WebFact& fact : graph.facts) {
      if (fact.page == without_page || fact.relation / kRelationsAPair != relation / kRelationsAPair) continue;
      anything.insert(fact.object);
      if (fact.relation == relation) links[fact.subject].insert(fact.object);
    }
    std::set<std::string> next;
    for (const std::string& subject : reached) {
      const auto found = links.find(subject);
      const std::set<std::string>& objects = found == links.end() ? anything : found->second;
      next.insert(objects.begin(), objects.end());
    }
    reached = std::move(next);
  }
  return reached;
}

std::vector<const WebFact*> follow_walk(const WebGraph& graph, const WebWalk& walk) {
  std::vector<const WebFact*> path;
  std::string at = walk.start;
  for (const std::size_t relation : walk.relations) {
    const auto fact = std::find_if(graph.facts.begin(), graph.facts.end(),
                                   [&](const WebFact& one) { return one.relation == relation && one.subject == at; });
    if (fact == graph.facts.end()) break;
    path.push_back(&*fact);
    at = fact->object;
  }
  return path;
}

std::map<std::string, double> walk_ends(const WebGraph& graph, const WebWalk& walk) {
  constexpr double kMost = 1e300;  // a text that was tampered with may have many links
  std::map<std::string, double> ways = {{walk.start, 1.0}};
  for (std::size_t hop = 0; hop < walk.relations.size(); ++hop) {
    std::map<std::string, double> next;
    for (const WebFact& fact : graph.facts) {
      if (const auto found = ways.find(fact.subject); found != ways.end()) {
        double& count = next[fact.object];
        count = std::min(kMost, count + found->second);
      }
    }
    ways = std::move(next);
  }
  return ways;
}

}  // namespace longbow::data
