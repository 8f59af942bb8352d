// Checksums: crc32c guards what is framed (messages, event files), hash64 names what is large (weights, data sets, corpora).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace longbow {

/// CRC-32C (Castagnoli; iSCSI, RFC 3720 B.4). Pass an earlier result as `crc` to continue over several pieces.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// XXH64 of `bytes`: no defence against malice, but equal hashes of unequal blobs do not happen by accident.
/// Cost: several GB/s. Source: Y. Collet, xxHash specification 0.1.1.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

/// The same of bytes that come in pieces, for files that are never in memory whole.
class Hash64 {
 public:
  explicit Hash64(std::uint64_t seed = 0);
  void add(std::string_view bytes);
  /// Of all bytes so far.
  std::uint64_t value() const;

 private:
  void add_stripes(std::string_view& bytes);

  std::uint64_t seed_;
  std::array<std::uint64_t, 4> lanes_;
  std::string rest_;  // fewer than 32 bytes, which no lane has seen
  std::uint64_t num_bytes_ = 0;
};

}  // namespace longbow
