#include "core/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace longbow {
namespace {

static_assert(std::endian::native == std::endian::little, "both checksums read words in little-endian order");

// tables[k][b]: the CRC of byte b followed by k zero bytes, so that eight bytes take eight look-ups and no chain.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);  // the reflected Castagnoli polynomial
    tables[0][byte] = crc;
  }
  for (int k = 1; k < 8; ++k) {
    for (int byte = 0; byte < 256; ++byte) tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
  }
  return tables;
}
constexpr CrcTables kCrc = make_crc_tables();

template <class Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87u, kPrime2 = 0xC2B2AE3D27D4EB4Fu, kPrime3 = 0x165667B19E3779F9u;
constexpr std::uint64_t kPrime4 = 0x85EBCA77C2B2AE63u, kPrime5 = 0x27D4EB2F165667C5u;

constexpr std::size_t kStripe = 32;  // bytes that the four lanes take at once

std::uint64_t xxh_round(std::uint64_t lane, std::uint64_t input) { return std::rotl(lane + input * kPrime2, 31) * kPrime1; }

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = load<std::uint64_t>(at) ^ crc;
    crc = 0;
    for (int k = 0; k < 8; ++k) crc ^= kCrc[7 - k][word >> (8 * k) & 255];
  }
  for (; left > 0; ++at, --left) crc = crc >> 8 ^ kCrc[0][(crc ^ static_cast<unsigned char>(*at)) & 255];
  return ~crc;
}

Hash64::Hash64(std::uint64_t seed) : seed_(seed), lanes_{seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1} {}

void Hash64::add_stripes(std::string_view& bytes) {
  for (; bytes.size() >= kStripe; bytes.remove_prefix(kStripe)) {
    for (int i = 0; i < 4; ++i) lanes_[i] = xxh_round(lanes_[i], load<std::uint64_t>(bytes.data() + 8 * i));
  }
}

void Hash64::add(std::string_view bytes) {
  num_bytes_ += bytes.size();
  if (!rest_.empty()) {
    const std::size_t missing = std::min(kStripe - rest_.size(), bytes.size());
    rest_ += bytes.substr(0, missing);
    bytes.remove_prefix(missing);
    if (rest_.size() < kStripe) return;
    std::string_view stripe = rest_;
    add_stripes(stripe);
    rest_.clear();
  }
  add_stripes(bytes);
  rest_ = bytes;
}

std::uint64_t Hash64::value() const {
  std::uint64_t hash = seed_ + kPrime5;
  if (num_bytes_ >= kStripe) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_) hash = (hash ^ xxh_round(0, lane)) * kPrime1 + kPrime4;
  }
  hash += num_bytes_;
  const char* at = rest_.data();
  std::size_t left = rest_.size();
  for (; left >= 8; at += 8, left -= 8) hash = std::rotl(hash ^ xxh_round(0, load<std::uint64_t>(at)), 27) * kPrime1 + kPrime4;
  if (left >= 4) {
    hash = std::rotl(hash ^ load<std::uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
    left -= 4;
  }
  for (; left > 0; ++at, --left) hash = std::rotl(hash ^ static_cast<unsigned char>(*at) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  Hash64 hash(seed);
  hash.add(bytes);
  return hash.value();
}

}  // namespace longbow
