// FuzzyNeedle over the user's facts: "Red Sky was directed by Tom Reed." for "Who was in charge on the set of a film?", or a sentence of
// theirs for the same with a gap. That Red Sky is a film, another sentence says; what is said of other kinds of things stands around it.
#include <algorithm>
#include <cctype>
#include <utility>

#include "data/tasks/fuzzy_needle.h"
#include "data/tasks/phrase.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr int kMaxTries = 2000;
constexpr std::size_t kFewestOthers = 3;  // where all share the needle's words

// Whether something of the one kind may also be of the other.
bool may_be(const std::string& kind, const std::string& other, const WordNet& wordnet) {
  const auto is_a = [&](const std::string& one, const std::string& ancestor) {
    const std::vector<std::int32_t>& senses = wordnet.noun_senses(ancestor);
    return std::any_of(senses.begin(), senses.end(), [&](std::int32_t sense) { return wordnet.any_sense_is_a(one, sense); });
  };
  return kind == other || is_a(kind, other) || is_a(other, kind);
}

// What looks like one answer looks like the other: dates and numbers, names, or other words, and about as many of them.
bool are_alike(const std::string& one, const std::string& other) {
  const auto form = [](const std::string& text) {
    if (text.find_first_of("0123456789") != std::string::npos) return 0;
    return std::isupper(static_cast<unsigned char>(text.front())) != 0 ? 1 : 2;
  };
  const auto words = [](const std::string& text) { return std::count(text.begin(), text.end(), ' '); };
  return form(one) == form(other) && std::abs(words(one) - words(other)) <= 1;
}

using Facts = std::vector<UserFact>;

bool clash(const UserFact& one, const UserFact& other) {
  return one.needle == other.needle || one.intro == other.intro || is_confusable(one.object, other.object);
}
bool clashes(const UserFact& other, const UserFact& gold, const Facts& others) {
  const bool tells = holds_phrase(other.needle + " " + other.intro, gold.object);
  return tells || clash(gold, other) || std::any_of(others.begin(), others.end(), [&](const UserFact& one) { return clash(one, other); });
}

// Subjects of another kind with the same relation first; then the same kind's other relations make up the number.
Facts draw_with_relation(const UserFact& gold, const Facts& facts, std::size_t count, const WordNet& wordnet, Rng& rng) {
  Facts others;
  for (const bool same_relation : {true, false}) {
    for (int tries = 0; others.size() < count && tries < kMaxTries; ++tries) {
      const UserFact& other = rng.pick(facts);
      if (other.relation == nullptr || same_relation != (other.relation == gold.relation)) continue;
      if (same_relation == may_be(other.kind, gold.kind, wordnet) || clashes(other, gold, others)) continue;
      others.push_back(other);
    }
    if (others.empty()) return {};  // the verb alone would find the needle
  }
  return others;
}

// The gold sentence said of other kinds of things, with other facts' answers: what tells them apart is their subject's kind alone.
Facts draw_with_pattern(const UserFact& gold, const Facts& facts, std::size_t count, const WordNet& wordnet, Rng& rng) {
  Facts others;
  for (int tries = 0; others.size() < count && tries < kMaxTries; ++tries) {
    UserFact other = rng.pick(facts);
    other.object = rng.pick(facts).object;
    if (may_be(other.kind, gold.kind, wordnet) || !are_alike(other.object, gold.object) || is_confusable(other.subject, gold.subject))
      continue;
    other.needle = user_fact_sentence(gold.pattern, other.subject, other.object);
    const bool stands_there = holds_phrase(gold.needle, other.object) || holds_phrase(gold.needle, other.subject);
    if (stands_there || !shared_content(other.subject, gold.kind).empty() || clashes(other, gold, others)) continue;
    others.push_back(std::move(other));
  }
  return others.size() < kFewestOthers ? Facts() : others;
}

std::string text_in(const Item& item, std::string_view key) {
  const Json* text = item.difficulty.find(key);
  return text != nullptr && text->is_string() ? text->as_string() : "";
}

}  // namespace

std::optional<Draft> draft_fuzzy_needle_of_questions(const FuzzyNeedleConfig& config, const QaItem& question,
                                                     const std::vector<UserFact>& facts, const WordNet& wordnet, Rng& rng) {
  const Facts own = facts_of(question, wordnet);
  if (own.empty()) return std::nullopt;
  const UserFact gold = rng.pick(own);
  const auto count = static_cast<std::size_t>(config.num_distractors);
  const Facts others =
      gold.relation != nullptr ? draw_with_relation(gold, facts, count, wordnet, rng) : draw_with_pattern(gold, facts, count, wordnet, rng);
  if (others.empty()) return std::nullopt;

  Draft draft;
  draft.sentences = {gold.intro, gold.needle};
  draft.evidence = {0, 1};
  std::vector<std::string> intros, needles, objects;
  for (const UserFact& other : others) {
    for (const std::string& sentence : {other.intro, other.needle}) draft.sentences.push_back(sentence);
    intros.push_back(other.intro);
    needles.push_back(other.needle);
    objects.push_back(other.object);
  }
  draft.gold_chain = {gold.intro, gold.needle, answer_step(gold.object)};
  draft.question = user_fact_question(gold, rng.below(kGapQuestions.size()));
  draft.answer = {"exact_match", {gold.object}};
  const auto asked = std::find(question.answers.begin(), question.answers.end(), gold.object);
  if (asked != question.answers.end()) {  // its other names
    for (const std::string& answer : question.answers) {
      if (answer != gold.object) draft.answer.answers.push_back(answer);
    }
  }
  draft.keep_out = draft.answer.answers;
  note_question(draft, question, 1);
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(others.size() + 1);
  draft.difficulty[gold.relation != nullptr ? "relation" : "pattern"] = gold.relation != nullptr ? gold.relation->name : gold.pattern;
  draft.difficulty["kind"] = gold.kind;
  draft.difficulty["other_intros"] = texts_as_json(intros);
  draft.difficulty["other_needles"] = texts_as_json(needles);
  draft.difficulty["other_answers"] = texts_as_json(objects);
  return draft;
}

Reading read_fuzzy_needle_of_questions(const Item& item, const Corpus& corpus) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  UserFact gold;
  gold.relation = user_relation(text_in(item, "relation"));
  gold.pattern = text_in(item, "pattern");
  if (!parts || (gold.relation == nullptr && gold.pattern.empty()) || item.gold_chain.size() != 3) {
    reading.problem = "the question is none that fuzzy_needle asks about a user's fact";
    return reading;
  }
  gold.kind = kind_of_intro(item.gold_chain[0]);
  bool is_asked = false;
  for (std::size_t wording = 0; wording < kGapQuestions.size(); ++wording)
    is_asked = is_asked || parts->question == user_fact_question(gold, wording);
  if (!is_asked) reading.problem = "the question does not ask for the kind that the text says it is";
  read_quoted(item, parts->context, {item.gold_chain[0], item.gold_chain[1]}, reading);
  // What a pattern's needle shares with the question, all the others share too: only the kind must not stand in it.
  const std::string shared = shared_content(item.gold_chain[1], gold.relation != nullptr ? parts->question : std::string_view(gold.kind));
  if (!shared.empty()) reading.problem = concat("needle and question share the word \"", shared, "\"");

  // Every other needle is in the text, and none is another answer: another relation, or a subject that is no such thing.
  std::vector<std::string> intros = stored_texts(item, "other_intros"), needles = stored_texts(item, "other_needles"),
                           objects = stored_texts(item, "other_answers");
  if (intros.size() != needles.size() || intros.size() != objects.size()) {
    reading.problem = "the other needles are not stored whole";
    return reading;
  }
  intros.push_back(item.gold_chain[0]);
  needles.push_back(item.gold_chain[1]);
  objects.push_back(item.answer.answers.front());
  for (std::size_t i = 0; i < needles.size(); ++i) {
    for (const std::string& sentence : {intros[i], needles[i]}) {
      if (!only_place(parts->context, sentence)) reading.problem = concat("expected the text to hold once: ", sentence.substr(0, 80));
    }
    reading.candidates.push_back({objects[i], only_place(parts->context, needles[i]).value_or(EvidenceSpan{}).start});
    const std::string subject = subject_of_intro(intros[i]);
    const std::string said = gold.relation != nullptr ? fill(gold.relation->needle, {subject, objects[i]})
                                                      : user_fact_sentence(gold.pattern, subject, objects[i]);
    if (gold.relation == nullptr && said != needles[i])
      reading.problem = concat("another needle has other words: ", needles[i].substr(0, 80));
    const bool is_gold = i + 1 == needles.size();
    if (!is_gold && said == needles[i] && may_be(kind_of_intro(intros[i]), gold.kind, corpus.wordnet()))
      reading.answers.push_back(objects[i]);
  }
  std::sort(reading.candidates.begin(), reading.candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.position < b.position; });
  for (const Candidate& candidate : reading.candidates) {
    if (std::find(reading.guesses.begin(), reading.guesses.end(), candidate.text) == reading.guesses.end())
      reading.guesses.push_back(candidate.text);
  }
  return reading;
}

}  // namespace longbow::data
