// MultiNeedle: a conversation in which somebody asks several times for the same thing ("Write a memo about the salmon.") among other
// requests; the prompt wants the third of those memos, word for word behind a random string, or the code it holds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/task_builder.h"

namespace longbow::data {

enum class NeedleAnswer { text, code };

struct MultiNeedleConfig {
  TaskSettings settings;
  int min_same = 4;
  int max_same = 4;
  int num_near = 2;
  int body_sentences = 2;
  int num_request_wordings = 6;
  NeedleAnswer answer = NeedleAnswer::text;
  int prefix_letters = 8;
  int code_digits = 5;

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("min_same", min_same,
            {.help = "Fewest turns with the same topic and form; each item draws their number evenly.", .min = 2, .max = 64});
    v.field("max_same", max_same, {.help = "Most turns with the same topic and form.", .min = 2, .max = 64});
    v.field("num_near", num_near, {.help = "Turns with the same topic in another form, or the other way round.", .min = 0, .max = 256});
    v.field("body_sentences", body_sentences, {.help = "Most sentences of an answer in the conversation.", .min = 1, .max = 32});
    v.field("num_request_wordings", num_request_wordings, {.help = "Wordings of a request in use.", .min = 1, .max = 6});
    v.choice("answer", answer, {{"text", NeedleAnswer::text}, {"code", NeedleAnswer::code}},
             {.help = "text: a random string and the whole turn (reward sequence_ratio); code: a number in it (exact_match)."});
    v.field("prefix_letters", prefix_letters, {.help = "Length of the random string before the text.", .min = 4, .max = 32});
    v.field("code_digits", code_digits, {.help = "Digits of a turn's code.", .min = 3, .max = 12});
  }
};

std::unique_ptr<TaskBuilder> make_multi_needle(const Json& entry, const Corpus& corpus, std::string_view source);

/// One turn: "Marlow: Write a memo about the salmon.\nAssistant: …". Turns stand apart by an empty line.
inline constexpr std::string_view kTurnBreak = "\n\n";
inline constexpr std::string_view kReplyMark = "\nAssistant: ";
inline constexpr const char* kReferencePattern = "Its reference is {}.";

/// What is asked for, the '@' of requests and questions. Blanks: form, topic / the title of the user's paragraphs.
inline constexpr const char* kNamedThing = "{} about the {}";
inline constexpr const char* kTitledThing = "passage on \"{}\"";
inline constexpr std::array kRequests = {"Write a @.",   "I need a @.", "Could you do a @?",
                                         "A @, please.", "Next, a @.",  "Let me have a @."};
inline constexpr std::array kForms = {"memo",   "letter", "poem",   "report", "speech", "riddle", "summary", "fable",
                                      "review", "notice", "sketch", "story",  "toast",  "column", "lecture", "dialogue"};
/// Blanks: which, prefix.
inline constexpr std::array kTextQuestions = {
    "Repeat the {} @ from the conversation, word for word, behind the string {} and a space.",
    "Which text was the {} @? Start with {}, then a space, then the text alone.",
    "Give the {} @ again. Put {} and a space before it, and write nothing else.",
    "Quote the {} @ in full, preceded by {} and a space.",
    "What did the assistant write as the {} @? Begin with {} and a space.",
    "Copy out the {} @. The copy begins with {} and a space.",
    "I lost the {} @. Send it once more, with {} and a space at the front.",
    "Find the {} @ and return it unchanged behind {} and a space.",
    "Reproduce the {} @ exactly; prepend {} and a space.",
    "Let me see the {} @ once more, with {} and a space in front of it.",
    "Read out the {} @, after the word {} and a space.",
    "Show me the {} @ as it was; your answer starts with {} and a space.",
};
/// Blank: which.
inline constexpr std::array kCodeQuestions = {
    "What is the reference of the {} @?",
    "Which reference does the {} @ have?",
    "Give the reference of the {} @.",
    "Look up the {} @. What reference stands in it?",
    "What number does the {} @ name as its reference?",
    "In the conversation, which reference belongs to the {} @?",
    "Count until you reach the {} @. What is its reference?",
    "I am looking for the {} @. Which reference was it given?",
    "State the reference found in the {} @.",
    "The assistant wrote a {} @. Under which reference?",
    "Tell me the reference of the {} @.",
    "Under which reference is the {} @ filed?",
};

/// `pattern` with its blanks filled in order, and '@' by the thing.
std::string say_of_thing(std::string_view pattern, const std::vector<std::string_view>& words, std::string_view thing);
/// What stands in the blanks of a text that say_of_thing writes, and the thing as it stands there.
struct HeardThing {
  std::vector<std::string> words;
  std::string thing;
};
std::optional<HeardThing> hear_of_thing(std::string_view text, std::string_view pattern);

/// The step of the gold chain that counts a turn. Blanks: which, code.
inline constexpr const char* kReferenceStep = "The {} @ has the reference {}.";
std::string reference_step(std::size_t number, std::string_view thing, std::string_view code);

/// Texts that the user's files have under one title: whole paragraphs, or sentences where there are too few of them.
class TitledTexts {
 public:
  explicit TitledTexts(const std::vector<const QaItem*>& questions);
  /// Different texts under the title, in no particular order: at least `count`, or none.
  std::vector<std::string> under(const std::string& title, std::size_t count) const;

 private:
  std::map<std::string, std::vector<const QaParagraph*>> paragraphs_;
};

/// "first" … "twelfth", then "13th" …
std::string ordinal(std::int64_t number);
/// 0 for a text that `ordinal` does not write.
std::int64_t number_of_ordinal(std::string_view text);

}  // namespace longbow::data
