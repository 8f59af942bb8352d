// `longbow train-tokenizer RECIPE --out DIR`: a new checkpoint's tokenizer, from WordNet's text and files of the user's own.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/errors.h"
#include "core/line_reader.h"
#include "data/corpus/wordnet.h"
#include "data/tokenizer.h"
#include "tools/command_options.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

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

struct TrainTokenizerOptions {
  std::string recipe;
  std::string out;
  std::vector<std::string> overrides;
  int num_threads = 2;
};

/// The lines the recipe names, in order: WordNet, files, extra lines.
std::vector<std::string> training_lines(const TokenizerRecipe& recipe) {
  std::vector<std::string> lines;
  if (!recipe.wordnet_dir.empty()) {
    const data::WordNet wordnet = data::WordNet::load(recipe.wordnet_dir);
    for (const data::WordNet::Synset& synset : wordnet.synsets()) {
      lines.push_back(synset.definition);
      lines.insert(lines.end(), synset.examples.begin(), synset.examples.end());
    }
  }
  std::string line;
  for (const std::string& path : recipe.text_files) {
    LineReader reader(path);
    while (reader.next(line)) lines.push_back(line);
  }
  for (int i = 0; i < recipe.extra_repeats; ++i) lines.insert(lines.end(), recipe.extra_lines.begin(), recipe.extra_lines.end());
  return lines;
}

void run_train_tokenizer(const TrainTokenizerOptions& options) {
  Json json = read_json_file(options.recipe, {.allow_comments = true});
  for (const std::string& assignment : options.overrides) apply_override(json, assignment);
  TokenizerRecipe recipe;
  read_config(recipe, json, options.recipe);
  const std::vector<std::string> lines = training_lines(recipe);
  if (lines.empty()) {
    throw UserError(concat("train-tokenizer: expected lines of text, got none (", options.recipe, ")"),
                    "wordnet_dir, text_files or extra_lines name them");
  }

  data::TokenizerTrainingOptions training;
  training.vocab_size = recipe.vocab_size;
  training.special_tokens = recipe.special_tokens;
  training.max_lines = static_cast<std::size_t>(recipe.max_lines);
  training.seed = static_cast<std::uint64_t>(recipe.seed);
  training.num_threads = options.num_threads;
  data::train_tokenizer(lines, training, options.out);

  const data::Tokenizer tokenizer(options.out);
  std::size_t bytes = 0, tokens = 0;
  for (const std::string& line : lines) {
    bytes += line.size();
    tokens += tokenizer.encode(line).size();
  }
  std::cout << options.out << ": " << tokenizer.vocab_size() << " pieces from " << lines.size() << " lines, "
            << static_cast<double>(bytes) / static_cast<double>(tokens) << " bytes a token\n";
}

}  // namespace

void add_train_tokenizer_command(CLI::App& app) {
  auto options = std::make_shared<TrainTokenizerOptions>();
  CLI::App* command = app.add_subcommand("train-tokenizer", "Train a sentencepiece tokenizer for a new checkpoint");
  command->add_option("recipe", options->recipe, "Recipe (JSON, comments allowed)")->required();
  command->add_option("--out", options->out, "Directory to write")->required();
  add_set_option(*command, options->overrides);
  command->add_option("--threads", options->num_threads, "Threads of the trainer")->check(CLI::Range(1, kMaxThreads));
  command->callback([options] { run_train_tokenizer(*options); });
}

}  // namespace longbow::tools
