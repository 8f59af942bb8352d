// The comparisons that other tests rely on must be able to fail: on a number too far away, and on a NaN wherever it stands.
#include "tests/tolerance.h"

#include <gtest/gtest-spi.h>

#include "tests/kernels/attention_cases.h"

namespace longbow::kernels {
namespace {

constexpr Tolerance kTolerance = {0, 0.5};

TEST(Tolerance, ANanAnywhereFails) {
  static std::vector<float> actual;
  static const std::vector<double> expected = {1, 2, 3};
  for (const std::size_t where : {0u, 1u, 2u}) {
    actual = {1, 2, 3};
    actual[where] = NAN;
    EXPECT_NONFATAL_FAILURE(expect_close(actual, expected, kTolerance, "test"), "is nan");
    EXPECT_NONFATAL_FAILURE(expect_near(actual, expected, kTolerance, {}, 0, "test"), "is nan");
  }
}

TEST(Tolerance, TheWorstElementDecides) {
  static const std::vector<float> actual = {1.4f, 2.6f, 3.4f};
  static const std::vector<double> expected = {1, 2, 3};
  EXPECT_NONFATAL_FAILURE(expect_close(actual, expected, kTolerance, "test"), "element 1");
  EXPECT_NONFATAL_FAILURE(expect_near(actual, expected, kTolerance, {}, 0, "test"), "element 1");
  expect_close(actual, expected, {0, 0.7}, "wider");
  expect_near(actual, expected, kTolerance, {0, 0.2, 0}, 1, "wider where it may be");
}

}  // namespace
}  // namespace longbow::kernels
