#include "data/corpus/text_source.h"

#include <algorithm>
#include <filesystem>
#include <unordered_set>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "data/bad_lines.h"
#include "data/corpus/dictd.h"
#include "data/corpus/sentences.h"
#include "data/qa/row.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

enum class Kind { none, prose, markup, jsonl, dictionary };

Kind kind_of(std::string_view path) {
  if (path.ends_with(".index")) return Kind::dictionary;
  for (const std::string_view compressed : {".gz", ".zst"}) {
    if (path.ends_with(compressed)) path.remove_suffix(compressed.size());
  }
  if (path.ends_with(".txt")) return Kind::prose;
  if (path.ends_with(".md") || path.ends_with(".rst")) return Kind::markup;
  return path.ends_with(".jsonl") ? Kind::jsonl : Kind::none;
}

// The files that `path` stands for: itself, or a folder's in the order of their names.
std::vector<std::string> files_of(const std::string& path) {
  if (!fs::is_directory(path)) {
    if (kind_of(path) == Kind::none) {
      throw UserError(
          concat("corpus: expected a folder, .txt, .md, .rst, .jsonl (also .gz, .zst) or a dictionary's .index, got \"", path, "\""));
    }
    return {path};
  }
  std::vector<std::string> files;
  std::error_code error;
  std::string last = path;  // the folder at fault when one cannot be entered
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    last = entry->path().string();
    if (entry->is_regular_file() && kind_of(last) != Kind::none) files.push_back(last);
  }
  if (error) throw UserError(concat("corpus: expected a folder that can be read, got \"", error.message(), "\" (", last, ")"));
  std::sort(files.begin(), files.end());
  return files;
}

// Tables, headings, directives and code fences of Markdown and reStructuredText are no prose.
bool is_markup_line(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t>");
  if (first == std::string_view::npos) return false;
  const std::string_view text = line.substr(first);
  return std::string_view("#|`~=+:").find(text[0]) != std::string_view::npos || text.starts_with(".. ") || text.starts_with("---");
}

class TextLoader {
 public:
  explicit TextLoader(const TextSource& source)
      : source_(source), bad_lines_(source.skip_bad_lines, kSkipBadLinesHint, "corpus: "), left_(source.max_mib << 20) {}

  void read(const std::string& path) {
    if (left_ <= 0) return;
    ++texts_.num_files;
    switch (kind_of(path)) {
      case Kind::dictionary:
        read_dictionary(
            path, source_.max_mib << 20,
            [&](std::string_view article) {  // an index may name the same bytes a million times
              if (left_ > 0) take(article);
            },
            bad_lines_);
        return;
      case Kind::jsonl:
        return read_lines(path, [&](const std::string& line) {
          if (line.empty()) return;
          const Json row = parse_row(line);
          const Json* text = row.find(source_.field);
          if (text == nullptr || !text->is_string()) {
            throw UserError(concat("expected \"", source_.field, "\" to be a string, got ", text ? text->type_name() : "nothing"));
          }
          take(text->as_string());
        });
      case Kind::prose:
      case Kind::markup:
        return read_prose(path, kind_of(path) == Kind::markup);
      case Kind::none:
        return;
    }
  }

  TextCollection finish() {
    texts_.num_skipped = bad_lines_.num_skipped();
    if (texts_.num_skipped > 0) log_warning(concat("corpus: skipped ", texts_.num_skipped, " bad lines"));
    if (left_ <= 0) log_warning(concat("corpus: read the first ", source_.max_mib, " MiB; max_mib takes more"));
    if (texts_.sentences.size() < kFewestSentences) {
      throw UserError(concat("corpus: expected at least ", kFewestSentences, " sentences fit to be filler, got ", texts_.sentences.size(),
                             " from ", texts_.num_files, " files (", source_.path.empty() ? "no path" : source_.path.front(), ")"),
                      "sentences with digits, or shorter than 16 or longer than 320 bytes, do not count");
    }
    log_info(concat("corpus: ", texts_.sentences.size(), " sentences fit to be filler from ", texts_.num_files, " files"));
    return std::move(texts_);
  }

 private:
  template <class Take>
  void read_lines(const std::string& path, const Take& take_line) {
    LineReader reader(path);
    const auto take = [&](std::string& line) {
      if (line.find_first_not_of(" \t\f") == std::string::npos) line.clear();
      take_line(line);
    };
    while (left_ > 0 && next_good_line(reader, bad_lines_, take)) {
    }
  }

  // Paragraph by paragraph, so that a book is never in memory twice.
  void read_prose(const std::string& path, bool is_markup) {
    constexpr std::size_t kLongestParagraph = std::size_t{1} << 20;
    std::string paragraph;
    read_lines(path, [&](const std::string& line) {
      if (const std::size_t bad = first_bad_byte(line); bad != std::string::npos) {
        throw UserError(concat("expected UTF-8 text, got the byte ", static_cast<int>(static_cast<unsigned char>(line[bad]))));
      }
      const bool is_break = line.empty() || (is_markup && is_markup_line(line));
      if (!is_break) paragraph += line + '\n';
      if (is_break || paragraph.size() > kLongestParagraph) {
        take(paragraph);
        paragraph.clear();
      }
    });
    take(paragraph);
  }

  void take(std::string_view text) {
    left_ -= static_cast<std::int64_t>(text.size());
    for (const std::string& sentence : split_prose(text)) {
      std::string filler = filler_from_prose(sentence);
      if (!filler.empty() && seen_.insert(hash64(filler)).second) texts_.sentences.push_back(std::move(filler));
    }
  }

  const TextSource& source_;
  BadLines bad_lines_;
  std::int64_t left_;  // bytes of text
  TextCollection texts_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

TextCollection load_text(const TextSource& source) {
  TextLoader loader(source);
  for (const std::string& path : source.path) {
    for (const std::string& file : files_of(path)) loader.read(file);
  }
  return loader.finish();
}

}  // namespace longbow::data
