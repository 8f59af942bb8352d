// MultiQuery: the text asks for numbers ("Tell me the badge number of Marlow."), takes questions back, asks them again or replaces them
// further on, and corrects some numbers. The prompt wants what is asked for in the end, in the order of the last askings, as a numbered
// list.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct MultiQueryConfig {
  TaskSettings settings;
  int num_queries = 4;
  int num_cancelled = 2;
  int num_replaced = 1;
  int num_reasked = 1;
  int num_corrected = 1;
  int num_unasked = 4;
  int num_kinds = 3;
  int digits = 4;
  double prefix_credit = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("num_queries", num_queries, {.help = "Questions that stand at the end: lines of the answer.", .min = 1, .max = 64});
    v.field("num_cancelled", num_cancelled, {.help = "Questions that are asked and do not stand at the end.", .min = 0, .max = 64});
    v.field("num_replaced", num_replaced,
            {.help = "Times that a question takes another's place; so many questions more than those cancelled do not stand.",
             .min = 0,
             .max = 64});
    v.field("num_reasked", num_reasked,
            {.help = "Times that a question, drawn at random, is asked or taken back once more; each is mentioned three times anyway.",
             .min = 0,
             .max = 64});
    v.field("num_corrected", num_corrected, {.help = "Numbers that the text corrects further on.", .min = 0, .max = 64});
    v.field("num_unasked", num_unasked, {.help = "Numbers that nobody asks for.", .min = 0, .max = 500});
    v.field("num_kinds", num_kinds, {.help = "Kinds of numbers in use: badge, locker, ticket …", .min = 1, .max = 12});
    v.field("digits", digits, {.help = "Digits of a number.", .min = 2, .max = 12});
    v.field("prefix_credit", prefix_credit,
            {.help = "0: only a list that is right in every line scores; else what its right beginning is worth, below 1.",
             .min = 0,
             .max = 0.99});
  }
};

std::unique_ptr<TaskBuilder> make_multi_query(const Json& entry, const Corpus& corpus, std::string_view source);

/// A sentence with blanks, and what each of them holds: kind, name and number of a key, and Kind and Name of the key asked instead.
struct QueryWording {
  const char* pattern;
  const char* slots;
};
struct QueryWords {
  std::string_view kind, name, number, new_kind, new_name;
};
std::string say(const QueryWording& wording, const QueryWords& words);
std::optional<QueryWords> hear(std::string_view sentence, const QueryWording& wording);

inline constexpr std::array kQueryKinds = {"badge",  "locker", "ticket", "desk",  "room",  "parcel",
                                           "permit", "cabin",  "folder", "stall", "order", "seat"};
inline constexpr std::array kStated = {QueryWording{"The {} number of {} is {}.", "knv"},
                                       QueryWording{"{} has {} number {}.", "nkv"},
                                       QueryWording{"To {} they gave the {} number {}.", "nkv"},
                                       QueryWording{"As {} number, {} keeps {}.", "knv"},
                                       QueryWording{"Under {} the register lists {} number {}.", "nkv"},
                                       QueryWording{"The {} number {} belongs to {}.", "kvn"}};
inline constexpr std::array kCorrected = {
    QueryWording{"The {} number of {} has changed to {}.", "knv"}, QueryWording{"{} now has {} number {} instead of the old one.", "nkv"},
    QueryWording{"Correction: {} number {} is the one for {}.", "kvn"}, QueryWording{"By now the {} number of {} is {}.", "knv"}};
// Asking and taking back come in pairs of one shape, the same bytes, words and blanks, and are drawn alike: so neither the length of a
// sentence nor where in it a name stands tells which of the two it is.
inline constexpr std::array kAsked = {QueryWording{"What is the {} number of {}?", "kn"},
                                      QueryWording{"Please say which {} number {} has.", "kn"},
                                      QueryWording{"Report the {} number of {}.", "kn"},
                                      QueryWording{"Give the {} number of {}.", "kn"},
                                      QueryWording{"Write out the {} number of {}.", "kn"},
                                      QueryWording{"Let us have the {} number of {}.", "kn"},
                                      QueryWording{"Please give the {} number of {}.", "kn"},
                                      QueryWording{"We ought to know the {} number of {}.", "kn"},
                                      QueryWording{"Somebody asks for the {} number of {}.", "kn"},
                                      QueryWording{"For {}, the {} number is wanted.", "nk"},
                                      QueryWording{"As for {}, note down the {} number.", "nk"},
                                      QueryWording{"Tell us the {} number that belongs to {}.", "kn"}};
// None of these says that the number was asked for: a text also waves off what nobody has asked yet, or what it took back before.
inline constexpr std::array kCancelled = {QueryWording{"Do skip the {} number of {}.", "kn"},
                                          QueryWording{"Never mind which {} number {} has.", "kn"},
                                          QueryWording{"Forget the {} number of {}.", "kn"},
                                          QueryWording{"Omit the {} number of {}.", "kn"},
                                          QueryWording{"Pass over the {} number of {}.", "kn"},
                                          QueryWording{"No need for the {} number of {}.", "kn"},
                                          QueryWording{"Please skip the {} number of {}.", "kn"},
                                          QueryWording{"We need not know the {} number of {}.", "kn"},
                                          QueryWording{"Nobody wishes for the {} number of {}.", "kn"},
                                          QueryWording{"For {}, the {} number is waived.", "nk"},
                                          QueryWording{"As for {}, leave out the {} number.", "nk"},
                                          QueryWording{"Do omit the {} number that belongs to {}.", "kn"}};
// Pairs too: one names the old question first, the other the new one.
inline constexpr std::array kReplaced = {QueryWording{"Not the {} number of {} is wanted, but the {} number of {}.", "knKN"},
                                         QueryWording{"Now the {} number of {} is wanted, not the {} number of {}.", "KNkn"},
                                         QueryWording{"Drop the {} number of {} and take the {} number of {}.", "knKN"},
                                         QueryWording{"Take the {} number of {} and drop the {} number of {}.", "KNkn"}};
inline constexpr std::array kMultiQueryQuestions = {
    "The text asks for numbers and takes some of the questions back. Answer what is still asked at the end, in the order of the last "
    "askings, as a numbered list.",
    "Which numbers does the text want once everything withdrawn is left out? List them, numbered, in the order in which they were last "
    "asked for.",
    "Go through the questions in the text. Answer those that were not withdrawn or replaced after they were last asked, in the order of "
    "that asking, one numbered line each.",
    "Give a numbered list of the numbers asked for in the text, without those that are no longer wanted, in the order of the last request "
    "for each.",
    "Some of the requests above are cancelled further on, and some of these are made again. Answer those that hold in the end, in the "
    "order in which they were last made, as a numbered list.",
    "Answer every question of the text that stands at its end. Order them by when each was last asked and number the lines.",
    "What numbers are still wanted when the text ends? One numbered line for each, in the order in which they were last asked for.",
    "Somebody reads the text and notes which numbers to report, crossing out what is called off and moving to the end what is asked for "
    "again. What numbered list is the result?",
    "Report the numbers that the text requests, in the order of the last request for each, as a numbered list; skip what it revokes and "
    "does not request again.",
    "Of the requests for numbers above, some were called off. Fulfil the rest in the order in which they were last made: a numbered list "
    "with one number a line.",
    "Write a numbered list with the answer to each question in the text that nobody took back after it was last asked, in the order of "
    "that asking.",
    "Collect the requests that hold at the end of the text and give the numbers they ask for, as a numbered list in the order of the last "
    "request for each.",
};

/// Of the lists a guesser would choose from who found all questions and numbers, and knows how many lines there are, but not what was
/// taken back or corrected: so many of the questions in their order, each with any of its numbers. Counted up to this many.
inline constexpr std::int64_t kMaxQueryGuesses = 4096;

/// Every list of `num_lines` lines, each from another of `choices` and in their order; at most `limit`.
std::vector<std::string> all_lists(const std::vector<std::vector<std::string>>& choices, std::size_t num_lines, std::size_t limit);
/// Their number, where each of `choices` has so many; at most kMaxQueryGuesses.
std::int64_t count_lists(const std::vector<std::size_t>& choices, std::size_t num_lines);

/// The sentences that take back for good: of `withdrawals` in the text's order, the last one of each question that does not stand.
template <class Key>
std::vector<std::string> settling_withdrawals(const std::vector<std::pair<Key, std::string>>& withdrawals,
                                              const std::vector<Key>& standing) {
  std::vector<std::string> settling;
  for (auto one = withdrawals.begin(); one != withdrawals.end(); ++one) {
    const auto repeats = [&](const auto& later) { return later.first == one->first; };
    const bool stands = std::find(standing.begin(), standing.end(), one->first) != standing.end();
    if (!stands && std::none_of(one + 1, withdrawals.end(), repeats)) settling.push_back(one->second);
  }
  return settling;
}

/// How often a question that was asked at any time is mentioned, and the answer to it.
struct QueryMentions {
  std::string answer;
  int askings = 0, withdrawals = 0;  // a replacement is one of each, for different questions
  int last_length = 0;               // bytes of the last mention, without the words of questions in it

  int total() const { return askings + withdrawals; }
};
/// Answers of the task's bots, which know how many lines there are, from the questions in the order of their last asking.
std::vector<std::string> query_shortcuts(const std::vector<QueryMentions>& asked, std::size_t num_lines);
const std::vector<std::string>& query_bot_names();

/// What happens to the questions. Keys by their place: first those that stand in the end.
struct QueryCounts {
  std::size_t standing = 0, withdrawn = 0;
  std::size_t replacements = 0;  // of one question by another; at most one for each question but the last
  std::size_t reasked = 0;       // further mentions: each question has three, and one that a replacement names on the way has two more
};
struct QueryEvent {
  enum class What { ask, cancel, replace };
  What what = What::ask;
  std::size_t key = 0;      // asked, taken back, or replaced
  std::size_t new_key = 0;  // replace: asked instead
};
/// The last mention of a question decides whether it stands. How often and where each is asked, taken back and mentioned says nothing about
/// that, nor does the order of the last mentions, askings or withdrawals.
std::vector<QueryEvent> draw_query_events(const QueryCounts& counts, Rng& rng);

/// "1. 4821\n2. 7310".
std::string numbered_lines(const std::vector<std::string>& lines);
/// The step of the gold chain that gives a line: "1. The badge number of Marlow is 4821."
std::string query_step(std::size_t line, std::string_view kind, std::string_view name, std::string_view number);

inline constexpr std::array kMultiQueryQuestionsOfUsers = {
    "The text asks questions and takes some of them back. Answer those that are still asked at the end, in the order of the last askings, "
    "as a numbered list.",
    "Which answers does the text want once everything withdrawn is left out? List them, numbered, in the order in which the questions were "
    "last asked.",
    "Go through the questions in the text. Answer those that were not withdrawn after they were last asked, in the order of that asking, "
    "one numbered line each.",
    "Give a numbered list of the answers to the questions in the text, without those no longer wanted, in the order in which each was last "
    "asked.",
    "Some of the questions above are called off further on, and some of these are asked again. Answer those that hold in the end, in the "
    "order in which they were last asked, as a numbered list.",
    "Answer every question that stands at the end of the text. Order them by when each was last asked and number the lines.",
    "What is still asked when the text ends? One numbered line with the answer to each question, in the order in which they were last "
    "asked.",
    "Somebody reads the text and notes what to answer, crossing out what is called off and moving to the end what is asked again. What "
    "numbered list of answers is the result?",
    "Report the answers that the text requests, in the order of the last request for each, as a numbered list; skip what it revokes and "
    "does not request again.",
    "Of the questions above, some were called off. Answer the rest in the order in which they were last asked: a numbered list with one "
    "answer a line.",
    "Write a numbered list with the answer to each question in the text that nobody took back after it was last asked, in the order of "
    "that asking.",
    "Collect the questions that hold at the end of the text and answer them, as a numbered list in the order in which each was last asked.",
};

// What stands before a question of the user's in its opening quote: pairs of one length, as above.
inline constexpr std::array kAskedHeads = {
    "Answer this question: ",   "Please answer: ",         "One to answer now: ",    "One thing to answer: ",
    "The reader is asked: ",    "Reply to this: ",         "Look up the answer to ", "Somebody wants to know: ",
    "This is to be answered: ", "We would like to know: ", "Now to be answered: ",   "Write down the answer to "};
inline constexpr std::array kCancelledHeads = {
    "Ignore this question: ",   "Please ignore: ",         "One to ignore now: ",    "One thing to ignore: ",
    "The reader may skip: ",    "Call off this: ",         "Do omit the answer to ", "Nobody desires to know: ",
    "This is to be withheld: ", "We would like to drop: ", "Not to be answered: ",   "Do without the answer to "};

/// Whether the question rests on paragraphs and has an answer of one line that stands in them, or is yes or no.
bool suits_multi_query(const QaItem& question);
/// Several of the user's questions, planted in quotes among what they rest on; some are taken back. nullopt when too few of them fit.
std::optional<Draft> draft_multi_query_of_questions(const MultiQueryConfig& config, const QaItem& question,
                                                    const std::vector<const QaItem*>& questions, Rng& rng, std::int64_t limit_tokens);
Reading read_multi_query_of_questions(const Item& item);

}  // namespace longbow::data
