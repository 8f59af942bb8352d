// Memory behind Buffer.
#include "kernels/dtype.h"

#include <sys/mman.h>

#include <cstring>

#include "core/errors.h"

namespace longbow::kernels {

void* allocate_zeroed(std::int64_t bytes) {
  LONGBOW_CHECK_GE(bytes, 0);
  if (bytes == 0) return nullptr;
  constexpr std::int64_t kHugePage = std::int64_t{2} << 20;
  const bool large = bytes >= 2 * kHugePage;
  const std::int64_t alignment = large ? kHugePage : 64;
  const std::int64_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(static_cast<std::size_t>(alignment), static_cast<std::size_t>(rounded));
  if (memory == nullptr) throw UserError(concat("memory: expected ", bytes >> 20, " MiB to be available, got none (kernel buffer)"));
  if (large) madvise(memory, static_cast<std::size_t>(rounded), MADV_HUGEPAGE);  // a hint: fewer page-table misses where it is heeded
  std::memset(memory, 0, static_cast<std::size_t>(rounded));
  return memory;
}

}  // namespace longbow::kernels
