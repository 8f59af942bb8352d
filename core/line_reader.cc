#include "core/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/errors.h"

namespace longbow {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr std::int64_t kFreeExpansionBytes = std::int64_t{64} << 20;

// A file descriptor open for reading; standard input stays open when it goes.
class InputFile {
 public:
  explicit InputFile(std::string path) : path_(std::move(path)) {
    if (path_ == "-") {
      descriptor_ = STDIN_FILENO;
      return;
    }
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw UserError(concat("cannot read: expected a file, got \"", std::strerror(errno), "\" (", path_, ")"));
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
      ::close(descriptor_);
      throw UserError(concat("cannot read: expected a file, got a folder (", path_, ")"));
    }
    if (S_ISREG(status.st_mode)) size_ = status.st_size;
  }
  ~InputFile() {
    if (path_ != "-") ::close(descriptor_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // 0 at the end of the file.
  std::size_t read(char* to, std::size_t bytes) {
    while (true) {
      const ssize_t got = ::read(descriptor_, to, bytes);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) throw UserError(concat("cannot read: expected data, got \"", std::strerror(errno), "\" (", path_, ")"));
    }
  }

  const std::string& path() const { return path_; }
  std::int64_t size() const { return size_; }  // 0 when it is no regular file

 private:
  std::string path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

enum class Compression { none, gzip, zstd };

Compression compression_of(std::string_view path) {
  if (path.ends_with(".gz") || path.ends_with(".dz")) return Compression::gzip;
  if (path.ends_with(".zst")) return Compression::zstd;
  return Compression::none;
}

}  // namespace

struct LineReader::State {
  State(std::string path, LineReaderLimits bounds)
      : file(std::move(path)), limits(bounds), compression(compression_of(file.path())), text(kChunkBytes) {
    if (compression != Compression::none) input.resize(kChunkBytes);
    if (compression == Compression::gzip) LONGBOW_CHECK_EQ(inflateInit2(&inflater, 16 + MAX_WBITS), Z_OK);
    if (compression == Compression::zstd) {
      unzstd = ZSTD_createDStream();
      LONGBOW_CHECK(unzstd != nullptr);
      // Frames that want a window of more than 128 MiB are refused rather than allocated for.
      ZSTD_DCtx_setParameter(unzstd, ZSTD_d_windowLogMax, 27);
    }
  }
  ~State() {
    if (compression == Compression::gzip) inflateEnd(&inflater);
    ZSTD_freeDStream(unzstd);
  }

  [[noreturn]] void fail(const std::string& message) {
    broken = true;
    text_begin = text_end = 0;
    throw UserError(concat(message, " (", file.path(), ":", line_number + 1, ")"));
  }

  // A file that cannot be read on is at its end: who skips bad lines would otherwise ask for ever.
  std::size_t read(char* bytes, std::size_t size) {
    broken = true;
    const std::size_t got = file.read(bytes, size);
    broken = false;
    return got;
  }

  // Refills `text` from the file; false at its end, or after it failed.
  bool refill() {
    text_begin = 0;
    text_end = 0;
    if (broken) return false;
    if (compression == Compression::none) {
      text_end = read(text.data(), text.size());
      file_bytes += static_cast<std::int64_t>(text_end);
    } else {
      while (text_end == 0) {
        if (input_begin == input_end && !output_pending) {
          input_begin = 0;
          input_end = read(input.data(), input.size());
          file_bytes += static_cast<std::int64_t>(input_end);
          if (input_end == 0) {
            if (!between_frames || file_bytes == 0) fail("truncated: expected more compressed data, got the end of the file");
            return false;
          }
        }
        if (compression == Compression::gzip) {
          inflate_some();
        } else {
          unzstd_some();
        }
        // A full buffer may have left text inside the decompressor: ask again before reading on.
        output_pending = text_end == text.size() && !between_frames;
      }
    }
    text_bytes += static_cast<std::int64_t>(text_end);
    if (text_bytes > limits.max_bytes) fail(concat("input too large: expected at most ", limits.max_bytes, " bytes of text, got more"));
    if (text_bytes > kFreeExpansionBytes && static_cast<double>(text_bytes) > limits.max_expansion * static_cast<double>(file_bytes)) {
      fail(concat("compressed data expands too far: expected at most ", limits.max_expansion, " times its size, got more"));
    }
    return text_end != 0;
  }

  void inflate_some() {
    if (between_frames && file_bytes > 0 && started) inflateReset(&inflater);  // a file may hold several gzip members
    started = true;
    between_frames = false;
    inflater.next_in = reinterpret_cast<Bytef*>(input.data() + input_begin);
    inflater.avail_in = static_cast<uInt>(input_end - input_begin);
    inflater.next_out = reinterpret_cast<Bytef*>(text.data());
    inflater.avail_out = static_cast<uInt>(text.size());
    const int status = inflate(&inflater, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      fail(concat("corrupt: expected gzip data, got \"", inflater.msg ? inflater.msg : zError(status), "\""));
    }
    input_begin = input_end - inflater.avail_in;
    text_end = text.size() - inflater.avail_out;
    between_frames = status == Z_STREAM_END;
  }

  void unzstd_some() {
    ZSTD_inBuffer in{input.data(), input_end, input_begin};
    ZSTD_outBuffer out{text.data(), text.size(), 0};
    const std::size_t status = ZSTD_decompressStream(unzstd, &out, &in);
    if (ZSTD_isError(status)) fail(concat("corrupt: expected zstd data, got \"", ZSTD_getErrorName(status), "\""));
    input_begin = in.pos;
    text_end = out.pos;
    between_frames = status == 0;
  }

  InputFile file;
  LineReaderLimits limits;
  Compression compression;
  std::vector<char> input;  // compressed bytes not yet decompressed: [input_begin, input_end)
  std::size_t input_begin = 0, input_end = 0;
  std::vector<char> text;  // bytes not yet handed out: [text_begin, text_end)
  std::size_t text_begin = 0, text_end = 0;
  z_stream inflater{};
  ZSTD_DStream* unzstd = nullptr;
  bool started = false;
  bool broken = false;        // nothing can be read behind what failed
  bool in_long_line = false;  // its rest is still to be passed over
  bool output_pending = false;
  bool between_frames = true;  // the file may end here
  std::int64_t file_bytes = 0, text_bytes = 0, line_number = 0;
};

LineReader::LineReader(std::string path, LineReaderLimits limits) : state_(std::make_unique<State>(std::move(path), limits)) {}
LineReader::~LineReader() = default;
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;

bool LineReader::next(std::string& line) {
  State& state = *state_;
  line.clear();
  bool any = false;
  while (true) {
    if (state.text_begin == state.text_end && !state.refill()) break;
    any = true;
    const char* begin = state.text.data() + state.text_begin;
    const std::size_t available = state.text_end - state.text_begin;
    const char* end = static_cast<const char*>(std::memchr(begin, '\n', available));
    const std::size_t taken = end ? static_cast<std::size_t>(end - begin) : available;
    state.text_begin += taken + (end ? 1 : 0);
    if (state.in_long_line) {
      any = false;
      if (end) state.in_long_line = false;
      continue;
    }
    if (line.size() + taken > state.limits.max_line_bytes) {
      state.in_long_line = end == nullptr;
      ++state.line_number;
      throw UserError(concat("line too long: expected at most ", state.limits.max_line_bytes, " bytes, got more (", where(), ")"));
    }
    line.append(begin, taken);
    if (end) break;
  }
  if (!any) return false;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (++state.line_number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  return true;
}

bool LineReader::next_bytes(std::string& bytes) {
  State& state = *state_;
  if (state.text_begin == state.text_end && !state.refill()) return false;
  bytes.assign(state.text.data() + state.text_begin, state.text_end - state.text_begin);
  state.text_begin = state.text_end;
  return true;
}

std::int64_t LineReader::line_number() const { return state_->line_number; }
std::string LineReader::where() const {
  return concat(state_->file.path() == "-" ? "standard input" : state_->file.path(), ":", line_number());
}

std::string read_file(const std::string& path, std::size_t max_bytes) {
  InputFile file(path);
  const auto too_large = [&] { return UserError(concat("file too large: expected at most ", max_bytes, " bytes, got more (", path, ")")); };
  if (file.size() > 0 && static_cast<std::size_t>(file.size()) > max_bytes) throw too_large();
  std::string bytes;
  // One byte more than the size at hand, so that the end is seen without a second allocation.
  bytes.resize(std::min(max_bytes, static_cast<std::size_t>(std::max<std::int64_t>(file.size(), 4095))) + 1);
  std::size_t used = 0;
  while (const std::size_t got = file.read(bytes.data() + used, bytes.size() - used)) {
    used += got;
    if (used > max_bytes) throw too_large();
    if (used == bytes.size()) bytes.resize(std::min(max_bytes, 2 * used) + 1);
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace longbow
