// KeyChain: pairs of keys scattered over the text form chains; each chain ends at a hidden question whose code stands elsewhere
// in the text. The prompt names one chain's first key.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct KeyChainConfig {
  TaskSettings settings;
  int keys_per_chain = 4;
  int num_chains = 0;
  int key_digits = 8;
  int code_digits = 4;
  int num_phrasings = 4;
  int num_question_wordings = 12;

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("keys_per_chain", keys_per_chain,
            {.help = "Keys from the prompt's key to the one that hides the question.", .min = 1, .max = 64});
    v.field("num_chains", num_chains,
            {.help = "Chains in the text; 0 means 4 for every 1024 tokens of the item's limit, at least 2.", .min = 0, .max = 2000});
    v.field("key_digits", key_digits, {.help = "Hexadecimal digits of a key.", .min = 3, .max = 16});
    v.field("code_digits", code_digits, {.help = "Digits of a code.", .min = 2, .max = 12});
    v.field("num_phrasings", num_phrasings, {.help = "Wordings of a pair in use.", .min = 1, .max = 4});
    v.field("num_question_wordings", num_question_wordings, {.help = "Wordings of the question in use.", .min = 1, .max = 12});
  }
};

std::unique_ptr<TaskBuilder> make_key_chain(const Json& entry, const Corpus& corpus, std::string_view source);

/// Wordings; blanks: key, next key / key, name / name, code / first key.
inline constexpr std::array kPairPatterns = {"The key {} points to the key {}.", "Key {} leads to key {}.", "From key {} go on to key {}.",
                                             "After the key {} comes the key {}."};
inline constexpr std::array kHiddenQuestionPatterns = {"The key {} hides this question: what is the code of {}?",
                                                       "Key {} asks: what is the code of {}?"};
inline constexpr const char* kCodePattern = "The code of {} is {}.";
inline constexpr std::array kKeyChainQuestions = {
    "Start at the key {} and follow the keys to the hidden question. What is its answer?",
    "Which code answers the question at the end of the chain that starts with key {}?",
    "Follow the keys from {} until one hides a question. What code answers it?",
    "Key {} is the first of a chain. Which code does the question at its end ask for?",
    "Go from key to key, beginning with {}. What code is asked for where the chain ends?",
    "One chain of keys begins at {}. Give the code that its hidden question wants.",
    "Where do the keys from {} on lead? Answer the question hidden there with a code.",
    "Take the key {}, then each next key. Which code settles the question of the last one?",
    "What is the code asked for by the last key of the chain from {}?",
    "Trace the chain of the key {} to its end and state the code that is asked for.",
    "The key {} leads, by way of others, to a question. Name the code that is its answer.",
    "Find the question that the key {} leads to in the end. Reply with the code it asks for.",
};
// The user's own questions in place of codes. Blanks: key, question / first key.
inline constexpr std::array kUserQuestionPatterns = {"The key {} hides this question: \"{}\".", "Key {} asks: \"{}\"."};
inline constexpr std::array kUserKeyChainQuestions = {
    "Start at the key {} and follow the keys to the hidden question. What is its answer?",
    "The key {} starts a chain of keys that ends at a question. What is the answer to that question?",
    "Follow the keys from {} until one hides a question, and answer it.",
    "Key {} is the first of a chain. Answer the question at its end.",
    "Go from key to key, beginning with {}. Which question stands where the chain ends, and what is its answer?",
    "One chain of keys begins at {}. Answer its hidden question.",
    "Where do the keys from {} on lead? Answer the question that is hidden there.",
    "Take the key {}, then each next key. What answers the question of the last one?",
    "What is the answer to what the last key of the chain from {} asks?",
    "Trace the chain of the key {} to its end and answer what is asked there.",
    "The key {} leads, by way of others, to a question. Give its answer.",
    "Find the question that the key {} leads to in the end, and reply to it.",
};
static_assert(kKeyChainQuestions.size() == kUserKeyChainQuestions.size());

/// Gives so many different keys, or fewer where they cannot be had.
using KeySource = std::function<std::vector<std::string>(std::size_t)>;
/// nullopt when fewer than two chains fit, or when the answer does not stand in what the question rests on.
std::optional<Draft> draft_key_chain_of_questions(const KeyChainConfig& config, const QaItem& question,
                                                  const std::vector<const QaItem*>& questions, const KeySource& draw_keys, Rng& rng,
                                                  std::int64_t limit_tokens);
Reading read_key_chain_of_questions(const Item& item);

}  // namespace longbow::data
