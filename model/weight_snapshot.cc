#include "model/weight_snapshot.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/random.h"
#include "kernels/isa.h"

namespace longbow::model {
namespace {

constexpr char kMagic[8] = {'L', 'B', 'W', 'E', 'I', 'G', 'H', 'T'};
constexpr std::uint32_t kFormatVersion = 3;
constexpr std::int64_t kChunk = std::int64_t{1} << 18;  // elements rounded and hashed at a time: they stay in the second cache
constexpr int kLockAttempts = 2000;                     // of a millisecond
constexpr std::size_t kKeptFiles = 2;                   // as many as a publisher has

/// The first 64 bytes of a snapshot, little-endian. The values follow, on a cache line of their own, then the checksum of both.
struct Header {
  char magic[8];
  std::uint32_t format_version;
  std::uint32_t dtype;  // 0: f32, 1: bf16
  std::int64_t policy_version;
  std::uint64_t layout_hash;
  std::int64_t num_elements;
  std::int64_t value_bytes;
  std::uint64_t run;
  std::uint64_t zero;
};
static_assert(sizeof(Header) == 64);
constexpr std::int64_t kHeaderBytes = sizeof(Header);
constexpr std::int64_t kChecksumBytes = sizeof(std::uint64_t);

std::string_view view(const void* bytes, std::int64_t size) { return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}; }

/// Hash of the header and of every chunk's hash, so that threads hash chunks side by side. `fill` makes a chunk before it is hashed.
template <class Fill>
std::uint64_t checksum_of(ThreadPool& pool, const Header& header, const std::uint8_t* values, const Fill& fill) {
  const std::int64_t element = header.dtype == 0 ? 4 : 2;
  std::vector<std::uint64_t> hashes((header.num_elements + kChunk - 1) / kChunk);
  pool.parallel_for(static_cast<std::int64_t>(hashes.size()), [&](std::int64_t chunk, int) {
    const std::int64_t first = chunk * kChunk, count = std::min(kChunk, header.num_elements - first);
    fill(first, count);
    hashes[chunk] = hash64(view(values + first * element, count * element));
  });
  return hash64(view(hashes.data(), static_cast<std::int64_t>(hashes.size() * sizeof(std::uint64_t))), hash64(view(&header, kHeaderBytes)));
}

/// to_bf16 of a run, eight at a time; into each of its callers, compiled for what they are.
[[gnu::always_inline]] inline void round_run(const float* in, std::int64_t count, kernels::bf16* out) {
  using Words = std::uint32_t __attribute__((vector_size(32)));
  using Halves = std::uint16_t __attribute__((vector_size(16)));
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    Words bits;
    std::memcpy(&bits, in + i, sizeof bits);
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Words quiet = (bits >> 16) | 0x40u;
    const auto is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
    const Halves halves = __builtin_convertvector(is_nan ? quiet : rounded, Halves);
    std::memcpy(static_cast<void*>(out + i), &halves, sizeof halves);
  }
  for (; i < count; ++i) out[i] = kernels::to_bf16(in[i]);
}

void round_baseline(const float* in, std::int64_t count, kernels::bf16* out) { round_run(in, count, out); }
#ifdef __x86_64__
[[gnu::target("avx2")]] void round_avx2(const float* in, std::int64_t count, kernels::bf16* out) { round_run(in, count, out); }
#endif

/// The same bits whichever it is.
void round_to_bf16(const float* in, std::int64_t count, kernels::bf16* out) {
#ifdef __x86_64__
  if (kernels::active_isa() != kernels::Isa::scalar) return round_avx2(in, count, out);
#endif
  round_baseline(in, count, out);
}

[[noreturn]] void fail(std::string_view expected, int error, std::string_view where) {
  throw UserError(concat("weight snapshot: expected ", expected, ", got ", std::strerror(error), " (", where, ")"));
}

Header make_header(const ParameterLayout& layout, kernels::DType dtype, std::uint64_t run, std::int64_t policy_version) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.format_version = kFormatVersion;
  header.dtype = dtype == kernels::DType::f32 ? 0 : 1;
  header.policy_version = policy_version;
  header.layout_hash = layout_hash(layout);
  header.num_elements = layout.total;
  header.value_bytes = layout.total * kernels::size_of(dtype);
  header.run = run;
  return header;
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

/// Verifies `size` bytes that `owner` keeps alive.
Snapshot verify(ThreadPool& pool, const void* bytes, std::int64_t size, std::shared_ptr<const void> owner, const std::string& source,
                const ParameterLayout& layout) {
  Header header;
  if (size < kHeaderBytes) {
    throw UserError(concat("weight snapshot: expected at least ", kHeaderBytes, " bytes, got ", size, " (", source, ")"));
  }
  std::memcpy(&header, bytes, kHeaderBytes);
  check_header(header, size, source, layout);
  const std::uint8_t* stored = static_cast<const std::uint8_t*>(bytes) + kHeaderBytes;
  std::uint64_t expected = 0;
  std::memcpy(&expected, stored + header.value_bytes, kChecksumBytes);
  const std::uint64_t checksum = checksum_of(pool, header, stored, [](std::int64_t, std::int64_t) {});
  if (checksum != expected) {
    throw UserError(concat("weight snapshot: corrupt: expected checksum ", expected, ", got ", checksum, " (", source, ")"));
  }
  const kernels::DType dtype = header.dtype == 0 ? kernels::DType::f32 : kernels::DType::bf16;
  return {header.policy_version, header.run, size, WeightValues(dtype, stored, std::move(owner))};
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

/// A file of fixed size, mapped as a whole; both end with the object.
class SnapshotFile {
 public:
  /// Takes `descriptor` over. Every page is mapped at once, so that none faults later.
  SnapshotFile(int descriptor, const struct stat& status, int protection, std::string_view where)
      : descriptor_(descriptor), device_(status.st_dev), number_(status.st_ino), size_(status.st_size) {
    void* address = ::mmap(nullptr, static_cast<std::size_t>(size_), protection, MAP_SHARED | MAP_POPULATE, descriptor, 0);
    if (address == MAP_FAILED) {
      const int error = errno;
      ::close(descriptor);
      fail("to map the file", error, where);
    }
    bytes_ = static_cast<std::uint8_t*>(address);
  }
  ~SnapshotFile() {
    ::munmap(bytes_, static_cast<std::size_t>(size_));
    ::close(descriptor_);
  }
  SnapshotFile(const SnapshotFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::uint8_t* bytes() const { return bytes_; }
  std::int64_t size() const { return size_; }
  bool is(const struct stat& status) const { return device_ == status.st_dev && number_ == status.st_ino; }

  bool try_lock(int kind) const { return ::flock(descriptor_, kind | LOCK_NB) == 0; }
  void unlock() const { ::flock(descriptor_, LOCK_UN); }

  /// Locks `file` for reading, for as long as the result or a copy of it lives.
  static std::shared_ptr<const void> hold(const std::shared_ptr<SnapshotFile>& file, const std::string& path) {
    if (auto held = file->held_.lock()) return held;
    // Locked by its publisher only where two versions came between our finding the path and here.
    for (int attempt = 0; !file->try_lock(LOCK_SH); ++attempt) {
      if (attempt == kLockAttempts) fail("to lock the file within seconds", errno, path);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    // Lets go of the file when it is called: held_ keeps the deleter itself alive, and must not keep the file by it.
    std::shared_ptr<const void> held(file->bytes_, [kept = file](const void*) mutable { std::exchange(kept, nullptr)->unlock(); });
    file->held_ = held;
    return held;
  }

 private:
  int descriptor_;
  dev_t device_;
  ino_t number_;
  std::int64_t size_;
  std::uint8_t* bytes_ = nullptr;
  std::weak_ptr<const void> held_;  // by the values that were read last
};

namespace {

/// A file in memory, with all of its pages, that can neither shrink under a reader nor grow.
std::unique_ptr<SnapshotFile> make_memory_file(std::int64_t size) {
  constexpr std::string_view kWhere = "a file in memory";
  const int descriptor = ::memfd_create("longbow-weights", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) fail("to make the file", errno, kWhere);
  struct stat status {};
  int error = ::posix_fallocate(descriptor, 0, size);  // no room is an error here, not a signal later
  if (error == 0 && ::fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) error = errno;
  if (error == 0 && ::fstat(descriptor, &status) != 0) error = errno;
  if (error == 0) return std::make_unique<SnapshotFile>(descriptor, status, PROT_READ | PROT_WRITE, kWhere);
  ::close(descriptor);
  fail(concat("room for ", size, " bytes"), error, kWhere);
}

/// Opens a file that cannot shrink while it is mapped, of at most `max_bytes`; one of `known` when it is among them.
std::shared_ptr<SnapshotFile> open_memory_file(const std::string& path, std::int64_t max_bytes,
                                               const std::vector<std::shared_ptr<SnapshotFile>>& known) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would let us wait
  if (descriptor < 0) fail("a readable file", errno, path);
  struct stat status {};
  const int seals = ::fstat(descriptor, &status) == 0 ? ::fcntl(descriptor, F_GET_SEALS) : -1;
  const bool sealed = seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
  const auto same = std::find_if(known.begin(), known.end(), [&](const auto& file) { return file->is(status); });
  if (sealed && same == known.end() && status.st_size >= kHeaderBytes && status.st_size <= max_bytes) {
    return std::make_shared<SnapshotFile>(descriptor, status, PROT_READ, path);
  }
  ::close(descriptor);
  if (sealed && same != known.end()) return *same;
  throw UserError(concat("weight snapshot: expected a sealed file in memory of ", kHeaderBytes, " to ", max_bytes, " bytes, got ",
                         sealed ? "one of " : "another kind of file, of ", status.st_size, " (", path, ")"));
}

}  // namespace

SnapshotPublisher::SnapshotPublisher(const ParameterLayout& layout, kernels::DType dtype, std::uint64_t run)
    : layout_(layout), dtype_(dtype), run_(run) {}
SnapshotPublisher::~SnapshotPublisher() = default;

std::string SnapshotPublisher::publish(ThreadPool& pool, const float* values, std::int64_t policy_version) {
  const Header header = make_header(layout_, dtype_, run_, policy_version);
  if (!files_[0] || !files_[0]->try_lock(LOCK_EX)) {
    files_[0].reset();  // its readers keep it
    files_[0] = make_memory_file(kHeaderBytes + header.value_bytes + kChecksumBytes);
    LONGBOW_CHECK(files_[0]->try_lock(LOCK_EX));
  }
  const SnapshotFile& file = *files_[0];
  std::uint8_t* stored = file.bytes() + kHeaderBytes;
  std::memcpy(file.bytes(), &header, kHeaderBytes);
  const std::uint64_t checksum = checksum_of(pool, header, stored, [&](std::int64_t first, std::int64_t count) {
    if (dtype_ == kernels::DType::f32) {
      std::memcpy(stored + 4 * first, values + first, 4 * count);
    } else {
      round_to_bf16(values + first, count, reinterpret_cast<kernels::bf16*>(stored + 2 * first));
    }
  });
  std::memcpy(stored + header.value_bytes, &checksum, kChecksumBytes);
  file.unlock();
  std::swap(files_[0], files_[1]);
  return concat("/proc/", ::getpid(), "/fd/", file.descriptor());
}

SnapshotReader::SnapshotReader(const ParameterLayout& layout) : layout_(layout) {}
SnapshotReader::~SnapshotReader() = default;

Snapshot SnapshotReader::read(ThreadPool& pool, const std::string& path) {
  std::shared_ptr<SnapshotFile> file = open_memory_file(path, kHeaderBytes + 4 * layout_.total + kChecksumBytes, files_);
  std::erase(files_, file);
  if (files_.size() == kKeptFiles) files_.erase(files_.begin());
  files_.push_back(file);
  return verify(pool, file->bytes(), file->size(), SnapshotFile::hold(file, path), path, layout_);
}

Snapshot parse_snapshot(ThreadPool& pool, const std::shared_ptr<const std::string>& bytes, const std::string& source,
                        const ParameterLayout& layout) {
  return verify(pool, bytes->data(), static_cast<std::int64_t>(bytes->size()), bytes, source, layout);
}

}  // namespace longbow::model
