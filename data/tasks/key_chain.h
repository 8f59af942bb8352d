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
};

// The user's own questions in place of codes. Blanks: key, question / first key.
inline constexpr std::array kUserQuestionPatterns = {"The key {} hides this question: \"{}\".", "Key {} asks: \"{}\"."};
inline constexpr std::array kUserKeyChainQuestions = {
    "Start at the key {} and follow the keys to the hidden question. What is its answer?",
    "The key {} starts a chain of keys that ends at a question. What is the answer to that question?",
    "Follow the keys from {} until one hides a question, and answer it.",
};

/// Gives so many different keys, or fewer where they cannot be had.
using KeySource = std::function<std::vector<std::string>(std::size_t)>;
/// nullopt when fewer than two chains fit, or when the answer does not stand in what the question rests on.
std::optional<Draft> draft_key_chain_of_questions(const KeyChainConfig& config, const QaItem& question,
                                                  const std::vector<const QaItem*>& questions, const KeySource& draw_keys, Rng& rng,
                                                  std::int64_t limit_tokens);
Reading read_key_chain_of_questions(const Item& item);

}  // namespace longbow::data
