// The choice of instruction set, the storage types, and the memory that kernels work on.
#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

#include "core/errors.h"
#include "kernels/dtype.h"

namespace longbow::kernels {
namespace {

TEST(Isa, ScalarIsAlwaysThereAndNamesAreDistinct) {
  const std::vector<Isa> isas = available_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::scalar);
  std::set<std::string> names;
  for (const Isa isa : isas) names.insert(name_of(isa));
  EXPECT_EQ(names.size(), isas.size());
}

TEST(Isa, OnlyAvailableOnesCanBeChosen) {
  const Isa before = active_isa();
  const std::vector<Isa> available = available_isas();
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx}) {
    if (std::find(available.begin(), available.end(), isa) == available.end()) {
      EXPECT_THROW(set_active_isa(isa), UserError) << name_of(isa);
      EXPECT_EQ(active_isa(), before);
    } else {
      set_active_isa(isa);
      EXPECT_EQ(active_isa(), isa);
      set_active_isa(before);
    }
  }
}

// In a process of its own: the environment is read once.
int isa_from_environment(const char* name) {
  setenv("LONGBOW_ISA", name, 1);
  try {
    return active_isa() == Isa::scalar ? 10 : 11;
  } catch (const UserError& error) {
    std::fputs(error.what(), stderr);
    return 12;
  }
}

TEST(IsaDeathTest, TheEnvironmentChooses) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(isa_from_environment("scalar")), testing::ExitedWithCode(10), "");
  EXPECT_EXIT(std::_Exit(isa_from_environment("sse9")), testing::ExitedWithCode(12),
              "expected one of scalar.*got 'sse9' \\(LONGBOW_ISA\\)");
}

TEST(Bfloat16, RoundsToNearestEven) {
  struct Case {
    std::uint32_t bits;
    std::uint16_t expected;
  };
  for (const Case& c : {Case{0x3f800000, 0x3f80}, Case{0x3f808000, 0x3f80}, Case{0x3f818000, 0x3f82}, Case{0x3f808001, 0x3f81},
                        Case{0x3f807fff, 0x3f80}, Case{0xbf818000, 0xbf82}, Case{0x80000000, 0x8000}, Case{0x7f800000, 0x7f80},
                        Case{0x7f7fffff, 0x7f80}, Case{0x00000001, 0x0000}, Case{0x00018000, 0x0002}}) {
    EXPECT_EQ(to_bf16(std::bit_cast<float>(c.bits)).bits, c.expected) << std::hex << c.bits;
  }
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7f800001u)))));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bf16 value{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(to_float(value))) {
      ASSERT_EQ(to_bf16(to_float(value)).bits, bits);
    }
  }
}

TEST(Buffer, IsZeroedAlignedAndGrows) {
  for (const std::int64_t size : {1, 1000, 3'000'000}) {
    Buffer<float> buffer(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + size, [](float value) { return value == 0; })) << size;
    buffer[size - 1] = 1;
    buffer.reserve(size / 2);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(buffer[size - 1], 1);
    buffer.reserve(2 * size);
    EXPECT_EQ(buffer.size(), 2 * size);
  }
  EXPECT_EQ(Buffer<float>(0).data(), nullptr);
  EXPECT_THROW(Buffer<float>(std::int64_t{1} << 58), UserError);
}

}  // namespace
}  // namespace longbow::kernels
