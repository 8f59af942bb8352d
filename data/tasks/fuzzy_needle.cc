#include "data/tasks/fuzzy_needle.h"

#include <algorithm>
#include <set>
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
    if (!config_.settings.questions) return;
    facts_ = user_facts(questions(), corpus.wordnet());
    keep_questions([&](const QaItem& question) { return !facts_of(question, corpus.wordnet()).empty(); }, "facts that it can hide",
                   "it takes 2WikiMultihopQA's evidences, MuSiQue's steps with relations, or sentences with the answer that name their "
                   "page's title");
  }

  std::string_view family() const override { return "retrieval"; }
  int version() const override { return 2; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t) const override {
    return draft_fuzzy_needle_of_questions(config_, question, facts_, corpus().wordnet(), rng);
  }

  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    Draft draft;
    const VerbPair& verb = fuzzy_needle_verbs()[rng.below(config_.num_verbs)];
    const Category& category = rng.pick(categories_);
    const std::string& member = rng.pick(category.members);
    const std::size_t num_needles = 1 + config_.num_distractors;
    const std::vector<std::string> people = draw_names(rng, (num_needles + config_.num_decoys) * config_.hops);
    std::size_t next_person = 0;
    // Adds a sentence about a new person and, with two hops, that person's neighbour; gives the index of the first.
    const auto add = [&](const char* pattern, std::string_view noun) {
      const std::string& person = people[next_person++];
      draft.sentences.push_back(pattern == verb.object_first ? fill(pattern, {article(noun), noun, person})
                                                             : fill(pattern, {person, article(noun), noun}));
      if (config_.hops == 2) draft.sentences.push_back(fill(kNeighbourPattern, {people[next_person++], person}));
      return draft.sentences.size() - config_.hops;
    };
    const auto needle_pattern = [&] {
      if (rng.uniform() < config_.object_first) return verb.object_first;
      return rng.below(2) == 0 ? verb.needle : verb.needle_other;
    };

    // Asks for the needle of `noun`, whose sentences begin at `at`; its person's name stands in the last of them.
    const auto ask = [&](std::size_t at, const std::string& noun, const Category& of, bool first) {
      FollowUp asked;
      for (int i = 0; i < config_.hops; ++i) asked.evidence.push_back(at + i);
      const std::size_t wording = rng.below(static_cast<std::uint64_t>(config_.num_question_wordings));
      asked.question = fill(fuzzy_needle_question(verb, config_.hops, wording), {article(of.word), of.word});
      asked.answer = {"exact_match", {people[at + config_.hops - 1]}};
      asked.gold_chain = {fuzzy_needle_is_a(noun, of.word), draft.sentences[at]};
      if (config_.hops == 2) asked.gold_chain.push_back(draft.sentences[at + 1]);
      draft.ask(std::move(asked), first);
    };
    std::vector<Sibling> needles = {{&category, &member}};
    ask(add(needle_pattern(), member), member, category, true);
    std::set<const Category*> used;
    for (int i = 0; i < config_.num_distractors; ++i) {
      const std::optional<Sibling> other = draw_sibling(rng, category, used);
      if (!other) return std::nullopt;
      needles.push_back(*other);
      add(needle_pattern(), *other->member);
    }
    for (std::size_t i = 1; i < needles.size(); ++i) {
      const Category& of = *needles[i].category;
      const auto passes = [&](const Sibling& needle) { return may_pass_for(*needle.member, of, corpus()); };
      if (std::count_if(needles.begin(), needles.end(), passes) == 1) ask(i * config_.hops, *needles[i].member, of, false);
    }
    for (int i = 0; i < config_.num_decoys; ++i) add(verb.decoys[rng.below(std::size(verb.decoys))], category.word);

    draft.keep_out = lower_words(member);
    for (const std::string& person : people) draft.keep_out.push_back(lower_words(person).front());
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(num_needles + config_.num_decoys);
    draft.difficulty["hops"] = config_.hops;
    draft.difficulty["num_decoys"] = config_.num_decoys;
    draft.difficulty["category"] = category.word;
    return draft;
  }

 private:
  struct Sibling {
    const Category* category;
    const std::string* member;
  };
  // A member of another category that cannot pass for one of `category`; nullopt when the categories in use offer none. One of each
  // category before a second of any: else the only thing of its kind would be the needle more often than by chance.
  std::optional<Sibling> draw_sibling(Rng& rng, const Category& category, std::set<const Category*>& used) const {
    constexpr int kMaxTries = 1000;
    for (int i = 0; i < kMaxTries; ++i) {
      const Category& other = rng.pick(categories_);
      const std::string& member = rng.pick(other.members);
      if (other.word == category.word || may_pass_for(member, category, corpus())) continue;
      if (used.size() + 1 < categories_.size() && !used.insert(&other).second) continue;
      return Sibling{&other, &member};
    }
    return std::nullopt;
  }

  FuzzyNeedleConfig config_;
  std::vector<Category> categories_;
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
