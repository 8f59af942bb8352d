#include "data/codec.h"

#include <cmath>

#include "core/checksum.h"
#include "core/errors.h"

namespace longbow::data {
namespace {

constexpr std::string_view kMagic = "LNGB";
constexpr std::size_t kChecksumAt = 16;  // of the envelope: magic 4, version 2, kind 2, payload length 8, then the checksum

std::uint32_t envelope_checksum(std::string_view bytes) {
  return crc32c(bytes.substr(static_cast<std::size_t>(kEnvelopeBytes)), crc32c(bytes.substr(0, kChecksumAt)));
}

template <class T>
T load(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

std::string_view name_of(WireKind kind) {
  switch (kind) {
    case WireKind::group:
      return "group";
    case WireKind::prompt:
      return "prompt";
    case WireKind::hello:
      return "hello";
    case WireKind::welcome:
      return "welcome";
    case WireKind::lease_request:
      return "lease_request";
    case WireKind::lease:
      return "lease";
    case WireKind::wait:
      return "wait";
    case WireKind::group_done:
      return "group_done";
    case WireKind::ack:
      return "ack";
    case WireKind::heartbeat:
      return "heartbeat";
    case WireKind::status:
      return "status";
    case WireKind::weights_request:
      return "weights_request";
    case WireKind::weights_chunk:
      return "weights_chunk";
    case WireKind::goodbye:
      return "goodbye";
    case WireKind::finished:
      return "finished";
    case WireKind::refuse:
      return "refuse";
    case WireKind::decline:
      return "decline";
  }
  return "unknown";
}

Encoder::Encoder(WireKind kind) {
  bytes_.append(kMagic);
  number("version", kWireVersion);
  number("kind", static_cast<std::uint16_t>(kind));
  number("payload_bytes", std::uint64_t{0});  // known, like the checksum, only in finish()
  number("checksum", std::uint32_t{0});
}

void Encoder::text(const char* name, const std::string& value) { blob(name, value, limits_.max_text_bytes); }

void Encoder::blob(const char* name, const std::string& value, std::int64_t max_bytes) {
  if (static_cast<std::int64_t>(value.size()) > max_bytes) {
    throw UserError(concat("encode ", name, ": expected at most ", max_bytes, " bytes, got ", value.size()));
  }
  number(name, static_cast<std::uint32_t>(value.size()));
  bytes_.append(value);
}

void Encoder::tokens(const char* name, const std::vector<std::int32_t>& values, std::int64_t /*max_count*/) {
  number(name, static_cast<std::uint32_t>(values.size()));
  bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int32_t));
}

void Encoder::logprobs(const char* /*name*/, const std::vector<float>& values, std::size_t count) {
  LONGBOW_CHECK_EQ(values.size(), count);
  bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

std::string Encoder::finish() && {
  const std::uint64_t payload_bytes = bytes_.size() - static_cast<std::size_t>(kEnvelopeBytes);
  std::memcpy(bytes_.data() + 8, &payload_bytes, sizeof payload_bytes);
  const std::uint32_t checksum = envelope_checksum(bytes_);
  std::memcpy(bytes_.data() + kChecksumAt, &checksum, sizeof checksum);
  return std::move(bytes_);
}

Decoder::Decoder(std::string_view bytes, const CodecLimits& limits) : bytes_(bytes), limits_(limits) {
  if (bytes.size() < static_cast<std::size_t>(kEnvelopeBytes)) {
    throw UserError(concat("message: expected at least ", kEnvelopeBytes, " bytes, got ", bytes.size()));
  }
  if (bytes.substr(0, 4) != kMagic) throw UserError("message: expected the magic bytes 'LNGB', got others (is the peer Longbow?)");
  const auto version = load<std::uint16_t>(bytes, 4);
  if (version != kWireVersion) {
    throw UserError(concat("message: expected wire format version ", kWireVersion, ", got ", version),
                    "run the same release of longbow on both sides");
  }
  kind_ = static_cast<WireKind>(load<std::uint16_t>(bytes, 6));
  const auto payload_bytes = load<std::uint64_t>(bytes, 8);
  const std::uint64_t got = bytes.size() - static_cast<std::size_t>(kEnvelopeBytes);
  if (payload_bytes != got) throw UserError(concat("message: expected a payload of ", payload_bytes, " bytes, got ", got));
  const auto stated = load<std::uint32_t>(bytes, kChecksumAt);
  const std::uint32_t computed = envelope_checksum(bytes);
  if (stated != computed) throw UserError(concat("message: expected checksum ", stated, ", got ", computed, " (damaged on the way)"));
}

void Decoder::fail(const char* name, const std::string& what) const {
  throw UserError(concat(name_of(kind_), " message: ", name, ": ", what, " (at byte ", position_, ")"));
}

void Decoder::out_of_range(const char* name, double low, double high, double value) const {
  fail(name, concat("expected a value in [", low, ", ", high, "], got ", value));
}

const char* Decoder::take(const char* name, std::int64_t num_bytes) {
  const auto left = static_cast<std::int64_t>(bytes_.size() - position_);
  if (num_bytes > left) fail(name, concat("expected ", num_bytes, " bytes, got the ", left, " that are left"));
  const char* start = bytes_.data() + position_;
  position_ += static_cast<std::size_t>(num_bytes);
  return start;
}

std::size_t Decoder::count(const char* name, std::int64_t max_count, std::int64_t min_bytes_each) {
  std::uint32_t value = 0;
  number(name, value);
  if (value > max_count) fail(name, concat("expected at most ", max_count, ", got ", value));
  const auto left = static_cast<std::int64_t>(bytes_.size() - position_);
  if (value * min_bytes_each > left) {
    fail(name, concat("expected room for ", value, " elements, got ", left, " bytes that are left"));
  }
  return value;
}

void Decoder::flag(const char* name, bool& value) {
  std::uint8_t byte = 0;
  number_in<std::uint8_t>(name, byte, 0, 1);
  value = byte == 1;
}

void Decoder::blob(const char* name, std::string& value, std::int64_t max_bytes) {
  const std::size_t size = count(name, max_bytes, 1);
  value.assign(take(name, static_cast<std::int64_t>(size)), size);
}

void Decoder::tokens(const char* name, std::vector<std::int32_t>& values, std::int64_t max_count) {
  values.resize(count(name, max_count, sizeof(std::int32_t)));
  const std::size_t num_bytes = values.size() * sizeof(std::int32_t);
  const char* source = take(name, static_cast<std::int64_t>(num_bytes));
  if (num_bytes != 0) std::memcpy(values.data(), source, num_bytes);
  for (const std::int32_t token : values) {
    if (token < 0) fail(name, concat("expected token ids >= 0, got ", token));
  }
}

void Decoder::logprobs(const char* name, std::vector<float>& values, std::size_t count) {
  const std::size_t num_bytes = count * sizeof(float);
  const char* source = take(name, static_cast<std::int64_t>(num_bytes));
  values.resize(count);
  if (num_bytes != 0) std::memcpy(values.data(), source, num_bytes);
  for (const float value : values) {
    if (!std::isfinite(value)) fail(name, concat("expected finite numbers, got ", value));
  }
}

void Decoder::finish() const {
  if (position_ != bytes_.size()) {
    throw UserError(
        concat(name_of(kind_), " message: expected its end at byte ", position_, ", got ", bytes_.size() - position_, " more bytes"));
  }
}

}  // namespace longbow::data
