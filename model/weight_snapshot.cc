#include "model/weight_snapshot.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "core/errors.h"
#include "core/random.h"
#include "model/mapped_file.h"

namespace longbow::model {
namespace {

constexpr char kMagic[8] = {'L', 'B', 'W', 'E', 'I', 'G', 'H', 'T'};
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::int64_t kChunk = std::int64_t{1} << 20;  // elements rounded, or bytes checksummed, at a time

/// The first 64 bytes of a snapshot, little-endian, without padding.
struct Header {
  char magic[8];
  std::uint32_t format_version;
  std::uint32_t dtype;  // 0: f32, 1: bf16
  std::int64_t policy_version;
  std::uint64_t layout_hash;
  std::int64_t num_elements;
  std::int64_t value_bytes;
  std::uint32_t value_checksum;   // CRC-32 of the values
  std::uint32_t reserved[2];      // zero
  std::uint32_t header_checksum;  // CRC-32 of the 60 bytes before
};
static_assert(sizeof(Header) == 64);

std::uint32_t extend_checksum(std::uint32_t checksum, const void* bytes, std::int64_t size) {
  return static_cast<std::uint32_t>(::crc32_z(checksum, static_cast<const Bytef*>(bytes), size));
}

std::uint32_t header_checksum(const Header& header) { return extend_checksum(0, &header, sizeof(Header) - sizeof(std::uint32_t)); }

void check_header(const Header& header, std::int64_t size, const std::string& source, const ParameterLayout& layout) {
  const auto fail = [&](const std::string& problem) { throw UserError(concat("weight snapshot: ", problem, " (", source, ")")); };
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) fail("expected the magic 'LBWEIGHT', got something else");
  if (header.format_version != kFormatVersion) fail(concat("expected format version ", kFormatVersion, ", got ", header.format_version));
  const std::uint32_t checksum = header_checksum(header);
  if (header.header_checksum != checksum) fail(concat("expected header checksum ", checksum, ", got ", header.header_checksum));
  if (header.dtype > 1) fail(concat("expected dtype 0 or 1, got ", header.dtype));
  if (header.layout_hash != layout_hash(layout)) fail("expected the weights of this model, got those of another (layout hash differs)");
  if (header.num_elements != layout.total) fail(concat("expected ", layout.total, " elements, got ", header.num_elements));
  const std::int64_t value_bytes = layout.total * (header.dtype == 0 ? 4 : 2);
  if (header.value_bytes != value_bytes || size - static_cast<std::int64_t>(sizeof(Header)) != value_bytes) {
    fail(concat("expected ", value_bytes, " bytes of values, got ", size - static_cast<std::int64_t>(sizeof(Header))));
  }
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

  ReplacementFile file(path);
  file.write(&header, sizeof(header));  // holds the place: the checksum is known last
  std::vector<kernels::bf16> rounded;
  for (std::int64_t begin = 0; begin < layout.total; begin += kChunk) {
    const std::int64_t count = std::min(kChunk, layout.total - begin);
    const void* bytes = values + begin;
    if (dtype == kernels::DType::bf16) {
      rounded.resize(count);
      std::transform(values + begin, values + begin + count, rounded.begin(), kernels::to_bf16);
      bytes = rounded.data();
    }
    header.value_checksum = extend_checksum(header.value_checksum, bytes, count * kernels::size_of(dtype));
    file.write(bytes, count * kernels::size_of(dtype));
  }
  header.header_checksum = header_checksum(header);
  file.write_at(0, &header, sizeof(header));
  file.commit();
}

SnapshotInfo parse_snapshot(const void* bytes, std::int64_t size, const std::string& source, const ParameterLayout& layout, float* values) {
  Header header;
  if (size < static_cast<std::int64_t>(sizeof(header))) {
    throw UserError(concat("weight snapshot: expected at least ", sizeof(header), " bytes, got ", size, " (", source, ")"));
  }
  std::memcpy(&header, bytes, sizeof(header));
  check_header(header, size, source, layout);
  const std::uint8_t* stored = static_cast<const std::uint8_t*>(bytes) + sizeof(header);
  const std::uint32_t checksum = extend_checksum(0, stored, header.value_bytes);
  if (checksum != header.value_checksum) {
    throw UserError(concat("weight snapshot: corrupt: expected checksum ", header.value_checksum, ", got ", checksum, " (", source, ")"));
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
