// What the builders draw from, prepared once: WordNet's categories with well-known members and its names of people; filler from
// its definitions or from text of the user's own. Read-only once prepared, so any number of threads may share one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/corpus/text_source.h"
#include "data/corpus/wordnet.h"

namespace longbow::data {

/// Train and held-out items never share a name: which side a name is on is a property of its spelling alone.
enum class Split { train, heldout };
Split split_of(std::string_view name);
std::string_view name_of(Split split);

struct Category {
  std::string word;                  // "fish"
  std::int32_t synset = 0;           // every member is a kind of it
  std::vector<std::string> members;  // "salmon", …: single words, best known first
};

/// "a" or "an".
std::string_view article(std::string_view noun);

class Corpus {
 public:
  /// Without `text` the filler is WordNet's definitions.
  explicit Corpus(WordNet wordnet, TextCollection text = {});

  /// Adds `count` blends of two names ("Marlow", "Dorwin": "Marwin") to the train split: so many that a small model learns to copy
  /// names instead of knowing them. Throws UserError when the blends run out.
  void invent_names(std::size_t count, std::uint64_t seed);

  const WordNet& wordnet() const { return wordnet_; }
  /// In a fixed order, so that the first n are the same n everywhere.
  const std::vector<Category>& categories() const { return categories_; }
  /// The category written `word`; nullptr when there is none.
  const Category* find_category(std::string_view word) const;
  /// Single capitalised words (4 to 8 letters) that name a person and nothing else.
  const std::vector<std::string>& names(Split split) const { return split == Split::train ? train_names_ : heldout_names_; }
  /// Sentences without digits and with no sentence end but the last byte; of WordNet's, only the first letter is a capital.
  const std::vector<std::string>& filler() const { return filler_; }
  /// "A salmon is a fish." for every member of the first `num_categories` categories: what FuzzyNeedle takes for granted.
  std::vector<std::string> is_a_sentences(int num_categories) const;
  /// Equal for equal names, categories and filler: tells whether two data sets were built from the same text.
  std::uint64_t digest() const;

 private:
  WordNet wordnet_;
  std::vector<Category> categories_;
  std::vector<std::string> train_names_;
  std::vector<std::string> heldout_names_;
  std::vector<std::string> filler_;
};

}  // namespace longbow::data
