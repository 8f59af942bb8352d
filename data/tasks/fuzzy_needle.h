// FuzzyNeedle: one sentence answers the question, but only through IS-A: "Marlow noticed a salmon." for "Who saw a fish?".
// Distractors do the same to members of other categories; decoys repeat the question's own words about someone else.
#pragma once

#include <memory>

#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct FuzzyNeedleConfig {
  TaskSettings settings;
  int num_distractors = 7;
  int num_decoys = 1;
  int num_categories = 20;
  int members_per_category = 12;
  int num_verbs = 8;
  double object_first = 0.25;
  int hops = 1;

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("num_distractors", num_distractors, {.help = "Needles about members of other categories.", .min = 1, .max = 500});
    v.field("num_decoys", num_decoys,
            {.help = "Sentences with the question's own words about someone who is no answer.", .min = 0, .max = 50});
    v.field("num_categories", num_categories,
            {.help = "Categories in use: the first of a fixed list (fish, bird, tree …).", .min = 2, .max = 20});
    v.field("members_per_category", members_per_category, {.help = "Members in use of each, best known first.", .min = 1, .max = 12});
    v.field("num_verbs", num_verbs, {.help = "Verbs in use (noticed/saw, sketched/drew …).", .min = 1, .max = 8});
    v.field(
        "object_first", object_first,
        {.help = "Share of needles that name the thing before the person (\"It was a salmon that Marlow noticed.\").", .min = 0, .max = 1});
    v.field("hops", hops, {.help = "2: the question asks for the neighbour of the person in the needle.", .min = 1, .max = 2});
  }
};

std::unique_ptr<TaskBuilder> make_fuzzy_needle(const Json& entry, const Corpus& corpus, std::string_view source);

/// A verb in the needle's words and in the question's, which share no stem. Blanks: {name} article noun.
struct VerbPair {
  const char* needle;        // "{} noticed {} {}."
  const char* needle_other;  // another phrasing of the same
  const char* object_first;  // blanks: article noun {name}: "It was {} {} that {} noticed."
  const char* question;      // "Who saw {} {}?"
  const char* asked_of;      // "Who lives beside the person who saw {} {}?"
  const char* decoys[3];     // "{} asked who saw {} {}."
};
const std::vector<VerbPair>& fuzzy_needle_verbs();
/// "A salmon is a fish."
std::string fuzzy_needle_is_a(std::string_view member, std::string_view category);
inline constexpr const char* kNeighbourPattern = "{} is a neighbour of {}.";

/// A word whose content stem needle and question share, or of which one holds the other ("goldfish" and "fish"); empty when there is none.
std::string shared_content(std::string_view needle, std::string_view question);

/// A fact of the user's own, from a triple whose subject has a page that says what kind of thing it is.
struct UserFact {
  const QaItem* question = nullptr;
  std::size_t relation = 0;  // of a fixed list: director, date of birth …
  std::string object;
  std::string needle;  // "Red Sky was directed by Tom Reed."
  std::string intro;   // "Red Sky is a 1931 film."
  std::string kind;    // "film"
};
/// Each once, in the questions' order.
std::vector<UserFact> user_facts(const std::vector<const QaItem*>& questions, const WordNet& wordnet);

/// nullopt when the question has no such fact, or none of another kind of thing shares its relation.
std::optional<Draft> draft_fuzzy_needle_of_questions(const FuzzyNeedleConfig& config, const QaItem& question,
                                                     const std::vector<UserFact>& facts, const WordNet& wordnet, Rng& rng);
Reading read_fuzzy_needle_of_questions(const Item& item, const Corpus& corpus);

}  // namespace longbow::data
