// What the user's files say that FuzzyNeedle can hide: triples (2WikiMultihopQA's, MuSiQue's steps) in words of ours, and sentences of
// theirs that name what their page is about and hold the answer. Of what kind that is, the page's first sentence says.
#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "data/tasks/fuzzy_needle.h"
#include "data/tasks/page.h"
#include "data/tasks/phrase.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr std::size_t kLongestSentence = 400;
constexpr std::string_view kMarks = "@#_";  // of patterns and gaps: a sentence with one of them is left alone

constexpr UserRelation kRelations[] = {
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
std::string kind_in(const std::string& sentence, const WordNet& wordnet) {
  static const std::set<std::string> kEnds = {"of",   "in",       "by",      "from",  "for",  "who",   "which",   "that",
                                              "and",  "directed", "written", "based", "at",   "on",    "to",      "with",
                                              "born", "where",    "or",      "set",   "near", "about", "located", "produced"};
  static const std::set<std::string> kArticles = {"a", "an", "the"};
  std::vector<std::string> words;
  std::string word;
  for (const char c : sentence + " ") {
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

// "Red Sky is a film.": all that its page's first sentence is needed for. The sentence itself may well tell what is asked.
std::string intro_of(const std::string& subject, std::string_view kind) { return concat(subject, " is ", article(kind), " ", kind, "."); }

// Where `phrase` stands in `text` as whole words; nullopt when it does not, or twice.
std::optional<std::size_t> only_words(std::string_view text, std::string_view phrase) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80; };
  std::optional<std::size_t> found;
  for (std::size_t at = text.find(phrase); !phrase.empty() && at != std::string_view::npos; at = text.find(phrase, at + 1)) {
    const std::size_t end = at + phrase.size();
    if ((at > 0 && is_word(text[at - 1])) || (end < text.size() && is_word(text[end]))) continue;
    if (found) return std::nullopt;
    found = at;
  }
  return found;
}

// "@ was shot in # in winter." for "Red Sky was shot in Oslo in winter."; empty where subject and object are not each there once.
std::string pattern_of(const std::string& sentence, const std::string& subject, const std::string& object) {
  const auto at = only_words(sentence, subject), object_at = only_words(sentence, object);
  const bool is_whole = sentence.ends_with('.') && sentence.size() <= kLongestSentence && split_sentences(sentence).size() == 1;
  if (!at || !object_at || !is_whole || sentence.find_first_of(kMarks) != std::string::npos) return "";
  if (*at < *object_at + object.size() && *object_at < *at + subject.size()) return "";
  for (const std::string_view before : {"the ", "The ", "a ", "A ", "an ", "An "}) {  // "the Red Sky" would become "the a film"
    if (std::string_view(sentence).substr(0, *at).ends_with(before)) return "";
  }
  std::string pattern = sentence;
  const auto put_mark = [&](std::size_t where, std::size_t size, const char* mark) { pattern.replace(where, size, mark); };
  if (*at < *object_at) {
    put_mark(*object_at, object.size(), "#");
    put_mark(*at, subject.size(), "@");
  } else {
    put_mark(*at, subject.size(), "@");
    put_mark(*object_at, object.size(), "#");
  }
  return pattern;
}

std::string kind_of_page(const QaParagraph& page, const WordNet& wordnet) {
  return page.sentences.empty() ? "" : kind_in(one_line(page.sentences.front()), wordnet);
}

void add_triples(const QaItem& item, const WordNet& wordnet, std::vector<UserFact>& facts) {
  for (const QaTriple& triple : item.evidence) {
    const auto relation =
        std::find_if(std::begin(kRelations), std::end(kRelations), [&](const UserRelation& one) { return one.name == triple.relation; });
    const QaParagraph* page = paragraph_about(item, triple.subject);
    if (relation == std::end(kRelations) || page == nullptr) continue;
    UserFact fact;
    fact.relation = relation;
    fact.subject = one_line(triple.subject);
    fact.object = one_line(triple.object);
    fact.kind = kind_of_page(*page, wordnet);
    if (fact.kind.empty() || fact.object.empty()) continue;
    fact.needle = fill(relation->needle, {fact.subject, fact.object});
    fact.intro = intro_of(fact.subject, fact.kind);
    if (shared_content(fact.needle, user_fact_question(fact, 0)).empty()) facts.push_back(std::move(fact));
  }
}

void add_sentences(const QaItem& item, const WordNet& wordnet, std::vector<UserFact>& facts) {
  const bool any_marked =
      std::any_of(item.paragraphs.begin(), item.paragraphs.end(), [](const QaParagraph& paragraph) { return paragraph.supporting; });
  for (const QaParagraph& page : item.paragraphs) {
    if (any_marked && !page.supporting) continue;
    UserFact fact;
    fact.subject = one_line(std::string_view(page.title).substr(0, page.title.rfind(" (")));
    fact.kind = kind_of_page(page, wordnet);
    if (fact.kind.empty() || !shared_content(fact.subject, fact.kind).empty()) continue;
    fact.intro = intro_of(fact.subject, fact.kind);
    for (const std::string& sentence : page.sentences) {
      for (const std::string& answer : item.answers) {
        fact.object = one_line(answer);
        fact.needle = one_line(sentence);
        fact.pattern = pattern_of(fact.needle, fact.subject, fact.object);
        if (fact.pattern.empty() || !shared_content(fact.needle, fact.kind).empty()) continue;
        facts.push_back(fact);
        break;
      }
    }
  }
}

}  // namespace

const UserRelation* user_relation(std::string_view name) {
  const auto found = std::find_if(std::begin(kRelations), std::end(kRelations), [&](const UserRelation& one) { return one.name == name; });
  return found == std::end(kRelations) ? nullptr : found;
}

std::string kind_of_intro(std::string_view intro) {
  const std::size_t is = intro.rfind(" is a");
  const std::size_t blank = intro.rfind(' ');
  return is == std::string_view::npos || !intro.ends_with('.') ? "" : std::string(intro.substr(blank + 1, intro.size() - blank - 2));
}

std::string subject_of_intro(std::string_view intro) { return std::string(intro.substr(0, intro.rfind(" is a"))); }

std::string user_fact_question(const UserFact& fact, std::size_t wording) {
  const std::string kind = concat(article(fact.kind), " ", fact.kind);
  if (fact.relation != nullptr) return fill(fact.relation->question, {kind});
  return put(kGapQuestions[wording % kGapQuestions.size()], '@', user_fact_sentence(fact.pattern, kind, kGap));
}

std::string user_fact_sentence(std::string_view pattern, std::string_view subject, std::string_view object) {
  return put(put(pattern, '#', object), '@', subject);
}

std::vector<UserFact> facts_of(const QaItem& item, const WordNet& wordnet) {
  std::vector<UserFact> facts;
  add_triples(item, wordnet, facts);
  if (!is_yes_no(item)) add_sentences(item, wordnet, facts);
  return facts;
}

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

}  // namespace longbow::data
