// FuzzyNeedle: one sentence answers the question, but only through IS-A: "Marlow noticed a salmon." for "Who saw a fish?".
// Distractors do the same to members of other categories; decoys repeat the question's own words about someone else.
#pragma once

#include <array>
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
  int num_question_wordings = 4;

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
    v.field("num_question_wordings", num_question_wordings,
            {.help = "Wordings of the question in use, each with every verb.", .min = 1, .max = 4});
  }
};

std::unique_ptr<TaskBuilder> make_fuzzy_needle(const Json& entry, const Corpus& corpus, std::string_view source);

/// A verb in the needle's words and in the question's, which share no stem. Blanks: {name} article noun.
struct VerbPair {
  const char* needle;        // "{} noticed {} {}."
  const char* needle_other;  // another phrasing of the same
  const char* object_first;  // blanks: article noun {name}: "It was {} {} that {} noticed."
  const char* asked;         // "saw {} {}"
  const char* decoys[3];     // "{} asked who saw {} {}."
};
const std::vector<VerbPair>& fuzzy_needle_verbs();
/// '@': what was done, in the question's words; with two hops, by the neighbour of whom is asked.
inline constexpr std::array kWhoQuestions = {"Who @?", "Name the person who @.", "Which person @?", "Tell me who @."};
inline constexpr std::array kNeighbourQuestions = {
    "Who lives beside the person who @?",
    "Name whoever lives beside the person who @.",
    "Somebody @. Who lives beside that person?",
    "Find the person who @. Who lives next door?",
};
std::string fuzzy_needle_question(const VerbPair& verb, int hops, std::size_t wording);  // blanks: article, category

/// Whether somebody might call the noun one of the category: it is a kind of it in some sense, a sense's definition says so in passing (a
/// tomato is a "fruit eaten as a vegetable"), or it is of a category that everyday speech does not keep apart (hats and garments).
bool may_pass_for(std::string_view noun, const Category& category, const Corpus& corpus);

/// "A salmon is a fish."
std::string fuzzy_needle_is_a(std::string_view member, std::string_view category);
inline constexpr const char* kNeighbourPattern = "{} is a neighbour of {}.";

/// A word whose content stem needle and question share, or of which one holds the other ("goldfish" and "fish"); empty when there is none.
std::string shared_content(std::string_view needle, std::string_view question);

/// A relation of the user's triples in the needle's words and in the question's, which share no stem. Blanks: subject, object / kind with
/// its article.
struct UserRelation {
  const char* name;
  const char* needle;
  const char* question;
};
/// nullptr for a relation that there are no words for.
const UserRelation* user_relation(std::string_view name);

/// A fact of the user's own about something whose page says what kind of thing it is: a triple with a known relation, or else a sentence
/// that names it and holds the answer.
struct UserFact {
  const UserRelation* relation = nullptr;
  std::string pattern;  // of a sentence: "@ was shot in # in winter."
  std::string subject;
  std::string object;
  std::string needle;  // "Red Sky was directed by Tom Reed."
  std::string intro;   // "Red Sky is a film."
  std::string kind;    // "film"
};
std::vector<UserFact> facts_of(const QaItem& item, const WordNet& wordnet);
/// Each once, in the questions' order.
std::vector<UserFact> user_facts(const std::vector<const QaItem*>& questions, const WordNet& wordnet);

/// '@': the sentence with the kind for its subject and a gap for the answer.
inline constexpr std::array kGapQuestions = {
    "What belongs in the gap? \"@\"",
    "Fill the gap: \"@\"",
    "The text says this of something. What stands in place of the gap? \"@\"",
    "Complete the sentence from the text: \"@\"",
    "Which words are left out here? \"@\"",
    "According to the text, \"@\" What is missing?",
};
inline constexpr std::string_view kGap = "____";
/// `wording` picks among kGapQuestions; a triple has one question.
std::string user_fact_question(const UserFact& fact, std::size_t wording);
std::string user_fact_sentence(std::string_view pattern, std::string_view subject, std::string_view object);
/// "film" and "Red Sky" of "Red Sky is a film."; no kind for other sentences.
std::string kind_of_intro(std::string_view intro);
std::string subject_of_intro(std::string_view intro);

/// nullopt when the question has no such fact, or none of another kind of thing shares its relation.
std::optional<Draft> draft_fuzzy_needle_of_questions(const FuzzyNeedleConfig& config, const QaItem& question,
                                                     const std::vector<UserFact>& facts, const WordNet& wordnet, Rng& rng);
Reading read_fuzzy_needle_of_questions(const Item& item, const Corpus& corpus);

}  // namespace longbow::data
