#include "core/checksum.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/random.h"

namespace longbow {
namespace {

// RFC 3720, B.4, and the usual check value.
TEST(Crc32c, MatchesTheRfc) {
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i), descending += static_cast<char>(31 - i);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(ascending), 0x46DD794Eu);
  EXPECT_EQ(crc32c(descending), 0x113FDB5Cu);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(Crc32c, ContinuesOverPieces) {
  const std::string text = "a piece, and another piece that is longer";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text)) << cut;
}

TEST(Hash64, MatchesPublishedXxh64) {
  EXPECT_EQ(hash64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(hash64("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(hash64("abc"), 0x44BC2CF5AD770999u);
}

TEST(Hash64, TakesBytesInPieces) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i * 7);
  for (std::size_t first = 0; first <= text.size(); first += 3) {
    for (const std::size_t second : {std::size_t{0}, std::size_t{1}, std::size_t{31}, std::size_t{33}}) {
      Hash64 hash(5);
      hash.add(std::string_view(text).substr(0, first));
      hash.add(std::string_view(text).substr(first, second));
      hash.add(std::string_view(text).substr(std::min(text.size(), first + second)));
      EXPECT_EQ(hash.value(), hash64(text, 5)) << first << ", " << second;
    }
  }
}

// zstd ends a frame with the low half of its content's XXH64: an oracle for every length.
TEST(Hash64, MatchesZstdForEveryLength) {
  Rng rng(1, {});
  std::string text;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  for (int length = 0; length < 200; ++length) {
    std::string frame(ZSTD_compressBound(text.size()), '\0');
    const std::size_t size = ZSTD_compress2(context, frame.data(), frame.size(), text.data(), text.size());
    ASSERT_FALSE(ZSTD_isError(size));
    std::uint32_t stored;
    std::memcpy(&stored, frame.data() + size - 4, 4);
    EXPECT_EQ(static_cast<std::uint32_t>(hash64(text)), stored) << length;
    text += static_cast<char>(rng.below(256));
  }
  ZSTD_freeCCtx(context);
}

TEST(Hash64, DependsOnTheSeed) { EXPECT_NE(hash64("abc", 1), hash64("abc", 2)); }

}  // namespace
}  // namespace longbow
