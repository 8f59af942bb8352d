#include "tools/train_tokenizer_command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "core/line_reader.h"
#include "core/log.h"
#include "data/corpus/wordnet.h"
#include "data/tokenizer.h"
#include "tools/command_options.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

struct TrainTokenizerOptions {
  std::string recipe;
  std::string out;
  std::vector<std::string> overrides;
  int num_threads = 2;
};

void run_train_tokenizer(const TrainTokenizerOptions& options) {
  Json json = read_json_file(options.recipe, {.allow_comments = true});
  for (const std::string& assignment : options.overrides) apply_override(json, assignment);
  TokenizerRecipe recipe;
  read_config(recipe, json, options.recipe);
  const std::vector<std::string> lines = training_lines(recipe);

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

void add_train_tokenizer_command(CLI::App& app) {
  auto options = std::make_shared<TrainTokenizerOptions>();
  CLI::App* command =
      app.add_subcommand("train-tokenizer", "Trains a sentencepiece tokenizer and writes a Hugging Face tokenizer directory.");
  command->add_option("recipe", options->recipe, "Recipe (JSON)")->required();
  command->add_option("--out", options->out, "Directory to write")->required();
  add_set_option(*command, options->overrides);
  command->add_option("--threads", options->num_threads, "Threads of the trainer")->check(CLI::Range(1, kMaxThreads));
  command->callback([options] { run_train_tokenizer(*options); });
}

}  // namespace longbow::tools
