// The strict reader: RapidJSON's SAX reader lexes and checks UTF-8, the handler below builds the value and refuses the rest.
// Numbers arrive as text and are converted by std::from_chars, which rounds correctly.
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"

namespace longbow {
namespace {

constexpr std::int64_t kMaxFileBytes = std::int64_t{256} << 20;
constexpr std::int64_t kMaxValues = 1 << 22;  // "[0,0,…" takes twenty times its bytes in memory

class Builder {
 public:
  Builder(const rapidjson::MemoryStream& stream, int max_depth) : stream_(stream), max_depth_(max_depth) {}

  bool Null() { return add(Json()); }
  bool Bool(bool value) { return add(Json(value)); }
  bool RawNumber(const char* digits, rapidjson::SizeType length, bool) {
    const std::string_view text(digits, length);
    const char* end = digits + length;
    const bool is_integer = text.find_first_of(".eE") == std::string_view::npos;
    if (is_integer) {
      std::int64_t value = 0;
      if (std::from_chars(digits, end, value).ec == std::errc()) return add(Json(value));
    }
    double value = 0;
    const std::from_chars_result result = std::from_chars(digits, end, value);
    if (result.ec == std::errc::result_out_of_range && !underflows(text)) return fail("bad JSON: number out of a double's range");
    if (is_integer && !is_exact(value, text))
      return fail("bad JSON: expected an integer of 64 bits, got a larger one; as a string it would keep");
    return add(Json(value));
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (has_surrogate({text, length})) return fail(kLoneSurrogate);
    return add(Json(std::string(text, length)));
  }
  bool StartObject() { return open(Json::object()); }
  bool StartArray() { return open(Json::array()); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    Frame& frame = stack_.back();
    frame.key.assign(text, length);
    if (has_surrogate(frame.key)) return fail(kLoneSurrogate);
    if (is_duplicate(frame)) return fail(concat("duplicate key ", pointer()));
    return true;
  }

  // The SAX interface asks for these; with numbers as text they are never called.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  Json take() { return std::move(root_); }
  const std::string& error() const { return error_; }
  std::size_t error_offset() const { return error_offset_; }

 private:
  struct Frame {
    Json value;
    std::string key;                        // of the member being read
    std::unordered_set<std::string> names;  // of a large object, so that a big vocabulary does not cost a square
  };

  static constexpr const char* kLoneSurrogate = "bad JSON: the surrogate pair in string is invalid";

  // RapidJSON checks what follows the first half of a pair, but takes a lone second half ("\udc00") for a character; it is no UTF-8.
  static bool has_surrogate(std::string_view text) {
    for (std::size_t at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1)) {
      if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
    }
    return false;
  }

  // Whether a large integer survives as a double, as the 1e30 does that checkpoints write for "no limit". An id cut to 53 bits would not.
  static bool is_exact(double value, std::string_view digits) {
    char text[400];
    const char* end = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed).ptr;
    return std::string_view(text, end - text) == digits;
  }

  // from_chars reports 1e-999 and 1e999 alike: the first is a harmless zero.
  static bool underflows(std::string_view text) {
    const std::size_t e = text.find_first_of("eE");
    if (e != std::string_view::npos) return text[e + 1] == '-';
    return text.substr(text[0] == '-', 2) == "0.";
  }

  static bool is_duplicate(Frame& frame) {
    constexpr std::size_t kLarge = 32;
    const Json::Object& members = frame.value.as_object();
    if (members.size() < kLarge) return frame.value.find(frame.key) != nullptr;
    if (frame.names.empty()) {
      for (const auto& member : members) frame.names.insert(member.first);
    }
    return !frame.names.insert(frame.key).second;
  }

  bool open(Json container) {
    if (static_cast<int>(stack_.size()) >= max_depth_) return fail(concat("nested too deep: expected at most ", max_depth_, " levels"));
    stack_.push_back({std::move(container), {}, {}});
    return true;
  }
  bool close() {
    Json value = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(value));
  }
  bool add(Json value) {
    if (++num_values_ > kMaxValues) return fail(concat("too much JSON: expected at most ", kMaxValues, " values"));
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (Frame& frame = stack_.back(); frame.value.is_array()) {
      frame.value.push_back(std::move(value));
    } else {
      frame.value.as_object().emplace_back(std::move(frame.key), std::move(value));
    }
    return true;
  }

  std::string pointer() const {
    std::string path;
    for (const Frame& frame : stack_) {
      path += '/';
      if (frame.value.is_array()) {
        path += std::to_string(frame.value.size());
        continue;
      }
      for (const char c : frame.key) path += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
    }
    return path;
  }

  bool fail(std::string message) {
    error_ = std::move(message);
    error_offset_ = stream_.Tell() ? stream_.Tell() - 1 : 0;
    return false;
  }

  const rapidjson::MemoryStream& stream_;
  const int max_depth_;
  std::int64_t num_values_ = 0;
  std::vector<Frame> stack_;
  Json root_;
  std::string error_;
  std::size_t error_offset_ = 0;
};

[[noreturn]] void fail_at(std::string_view text, std::size_t offset, std::string_view source, std::string_view message) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = 1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start), before.end(),
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });  // characters, not bytes
  throw UserError(concat(source, ":", line, ":", column, ": ", message));
}

// What is no JSON, but is often given for it; empty when `text` is none of them.
std::string foreign_format(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) return "bad JSON: expected UTF-8, got UTF-16";
  if (text.starts_with("\x1F\x8B")) return "bad JSON: expected UTF-8, got gzip data under a name that does not end in .gz";
  if (text.starts_with("\x28\xB5\x2F\xFD")) return "bad JSON: expected UTF-8, got zstd data under a name that does not end in .zst";
  return "";
}

// RapidJSON's sentence in the shape of ours: "missing a colon after a name of object member".
std::string describe(rapidjson::ParseErrorCode code) {
  std::string message = rapidjson::GetParseError_En(code);
  if (!message.empty() && message.back() == '.') message.pop_back();
  if (!message.empty()) message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  return "bad JSON: " + message;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view source, JsonOptions options) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);  // a byte order mark
  rapidjson::MemoryStream stream(text.data(), text.size());
  Builder builder(stream, options.max_depth);
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = options.allow_comments ? reader.Parse<kFlags | rapidjson::kParseCommentsFlag>(stream, builder)
                                                               : reader.Parse<kFlags>(stream, builder);
  if (!builder.error().empty()) fail_at(text, builder.error_offset(), source, builder.error());
  if (result.IsError()) {
    const std::string foreign = foreign_format(text);
    fail_at(text, result.Offset(), source, foreign.empty() ? describe(result.Code()) : foreign);
  }
  // RapidJSON takes a NUL byte for the end of the text.
  if (stream.Tell() < text.size()) fail_at(text, stream.Tell(), source, "bad JSON: a NUL byte after the value");
  return builder.take();
}

Json read_json_file(const std::string& path, JsonOptions options) {
  if (!path.ends_with(".gz") && !path.ends_with(".zst")) return parse_json(read_file(path, kMaxFileBytes), path, options);
  LineReader reader(path, {.max_bytes = kMaxFileBytes});
  std::string text, bytes;
  while (reader.next_bytes(bytes)) text += bytes;
  return parse_json(text, path, options);
}

}  // namespace longbow
