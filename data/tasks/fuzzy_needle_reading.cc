// FuzzyNeedle read back: every "name did something to a thing" sentence, judged by WordNet alone.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "data/tasks/fuzzy_needle.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

struct Question {
  std::size_t verb = 0;
  std::string_view category;
  int hops = 1;
};

std::optional<Question> parse_question(std::string_view question) {
  const auto& verbs = fuzzy_needle_verbs();
  for (std::size_t verb = 0; verb < verbs.size(); ++verb) {
    for (const int hops : {1, 2}) {
      for (std::size_t wording = 0; wording < kWhoQuestions.size(); ++wording) {
        const auto words = match(question, fuzzy_needle_question(verbs[verb], hops, wording));
        if (words) return Question{verb, (*words)[1], hops};
      }
    }
  }
  return std::nullopt;
}

// Categories that WordNet keeps apart and everyday speech does not: one of the second may pass for one of the first.
constexpr std::pair<const char*, const char*> kLooseKinds[] = {{"garment", "hat"}, {"garment", "shoe"}, {"instrument", "tool"}};
static_assert(kWhoQuestions.size() == kNeighbourQuestions.size());

struct Needle {
  std::string name;
  std::string noun;
  std::size_t verb = 0;
  Sentence sentence;
};

// Someone who does not read the question and takes the person whose thing is the only one of its kind, or any of several such.
std::string with_lone_kind(const std::vector<Needle>& needles, const Corpus& corpus, Rng rng) {
  std::vector<std::string> people;
  for (const Category& category : corpus.categories()) {
    const auto is_of_kind = [&](const Needle& needle) { return corpus.wordnet().any_sense_is_a(needle.noun, category.synset); };
    if (std::count_if(needles.begin(), needles.end(), is_of_kind) == 1)
      people.push_back(std::find_if(needles.begin(), needles.end(), is_of_kind)->name);
  }
  return people.empty() ? "" : rng.pick(people);
}

}  // namespace

bool may_pass_for(std::string_view noun, const Category& category, const Corpus& corpus) {
  const WordNet& wordnet = corpus.wordnet();
  if (wordnet.any_sense_is_a(noun, category.synset)) return true;
  for (const auto& [kind, loose] : kLooseKinds) {
    if (kind == category.word && wordnet.any_sense_is_a(noun, corpus.find_category(loose)->synset)) return true;
  }
  const std::string wanted = content_stem(category.word);
  const std::vector<std::int32_t>& senses = wordnet.noun_senses(noun);
  return std::any_of(senses.begin(), senses.end(), [&](std::int32_t sense) {
    const std::vector<std::string> words = lower_words(wordnet.synsets()[static_cast<std::size_t>(sense)].definition);
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) { return content_stem(word) == wanted; });
  });
}

std::string shared_content(std::string_view needle, std::string_view question) {
  for (const std::string& a : lower_words(needle)) {
    for (const std::string& b : lower_words(question)) {
      const std::string stem_a = content_stem(a), stem_b = content_stem(b);
      if (stem_a.empty() || stem_b.empty()) continue;
      const bool nested = std::min(a.size(), b.size()) >= 3 && (a.find(b) != std::string::npos || b.find(a) != std::string::npos);
      if (stem_a == stem_b || nested) return a;
    }
  }
  return "";
}

Reading read_fuzzy_needle(const Item& item, const Corpus& corpus) {
  if (asks_user_question(item)) return read_fuzzy_needle_of_questions(item, corpus);
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto question = parts ? parse_question(parts->question) : std::nullopt;
  const Category* category = question ? corpus.find_category(question->category) : nullptr;
  if (category == nullptr) {
    reading.problem = "the question is none that fuzzy_needle asks";
    return reading;
  }
  const auto& verbs = fuzzy_needle_verbs();
  std::vector<Needle> needles;
  std::map<std::string, std::vector<Needle>> neighbours;  // person -> sentences naming a neighbour
  std::vector<Candidate> people;
  for (const Sentence& sentence : split_sentences(parts->context)) {
    if (const auto words = match(sentence.text, kNeighbourPattern)) {
      neighbours[std::string((*words)[1])].push_back({std::string((*words)[0]), "", 0, sentence});
      if (question->hops == 2) people.push_back({std::string((*words)[0]), sentence.span.start});
      reading.entities.emplace_back((*words)[0]);
      continue;
    }
    for (std::size_t verb = 0; verb < verbs.size(); ++verb) {
      const auto note = [&](const char* pattern, bool is_needle, std::size_t name_blank = 0, std::size_t noun_blank = 2) {
        const auto words = match(sentence.text, pattern);
        if (!words) return;
        const std::string name((*words)[name_blank]);
        if (is_needle) needles.push_back({name, std::string((*words)[noun_blank]), verb, sentence});
        if (question->hops == 1) people.push_back({name, sentence.span.start});
        reading.entities.push_back(name);
      };
      note(verbs[verb].needle, true);
      note(verbs[verb].needle_other, true);
      note(verbs[verb].object_first, true, 2, 1);
      for (const char* decoy : verbs[verb].decoys) note(decoy, false);
    }
  }
  reading.candidates = std::move(people);
  std::set<std::string> different;
  for (const Candidate& person : reading.candidates) different.insert(person.text);
  reading.guesses.assign(different.begin(), different.end());

  std::set<std::string> answers;
  const auto found = [&](const std::string& answer, std::vector<EvidenceSpan> evidence, std::vector<std::string> chain) {
    if (!answers.insert(answer).second || answers.size() > 1) return;
    reading.evidence = std::move(evidence);
    reading.gold_chain = std::move(chain);
  };
  for (const Needle& needle : needles) {
    if (needle.verb != question->verb || !may_pass_for(needle.noun, *category, corpus)) continue;
    if (!corpus.wordnet().any_sense_is_a(needle.noun, category->synset))
      reading.problem = concat(article(needle.noun), " ", needle.noun, " may pass for ", article(category->word), " ", category->word);
    const std::string shared = shared_content(needle.sentence.text, parts->question);
    if (!shared.empty()) reading.problem = concat("needle and question share the word \"", shared, "\"");
    const std::vector<std::string> chain = {fuzzy_needle_is_a(needle.noun, category->word), std::string(needle.sentence.text)};
    if (question->hops == 1) {
      found(needle.name, {needle.sentence.span}, chain);
      continue;
    }
    for (const Needle& neighbour : neighbours[needle.name]) {
      found(neighbour.name, {needle.sentence.span, neighbour.sentence.span}, {chain[0], chain[1], std::string(neighbour.sentence.text)});
    }
  }
  reading.answers.assign(answers.begin(), answers.end());
  if (question->hops == 1)
    reading.shortcuts = {with_lone_kind(needles, corpus, Rng(item.seed, {stable_hash("lone kind"), stable_hash(item.id)}))};
  // The chain's last step is the needle, or who lives beside its person.
  for (const Needle& needle : needles) {
    if (item.gold_chain.back() == needle.sentence.text) reading.oracle_answer = needle.name;
  }
  if (reading.oracle_answer.empty()) {
    const auto words = match(item.gold_chain.back(), kNeighbourPattern);
    if (words) reading.oracle_answer = (*words)[0];
  }
  return reading;
}

}  // namespace longbow::data
