// Checksums: crc32c guards what is framed (messages, event files), hash64 names what is large (weights, data sets, corpora).
#pragma once

#include <cstdint>
#include <string_view>

namespace longbow {

/// CRC-32C (Castagnoli; iSCSI, RFC 3720 B.4). Pass an earlier result as `crc` to continue over several pieces.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// XXH64 of `bytes`: no defence against malice, but equal hashes of unequal blobs do not happen by accident.
/// Cost: several GB/s. Source: Y. Collet, xxHash specification 0.1.1.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace longbow
