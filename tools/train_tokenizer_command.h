// `longbow train-tokenizer RECIPE --out DIR`: a new checkpoint's tokenizer, from WordNet's text and files of the user's own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"

namespace longbow::tools {

struct TokenizerRecipe {
  std::string description;
  std::string wordnet_dir;
  std::vector<std::string> text_files;
  std::vector<std::string> extra_lines;
  int extra_repeats = 1;
  int vocab_size = 2048;
  std::vector<std::string> special_tokens = {"<|user|>", "<|assistant|>", "<|end|>"};
  std::int64_t max_lines = 1'000'000;
  std::int64_t seed = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("description", description, {.help = "What this tokenizer is for."});
    v.field("wordnet_dir", wordnet_dir, {.help = "WordNet's folder, whose definitions and examples are lines; empty: none."});
    v.field("text_files", text_files, {.help = "Files of text, one line a sentence; .gz and .zst too."});
    v.field("extra_lines", extra_lines, {.help = "Lines written here, such as prompts of the recipe's own tasks."});
    v.field("extra_repeats", extra_repeats, {.help = "How often each extra line counts.", .min = 1, .max = 100000});
    v.field("vocab_size", vocab_size, {.help = "Pieces, special tokens and the 256 bytes included.", .min = 300, .max = 1 << 20});
    v.field("special_tokens", special_tokens, {.help = "Tokens that stand for themselves; <|end|> ends a turn."});
    v.field("max_lines", max_lines, {.help = "Of more lines than this, a sample is taken by the seed.", .min = 1, .max = 1e9});
    v.field("seed", seed, {.help = "Of the sample.", .min = 0});
  }
};

/// The lines the recipe names, in order: WordNet, files, extra lines.
std::vector<std::string> training_lines(const TokenizerRecipe& recipe);

}  // namespace longbow::tools
