#include "data/tasks/fuzzy_needle.h"

#include <algorithm>
#include <utility>

#include "data/tasks/page.h"
#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

class FuzzyNeedle final : public TaskBuilder {
 public:
  FuzzyNeedle(FuzzyNeedleConfig config, const Corpus& corpus) : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
    const auto& all = corpus.categories();
    categories_.assign(all.begin(), all.begin() + std::min<std::size_t>(config_.num_categories, all.size()));
    for (Category& category : categories_) {
      category.members.resize(std::min<std::size_t>(category.members.size(), config_.members_per_category));
    }
    if (!config_.settings.questions) {
      for (const Category& of : categories_) {
        for (const std::string& member : of.members) {
          Thing thing{&of, &member, {}};
          for (const Category& category : categories_) thing.passes_for.push_back(may_pass_for(member, category, corpus));
          things_.push_back(std::move(thing));
        }
      }
      return;
    }
    facts_ = user_facts(questions(), corpus.wordnet());
    keep_questions([&](const QaItem& question) { return !facts_of(question, corpus.wordnet()).empty(); }, "facts that it can hide",
                   "it takes 2WikiMultihopQA's evidences, MuSiQue's steps with relations, or sentences with the answer that name their "
                   "page's title");
  }

  std::string_view family() const override { return "retrieval"; }
  int version() const override { return 3; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t) const override {
    return draft_fuzzy_needle_of_questions(config_, question, facts_, corpus().wordnet(), rng);
  }

  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    Draft draft;
    const VerbPair& verb = fuzzy_needle_verbs()[rng.below(config_.num_verbs)];
    const Needles drawn = draw_needles(rng);
    if (drawn.askable.empty()) return std::nullopt;
    std::vector<const Thing*> needles = drawn.askable;
    needles.insert(needles.end(), drawn.others.begin(), drawn.others.end());
    const std::size_t asked = rng.below(drawn.askable.size());
    const std::string& category = needles[asked]->category->word;
    const std::vector<std::string> people = draw_names(rng, (needles.size() + config_.num_decoys) * config_.hops);
    std::size_t next_person = 0;
    // Adds a sentence about a new person and, with two hops, that person's neighbour.
    const auto add = [&](const char* pattern, std::string_view noun) {
      const std::string& person = people[next_person++];
      draft.sentences.push_back(pattern == verb.object_first ? fill(pattern, {article(noun), noun, person})
                                                             : fill(pattern, {person, article(noun), noun}));
      if (config_.hops == 2) draft.sentences.push_back(fill(kNeighbourPattern, {people[next_person++], person}));
    };
    for (const Thing* needle : needles) {
      const bool object_first = rng.uniform() < config_.object_first;
      add(object_first ? verb.object_first : rng.below(2) == 0 ? verb.needle : verb.needle_other, *needle->noun);
    }
    for (int i = 0; i < config_.num_decoys; ++i) add(verb.decoys[rng.below(std::size(verb.decoys))], category);

    // Asks for a needle; its person's name stands in the last of its sentences.
    const auto ask = [&](std::size_t needle, bool first) {
      const std::size_t at = needle * config_.hops;
      const std::string &noun = *needles[needle]->noun, &kind = needles[needle]->category->word;
      FollowUp follow_up;
      for (int i = 0; i < config_.hops; ++i) follow_up.evidence.push_back(at + i);
      const std::size_t wording = rng.below(static_cast<std::uint64_t>(config_.num_question_wordings));
      follow_up.question = fill(fuzzy_needle_question(verb, config_.hops, wording), {article(kind), kind});
      follow_up.answer = {"exact_match", {people[at + config_.hops - 1]}};
      follow_up.gold_chain = {fuzzy_needle_is_a(noun, kind), draft.sentences[at]};
      if (config_.hops == 2) follow_up.gold_chain.push_back(draft.sentences[at + 1]);
      draft.ask(std::move(follow_up), first);
    };
    ask(asked, true);
    for (std::size_t i = 0; i < drawn.askable.size(); ++i) {
      if (i != asked) ask(i, false);
    }

    for (const Thing* needle : needles) {
      const std::vector<std::string> words = lower_words(*needle->noun);
      draft.keep_out.insert(draft.keep_out.end(), words.begin(), words.end());
    }
    for (const std::string& person : people) draft.keep_out.push_back(lower_words(person).front());
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(needles.size() + config_.num_decoys);
    draft.difficulty["hops"] = config_.hops;
    draft.difficulty["num_decoys"] = config_.num_decoys;
    draft.difficulty["category"] = category;
    return draft;
  }

 private:
  struct Thing {
    const Category* category;
    const std::string* noun;
    std::vector<bool> passes_for;  // by index in categories_
  };
  struct Needles {
    std::vector<const Thing*> askable;  // of each of them alone its category's name is true
    std::vector<const Thing*> others;
  };

  bool clash(const Thing& one, const Thing& other) const {
    const auto passes = [&](const Thing& thing, const Thing& of) {
      return thing.passes_for[static_cast<std::size_t>(of.category - categories_.data())];
    };
    return passes(one, other) || passes(other, one);
  }

  // Nothing about the needles says which of them is asked for: any could be. Only where the categories in use do not suffice are the
  // rest of one category, which no question is about then.
  Needles draw_needles(Rng& rng) const {
    constexpr int kMaxTries = 1000;
    Needles drawn;
    const auto clashes = [&](const Thing& thing) {
      return std::any_of(drawn.askable.begin(), drawn.askable.end(), [&](const Thing* needle) { return clash(thing, *needle); });
    };
    const auto draw = [&]() -> const Thing* {
      for (int i = 0; i < kMaxTries; ++i) {
        const Thing& thing = rng.pick(things_);
        const bool is_one_more = !drawn.others.empty() && thing.category != drawn.others.front()->category;
        if (!is_one_more && !clashes(thing)) return &thing;
      }
      return nullptr;
    };
    while (drawn.askable.size() + drawn.others.size() < 1 + static_cast<std::size_t>(config_.num_distractors)) {
      const Thing* thing = draw();
      if (thing != nullptr) {
        (drawn.others.empty() ? drawn.askable : drawn.others).push_back(thing);
      } else if (drawn.others.empty() && drawn.askable.size() > 1) {
        drawn.others.push_back(drawn.askable.back());
        drawn.askable.pop_back();
      } else {
        return {};
      }
    }
    return drawn;
  }

  FuzzyNeedleConfig config_;
  std::vector<Category> categories_;
  std::vector<Thing> things_;  // every member in use
  std::vector<UserFact> facts_;
};

}  // namespace

const std::vector<VerbPair>& fuzzy_needle_verbs() {
  static const std::vector<VerbPair> verbs = {
      {"{} noticed {} {}.",
       "{} caught sight of {} {}.",
       "It was {} {} that {} noticed.",
       "saw {} {}",
       {"{} asked who saw {} {}.", "{} denied that anyone saw {} {}.", "{} wondered whether somebody saw {} {}."}},
      {"{} sketched {} {}.",
       "{} made a sketch of {} {}.",
       "It was {} {} that {} sketched.",
       "drew {} {}",
       {"{} asked who drew {} {}.", "{} denied that anyone drew {} {}.", "{} wondered whether somebody drew {} {}."}},
      {"{} adored {} {}.",
       "{} was fond of {} {}.",
       "It was {} {} that {} adored.",
       "loved {} {}",
       {"{} asked who loved {} {}.", "{} denied that anyone loved {} {}.", "{} wondered whether somebody loved {} {}."}},
      {"{} talked about {} {}.",
       "{} spoke of {} {}.",
       "It was {} {} that {} talked about.",
       "mentioned {} {}",
       {"{} asked who mentioned {} {}.", "{} denied that anyone mentioned {} {}.", "{} wondered whether somebody mentioned {} {}."}},
      {"{} picked {} {}.",
       "{} selected {} {}.",
       "It was {} {} that {} picked.",
       "chose {} {}",
       {"{} asked who chose {} {}.", "{} denied that anyone chose {} {}.", "{} wondered whether somebody chose {} {}."}},
      {"{} took a picture of {} {}.",
       "{} snapped a shot of {} {}.",
       "It was {} {} that {} took a picture of.",
       "photographed {} {}",
       {"{} asked who photographed {} {}.", "{} denied that anyone photographed {} {}.",
        "{} wondered whether somebody photographed {} {}."}},
      {"{} came across {} {}.",
       "{} discovered {} {}.",
       "It was {} {} that {} came across.",
       "found {} {}",
       {"{} asked who found {} {}.", "{} denied that anyone found {} {}.", "{} wondered whether somebody found {} {}."}},
      {"{} inspected {} {}.",
       "{} looked closely at {} {}.",
       "It was {} {} that {} inspected.",
       "examined {} {}",
       {"{} asked who examined {} {}.", "{} denied that anyone examined {} {}.", "{} wondered whether somebody examined {} {}."}},
  };
  return verbs;
}

std::string fuzzy_needle_question(const VerbPair& verb, int hops, std::size_t wording) {
  return put(hops == 1 ? kWhoQuestions[wording] : kNeighbourQuestions[wording], '@', verb.asked);
}

std::string fuzzy_needle_is_a(std::string_view member, std::string_view category) {
  return fill(article(member) == "an" ? "An {} is {} {}." : "A {} is {} {}.", {member, article(category), category});
}

std::unique_ptr<TaskBuilder> make_fuzzy_needle(const Json& entry, const Corpus& corpus, std::string_view source) {
  FuzzyNeedleConfig config;
  read_config(config, entry, source);
  return std::make_unique<FuzzyNeedle>(std::move(config), corpus);
}

}  // namespace longbow::data
