// Decoding takes no memory: what a step needs was there before. Every C++ allocation of this test program is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "rollout/engine.h"
#include "tests/rollout/tiny_model.h"

namespace {
std::atomic<std::int64_t> num_allocations{0};

void* counted(std::size_t size) noexcept {
  ++num_allocations;
  return std::malloc(size != 0 ? size : 1);
}
void* counted_or_throw(std::size_t size) {
  if (void* memory = counted(size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

// Not inlined: the compiler would see malloc paired with delete, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) { return counted_or_throw(size); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return counted_or_throw(size); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace longbow::rollout {
namespace {

TEST(DecodeLoop, AllocatesNothingPerToken) {
  TinyModel tiny(2);
  Engine engine(tiny.pool, *tiny.packed, {2, 64, std::int64_t{1} << 30});
  GroupRequest whole = make_request(1, 70, 4, 400), truncated = make_request(2, 30, 3, 400);
  truncated.sampling.top_p = 0.9f;
  truncated.sampling.temperature = 0.8f;
  engine.submit(whole);
  engine.submit(truncated);
  for (int i = 0; i < 70; ++i) engine.step();  // prefill, and scratch grows to its size
  std::int64_t quiet = 0;
  const std::int64_t tokens = engine.counters().decode_tokens, before = num_allocations;
  for (int i = 0; i < 300; ++i) {
    const std::int64_t start = num_allocations;
    ASSERT_TRUE(engine.step().empty());
    quiet += num_allocations == start ? 1 : 0;
  }
  ASSERT_EQ(engine.counters().decode_tokens - tokens, 300 * 7);
  // Full layers' suffixes grow by halves, a few times on the way to 400 tokens; all other steps take nothing.
  EXPECT_GE(quiet, 290);
  EXPECT_LT(num_allocations - before, 300);
}

}  // namespace
}  // namespace longbow::rollout
