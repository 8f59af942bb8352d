#include "data/corpus/wordnet.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <utility>

#include "core/errors.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "data/bad_lines.h"

namespace longbow::data {
namespace {

constexpr std::string_view kHint =
    "install WordNet (Debian and Ubuntu: apt-get install wordnet-base) or name its folder in the recipe's key \"wordnet\"";

// Some commands read WordNet without a flag to skip lines, so the hint says which have one.
constexpr const char* kBadLineHint = "install WordNet anew; data build, data check and data stats count such lines with --skip-bad-lines";

// Words of one line, read one by one.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

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
    throw UserError(concat("expected ", expected, ", got ", got));
  }

 private:
  std::string_view rest_;
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

struct DataLine {
  std::int64_t offset = 0;
  std::vector<std::int64_t> hypernyms;  // offsets, resolved once all are known
  WordNet::Synset synset;
};

DataLine parse_data_line(const std::string& line) {
  const std::size_t bar = line.find(" | ");
  Fields fields(std::string_view(line).substr(0, bar));
  if (bar == std::string::npos) fields.fail("a gloss after \" | \"", "none");
  DataLine data;
  WordNet::Synset& synset = data.synset;
  data.offset = fields.number("a synset offset");
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
    if (kind == "@" || kind == "@i") data.hypernyms.push_back(offset);
    if (kind == "@i") synset.is_instance = true;
  }
  split_gloss(std::string_view(line).substr(bar + 3), synset);
  return data;
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

// A line is understood whole before anything of it is kept, so that a bad one leaves nothing behind.
class WordNet::Loader {
 public:
  Loader(const std::string& dir, bool skip_bad_lines) : dir_(dir), bad_lines_(skip_bad_lines, kBadLineHint, "WordNet: ") {
    constexpr std::size_t kUsualNouns = 120000;  // of WordNet 3.0, to grow the tables once
    wordnet_.synsets_.reserve(kUsualNouns);
    wordnet_.noun_senses_.reserve(kUsualNouns);
    wordnet_.common_words_.reserve(kUsualNouns);
    noun_at_.reserve(kUsualNouns);
    pending_.reserve(kUsualNouns);
  }

  WordNet load() {
    for (const char* part : {"noun", "verb", "adj", "adv"}) read_synsets(part);
    resolve_hypernyms();
    read_senses();
    if (noun_at_.empty()) throw UserError(concat("WordNet: expected nouns, got an empty data.noun (", dir_, ")"), std::string(kHint));
    if (bad_lines_.num_skipped() > 0) log_warning(concat("WordNet: skipped ", bad_lines_.num_skipped(), " bad lines"));
    return std::move(wordnet_);
  }

 private:
  struct Pointers {
    std::int32_t synset;
    std::vector<std::int64_t> offsets;
    std::int64_t line;
  };

  void read_synsets(std::string_view part) {
    LineReader reader = open(dir_, concat("data.", part));
    const auto take = [&](const std::string& line) {
      if (is_licence(line)) return;
      DataLine data = parse_data_line(line);
      const auto index = static_cast<std::int32_t>(wordnet_.synsets_.size());
      for (const std::string& word : data.synset.words) {
        if (std::islower(static_cast<unsigned char>(word.empty() ? ' ' : word.front())) && word.find('_') == std::string::npos) {
          wordnet_.common_words_.insert(word);
        }
      }
      if (part == "noun") {
        noun_at_.emplace(data.offset, index);
        pending_.push_back({index, std::move(data.hypernyms), reader.line_number()});
      }
      wordnet_.synsets_.push_back(std::move(data.synset));
    };
    while (next_good_line(reader, bad_lines_, take)) {
    }
  }

  void resolve_hypernyms() {
    for (const Pointers& pointers : pending_) {
      for (const std::int64_t offset : pointers.offsets) {
        if (const auto found = noun_at_.find(offset); found != noun_at_.end()) {
          wordnet_.synsets_[pointers.synset].hypernyms.push_back(found->second);
          continue;
        }
        bad_lines_.refuse(concat(dir_, "/data.noun:", pointers.line, ": expected a hypernym among the nouns, got offset ", offset));
        break;
      }
    }
  }

  void read_senses() {
    LineReader reader = open(dir_, "index.noun");
    const auto take = [&](const std::string& line) {
      if (is_licence(line)) return;
      Fields fields(line);
      std::string lemma(fields.word("a lemma"));
      fields.word("a part of speech");
      const std::int64_t num_senses = fields.number("a sense count");
      const std::int64_t num_kinds = fields.number("a pointer count");
      for (std::int64_t i = 0; i < num_kinds; ++i) fields.word("a pointer symbol");
      fields.number("a sense count");
      fields.number("a tagged sense count");
      std::vector<std::int32_t> senses;
      for (std::int64_t i = 0; i < num_senses; ++i) {
        const std::int64_t offset = fields.number("a synset offset");
        const auto found = noun_at_.find(offset);
        if (found == noun_at_.end()) fields.fail("a synset of data.noun", concat("offset ", offset));
        senses.push_back(found->second);
      }
      std::vector<std::int32_t>& known = wordnet_.noun_senses_[std::move(lemma)];
      known.insert(known.end(), senses.begin(), senses.end());
    };
    while (next_good_line(reader, bad_lines_, take)) {
    }
  }

  std::string dir_;
  BadLines bad_lines_;
  WordNet wordnet_;
  std::unordered_map<std::int64_t, std::int32_t> noun_at_;  // offset -> index
  std::vector<Pointers> pending_;
};

WordNet WordNet::load(const std::string& dir, bool skip_bad_lines) { return Loader(dir, skip_bad_lines).load(); }

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
