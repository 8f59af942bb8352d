#include "model/weight_snapshot.h"

#include <algorithm>
#include <cstring>

#include "core/atomic_file.h"
#include "core/checksum.h"
#include "core/errors.h"
#include "core/random.h"
#include "model/mapped_file.h"

namespace longbow::model {
namespace {

constexpr char kMagic[8] = {'L', 'B', 'W', 'E', 'I', 'G', 'H', 'T'};
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::int64_t kChunk = std::int64_t{1} << 20;  // elements written, and hashed, at a time

/// The first 48 bytes of a snapshot, little-endian, without padding. The values follow, then the checksum of both.
struct Header {
  char magic[8];
  std::uint32_t format_version;
  std::uint32_t dtype;  // 0: f32, 1: bf16
  std::int64_t policy_version;
  std::uint64_t layout_hash;
  std::int64_t num_elements;
  std::int64_t value_bytes;
};
static_assert(sizeof(Header) == 48);
constexpr std::int64_t kHeaderBytes = sizeof(Header);
constexpr std::int64_t kChecksumBytes = sizeof(std::uint64_t);

std::string_view view(const void* bytes, std::int64_t size) { return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}; }

/// Chained over the header and then each chunk of values, so that it can be computed while writing.
std::uint64_t checksum_of(const Header& header, const std::uint8_t* values) {
  std::uint64_t checksum = hash64(view(&header, kHeaderBytes));
  const std::int64_t chunk_bytes = kChunk * (header.dtype == 0 ? 4 : 2);
  for (std::int64_t begin = 0; begin < header.value_bytes; begin += chunk_bytes) {
    checksum = hash64(view(values + begin, std::min(chunk_bytes, header.value_bytes - begin)), checksum);
  }
  return checksum;
}

void check_header(const Header& header, std::int64_t size, const std::string& source, const ParameterLayout& layout) {
  const auto fail = [&](const std::string& problem) { throw UserError(concat("weight snapshot: ", problem, " (", source, ")")); };
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) fail("expected the magic 'LBWEIGHT', got something else");
  if (header.format_version != kFormatVersion) fail(concat("expected format version ", kFormatVersion, ", got ", header.format_version));
  if (header.dtype > 1) fail(concat("expected dtype 0 or 1, got ", header.dtype));
  if (header.layout_hash != layout_hash(layout)) fail("expected the weights of this model, got those of another (layout hash differs)");
  if (header.num_elements != layout.total) fail(concat("expected ", layout.total, " elements, got ", header.num_elements));
  const std::int64_t value_bytes = layout.total * (header.dtype == 0 ? 4 : 2);
  if (header.value_bytes != value_bytes) fail(concat("expected ", value_bytes, " bytes of values, got ", header.value_bytes));
  const std::int64_t expected_size = kHeaderBytes + value_bytes + kChecksumBytes;
  if (size != expected_size) fail(concat("expected ", expected_size, " bytes, got ", size));
}

}  // namespace

std::uint64_t layout_hash(const ParameterLayout& layout) {
  std::string text;
  for (const ParameterInfo& parameter : layout.parameters) {
    text += parameter.name;
    for (const std::int64_t extent : parameter.shape) text += concat(":", extent);
    text += '\n';
  }
  return stable_hash(text);
}

void write_snapshot(const std::string& path, const ParameterLayout& layout, const float* values, kernels::DType dtype,
                    std::int64_t policy_version) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.format_version = kFormatVersion;
  header.dtype = dtype == kernels::DType::f32 ? 0 : 1;
  header.policy_version = policy_version;
  header.layout_hash = layout_hash(layout);
  header.num_elements = layout.total;
  header.value_bytes = layout.total * kernels::size_of(dtype);

  AtomicFile file(path);
  file.write(view(&header, kHeaderBytes));
  std::uint64_t checksum = hash64(view(&header, kHeaderBytes));
  std::vector<kernels::bf16> rounded;
  for (std::int64_t begin = 0; begin < layout.total; begin += kChunk) {
    const std::int64_t count = std::min(kChunk, layout.total - begin);
    const void* bytes = values + begin;
    if (dtype == kernels::DType::bf16) {
      rounded.resize(count);
      std::transform(values + begin, values + begin + count, rounded.begin(), kernels::to_bf16);
      bytes = rounded.data();
    }
    const std::string_view chunk = view(bytes, count * kernels::size_of(dtype));
    checksum = hash64(chunk, checksum);
    file.write(chunk);
  }
  file.write(view(&checksum, kChecksumBytes));
  file.commit();
}

SnapshotInfo parse_snapshot(const void* bytes, std::int64_t size, const std::string& source, const ParameterLayout& layout, float* values) {
  Header header;
  if (size < kHeaderBytes) {
    throw UserError(concat("weight snapshot: expected at least ", kHeaderBytes, " bytes, got ", size, " (", source, ")"));
  }
  std::memcpy(&header, bytes, kHeaderBytes);
  check_header(header, size, source, layout);
  const std::uint8_t* stored = static_cast<const std::uint8_t*>(bytes) + kHeaderBytes;
  std::uint64_t expected = 0;
  std::memcpy(&expected, stored + header.value_bytes, kChecksumBytes);
  const std::uint64_t checksum = checksum_of(header, stored);
  if (checksum != expected) {
    throw UserError(concat("weight snapshot: corrupt: expected checksum ", expected, ", got ", checksum, " (", source, ")"));
  }
  if (header.dtype == 0) {
    std::memcpy(values, stored, header.value_bytes);
  } else {
    for (std::int64_t i = 0; i < layout.total; ++i) {
      kernels::bf16 value;
      std::memcpy(&value, stored + 2 * i, sizeof(value));
      values[i] = kernels::to_float(value);
    }
  }
  return {header.policy_version, size};
}

SnapshotInfo read_snapshot(const std::string& path, const ParameterLayout& layout, float* values) {
  const MappedFile file(path);
  return parse_snapshot(file.data(), file.size(), path, layout, values);
}

}  // namespace longbow::model
