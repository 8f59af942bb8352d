// Dictionaries of the dictd server: an index of headwords with offsets in base 64, and their articles in one file, compressed in
// chunks (dictzip) that read in a row are plain gzip. Format: dictd(8), dictfmt(1), dictzip(1).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "data/bad_lines.h"

namespace longbow::data {

/// Gives every article's text without its headword's line, once, in the order of the file; those about the dictionary itself
/// ("00-database-…") are left out. `index_path` ends in ".index"; the articles are in ".dict.dz" or ".dict" beside it. `bad_lines` takes
/// the index's bad lines, and articles that are corrupt or more than `max_bytes` of text from there on. Throws UserError when a file is
/// missing.
void read_dictionary(const std::string& index_path, std::int64_t max_bytes, const std::function<void(std::string_view)>& article,
                     BadLines& bad_lines);

}  // namespace longbow::data
