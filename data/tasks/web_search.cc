#include "data/tasks/web_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace longbow::data {
namespace {

constexpr std::int64_t kTokensASibling = 256;
constexpr std::int64_t kMinSiblings = 4, kMaxSiblings = 10;  // where the length decides
constexpr int kMaxTries = 500;                               // draws of a walk, or of the links between siblings

using Links = std::vector<std::vector<std::size_t>>;  // [other link][sibling]: the sibling of the next hop that it leads to

class WebSearch final : public TaskBuilder {
 public:
  WebSearch(WebSearchConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)), user_walks_(questions()) {
    config_.settings = settings();
    if (config_.min_hops > config_.max_hops) {
      throw UserError(concat("/min_hops: expected at most max_hops (", config_.max_hops, "), got ", config_.min_hops, " (", source, ")"));
    }
    if (config_.num_siblings > 0 && config_.num_siblings < kMinSiblings) {
      throw UserError(concat("/num_siblings: expected 0, or at least ", kMinSiblings, ", got ", config_.num_siblings, " (", source, ")"));
    }
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 1; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  // The hops are levels of siblings. Asked-for links lead from sibling j to sibling j of the next level, other links elsewhere;
  // sibling 0 is the walk. Names and places in the text are drawn afterwards, so the number gives nothing away.
  std::optional<Draft> draft(Rng& rng, std::int64_t limit_tokens) const override {
    const std::size_t num_siblings = siblings_within(limit_tokens);
    const auto num_hops = static_cast<std::size_t>(rng.between(config_.min_hops, config_.max_hops));
    const std::optional<std::vector<std::size_t>> relations = draw_relations(rng, num_hops);
    if (!relations) return std::nullopt;
    const std::size_t num_others = num_other_links(num_hops, num_siblings);
    const std::optional<std::vector<Links>> others = draw_other_links(rng, num_hops, num_siblings, num_others);
    if (!others) return std::nullopt;
    const std::vector<std::string> names = draw_names(rng, num_siblings * (num_hops + 1));
    const auto name = [&](std::size_t level, std::size_t sibling) -> const std::string& { return names[level * num_siblings + sibling]; };

    Draft draft;
    for (std::size_t level = 0; level < num_hops; ++level) {
      const std::size_t asked = (*relations)[level], group = asked / kRelationsAPair * kRelationsAPair;
      std::vector<std::size_t> unasked;
      for (std::size_t i = 1; i < kRelationsAPair; ++i) unasked.push_back(group + (asked - group + i) % kRelationsAPair);
      rng.shuffle(unasked);
      for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
        std::vector<Link> links = {{asked, name(level + 1, sibling)}};
        for (std::size_t i = 0; i < num_others; ++i) links.push_back({unasked[i], name(level + 1, (*others)[level][i][sibling])});
        draft.sentences.push_back(page(rng, name(level, sibling), std::move(links)));
      }
    }
    for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {  // every sibling's walk could be asked for
      FollowUp asked;
      for (std::size_t level = 0; level < num_hops; ++level) {
        const WebRelation& relation = web_relations()[(*relations)[level]];
        asked.evidence.push_back(level * num_siblings + sibling);
        asked.gold_chain.push_back(web_step(relation, web_namings()[relation.subject].called(name(level, sibling)),
                                            web_namings()[relation.object].called(name(level + 1, sibling))));
      }
      asked.question = to_text({name(0, sibling), *relations}, rng.pick(web_tellings()));
      asked.answer = {"exact_match", web_namings()[web_relations()[relations->back()].object].answers(name(num_hops, sibling))};
      draft.ask(std::move(asked), sibling == 0);
    }
    for (const std::string& one : names) draft.keep_out.push_back(lower_words(one).front());
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(num_siblings);
    draft.difficulty["num_hops"] = static_cast<std::int64_t>(num_hops);
    draft.difficulty["num_other_links"] = static_cast<std::int64_t>(num_others);
    return draft;
  }

  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    return user_walks_.draft(question, siblings_within(limit_tokens), rng, limit_tokens);
  }

 private:
  std::size_t siblings_within(std::int64_t limit_tokens) const {
    return config_.num_siblings > 0 ? config_.num_siblings : std::clamp(limit_tokens / kTokensASibling, kMinSiblings, kMaxSiblings);
  }

  struct Link {
    std::size_t relation = 0;
    std::string to;
  };

  // A walk that comes to no pair of kinds twice, so that each hop's links are told from all others by their words.
  static std::optional<std::vector<std::size_t>> draw_relations(Rng& rng, std::size_t num_hops) {
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

  std::size_t num_other_links(std::size_t num_hops, std::size_t num_siblings) const {
    if (config_.num_other_links > 0) return config_.num_other_links;
    return std::pow(2.0, static_cast<double>(num_hops)) >= static_cast<double>(num_siblings) ? 1 : 2;
  }

  // Other links never lead where the asked-for one does, and such that someone who follows any link at every hop comes to the
  // answer no more often than a guess would (or as rarely as is possible).
  static std::optional<std::vector<Links>> draw_other_links(Rng& rng, std::size_t num_hops, std::size_t num_siblings,
                                                            std::size_t num_others) {
    const double share = 1.0 / static_cast<double>(1 + num_others);
    const double allowed = std::max(1.0 / static_cast<double>(num_siblings), std::pow(share, static_cast<double>(num_hops))) + 1e-9;
    for (int tries = 0; tries < kMaxTries; ++tries) {
      std::vector<Links> levels;
      std::vector<double> arrived(num_siblings, 0.0);
      arrived[0] = 1;
      for (std::size_t level = 0; level < num_hops; ++level) {
        levels.push_back(draw_level(rng, num_siblings, num_others));
        std::vector<double> next(num_siblings, 0.0);
        for (std::size_t sibling = 0; sibling < num_siblings; ++sibling) {
          next[sibling] += share * arrived[sibling];
          for (const auto& link : levels.back()) next[link[sibling]] += share * arrived[sibling];
        }
        arrived = std::move(next);
      }
      if (arrived[0] <= allowed) return levels;
    }
    return std::nullopt;
  }

  // Permutations without a fixed point, different everywhere.
  static Links draw_level(Rng& rng, std::size_t num_siblings, std::size_t num_others) {
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

  static std::string page(Rng& rng, const std::string& name, std::vector<Link> links) {
    rng.shuffle(links);
    const std::size_t pronoun = rng.below(2);
    std::string page;
    for (const Link& link : links) {
      const WebRelation& relation = web_relations()[link.relation];
      const Naming& kind = web_namings()[relation.subject];
      const std::string_view pattern = relation.sentences[rng.below(relation.sentences.size())];
      // "It" only begins a sentence; a person is he or she on the whole page.
      const bool by_noun = relation.subject != kPerson && (pattern.front() != '@' || pronoun == 1);
      const std::string subject = page.empty() ? kind.called(name) : kind.again[by_noun ? 1 : relation.subject == kPerson ? pronoun : 0];
      page += (page.empty() ? "" : " ") + put(put(pattern, '@', subject), '#', web_namings()[relation.object].called(link.to));
    }
    return page;
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

std::string web_step(const WebRelation& relation, std::string_view subject, std::string_view object) {
  return put(put("@ is #.", '@', put(relation.definition, '@', subject)), '#', object);
}

std::unique_ptr<TaskBuilder> make_web_search(const Json& entry, const Corpus& corpus, std::string_view source) {
  WebSearchConfig config;
  read_config(config, entry, source);
  return std::make_unique<WebSearch>(std::move(config), corpus, source);
}

}  // namespace longbow::data
