// LongDocQA over three pages and more: WebSearch's world on titled pages, its walks asked in one nested description, and both read back.
#include <algorithm>
#include <set>
#include <utility>

#include "data/tasks/long_doc_qa.h"
#include "data/tasks/phrase.h"
#include "data/tasks/web_graph.h"

namespace longbow::data {
namespace {

constexpr std::size_t kMaxHops = 16;

const Naming& kind_of_end(const WebWalk& walk) { return web_namings()[web_relations()[walk.relations.back()].object]; }

// "the town where the person who started the Kessel Company was born": the description of what `kind` is, from the outside in. Relations
// are added in the walk's order.
bool parse_description(std::string_view text, std::size_t kind, std::size_t depth, WebWalk& walk) {
  for (std::size_t r = 0; r < web_relations().size(); ++r) {
    const WebRelation& relation = web_relations()[r];
    const std::string_view definition = relation.definition;
    const std::size_t at = definition.find('@');
    const std::string_view head = definition.substr(0, at), tail = definition.substr(at + 1);
    if (relation.object != kind || text.size() <= head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail)) continue;
    const std::string_view inner = text.substr(head.size(), text.size() - head.size() - tail.size());
    if (const auto words = match(inner, web_namings()[relation.subject].full)) {
      walk.start = words->front();
      walk.relations = {r};
      return true;
    }
    if (depth < kMaxHops && parse_description(inner, relation.subject, depth + 1, walk)) {
      walk.relations.push_back(r);
      return true;
    }
  }
  return false;
}

// Whatever a page's sentences say is said of what its title names.
void read_page(std::string_view page, std::int64_t start, WebGraph& graph) {
  const std::size_t title_end = std::min(page.find('\n'), page.size());
  const std::string_view title = page.substr(0, title_end), name = title.substr(0, title.find(' '));
  graph.pages.push_back({start, start + static_cast<std::int64_t>(page.size())});
  for (const Sentence& sentence : split_sentences(page.substr(title_end))) {
    for (const WebForm& form : web_forms()) {
      const auto words = match(sentence.text, form.pattern);
      if (!words) continue;
      const std::string_view subject = form.is_named ? words->at(form.object_first ? 1 : 0) : name;
      if (is_pronoun(subject)) continue;
      const std::string_view object = words->at(form.is_named && !form.object_first ? 1 : 0);
      const std::int64_t offset = start + static_cast<std::int64_t>(title_end);
      graph.facts.push_back({form.relation,
                             std::string(subject),
                             std::string(object),
                             graph.pages.size() - 1,
                             {sentence.span.start + offset, sentence.span.end + offset}});
      break;
    }
  }
}

WebGraph read_pages(std::string_view context) {
  WebGraph graph;
  for (std::size_t start = 0; start < context.size();) {
    const std::size_t end = std::min(context.find(kPageBreak, start), context.size());
    read_page(context.substr(start, end - start), static_cast<std::int64_t>(start), graph);
    start = end + kPageBreak.size();
  }
  return graph;
}

// Someone who goes where each page's first or last link leads.
std::string by_place(const WebGraph& graph, const WebWalk& walk, bool last) {
  std::string at = walk.start;
  for (std::size_t hop = 0; hop < walk.relations.size(); ++hop) {
    const WebFact* link = nullptr;
    for (const WebFact& fact : graph.facts) {
      if (fact.subject == at && (link == nullptr || last)) link = &fact;
    }
    if (link == nullptr) return "";
    at = link->object;
  }
  return kind_of_end(walk).answer(at);
}

}  // namespace

std::string to_text(const WebWalk& walk, std::size_t wording) {
  std::string described = web_namings()[web_relations()[walk.relations.front()].subject].called(walk.start);
  for (const std::size_t relation : walk.relations) described = put(web_relations()[relation].definition, '@', described);
  return put(kDocWalkQuestions[wording % kDocWalkQuestions.size()], '@', described);
}

std::optional<WebWalk> parse_doc_walk(std::string_view text) {
  for (std::size_t wording = 0; wording < kDocWalkQuestions.size(); ++wording) {
    const std::string_view frame = kDocWalkQuestions[wording];
    const std::size_t at = frame.find('@');
    const std::string_view head = frame.substr(0, at), tail = frame.substr(at + 1);
    if (text.size() <= head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail)) continue;
    for (std::size_t kind = 0; kind < kNumWebKinds; ++kind) {
      WebWalk walk;
      if (parse_description(text.substr(head.size(), text.size() - head.size() - tail.size()), kind, 1, walk) &&
          to_text(walk, wording) == text) {
        return walk;
      }
    }
  }
  return std::nullopt;
}

std::optional<Draft> draft_long_doc_qa_walk(std::size_t num_hops, std::size_t num_siblings,
                                            const std::function<std::vector<std::string>(std::size_t)>& draw_names,
                                            const std::function<void(const std::vector<std::string>&, DocPage&)>& add_filler, Rng& rng) {
  const auto world = draw_web_world(num_hops, num_siblings, 0, rng);
  if (!world) return std::nullopt;
  const std::vector<std::string> names = draw_names(num_siblings * (num_hops + 1));
  const auto name = [&](std::size_t hop, std::size_t sibling) -> const std::string& { return names[hop * num_siblings + sibling]; };
  Draft draft;
  draft.separator = kPageBreak;
  for (const std::string& one : names) draft.keep_out.push_back(lower_words(one).front());
  for (std::size_t hop = 0; hop < num_hops; ++hop) {
    const WebRelation& asked_relation = web_relations()[world->relations[hop]];
    const Naming& kind = web_namings()[asked_relation.subject];
    for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
      DocPage page{kind.answer(name(hop, sibling)), {}};
      const std::size_t pronoun = rng.below(2);
      std::size_t asked = 0;
      for (const WebLink& link : world->links[hop][sibling]) {
        if (link.relation == world->relations[hop]) asked = page.sentences.size();
        page.sentences.push_back(
            web_sentence(web_relations()[link.relation], name(hop, sibling), rng.below(2) == 0, pronoun, name(hop + 1, link.sibling), rng));
      }
      add_filler(draft.keep_out, page);
      RenderedDocPage rendered = render(page, rng);
      if (sibling == 0) {  // the walk's
        draft.evidence.push_back(draft.sentences.size());
        draft.evidence_bytes.push_back(rendered.spans[asked]);
        draft.gold_chain.push_back(
            web_step(asked_relation, kind.called(name(hop, 0)), web_namings()[asked_relation.object].called(name(hop + 1, 0))));
      }
      draft.sentences.push_back(std::move(rendered.text));
    }
  }
  const WebWalk walk{name(0, 0), world->relations};
  draft.question = to_text(walk, rng.below(kDocWalkQuestions.size()));
  draft.answer = {"exact_match", kind_of_end(walk).answers(name(num_hops, 0))};
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(num_siblings);
  draft.difficulty["form"] = "walk";
  draft.difficulty["hops"] = static_cast<std::int64_t>(num_hops);
  return draft;
}

Reading read_long_doc_qa_walk(const Item& item, const MessageParts& parts, const WebWalk& walk) {
  Reading reading;
  const WebGraph graph = read_pages(parts.context);
  const Naming& kind = kind_of_end(walk);
  std::set<std::string> ends;  // of the last hop's links
  for (const WebFact& fact : graph.facts) {
    if (fact.relation == walk.relations.back()) ends.insert(fact.object);
    reading.entities.insert(reading.entities.end(), {fact.subject, fact.object});
  }
  for (const WebFact& fact : graph.facts) {
    if (ends.contains(fact.object)) reading.candidates.push_back({kind.answer(fact.object), fact.span.start});
  }
  for (const std::string& end : ends) reading.guesses.push_back(kind.answer(end));
  for (const std::string& answer : solve_walk(graph, walk)) reading.answers.push_back(kind.answer(answer));
  for (const WebFact* fact : follow_walk(graph, walk)) {
    const WebRelation& relation = web_relations()[fact->relation];
    reading.evidence.push_back(fact->span);
    reading.gold_chain.push_back(
        web_step(relation, web_namings()[relation.subject].called(fact->subject), web_namings()[relation.object].called(fact->object)));
    if (solve_walk(graph, walk, fact->page).size() < 2) reading.problem = concat("the answer does not need the page about ", fact->subject);
  }
  reading.shortcuts = {by_place(graph, walk, false), by_place(graph, walk, true)};
  reading.oracle_answer = web_step_answer(item.gold_chain.back(), kind);
  return reading;
}

}  // namespace longbow::data
