#include "model/weight_snapshot.h"

#include <fcntl.h>
#include <stdio.h>
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
#include <vector>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/random.h"

namespace longbow::model {
namespace {

constexpr char kMagic[8] = {'L', 'B', 'W', 'E', 'I', 'G', 'H', 'T'};
constexpr std::uint32_t kFormatVersion = 2;
constexpr std::int64_t kChunk = std::int64_t{1} << 18;  // elements rounded and hashed at a time: they stay in the second cache
constexpr int kLockAttempts = 2000;                     // of a millisecond

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

/// to_bf16 of a run, eight at a time.
void round_to_bf16(const float* in, std::int64_t count, kernels::bf16* out) {
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

/// An open file whose lock and mapping last as long as it does.
class LockedFile {
 public:
  LockedFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~LockedFile() {
    if (address_) ::munmap(address_, static_cast<std::size_t>(size_));
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LockedFile(const LockedFile&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  bool try_lock(int kind) const { return ::flock(descriptor_, kind | LOCK_NB) == 0; }
  std::int64_t size_on_disk() const {
    struct stat status {};
    return ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : -1;
  }
  /// Gives the file its pages now: a full disk is an error here, not a signal later.
  void allocate(std::int64_t size) const {
    if (const int error = ::posix_fallocate(descriptor_, 0, size); error != 0) fail("room", error);
  }
  std::uint8_t* map(std::int64_t size, int protection) {
    void* address = ::mmap(nullptr, static_cast<std::size_t>(size), protection, MAP_SHARED, descriptor_, 0);
    if (address == MAP_FAILED) fail("to map the file", errno);
    address_ = address;
    size_ = size;
    return static_cast<std::uint8_t*>(address);
  }
  [[noreturn]] void fail(std::string_view expected, int error) const {
    throw UserError(concat("weight snapshot: expected ", expected, ", got ", std::strerror(error), " (", path_, ")"));
  }

 private:
  int descriptor_;
  std::string path_;
  void* address_ = nullptr;
  std::int64_t size_ = 0;
};

/// The version before last, unless somebody still reads it or it has another size; else a new file.
std::unique_ptr<LockedFile> open_spare(const std::string& path, std::int64_t size) {
  auto file = std::make_unique<LockedFile>(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW), path);
  if (file->is_open() && file->try_lock(LOCK_EX) && file->size_on_disk() == size) return file;
  ::unlink(path.c_str());
  file = std::make_unique<LockedFile>(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path);
  if (!file->is_open()) file->fail("to make the file", errno);
  if (!file->try_lock(LOCK_EX)) file->fail("to lock the file", errno);
  try {
    file->allocate(size);
  } catch (const UserError&) {
    ::unlink(path.c_str());
    throw;
  }
  return file;
}

Header make_header(const ParameterLayout& layout, kernels::DType dtype, std::int64_t policy_version) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.format_version = kFormatVersion;
  header.dtype = dtype == kernels::DType::f32 ? 0 : 1;
  header.policy_version = policy_version;
  header.layout_hash = layout_hash(layout);
  header.num_elements = layout.total;
  header.value_bytes = layout.total * kernels::size_of(dtype);
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
  return {header.policy_version, size, WeightValues(dtype, stored, std::move(owner))};
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

void write_snapshot(ThreadPool& pool, const std::string& path, const ParameterLayout& layout, const float* values, kernels::DType dtype,
                    std::int64_t policy_version) {
  const Header header = make_header(layout, dtype, policy_version);
  const std::int64_t size = kHeaderBytes + header.value_bytes + kChecksumBytes;
  const std::string spare = path + ".spare";
  const std::unique_ptr<LockedFile> file = open_spare(spare, size);
  std::uint8_t* bytes = file->map(size, PROT_READ | PROT_WRITE);
  std::memcpy(bytes, &header, kHeaderBytes);
  std::uint8_t* stored = bytes + kHeaderBytes;
  const std::uint64_t checksum = checksum_of(pool, header, stored, [&](std::int64_t first, std::int64_t count) {
    if (dtype == kernels::DType::f32) {
      std::memcpy(stored + 4 * first, values + first, 4 * count);
    } else {
      round_to_bf16(values + first, count, reinterpret_cast<kernels::bf16*>(stored + 2 * first));
    }
  });
  std::memcpy(stored + header.value_bytes, &checksum, kChecksumBytes);
  // The two change places; where there is no older version, or the file system cannot, the new one takes the name.
  if (::renameat2(AT_FDCWD, spare.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0 && ::rename(spare.c_str(), path.c_str()) != 0) {
    file->fail("to rename the file", errno);
  }
}

Snapshot read_snapshot(ThreadPool& pool, const std::string& path, const ParameterLayout& layout) {
  const auto file = std::make_shared<LockedFile>(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path);
  if (!file->is_open()) file->fail("a readable file", errno);
  // Locked by its writer only where two versions were published between our open() and here.
  for (int attempt = 0; !file->try_lock(LOCK_SH); ++attempt) {
    if (attempt == kLockAttempts) file->fail("to lock the file within seconds", errno);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const std::int64_t size = file->size_on_disk();
  if (size < kHeaderBytes) {
    throw UserError(concat("weight snapshot: expected a file of at least ", kHeaderBytes, " bytes, got ", size, " (", path, ")"));
  }
  return verify(pool, file->map(size, PROT_READ), size, file, path, layout);
}

Snapshot parse_snapshot(ThreadPool& pool, std::shared_ptr<const std::string> bytes, const std::string& source,
                        const ParameterLayout& layout) {
  return verify(pool, bytes->data(), static_cast<std::int64_t>(bytes->size()), bytes, source, layout);
}

}  // namespace longbow::model
