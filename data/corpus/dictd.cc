#include "data/corpus/dictd.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/line_reader.h"
#include "data/bad_lines.h"

namespace longbow::data {
namespace {

// dictd's numbers: digits of base 64, most significant first.
std::optional<std::int64_t> base64_number(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kMostDigits = 8;  // 48 bits
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * 64 + static_cast<std::int64_t>(digit);
  }
  return value;
}

std::string articles_path(const std::string& index_path) {
  const std::string stem = index_path.substr(0, index_path.size() - std::string_view(".index").size());
  for (const char* ending : {".dict.dz", ".dict"}) {
    if (std::filesystem::is_regular_file(stem + ending)) return stem + ending;
  }
  throw UserError(concat("dictionary: expected ", stem, ".dict.dz beside its index, got no such file (", index_path, ")"));
}

// What comes before the place where a file breaks, if it does.
std::string read_whole(const std::string& path, std::int64_t max_bytes, BadLines& bad_lines) {
  LineReader reader(path, {.max_bytes = max_bytes});
  std::string text, bytes;
  try {
    while (reader.next_bytes(bytes)) text += bytes;
  } catch (const UserError& error) {
    bad_lines.refuse(error.what(), error.hint());
  }
  return text;
}

}  // namespace

void read_dictionary(const std::string& index_path, std::int64_t max_bytes, const std::function<void(std::string_view)>& article,
                     BadLines& bad_lines) {
  const std::string path = articles_path(index_path);
  const std::string text = read_whole(path, max_bytes, bad_lines);
  const auto size = static_cast<std::int64_t>(text.size());
  LineReader index(index_path);
  std::set<std::pair<std::int64_t, std::int64_t>> places;  // several headwords share an article
  const auto take = [&](const std::string& line) {
    const std::size_t tab = line.find('\t'), second = line.find('\t', std::min(tab, line.size() - 1) + 1);
    if (line.empty() || tab == std::string::npos || second == std::string::npos) {
      throw UserError(concat("expected a headword, an offset and a length between tabs, got ", line.size(), " bytes without"));
    }
    if (line.starts_with("00-database") || line.starts_with("00database")) return;
    const auto offset = base64_number(std::string_view(line).substr(tab + 1, second - tab - 1));
    const std::string_view rest = std::string_view(line).substr(second + 1);
    const auto length = base64_number(rest.substr(0, rest.find('\t')));
    if (!offset || !length || *offset > size || *length > size - *offset) {
      throw UserError(concat("expected an article within the ", size, " bytes of ", path, ", got ",
                             offset && length ? concat(*length, " bytes at ", *offset) : "no numbers of base 64"));
    }
    places.emplace(*offset, *length);
  };
  while (next_good_line(index, bad_lines, take)) {
  }
  for (const auto& [offset, length] : places) {
    const std::string_view whole = std::string_view(text).substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
    article(whole.substr(std::min(whole.find('\n'), whole.size())));
  }
}

}  // namespace longbow::data
