#include "data/tasks/web_search.h"

#include <algorithm>
#include <utility>

namespace longbow::data {
namespace {

constexpr std::int64_t kTokensASibling = 256;
constexpr std::int64_t kMinSiblings = 4, kMaxSiblings = 10;  // where the length decides
class WebSearch final : public TaskBuilder {
 public:
  WebSearch(WebSearchConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)), user_walks_(questions()) {
    config_.settings = settings();
    keep_questions([&](const QaItem& question) { return user_walks_.has_siblings(question); },
                   "walks of several hops that three questions or more have in common",
                   "it takes 2WikiMultihopQA's evidences and MuSiQue's steps, where each starts from the one before");
    if (config_.min_hops > config_.max_hops) {
      throw UserError(concat("/min_hops: expected at most max_hops (", config_.max_hops, "), got ", config_.min_hops, " (", source, ")"));
    }
    if (config_.num_siblings > 0 && config_.num_siblings < kMinSiblings) {
      throw UserError(concat("/num_siblings: expected 0, or at least ", kMinSiblings, ", got ", config_.num_siblings, " (", source, ")"));
    }
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 3; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  // Sibling 0 is the walk. Names and places in the text are drawn afterwards, so the number gives nothing away.
  std::optional<Draft> draft(Rng& rng, std::int64_t limit_tokens) const override {
    const std::size_t num_siblings = siblings_within(limit_tokens);
    const auto num_hops = static_cast<std::size_t>(rng.between(config_.min_hops, config_.max_hops));
    const auto world = draw_web_world(num_hops, num_siblings, static_cast<std::size_t>(config_.num_other_links), rng);
    if (!world) return std::nullopt;
    const std::vector<std::size_t>& relations = world->relations;
    const std::vector<std::string> names = draw_names(rng, num_siblings * (num_hops + 1));
    const auto name = [&](std::size_t level, std::size_t sibling) -> const std::string& { return names[level * num_siblings + sibling]; };

    Draft draft;
    for (std::size_t level = 0; level < num_hops; ++level) {
      for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
        std::string page;
        const std::size_t pronoun = rng.below(2);
        for (const WebLink& link : world->links[level][sibling]) {
          const bool is_named = page.empty();
          page += (is_named ? "" : " ") +
                  web_sentence(web_relations()[link.relation], name(level, sibling), is_named, pronoun, name(level + 1, link.sibling), rng);
        }
        draft.sentences.push_back(std::move(page));
      }
    }
    for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {  // every sibling's walk could be asked for
      FollowUp asked;
      for (std::size_t level = 0; level < num_hops; ++level) {
        const WebRelation& relation = web_relations()[relations[level]];
        asked.evidence.push_back(level * num_siblings + sibling);
        asked.gold_chain.push_back(web_step(relation, web_namings()[relation.subject].called(name(level, sibling)),
                                            web_namings()[relation.object].called(name(level + 1, sibling))));
      }
      asked.question = to_text({name(0, sibling), relations}, rng.pick(web_tellings()));
      asked.answer = {"exact_match", web_namings()[web_relations()[relations.back()].object].answers(name(num_hops, sibling))};
      draft.ask(std::move(asked), sibling == 0);
    }
    for (const std::string& one : names) draft.keep_out.push_back(lower_words(one).front());
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(num_siblings);
    draft.difficulty["num_hops"] = static_cast<std::int64_t>(num_hops);
    draft.difficulty["num_other_links"] = static_cast<std::int64_t>(world->num_other_links);
    return draft;
  }

  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    return user_walks_.draft(question, siblings_within(limit_tokens), rng, limit_tokens);
  }

 private:
  std::size_t siblings_within(std::int64_t limit_tokens) const {
    return config_.num_siblings > 0 ? config_.num_siblings : std::clamp(limit_tokens / kTokensASibling, kMinSiblings, kMaxSiblings);
  }

  WebSearchConfig config_;
  UserWalks user_walks_;
};

}  // namespace

std::string to_text(const WebWalk& walk, const WebTelling& telling) {
  std::string text;
  std::string before = web_namings()[web_relations()[walk.relations.front()].subject].called(walk.start);
  for (std::size_t hop = 0; hop < walk.relations.size(); ++hop) {
    const std::string letter(1, static_cast<char>('A' + hop));
    const char* definition = web_relations()[walk.relations[hop]].definition;
    text += put(put(telling.definition, '@', letter), '#', put(definition, '@', before)) + " ";
    before = letter;
  }
  return text + put(put(telling.question, '@', before), '#', web_namings()[web_relations()[walk.relations.back()].object].noun);
}

std::string web_sentence(const WebRelation& relation, const std::string& name, bool is_named, std::size_t pronoun, const std::string& to,
                         Rng& rng) {
  const Naming& kind = web_namings()[relation.subject];
  const std::string_view pattern = relation.sentences[rng.below(relation.sentences.size())];
  // "It" only begins a sentence; a person is he or she on the whole page.
  const bool by_noun = relation.subject != kPerson && (pattern.front() != '@' || pronoun == 1);
  const std::string subject = is_named ? kind.called(name) : kind.again[by_noun ? 1 : relation.subject == kPerson ? pronoun : 0];
  return put(put(pattern, '@', subject), '#', web_namings()[relation.object].called(to));
}

std::string web_step(const WebRelation& relation, std::string_view subject, std::string_view object) {
  return put(put("@ is #.", '@', put(relation.definition, '@', subject)), '#', object);
}

std::string web_step_answer(std::string_view step, const Naming& kind) {
  const std::size_t is = step.rfind(" is ");
  if (is == std::string_view::npos) return "";
  const auto words = match(step.substr(is + 4), std::string(kind.full) + ".");
  return words ? kind.answer(words->front()) : "";
}

std::unique_ptr<TaskBuilder> make_web_search(const Json& entry, const Corpus& corpus, std::string_view source) {
  WebSearchConfig config;
  read_config(config, entry, source);
  return std::make_unique<WebSearch>(std::move(config), corpus, source);
}

}  // namespace longbow::data
