// LongDocQA: questions over titled pages that take two of them, or more. "Which river runs past the town where Marlow was born?": Marlow's
// page names the town, the town's page names the river, and other people's pages and towns say the same of others.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"
#include "data/tasks/web_search.h"

namespace longbow::data {

enum class DocReward { sub_em, f1 };

struct LongDocQaConfig {
  TaskSettings settings;
  int num_people = 4;
  int num_facts = 2;
  int max_page_filler = 5;
  double comparison_share = 0.15;
  double yes_no_share = 0.05;
  double walk_share = 0.3;
  int max_hops = 4;
  DocReward reward = DocReward::sub_em;

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("num_people", num_people,
            {.help = "People with a page, and as many places with one; each person has something to do with four of these.",
             .min = 4,
             .max = 200});
    v.field("num_facts", num_facts, {.help = "Facts on a place's page, the one asked for included.", .min = 1, .max = 4});
    v.field("max_page_filler", max_page_filler,
            {.help = "Most further sentences on such a page; short prompts get fewer.", .min = 0, .max = 64});
    v.field("comparison_share", comparison_share, {.help = "Share of questions which of two places is older.", .min = 0, .max = 1});
    v.field("yes_no_share", yes_no_share, {.help = "Share of questions with the answer yes or no.", .min = 0, .max = 0.2});
    v.field("walk_share", walk_share,
            {.help = "Share of the other questions that take three pages or more; prompts below 1,536 tokens have no room for them.",
             .min = 0,
             .max = 1});
    v.field("max_hops", max_hops, {.help = "Most pages that such a question takes.", .min = 3, .max = 6});
    v.choice("reward", reward, {{"sub_em", DocReward::sub_em}, {"f1", DocReward::f1}},
             {.help = "Of the user's questions. sub_em: guarded containment; f1: token F1. Yes, no and invented answers: exact_match."});
  }
};

std::unique_ptr<TaskBuilder> make_long_doc_qa(const Json& entry, const Corpus& corpus, std::string_view source);

/// Pages: a line with the title, a line of sentences; an empty line between pages.
inline constexpr std::string_view kPageBreak = "\n\n";

/// A page on its way: sentences in any order, of which some are evidence.
struct DocPage {
  std::string title;
  std::vector<std::string> sentences;
};
struct RenderedDocPage {
  std::string text;
  std::vector<EvidenceSpan> spans;  // of each sentence, in the order they were added
};
RenderedDocPage render(const DocPage& page, Rng& rng);

/// What a place's page tells: a year, a name, or a thing of a category.
struct DocFact {
  std::string_view category;              // empty for years and names
  bool is_year = false;                   // when the place began; the first fact of every kind of place
  std::array<const char*, 2> statements;  // blanks: subject, value
  std::array<const char*, 3> questions;   // '@': the place as described
  const char* alias = "";                 // another way to write the value: "{} Street"
};
/// What ties a person to a place.
struct DocTie {
  std::array<const char*, 3> statements;  // blanks: person, place
  std::array<const char*, 2> places;      // blank: person: "the town where {} was born"
};
struct DocKind {
  const char* noun;    // "town"
  const char* named;   // "The firm {}": how a sentence on its page begins that does not say "The firm"
  const char* called;  // "the firm {}"
  std::array<DocTie, 4> ties;
  std::array<DocFact, 4> facts;
};
const std::array<DocKind, 4>& doc_kinds();

/// A fact's wording with its subject in full (blanks: name, value) or left to the page's title (blank: value).
std::string named_statement(const DocKind& kind, const char* statement);
std::string titled_statement(const DocKind& kind, const char* statement);

/// '@' and '#': the two places.
inline constexpr std::array kOlderQuestions = {"Which is older, @ or #?", "Of @ and #, which came first?", "Name the older one: @ or #."};
inline constexpr std::array kYesNoQuestions = {"Is @ older than #?", "Did @ exist before #?", "Was there @ before there was #?"};

struct DocQuestion {
  enum class Ask { fact, older, yes_no };
  Ask ask = Ask::fact;
  std::size_t kind = 0;
  std::size_t tie = 0;   // by which both places are described
  std::size_t fact = 0;  // 0, the year, where places are compared
  std::string person;
  std::string other_person;  // of the second place
};
/// `wording` picks among the wordings there are, `place_wording` among those of the place.
std::string to_text(const DocQuestion& question, std::size_t wording, std::size_t place_wording);
/// nullopt for a text that to_text does not write.
std::optional<DocQuestion> parse_doc_question(std::string_view text);

/// Questions over three pages and more walk WebSearch's world, told without letters: "the town where the person who started the Kessel
/// Company was born". '@': that.
inline constexpr std::array kDocWalkQuestions = {"What is the name of @?", "Name @.", "Who or what is @?", "Find @ and give the name."};
std::string to_text(const WebWalk& walk, std::size_t wording);
/// nullopt for a text that to_text does not write.
std::optional<WebWalk> parse_doc_walk(std::string_view text);
/// `draw_names` gives so many different names; `add_filler` adds sentences without any of the words.
std::optional<Draft> draft_long_doc_qa_walk(std::size_t num_hops, std::size_t num_siblings,
                                            const std::function<std::vector<std::string>(std::size_t)>& draw_names,
                                            const std::function<void(const std::vector<std::string>&, DocPage&)>& add_filler, Rng& rng);
Reading read_long_doc_qa_walk(const Item& item, const MessageParts& parts, const WebWalk& walk);

/// Whether the question rests on paragraphs which hold its answer while the question does not, or it is yes or no.
bool suits_long_doc_qa(const QaItem& question);
/// One of the user's questions: its paragraphs and others' as pages. nullopt when it does not suit, or when what it rests on offers nothing
/// to mix the answer up with.
std::optional<Draft> draft_long_doc_qa_of_question(const LongDocQaConfig& config, const QaItem& question,
                                                   const std::vector<const QaItem*>& questions, Rng& rng, std::int64_t limit_tokens);
Reading read_long_doc_qa_of_question(const Item& item);

}  // namespace longbow::data
