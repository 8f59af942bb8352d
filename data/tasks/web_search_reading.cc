// WebSearch read back: the pages' links form a graph, and the question is solved in it, once as it stands and once without each
// page of the walk.
#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"
#include "data/tasks/web_graph.h"

namespace longbow::data {
namespace {

// The first link of a page names both its ends, so a sentence without a capital letter past its first begins none.
bool may_open_a_page(std::string_view sentence) {
  return std::any_of(sentence.begin() + 1, sentence.end(), [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; });
}

WebGraph read_graph(std::string_view context) {
  WebGraph graph;
  std::string subject;
  WebKind kind = kPerson;
  const auto note = [&](const Sentence& sentence, std::size_t relation, std::string_view object) {
    graph.facts.push_back({relation, subject, std::string(object), graph.pages.size() - 1, sentence.span});
    return true;
  };
  walk_pages(
      context,
      [&](const Sentence& sentence) {
        if (!may_open_a_page(sentence.text)) return false;
        for (const WebForm& form : web_forms()) {
          const auto words = form.is_named ? match(sentence.text, form.pattern) : std::nullopt;
          if (!words || is_pronoun(words->at(form.object_first ? 1 : 0))) continue;
          subject = words->at(form.object_first ? 1 : 0);
          kind = web_relations()[form.relation].subject;
          graph.pages.push_back(sentence.span);
          return note(sentence, form.relation, words->at(form.object_first ? 0 : 1));
        }
        return false;
      },
      [&](const Sentence& sentence) {
        for (const WebForm& form : web_forms()) {
          if (form.is_named || web_relations()[form.relation].subject != kind) continue;
          const auto words = match(sentence.text, form.pattern);
          if (!words) continue;
          graph.pages.back().end = sentence.span.end;
          return note(sentence, form.relation, words->front());
        }
        return false;
      });
  return graph;
}

// Of "the town where @ was born" for a letter or, in the first definition, for a name, which goes to `start`.
std::optional<std::size_t> relation_defined(std::string_view sentence, const WebTelling& telling, std::size_t hop, std::string& start) {
  const std::string letter(1, static_cast<char>('A' + hop)), before(1, static_cast<char>('A' + hop - 1));
  const std::string frame = put(telling.definition, '@', letter);
  for (std::size_t r = 0; r < web_relations().size(); ++r) {
    const WebRelation& relation = web_relations()[r];
    const std::string_view subject = hop == 0 ? web_namings()[relation.subject].full : std::string_view(before);
    const auto words = match(sentence, put(frame, '#', put(relation.definition, '@', subject)));
    if (!words) continue;
    if (hop == 0) start = words->front();
    return r;
  }
  return std::nullopt;
}

std::optional<WebWalk> parse_question(std::string_view text) {
  constexpr std::size_t kMaxHops = 26;
  const std::vector<Sentence> sentences = split_sentences(text);
  if (sentences.size() < 2 || sentences.size() > kMaxHops + 1) return std::nullopt;
  const std::size_t hops = sentences.size() - 1;
  for (const WebTelling& telling : web_tellings()) {
    WebWalk walk;
    const auto follows = [&](std::size_t hop) {
      const auto relation = relation_defined(sentences[hop].text, telling, hop, walk.start);
      if (!relation || (hop > 0 && web_relations()[*relation].subject != web_relations()[walk.relations.back()].object)) return false;
      walk.relations.push_back(*relation);
      return true;
    };
    while (walk.relations.size() < hops && follows(walk.relations.size())) continue;
    if (walk.relations.size() == hops && to_text(walk, telling) == text) return walk;
  }
  return std::nullopt;
}

// Someone who looks only for what the last letter is said to be, and takes what stands nearest after the start.
std::string last_hop_only(const WebGraph& graph, const WebWalk& walk) {
  const auto start = std::find_if(graph.facts.begin(), graph.facts.end(), [&](const WebFact& fact) { return fact.subject == walk.start; });
  const std::size_t from = start - graph.facts.begin();
  for (std::size_t i = 0; i < graph.facts.size(); ++i) {
    const WebFact& fact = graph.facts[(from + i) % graph.facts.size()];
    if (fact.relation == walk.relations.back()) return fact.object;
  }
  return "";
}

// Someone who follows the letters but takes any link that a page offers.
std::string any_link(const WebGraph& graph, const WebWalk& walk, Rng rng) {
  std::string at = walk.start;
  for (std::size_t hop = 0; hop < walk.relations.size(); ++hop) {
    std::vector<const WebFact*> offered;
    for (const WebFact& fact : graph.facts) {
      if (fact.subject == at) offered.push_back(&fact);
    }
    if (offered.empty()) return "";
    at = rng.pick(offered)->object;
  }
  return at;
}

// Someone who takes the end that `better` (of two numbers of ways) prefers, any of several such.
template <class Better>
std::string best_end(const std::map<std::string, double>& ends, Rng rng, Better better) {
  std::vector<std::string> best;
  for (const auto& [end, count] : ends) {
    if (!best.empty() && better(ends.at(best.front()), count)) continue;
    if (!best.empty() && better(count, ends.at(best.front()))) best.clear();
    best.push_back(end);
  }
  return best.empty() ? "" : rng.pick(best);
}

}  // namespace

Reading read_web_search(const Item& item, const Corpus&) {
  if (asks_user_question(item)) return read_web_search_of_questions(item);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto walk = parts ? parse_question(parts->question) : std::nullopt;
  if (!walk) {
    reading.problem = "the question is none that web_search asks";
    return reading;
  }
  const WebGraph graph = read_graph(parts->context);
  const Naming& kind = web_namings()[web_relations()[walk->relations.back()].object];
  std::set<std::string> ends;  // of the last hop's links
  for (const WebFact& fact : graph.facts) {
    if (fact.relation == walk->relations.back()) ends.insert(fact.object);
    reading.entities.insert(reading.entities.end(), {fact.subject, fact.object});
  }
  for (const WebFact& fact : graph.facts) {
    if (ends.count(fact.object) > 0) reading.candidates.push_back({kind.answer(fact.object), fact.span.start});
  }
  for (const std::string& end : ends) reading.guesses.push_back(kind.answer(end));
  for (const std::string& answer : solve_walk(graph, *walk)) reading.answers.push_back(kind.answer(answer));

  for (const WebFact* fact : follow_walk(graph, *walk)) {
    const WebRelation& relation = web_relations()[fact->relation];
    reading.evidence.push_back(graph.pages[fact->page]);
    reading.gold_chain.push_back(
        web_step(relation, web_namings()[relation.subject].called(fact->subject), web_namings()[relation.object].called(fact->object)));
    if (solve_walk(graph, *walk, fact->page).size() < 2)
      reading.problem = concat("the answer does not need the page about ", fact->subject);
  }
  const Rng rng(item.seed, {stable_hash("any link"), stable_hash(item.id)});
  const std::map<std::string, double> ends_of_any = walk_ends(graph, *walk);
  for (const std::string& end : {last_hop_only(graph, *walk), any_link(graph, *walk, rng), best_end(ends_of_any, rng, std::greater<>()),
                                 best_end(ends_of_any, rng, std::less<>())})
    reading.shortcuts.push_back(end.empty() ? "" : kind.answer(end));
  reading.oracle_answer = web_step_answer(item.gold_chain.back(), kind);
  return reading;
}

}  // namespace longbow::data
