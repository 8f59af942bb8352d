// A recipe's key "corpus": text of the user's own as filler instead of WordNet's definitions. Files or folders of .txt, .md, .rst,
// .jsonl (each also .gz or .zst) and dictd dictionaries as Debian packages them (.index beside .dict or .dict.dz).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace longbow::data {

struct TextSource {
  std::vector<std::string> path;
  std::string field = "text";
  std::int64_t max_mib = 256;
  bool skip_bad_lines = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field(
        "path", path,
        {.help = "Files, or folders with their subfolders: .txt, .md, .rst, .jsonl (also .gz, .zst), dictd's .index.", .required = true});
    v.field("field", field, {.help = "The member of a .jsonl line that holds its text."});
    v.field("max_mib", max_mib,
            {.help = "Text read at most; what lies behind is left out with a warning.", .unit = "MiB", .min = 1, .max = 65536});
    v.field("skip_bad_lines", skip_bad_lines, {.help = "Count bad lines and go on instead of stopping at the first."});
  }
};

struct TextCollection {
  std::vector<std::string> sentences;  // fit to be filler, each once, in order of occurrence
  std::int64_t num_files = 0;
  std::int64_t num_skipped = 0;  // bad lines
};

/// Fewer sentences than this cannot fill prompts.
inline constexpr std::size_t kFewestSentences = 100;

/// Reads all of it; files of a folder in the order of their names, others than the above passed over.
/// Throws UserError FILE:LINE for bytes that are no UTF-8 text, a .jsonl line without the field, a dictionary's index that points outside,
/// and when fewer than kFewestSentences are left.
TextCollection load_text(const TextSource& source);

/// The sentence as filler, or an empty string where it does not suit: references in brackets, markup and a verse's number go; a sentence
/// with digits, a stop inside, less than 16 or more than 320 bytes, or words one would rather not read does not suit.
std::string filler_from_prose(std::string_view sentence);

/// Where the first byte is that is a control character or no part of UTF-8; npos when there is none.
std::size_t first_bad_byte(std::string_view text);

/// Whether `text` holds words of the body, of abuse or of crime that no exercise needs.
bool is_unpleasant(std::string_view text);

}  // namespace longbow::data
