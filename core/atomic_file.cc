#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/errors.h"

namespace longbow {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Where the bytes go in the end: behind links, dangling ones too, so that a link stays one.
std::string resolved(const std::string& path) {
  constexpr int kMaxLinks = 40;  // as many as Linux follows
  std::filesystem::path target = path;
  std::error_code error;
  for (int i = 0; i < kMaxLinks && std::filesystem::is_symlink(target, error); ++i) {
    const std::filesystem::path next = std::filesystem::read_symlink(target, error);
    if (error) return path;
    target = target.parent_path() / next;  // `next` alone when it is absolute
  }
  return target.string();
}

// What the names of all temporary files of `path` begin with; hidden, so that no glob for *.jsonl picks up a half.
std::string temporary_prefix(const std::string& path) { return concat(".", std::filesystem::path(path).filename().string(), ".partial-"); }

bool is_linked(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_nlink > 0;
}

// Removes what killed writers of `path` left behind. A live writer holds a lock on its file, which goes with its process however that
// ends. (The process number in the name would not tell: another container has its own, and gives the same ones again.)
void remove_leftovers(const std::string& path) {
  const std::string prefix = temporary_prefix(path);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_of(path), error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(prefix)) continue;
    const int descriptor = ::open(entry->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(descriptor);
  }
}

}  // namespace

struct AtomicFile::State {
  explicit State(const std::string& target) : path(resolved(target)) {
    struct stat there {};
    const bool exists = ::stat(path.c_str(), &there) == 0;
    if (exists && S_ISDIR(there.st_mode)) throw UserError(concat("cannot write: expected a file, got a folder (", path, ")"));
    if (exists && !S_ISREG(there.st_mode)) {  // a device or a pipe is written to; renaming would put a file in its place
      descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
      remove_leftovers(path);
      open_temporary();
    }
    if (descriptor < 0)
      throw UserError(concat("cannot write: expected a writable folder, got \"", std::strerror(errno), "\" (", path, ")"));
    buffer.resize(kBufferBytes);
    if (path.ends_with(".gz")) {
      gzip = true;
      LONGBOW_CHECK_EQ(deflateInit2(&deflater, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    } else if (path.ends_with(".zst")) {
      zstd = ZSTD_createCStream();
      LONGBOW_CHECK(zstd != nullptr);
      ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, 3);
      ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    }
  }
  ~State() {
    if (gzip) deflateEnd(&deflater);
    ZSTD_freeCStream(zstd);
    if (descriptor >= 0) ::close(descriptor);
    if (!committed && !temporary.empty()) ::unlink(temporary.c_str());
  }

  // A locked file under a name that no other writer has.
  void open_temporary() {
    static std::atomic<int> counter{0};
    constexpr int kMostTries = 1000;
    for (int i = 0; i < kMostTries; ++i) {
      temporary = concat(folder_of(path), "/", temporary_prefix(path), ::getpid(), "-", counter++);
      descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor < 0 && errno == EEXIST) continue;  // another container's process of this number writes it
      if (descriptor < 0) return;
      while (::flock(descriptor, LOCK_EX) != 0 && errno == EINTR) {
      }
      if (is_linked(descriptor)) return;
      ::close(descriptor);  // taken for a leftover between its making and its lock
      descriptor = -1;
    }
  }

  [[noreturn]] void fail(std::size_t pending) const {
    const int error = errno;
    struct statvfs disk {};
    if (error == ENOSPC && ::statvfs(folder_of(path).c_str(), &disk) == 0) {
      throw UserError(concat("disk full: expected room for ", pending, " bytes after the first ", file_bytes, ", got ",
                             static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize, " bytes free (", path, ")"));
    }
    throw UserError(concat("cannot write: expected room for ", pending, " bytes after the first ", file_bytes, ", got \"",
                           std::strerror(error), "\" (", path, ")"));
  }

  void write_raw(const char* from, std::size_t bytes) {
    while (bytes > 0) {
      const ssize_t written = ::write(descriptor, from, bytes);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(bytes);
      from += written;
      bytes -= static_cast<std::size_t>(written);
      file_bytes += written;
    }
  }

  void write_plain(std::string_view bytes) {
    if (used + bytes.size() > buffer.size()) {
      write_raw(buffer.data(), used);
      used = 0;
    }
    if (bytes.size() >= buffer.size()) {
      write_raw(bytes.data(), bytes.size());
    } else {
      std::memcpy(buffer.data() + used, bytes.data(), bytes.size());
      used += bytes.size();
    }
  }

  void write_gzip(std::string_view bytes, int flush) {
    deflater.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    deflater.avail_in = static_cast<uInt>(bytes.size());
    do {
      deflater.next_out = reinterpret_cast<Bytef*>(buffer.data());
      deflater.avail_out = static_cast<uInt>(buffer.size());
      LONGBOW_CHECK_NE(deflate(&deflater, flush), Z_STREAM_ERROR);
      write_raw(buffer.data(), buffer.size() - deflater.avail_out);
    } while (deflater.avail_out == 0);
  }

  void write_zstd(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 1;
    while (directive == ZSTD_e_end ? left != 0 : in.pos < in.size) {
      ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
      left = ZSTD_compressStream2(zstd, &out, &in, directive);
      LONGBOW_CHECK(!ZSTD_isError(left));
      write_raw(buffer.data(), out.pos);
    }
  }

  std::string path, temporary;  // no temporary file: written in place
  int descriptor = -1;
  bool committed = false;
  bool gzip = false;
  z_stream deflater{};
  ZSTD_CStream* zstd = nullptr;
  std::vector<char> buffer;
  std::size_t used = 0;  // of `buffer`, when plain
  std::int64_t file_bytes = 0, text_bytes = 0;
};

AtomicFile::AtomicFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
AtomicFile::~AtomicFile() = default;

void AtomicFile::write(std::string_view bytes) {
  State& state = *state_;
  LONGBOW_CHECK(!state.committed);
  state.text_bytes += static_cast<std::int64_t>(bytes.size());
  // zlib counts in 32 bits, so a large blob goes piecewise.
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kPiece) {
    const std::string_view piece = bytes.substr(begin, kPiece);
    if (state.gzip) {
      state.write_gzip(piece, Z_NO_FLUSH);
    } else if (state.zstd) {
      state.write_zstd(piece, ZSTD_e_continue);
    } else {
      state.write_plain(piece);
    }
  }
}

void AtomicFile::commit() {
  State& state = *state_;
  LONGBOW_CHECK(!state.committed);
  if (state.gzip) {
    state.write_gzip("", Z_FINISH);
  } else if (state.zstd) {
    state.write_zstd("", ZSTD_e_end);
  } else {
    state.write_raw(state.buffer.data(), state.used);
  }
  if (state.temporary.empty()) {
    state.committed = true;
    return;
  }
  // Renamed before it is closed: the lock must hold as long as the temporary name does.
  if (::fsync(state.descriptor) != 0 || ::rename(state.temporary.c_str(), state.path.c_str()) != 0) state.fail(0);
  state.committed = true;
  // The rename itself lasts only once the folder is synced; file systems that cannot sync a folder need not.
  const int folder = ::open(folder_of(state.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

std::int64_t AtomicFile::bytes_written() const { return state_->text_bytes; }

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path)) {
    throw UserError(concat("cannot make a folder: expected a place for one, got \"", error ? error.message() : "a file of that name",
                           "\" (", path, ")"));
  }
}

}  // namespace longbow
