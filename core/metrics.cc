#include "core/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "core/atomic_file.h"
#include "core/checksum.h"
#include "core/errors.h"
#include "core/line_reader.h"

namespace longbow {
namespace internal {
namespace {

// Protobuf's wire types and the field numbers of tensorflow.Event, Summary and Summary.Value.
enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
constexpr unsigned kEventWallTime = 1, kEventStep = 2, kEventFileVersion = 3, kEventSummary = 5;
constexpr unsigned kSummaryValue = 1, kValueTag = 1, kValueSimple = 2;
constexpr std::size_t kRecordOverheadBytes = 16;

template <class Word>
void put_word(std::string& out, Word word) {
  for (std::size_t i = 0; i < sizeof(word); ++i) out += static_cast<char>(word >> (8 * i) & 255);  // little-endian
}

template <class Word>
Word get_word(std::string_view bytes) {
  Word word = 0;
  for (std::size_t i = 0; i < sizeof(word); ++i) word |= static_cast<Word>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return word;
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}
void put_tag(std::string& out, unsigned field, WireType type) { put_varint(out, field << 3 | type); }
void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_tag(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}
void put_wall_time(std::string& out, double wall_time) {
  put_tag(out, kEventWallTime, kFixed64);
  put_word(out, std::bit_cast<std::uint64_t>(wall_time));
}

// TensorFlow masks its checksums, since a checksum of data that holds checksums is weak.
std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

std::optional<std::uint64_t> take_varint(std::string_view& data) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !data.empty(); shift += 7) {
    const unsigned char byte = static_cast<unsigned char>(data[0]);
    data.remove_prefix(1);
    value |= std::uint64_t{byte & 127u} << shift;
    if (byte < 128) return value;
  }
  return std::nullopt;
}

// The step of an event (0 when it has none, as the version record); nothing when the data is no protobuf of ours.
std::optional<std::int64_t> event_step(std::string_view data) {
  while (!data.empty()) {
    const auto tag = take_varint(data);
    if (!tag) return std::nullopt;
    std::size_t skipped = 0;
    if (*tag == (kEventStep << 3 | kVarint)) {
      const auto step = take_varint(data);
      return step ? std::optional(static_cast<std::int64_t>(*step)) : std::nullopt;
    } else if ((*tag & 7) == kFixed64) {
      skipped = 8;
    } else if ((*tag & 7) == kBytes) {
      const auto length = take_varint(data);
      if (!length || *length > data.size()) return std::nullopt;
      skipped = static_cast<std::size_t>(*length);
    } else {
      return std::nullopt;
    }
    if (skipped > data.size()) return std::nullopt;
    data.remove_prefix(skipped);
  }
  return 0;
}

}  // namespace

std::string event_record(std::string_view data) {
  std::string record;
  put_word(record, static_cast<std::uint64_t>(data.size()));
  put_word(record, masked_crc(std::string_view(record).substr(0, 8)));
  record += data;
  put_word(record, masked_crc(data));
  return record;
}

std::string version_event(double wall_time) {
  std::string event;
  put_wall_time(event, wall_time);
  put_bytes(event, kEventFileVersion, "brain.Event:2");
  return event;
}

std::string scalar_event(double wall_time, std::int64_t step, std::string_view tag, float value) {
  std::string scalar, summary, event;
  put_bytes(scalar, kValueTag, tag);
  put_tag(scalar, kValueSimple, kFixed32);
  put_word(scalar, std::bit_cast<std::uint32_t>(value));
  put_bytes(summary, kSummaryValue, scalar);
  put_wall_time(event, wall_time);
  put_tag(event, kEventStep, kVarint);
  put_varint(event, static_cast<std::uint64_t>(step));
  put_bytes(event, kEventSummary, summary);
  return event;
}

std::size_t events_until(std::string_view file, std::int64_t last_step) {
  std::size_t kept = 0;
  while (file.size() - kept >= kRecordOverheadBytes) {
    const std::string_view record = file.substr(kept);
    const auto length = get_word<std::uint64_t>(record);
    if (get_word<std::uint32_t>(record.substr(8)) != masked_crc(record.substr(0, 8))) break;
    if (length > record.size() - kRecordOverheadBytes) break;
    const std::string_view data = record.substr(12, length);
    if (get_word<std::uint32_t>(record.substr(12 + length)) != masked_crc(data)) break;
    const auto step = event_step(data);
    if (!step || *step > last_step) break;
    kept += kRecordOverheadBytes + static_cast<std::size_t>(length);
  }
  return kept;
}

std::size_t lines_until(std::string_view file, std::int64_t last_step) {
  std::size_t kept = 0;
  while (kept < file.size()) {
    const std::size_t end = file.find('\n', kept);
    if (end == std::string_view::npos) break;
    try {
      const Json line = parse_json(file.substr(kept, end - kept), "metrics.jsonl");
      if (line.at("step").as_integer() > last_step) break;
    } catch (const UserError&) {
      break;  // damaged: nothing after it can be trusted
    }
    kept = end + 1;
  }
  return kept;
}

namespace {

// Opens for appending and cuts the file to the bytes that `kept_of` tells to keep.
template <class KeptOf>
int open_cut(const std::string& path, std::int64_t last_step, const KeptOf& kept_of) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor < 0) throw UserError(concat("cannot write: expected a writable folder, got \"", std::strerror(errno), "\" (", path, ")"));
  const std::size_t kept = last_step < 0 ? 0 : kept_of(read_file(path), last_step);
  if (::ftruncate(descriptor, static_cast<off_t>(kept)) != 0) {
    throw UserError(concat("cannot cut: expected a regular file, got \"", std::strerror(errno), "\" (", path, ")"));
  }
  return descriptor;
}

void add_scalars(std::string& records, double wall_time, std::int64_t step, const std::string& path, const Json& value) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.as_object())
      add_scalars(records, wall_time, step, path.empty() ? name : path + "/" + name, member);
  } else if (value.is_number()) {
    records += event_record(scalar_event(wall_time, step, path, static_cast<float>(value.as_number())));
  }
}

double wall_seconds() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace
}  // namespace internal

MetricsWriter::MetricsWriter(const std::string& folder, std::int64_t last_step)
    : json_path_(folder + "/metrics.jsonl"), events_path_(folder + "/events.out.tfevents.longbow"), last_step_(last_step) {
  make_directories(folder);
  json_ = internal::open_cut(json_path_, last_step, internal::lines_until);
  events_ = internal::open_cut(events_path_, last_step, internal::events_until);
  if (::lseek(events_, 0, SEEK_END) == 0)
    append(events_, internal::event_record(internal::version_event(internal::wall_seconds())), events_path_);
}

MetricsWriter::~MetricsWriter() {
  ::close(json_);
  ::close(events_);
}

void MetricsWriter::append(int descriptor, std::string_view bytes, const std::string& path) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      throw UserError(concat("cannot write: expected room for ", bytes.size(), " bytes, got \"", std::strerror(errno), "\" (", path, ")"));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void MetricsWriter::write(std::int64_t step, const Json& metrics) {
  LONGBOW_CHECK_GT(step, last_step_);
  Json line = Json::object();
  line["step"] = step;
  std::string records;
  for (const auto& [name, value] : metrics.as_object()) {
    if (name == "step") continue;
    internal::add_scalars(records, internal::wall_seconds(), step, name, value);
    line.as_object().emplace_back(name, value);
  }
  append(json_, line.dump() + "\n", json_path_);
  append(events_, records, events_path_);
  last_step_ = step;
}

}  // namespace longbow
