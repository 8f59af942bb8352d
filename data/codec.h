// Bytes on the wire: an Encoder and a Decoder with the same vocabulary, so that a message's layout is written once
// (a function template `fields`) and read back by the same lines. Everything is little-endian; the decoder trusts nothing:
// each length is held against its limit and against the bytes that are left before anything is allocated.
// The envelope (magic, version, kind, length, CRC-32C) and every message's layout are specified in docs/wire_format.md.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "data/trajectory.h"

namespace longbow::data {

static_assert(std::endian::native == std::endian::little, "the codec copies integers as they lie in memory");

inline constexpr std::uint16_t kWireVersion = 2;
inline constexpr std::int64_t kEnvelopeBytes = 20;
inline constexpr std::int64_t kMaxChunkBytes = std::int64_t{256} << 20;

/// What an envelope holds. The numbers are part of the format.
enum class WireKind : std::uint16_t {
  group = 1,
  prompt = 2,
  hello = 16,
  welcome = 17,
  lease_request = 18,
  lease = 19,
  wait = 20,
  group_done = 21,
  ack = 22,
  heartbeat = 23,
  status = 24,
  weights_request = 25,
  weights_chunk = 26,
  goodbye = 27,
  finished = 28,
  refuse = 29,
  decline = 30,
};

/// Writes the payload of one message; `finish` puts it into its envelope.
class Encoder {
 public:
  explicit Encoder(WireKind kind);

  template <class T>
  using Field = const T&;

  template <class T>
  requires std::is_arithmetic_v<T>
  void number(const char*, const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  template <class T>
  void number_in(const char* name, const T& value, T, T) {
    number(name, value);
  }
  void flag(const char* name, const bool& value) { number(name, static_cast<std::uint8_t>(value)); }
  /// Throws UserError for text that no decoder with default limits would take.
  void text(const char* name, const std::string& value);
  void blob(const char* name, const std::string& value, std::int64_t max_bytes);
  void tokens(const char* name, const std::vector<std::int32_t>& values, std::int64_t max_count);
  /// As many as the list of tokens before it: the count is not repeated.
  void logprobs(const char* name, const std::vector<float>& values, std::size_t count);
  template <class T, class Body>
  void list(const char* name, const std::vector<T>& values, std::int64_t /*max_count*/, std::int64_t /*min_bytes_each*/, Body body) {
    number(name, static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) body(value);
  }
  const CodecLimits& limits() const { return limits_; }

  std::string finish() &&;

 private:
  std::string bytes_;
  CodecLimits limits_;
};

/// Reads one message. Every complaint is a UserError that names the message, the field and the byte.
class Decoder {
 public:
  /// Checks the whole envelope: length, magic, version, checksum; the kind is then `kind()`.
  Decoder(std::string_view bytes, const CodecLimits& limits);

  template <class T>
  using Field = T&;

  WireKind kind() const { return kind_; }
  const CodecLimits& limits() const { return limits_; }

  template <class T>
  requires std::is_arithmetic_v<T>
  void number(const char* name, T& value) { std::memcpy(&value, take(name, sizeof value), sizeof value); }
  template <class T>
  void number_in(const char* name, T& value, T low, T high) {
    number(name, value);
    if (!(value >= low && value <= high))
      out_of_range(name, static_cast<double>(low), static_cast<double>(high), static_cast<double>(value));
  }
  void flag(const char* name, bool& value);
  void text(const char* name, std::string& value) { blob(name, value, limits_.max_text_bytes); }
  void blob(const char* name, std::string& value, std::int64_t max_bytes);
  void tokens(const char* name, std::vector<std::int32_t>& values, std::int64_t max_count);
  void logprobs(const char* name, std::vector<float>& values, std::size_t count);
  template <class T, class Body>
  void list(const char* name, std::vector<T>& values, std::int64_t max_count, std::int64_t min_bytes_each, Body body) {
    values.resize(count(name, max_count, min_bytes_each));
    for (T& value : values) body(value);
  }

  /// Throws unless every byte of the payload was read.
  void finish() const;
  [[noreturn]] void fail(const char* name, const std::string& what) const;

 private:
  const char* take(const char* name, std::int64_t num_bytes);
  /// A list's length, refused beyond `max_count` or when the bytes left cannot hold that many elements.
  std::size_t count(const char* name, std::int64_t max_count, std::int64_t min_bytes_each);
  [[noreturn]] void out_of_range(const char* name, double low, double high, double value) const;

  std::string_view bytes_;
  std::size_t position_ = kEnvelopeBytes;
  WireKind kind_{};
  CodecLimits limits_;
};

std::string_view name_of(WireKind kind);

/// The layouts that several messages share; trajectory.cc defines them for both directions.
template <class Codec>
void prompt_fields(Codec& codec, typename Codec::template Field<Prompt> prompt);
template <class Codec>
void group_fields(Codec& codec, typename Codec::template Field<Group> group);

}  // namespace longbow::data
