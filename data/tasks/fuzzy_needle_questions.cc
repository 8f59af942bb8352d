// FuzzyNeedle over the user's facts (2WikiMultihopQA's triples, MuSiQue's steps): "Red Sky was directed by Tom Reed." for "Who was in
// charge on the set of a film?". What Red Sky is, its page's first sentence says elsewhere in the text.
#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "data/tasks/fuzzy_needle.h"
#include "data/tasks/phrase.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr int kMaxTries = 2000;
constexpr std::size_t kLongestSentence = 400;

// A relation in the needle's words and in the question's, which share no stem. Blanks: subject, object / kind with its article.
struct Relation {
  const char* name;
  const char* needle;
  const char* question;
};
constexpr Relation kRelations[] = {
    {"director", "{} was directed by {}.", "Who was in charge on the set of {}?"},
    {"composer", "The composer of {} is {}.", "Who wrote the music to {}?"},
    {"performer", "The performer of {} is {}.", "Who sang or played {}?"},
    {"author", "The author of {} is {}.", "Who wrote {}?"},
    {"producer", "The producer of {} is {}.", "Who raised the money behind {}?"},
    {"screenwriter", "The screenwriter of {} is {}.", "Who put the dialogue of {} on paper?"},
    {"creator", "The creator of {} is {}.", "Who thought up {}?"},
    {"editor", "The editor of {} is {}.", "Who had the last word on the contents of {}?"},
    {"publisher", "The publisher of {} is {}.", "Which house brought out {}?"},
    {"founded by", "{} was founded by {}.", "Who started {}?"},
    {"manufacturer", "The manufacturer of {} is {}.", "Which company builds {}?"},
    {"date of birth", "{} was born on {}.", "On which day did the life of {} begin?"},
    {"date of death", "{} died on {}.", "On which day did the life of {} end?"},
    {"place of birth", "{} was born in {}.", "Where did the life of {} begin?"},
    {"place of death", "{} died in {}.", "Where did the life of {} end?"},
    {"place of burial", "{} is buried in {}.", "Where does the grave of {} lie?"},
    {"cause of death", "{} died of {}.", "What ended the life of {}?"},
    {"country of citizenship", "{} is a citizen of {}.", "To which nation does {} belong?"},
    {"country of origin", "The country of origin of {} is {}.", "Which nation brought forth {}?"},
    {"country", "The country of {} is {}.", "Which nation is home to {}?"},
    {"father", "The father of {} is {}.", "Which man is a parent of {}?"},
    {"mother", "The mother of {} is {}.", "Which woman is a parent of {}?"},
    {"spouse", "The spouse of {} is {}.", "Whom did {} marry?"},
    {"sibling", "A sibling of {} is {}.", "Which brother or sister does {} have?"},
    {"child", "A child of {} is {}.", "Which son or daughter does {} have?"},
    {"educated at", "{} was educated at {}.", "Where did {} go to school?"},
    {"employer", "The employer of {} is {}.", "Who paid the wages of {}?"},
    {"occupation", "The occupation of {} is {}.", "What work does {} do?"},
    {"award received", "{} received the award {}.", "Which prize went to {}?"},
    {"publication date", "The publication date of {} is {}.", "When did {} first come out?"},
    {"inception", "The inception of {} was in {}.", "When did {} come into being?"},
};

// What stands after "is a" or "was the" up to a preposition, comma or relative: its last word is the kind.
std::string kind_of_subject(const std::string& intro, const WordNet& wordnet) {
  static const std::set<std::string> kEnds = {"of",   "in",       "by",      "from",  "for",  "who",   "which",   "that",
                                              "and",  "directed", "written", "based", "at",   "on",    "to",      "with",
                                              "born", "where",    "or",      "set",   "near", "about", "located", "produced"};
  static const std::set<std::string> kArticles = {"a", "an", "the"};
  std::vector<std::string> words;
  std::string word;
  for (const char c : intro + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || static_cast<unsigned char>(c) >= 0x80) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
    if (c != ' ') words.emplace_back(1, c);
  }
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if ((words[i] != "is" && words[i] != "was") || kArticles.count(words[i + 1]) == 0) continue;
    std::string kind;
    for (std::size_t k = i + 2; k < words.size() && kEnds.count(words[k]) == 0 && words[k] != "," && words[k] != "."; ++k) kind = words[k];
    const bool is_noun =
        std::all_of(kind.begin(), kind.end(), [](char c) { return c >= 'a' && c <= 'z'; }) && !wordnet.noun_senses(kind).empty();
    return is_noun ? kind : "";
  }
  return "";
}

// Whether something of the one kind may also be of the other.
bool may_be(const std::string& kind, const std::string& other, const WordNet& wordnet) {
  const auto is_a = [&](const std::string& one, const std::string& ancestor) {
    const std::vector<std::int32_t>& senses = wordnet.noun_senses(ancestor);
    return std::any_of(senses.begin(), senses.end(), [&](std::int32_t sense) { return wordnet.any_sense_is_a(one, sense); });
  };
  return kind == other || is_a(kind, other) || is_a(other, kind);
}

std::string question_about(const Relation& relation, const std::string& kind) {
  return fill(relation.question, {concat(article(kind), " ", kind)});
}

// The facts of a question whose relation is known, whose subject has a page that says what it is, and whose needle shares no content
// with what would be asked.
std::vector<UserFact> facts_of(const QaItem& item, const WordNet& wordnet) {
  std::vector<UserFact> facts;
  for (const QaTriple& triple : item.evidence) {
    const auto relation =
        std::find_if(std::begin(kRelations), std::end(kRelations), [&](const Relation& one) { return one.name == triple.relation; });
    const auto page = std::find_if(item.paragraphs.begin(), item.paragraphs.end(),
                                   [&](const QaParagraph& paragraph) { return paragraph.title == triple.subject; });
    if (relation == std::end(kRelations) || page == item.paragraphs.end() || page->sentences.empty()) continue;
    UserFact fact;
    fact.question = &item;
    fact.relation = static_cast<std::size_t>(relation - std::begin(kRelations));
    fact.object = one_line(triple.object);
    fact.needle = fill(relation->needle, {one_line(triple.subject), fact.object});
    fact.intro = one_line(page->sentences.front());
    fact.kind = kind_of_subject(fact.intro, wordnet);
    const bool is_sentence = fact.intro.ends_with('.') && fact.intro.size() <= kLongestSentence && !holds_phrase(fact.intro, fact.object);
    if (fact.kind.empty() || fact.object.empty() || !is_sentence) continue;
    if (!shared_content(fact.needle, question_about(*relation, fact.kind)).empty()) continue;
    facts.push_back(std::move(fact));
  }
  return facts;
}

}  // namespace

std::vector<UserFact> user_facts(const std::vector<const QaItem*>& questions, const WordNet& wordnet) {
  std::vector<UserFact> facts;
  std::set<std::string> seen;
  for (const QaItem* question : questions) {
    for (UserFact& fact : facts_of(*question, wordnet)) {
      if (seen.insert(fact.needle).second) facts.push_back(std::move(fact));
    }
  }
  return facts;
}

std::optional<Draft> draft_fuzzy_needle_of_questions(const FuzzyNeedleConfig& config, const QaItem& question,
                                                     const std::vector<UserFact>& facts, const WordNet& wordnet, Rng& rng) {
  std::vector<UserFact> own = facts_of(question, wordnet);
  if (own.empty()) return std::nullopt;
  const UserFact gold = rng.pick(own);
  const Relation& relation = kRelations[gold.relation];
  std::vector<UserFact> others;
  // Subjects of another kind with the same relation first; then the same kind's other relations make up the number.
  for (const bool same_relation : {true, false}) {
    for (int tries = 0; static_cast<int>(others.size()) < config.num_distractors && tries < kMaxTries; ++tries) {
      const UserFact& other = rng.pick(facts);
      if (same_relation != (other.relation == gold.relation)) continue;
      if (same_relation == may_be(other.kind, gold.kind, wordnet)) continue;
      const auto clashes = [&](const UserFact& one) {
        return one.needle == other.needle || is_confusable(one.object, other.object) || one.intro == other.intro;
      };
      const bool tells = holds_phrase(other.needle + " " + other.intro, gold.object);
      if (tells || clashes(gold) || std::any_of(others.begin(), others.end(), clashes)) continue;
      others.push_back(other);
    }
  }
  const auto is_near = [&](const UserFact& other) { return other.relation == gold.relation; };
  if (std::none_of(others.begin(), others.end(), is_near)) return std::nullopt;  // the verb alone would find the needle

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
  draft.question = question_about(relation, gold.kind);
  draft.answer = {"exact_match", {gold.object}};
  if (question.answer() == gold.object) draft.answer.answers = question.answers;
  draft.keep_out = draft.answer.answers;
  note_question(draft, question, 1);
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(others.size() + 1);
  draft.difficulty["relation"] = relation.name;
  draft.difficulty["kind"] = gold.kind;
  draft.difficulty["other_intros"] = texts_as_json(intros);
  draft.difficulty["other_needles"] = texts_as_json(needles);
  draft.difficulty["other_answers"] = texts_as_json(objects);
  return draft;
}

Reading read_fuzzy_needle_of_questions(const Item& item, const Corpus& corpus) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const Json* name = item.difficulty.find("relation");
  const auto relation = std::find_if(std::begin(kRelations), std::end(kRelations),
                                     [&](const Relation& one) { return name != nullptr && *name == Json(one.name); });
  if (!parts || relation == std::end(kRelations) || item.gold_chain.size() != 3) {
    reading.problem = "the question is none that fuzzy_needle asks about a user's fact";
    return reading;
  }
  const std::string kind = kind_of_subject(item.gold_chain[0], corpus.wordnet());
  if (parts->question != question_about(*relation, kind))
    reading.problem = "the question does not ask for what the page's first sentence says";
  read_quoted(item, parts->context, {item.gold_chain[0], item.gold_chain[1]}, reading);
  const std::string shared = shared_content(item.gold_chain[1], parts->question);
  if (!shared.empty()) reading.problem = concat("needle and question share the word \"", shared, "\"");

  // Every other needle is in the text, and none is another answer: another relation, or a subject that is no such thing.
  const std::vector<std::string> intros = stored_texts(item, "other_intros"), needles = stored_texts(item, "other_needles"),
                                 objects = stored_texts(item, "other_answers");
  if (intros.size() != needles.size() || intros.size() != objects.size()) {
    reading.problem = "the other needles are not stored whole";
    return reading;
  }
  const std::string_view pattern = relation->needle;
  const std::size_t first = pattern.find("{}"), last = pattern.rfind("{}");
  const std::string_view head = pattern.substr(0, first), middle = pattern.substr(first + 2, last - first - 2);
  const auto note = [&](const std::string& needle, const std::string& object) {
    const auto place = only_place(parts->context, needle);
    if (!place) reading.problem = concat("expected the text to hold once: ", needle.substr(0, 80));
    reading.candidates.push_back({object, place ? place->start : 0});
  };
  note(item.gold_chain[1], item.answer.answers.front());
  for (std::size_t i = 0; i < needles.size(); ++i) {
    note(needles[i], objects[i]);
    if (!only_place(parts->context, intros[i])) reading.problem = concat("expected the text to hold once: ", intros[i].substr(0, 80));
    const bool same_relation = needles[i].starts_with(head) && needles[i].find(middle) != std::string::npos;
    if (same_relation && may_be(kind_of_subject(intros[i], corpus.wordnet()), kind, corpus.wordnet()))
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
