#include "data/corpus/wordnet.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <utility>

#include "core/errors.h"
#include "core/line_reader.h"

namespace longbow::data {
namespace {

constexpr std::string_view kHint =
    "install WordNet (Debian and Ubuntu: apt-get install wordnet-base) or name its folder in the recipe's key \"wordnet\"";

// Words of one line, read one by one; every failure names the line.
class Fields {
 public:
  Fields(std::string_view line, const LineReader& reader) : rest_(line), reader_(reader) {}

  std::string_view word(std::string_view what) {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    if (end == 0) fail(what, "the end of the line");
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return found;
  }
  std::int64_t number(std::string_view what, int base = 10) {
    const std::string_view text = word(what);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) fail(what, concat("\"", text.substr(0, 40), "\""));
    return value;
  }
  [[noreturn]] void fail(std::string_view expected, std::string_view got) const {
    throw UserError(concat("WordNet: expected ", expected, ", got ", got, " (", reader_.where(), ")"));
  }

 private:
  std::string_view rest_;
  const LineReader& reader_;
};

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == ';'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// A gloss is a definition followed by examples in double quotes.
void split_gloss(std::string_view gloss, WordNet::Synset& synset) {
  const std::size_t quote = std::min(gloss.find('"'), gloss.size());
  synset.definition = trim(gloss.substr(0, quote));
  for (std::size_t at = quote; at < gloss.size();) {
    const std::size_t end = gloss.find('"', at + 1);
    if (end == std::string_view::npos) break;
    synset.examples.emplace_back(gloss.substr(at + 1, end - at - 1));
    at = std::min(gloss.find('"', end + 1), gloss.size());
  }
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

struct Pointers {  // of one synset, as offsets that are resolved once all are known
  std::int32_t synset;
  std::vector<std::int64_t> offsets;
  std::int64_t line;
};

WordNet::Synset parse_data_line(const std::string& line, const LineReader& reader, Pointers& pointers) {
  const std::size_t bar = line.find(" | ");
  Fields fields(std::string_view(line).substr(0, bar), reader);
  if (bar == std::string::npos) fields.fail("a gloss after \" | \"", "none");
  WordNet::Synset synset;
  fields.number("a synset offset");
  synset.topic = static_cast<int>(fields.number("a lexicographer file number"));
  fields.word("a part of speech");
  const std::int64_t num_words = fields.number("a hexadecimal word count", 16);
  for (std::int64_t i = 0; i < num_words; ++i) {
    std::string_view word = fields.word("a word");
    word = word.substr(0, word.find('('));  // adjectives carry their position: "galore(ip)"
    synset.words.emplace_back(word);
    fields.word("a lexical id");
  }
  const std::int64_t num_pointers = fields.number("a pointer count");
  for (std::int64_t i = 0; i < num_pointers; ++i) {
    const std::string_view kind = fields.word("a pointer symbol");
    const std::int64_t offset = fields.number("a pointer's offset");
    fields.word("a pointer's part of speech");
    fields.word("a pointer's source and target");
    if (kind == "@" || kind == "@i") pointers.offsets.push_back(offset);
    if (kind == "@i") synset.is_instance = true;
  }
  split_gloss(std::string_view(line).substr(bar + 3), synset);
  return synset;
}

LineReader open(const std::string& dir, std::string_view name) {
  const std::string path = (std::filesystem::path(dir) / name).string();
  if (!std::filesystem::is_regular_file(path)) {
    throw UserError(concat("WordNet: expected the file ", name, ", got none (", dir, ")"), std::string(kHint));
  }
  return LineReader(path);
}

bool is_licence(const std::string& line) { return line.empty() || line.front() == ' '; }  // the head of every file

}  // namespace

WordNet WordNet::load(const std::string& dir) {
  WordNet wordnet;
  std::unordered_map<std::int64_t, std::int32_t> noun_at;  // offset -> index
  std::vector<Pointers> pending;
  constexpr std::size_t kUsualNouns = 120000;  // of WordNet 3.0, to grow the tables once
  wordnet.synsets_.reserve(kUsualNouns);
  wordnet.noun_senses_.reserve(kUsualNouns);
  wordnet.common_words_.reserve(kUsualNouns);
  noun_at.reserve(kUsualNouns);
  pending.reserve(kUsualNouns);
  std::string line;
  for (const std::string_view part : {"noun", "verb", "adj", "adv"}) {
    LineReader reader = open(dir, concat("data.", part));
    while (reader.next(line)) {
      if (is_licence(line)) continue;
      Pointers pointers{static_cast<std::int32_t>(wordnet.synsets_.size()), {}, 0};
      Synset synset = parse_data_line(line, reader, pointers);
      for (const std::string& word : synset.words) {
        if (std::islower(static_cast<unsigned char>(word.empty() ? ' ' : word.front())) && word.find('_') == std::string::npos) {
          wordnet.common_words_.insert(word);
        }
      }
      if (part == "noun") {
        noun_at.emplace(Fields(line, reader).number("a synset offset"), pointers.synset);
        pointers.line = reader.line_number();
        pending.push_back(std::move(pointers));
      }
      wordnet.synsets_.push_back(std::move(synset));
    }
  }
  for (const Pointers& pointers : pending) {
    for (const std::int64_t offset : pointers.offsets) {
      const auto found = noun_at.find(offset);
      if (found == noun_at.end()) {
        throw UserError(
            concat("WordNet: expected a hypernym among the nouns, got offset ", offset, " (", dir, "/data.noun:", pointers.line, ")"));
      }
      wordnet.synsets_[pointers.synset].hypernyms.push_back(found->second);
    }
  }
  LineReader reader = open(dir, "index.noun");
  while (reader.next(line)) {
    if (is_licence(line)) continue;
    Fields fields(line, reader);
    const std::string lemma(fields.word("a lemma"));
    fields.word("a part of speech");
    const std::int64_t num_senses = fields.number("a sense count");
    const std::int64_t num_kinds = fields.number("a pointer count");
    for (std::int64_t i = 0; i < num_kinds; ++i) fields.word("a pointer symbol");
    fields.number("a sense count");
    fields.number("a tagged sense count");
    std::vector<std::int32_t>& senses = wordnet.noun_senses_[lemma];
    for (std::int64_t i = 0; i < num_senses; ++i) {
      const std::int64_t offset = fields.number("a synset offset");
      const auto found = noun_at.find(offset);
      if (found == noun_at.end()) fields.fail("a synset of data.noun", concat("offset ", offset));
      senses.push_back(found->second);
    }
  }
  if (noun_at.empty()) throw UserError(concat("WordNet: expected nouns, got an empty data.noun (", dir, ")"), std::string(kHint));
  return wordnet;
}

const std::vector<std::int32_t>& WordNet::noun_senses(std::string_view lemma) const {
  static const std::vector<std::int32_t> none;
  const auto found = noun_senses_.find(lower(lemma));
  return found == noun_senses_.end() ? none : found->second;
}

bool WordNet::is_a(std::int32_t synset, std::int32_t ancestor) const {
  // Few synsets have more than 30 ancestors, so a search through a list is faster than a set; a damaged copy with circles ends too.
  std::vector<std::int32_t> reached = {synset};
  for (std::size_t i = 0; i < reached.size(); ++i) {
    if (reached[i] == ancestor) return true;
    for (const std::int32_t hypernym : synsets_[static_cast<std::size_t>(reached[i])].hypernyms) {
      if (std::find(reached.begin(), reached.end(), hypernym) == reached.end()) reached.push_back(hypernym);
    }
  }
  return false;
}

bool WordNet::any_sense_is_a(std::string_view lemma, std::int32_t ancestor) const {
  const auto& senses = noun_senses(lemma);
  return std::any_of(senses.begin(), senses.end(), [&](std::int32_t sense) { return is_a(sense, ancestor); });
}

bool WordNet::is_common_word(std::string_view lower_case_word) const { return common_words_.count(std::string(lower_case_word)) > 0; }

}  // namespace longbow::data
