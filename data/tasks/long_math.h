// LongMath: a computation told in sentences that stand far apart ("Marlow has 3 pears." … "Dorwin has 4 more pears than Marlow."),
// beside parallel cases about other people and numbers that belong to nothing.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct LongMathConfig {
  TaskSettings settings;
  int num_steps = 4;
  int max_value = 300;
  int num_decoy_cases = 3;
  int num_noise = 3;
  int min_fragments = 2;
  int num_question_wordings = 12;
  std::vector<std::string> operations = {"more", "fewer", "times", "together"};

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("num_steps", num_steps,
            {.help = "Operations between the given number and the answer; 4 make five fragments.", .min = 1, .max = 64});
    v.field("max_value", max_value, {.help = "Largest number that occurs, the answer included.", .min = 9, .max = 1000000});
    v.field("num_decoy_cases", num_decoy_cases,
            {.help = "Parallel computations of the same shape about other people.", .min = 0, .max = 100});
    v.field("num_noise", num_noise,
            {.help = "Sentences with numbers about the same people that the answer does not need.", .min = 0, .max = 500});
    v.field("min_fragments", min_fragments,
            {.help = "With questions of your own: fewest sentences with a number before the one that asks; others are dropped.",
             .min = 1,
             .max = 20});
    v.field("num_question_wordings", num_question_wordings,
            {.help = "Wordings of the question about invented cases in use.", .min = 1, .max = 12});
    v.field("operations", operations, {.help = "Any of more, fewer, times, together."});
  }
};

std::unique_ptr<TaskBuilder> make_long_math(const Json& entry, const Corpus& corpus, std::string_view source);

/// Every number in the text is at least 2 ("1 pears" is no English), and so is every answer: a 1 would be recognised.
inline constexpr std::int64_t kSmallestAnswer = 2;

// Wordings. Blanks: name, number, things / name, number, things, name / name, things, name / name, things, name, name.
inline constexpr const char* kGivenPattern = "{} has {} {}.";
inline constexpr const char* kMorePattern = "{} has {} more {} than {}.";
inline constexpr const char* kFewerPattern = "{} has {} fewer {} than {}.";
inline constexpr const char* kTwicePattern = "{} has twice as many {} as {}.";
inline constexpr const char* kThricePattern = "{} has three times as many {} as {}.";
inline constexpr const char* kTogetherPattern = "{} has as many {} as {} and {} together.";
/// Blanks: things, name.
inline constexpr std::array kLongMathQuestions = {
    "How many {} does {} have?",       "What is the number of {} that {} has?",
    "Find out how many {} {} has.",    "Work out the number of {} belonging to {}.",
    "Of {}, how many does {} have?",   "State how many {} are in the hands of {}.",
    "How many {} belong to {}?",       "Compute the number of {} that {} has.",
    "Say how many {} {} has.",         "Count the {} that {} has. How many is that?",
    "What number of {} does {} have?", "Give the number of {} that belong to {}.",
};
// Numbers about the same people that are no count of the things. Blanks: name, number.
inline constexpr std::array kNoisePatterns = {"{} waited {} days for a letter.", "{} lives {} miles from the sea.", "{} is {} years old.",
                                              "{} has read {} books this year.", "{} once walked {} hours in the rain."};
inline constexpr std::array kThings = {"pears", "coins", "shells", "stamps", "marbles", "buttons", "lamps", "ribbons"};

// The user's own problems. Blanks: the case's label, the part's number in words, its sentence / label, what is asked.
inline constexpr const char* kCaseFragment = "Case {}, part {}: {}";
inline constexpr const char* kCaseQuestion = "About case {}: {}";

/// Whether the problem asks something, after at least `min_fragments` sentences with a quantity, and has a number or formula for answer.
bool suits_long_math(const LongMathConfig& config, const QaItem& question);
/// nullopt when the problem does not suit, or the text shows its answer.
std::optional<Draft> draft_long_math_of_questions(const LongMathConfig& config, const QaItem& question,
                                                  const std::vector<const QaItem*>& questions, Rng& rng);
Reading read_long_math_of_questions(const Item& item);

}  // namespace longbow::data
