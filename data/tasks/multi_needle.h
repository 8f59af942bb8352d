// MultiNeedle: a conversation in which somebody asks several times for the same thing ("Write a memo about the salmon.") among other
// requests; the prompt wants the third of those memos, word for word behind a random string, or the code it holds.
#pragma once

#include <array>
#include <cstdint>
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

/// Blanks: form, topic.
inline constexpr std::array kRequestPatterns = {"Write a {} about the {}.",        "I need a {} about the {}.",
                                                "Could you do a {} about the {}?", "A {} about the {}, please.",
                                                "Next, a {} about the {}.",        "Let me have a {} about the {}."};
inline constexpr std::array kForms = {"memo",   "letter", "poem",   "report", "speech", "riddle", "summary", "fable",
                                      "review", "notice", "sketch", "story",  "toast",  "column", "lecture", "dialogue"};
/// Blanks: which, form, topic, prefix.
inline constexpr std::array kTextQuestions = {
    "Repeat the {} {} about the {} from the conversation, word for word, behind the string {} and a space.",
    "Which text was the {} {} about the {}? Start with {}, then a space, then the text alone.",
    "Give the {} {} about the {} again. Put {} and a space before it, and write nothing else.",
    "Quote the {} {} about the {} in full, preceded by {} and a space.",
    "What did the assistant write as the {} {} about the {}? Begin with {} and a space.",
    "Copy out the {} {} about the {}. The copy begins with {} and a space.",
    "I lost the {} {} about the {}. Send it once more, with {} and a space at the front.",
    "Find the {} {} about the {} and return it unchanged behind {} and a space.",
    "Reproduce the {} {} about the {} exactly; prepend {} and a space.",
    "Let me see the {} {} about the {} once more, with {} and a space in front of it.",
    "Read out the {} {} about the {}, after the word {} and a space.",
    "Show me the {} {} about the {} as it was; your answer starts with {} and a space.",
};
/// Blanks: which, form, topic.
inline constexpr std::array kCodeQuestions = {
    "What is the reference of the {} {} about the {}?",
    "Which reference does the {} {} about the {} have?",
    "Give the reference of the {} {} about the {}.",
    "Look up the {} {} about the {}. What reference stands in it?",
    "What number does the {} {} about the {} name as its reference?",
    "In the conversation, which reference belongs to the {} {} about the {}?",
    "Count until you reach the {} {} about the {}. What is its reference?",
    "I am looking for the {} {} about the {}. Which reference was it given?",
    "State the reference found in the {} {} about the {}.",
    "The assistant wrote a {} {} about the {}. Under which reference?",
    "Tell me the reference of the {} {} about the {}.",
    "Under which reference is the {} {} about the {} filed?",
};

/// "first" … "twelfth", then "13th" …
std::string ordinal(std::int64_t number);
/// 0 for a text that `ordinal` does not write.
std::int64_t number_of_ordinal(std::string_view text);

}  // namespace longbow::data
