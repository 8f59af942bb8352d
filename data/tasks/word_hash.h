// Words of a text as numbers: what bots, decontamination and filler ask of a long text is whether a word is one of a few, and
// that needs no copy of it. Words are runs of ASCII letters and digits, as lower_words() has them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace longbow::data {

namespace internal {
// The lower-case form of a word's byte; 0 for any other byte.
inline constexpr std::array<unsigned char, 256> kWordBytes = [] {
  std::array<unsigned char, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = static_cast<unsigned char>(c);
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = static_cast<unsigned char>(c);
  return table;
}();
}  // namespace internal

/// Calls `visit(hash, start, end)` for each word in order; equal words but for case have equal 64-bit hashes (FNV-1a and a finaliser).
template <class Visit>
void for_each_word(std::string_view text, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    if (internal::kWordBytes[static_cast<unsigned char>(text[at])] == 0) {
      ++at;
      continue;
    }
    const std::size_t start = at;
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (; at < text.size(); ++at) {
      const unsigned char byte = internal::kWordBytes[static_cast<unsigned char>(text[at])];
      if (byte == 0) break;
      hash = (hash ^ byte) * 0x100000001B3u;
    }
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
    visit(hash ^ hash >> 32, start, at);
  }
}

/// Of a text that is one word; 0 for a text without any.
inline std::uint64_t word_hash(std::string_view word) {
  std::uint64_t found = 0;
  for_each_word(word, [&](std::uint64_t hash, std::size_t, std::size_t) { found = hash; });
  return found;
}

}  // namespace longbow::data
