// WordNet as Debian's wordnet-base installs it: the nouns' IS-A graph, the senses of a lemma in order, and every part of
// speech's definitions and examples. The lexicon and the text that the default recipe builds from.
// Source: G. A. Miller, "WordNet: a lexical database for English", CACM 38(11), 1995; file formats: wndb(5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace longbow::data {

/// The folder Debian's package installs into.
inline constexpr const char* kWordNetDirectory = "/usr/share/wordnet";

class WordNet {
 public:
  struct Synset {
    int topic = 0;                        // lexicographer file: 5 animals, 18 people, … (lexnames(5))
    bool is_instance = false;             // a named individual ("Marlowe"), not a kind
    std::vector<std::string> words;       // as written; '_' is a space
    std::vector<std::int32_t> hypernyms;  // indexes of synsets; nouns only
    std::string definition;               // the gloss without its examples
    std::vector<std::string> examples;
  };

  /// Reads data.{noun,verb,adj,adv} and index.noun. Throws UserError: a missing file (hint: the package to install) or FILE:LINE. With
  /// `skip_bad_lines` a broken line is counted instead, and so is one that points at what is not there.
  static WordNet load(const std::string& dir = kWordNetDirectory, bool skip_bad_lines = false);

  /// All synsets in file order: nouns first, then verbs, adjectives, adverbs.
  const std::vector<Synset>& synsets() const { return synsets_; }
  /// Noun senses of a lower-case lemma, most common first; empty when unknown.
  const std::vector<std::int32_t>& noun_senses(std::string_view lemma) const;
  /// Whether `synset` is `ancestor` or a kind of it.
  bool is_a(std::int32_t synset, std::int32_t ancestor) const;
  /// Whether any noun sense of `lemma` is a kind of `ancestor`.
  bool any_sense_is_a(std::string_view lemma, std::int32_t ancestor) const;
  /// Whether some synset spells the single word without a capital letter: such a word is no pure name.
  bool is_common_word(std::string_view lower_case_word) const;

 private:
  class Loader;

  std::vector<Synset> synsets_;
  std::unordered_map<std::string, std::vector<std::int32_t>> noun_senses_;
  std::unordered_set<std::string> common_words_;
};

}  // namespace longbow::data
