// `longbow bench`: names, and the keys of what it prints. The figures themselves are not tested: they are the machine's.
#include <gtest/gtest.h>

#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

TEST_F(CommandLineTest, BenchPrintsCeilingsAndRatiosAsJson) {
  const Json report = parse_json(succeed({"bench", "gemm_decode", "weight", "--json", "--threads", "1"}).output, "bench");
  EXPECT_EQ(report.at("machine").at("threads").as_integer(), 1);
  for (const char* key : {"cpu", "isa"}) EXPECT_FALSE(report.at("machine").at(key).as_string().empty()) << key;
  for (const char* key : {"read_gbps", "read_gbps_1t", "gemm_tflops", "exp_gps"})
    EXPECT_GT(report.at("ceilings").at(key).as_number(), 0) << key;

  ASSERT_EQ(report.at("benchmarks").size(), 2u);
  const Json& result = report.at("benchmarks").as_array().front();
  EXPECT_EQ(result.at("name").as_string(), "gemm_decode_m8");
  EXPECT_EQ(result.at("unit").as_string(), "GB/s");
  EXPECT_TRUE(result.at("higher_is_better").as_bool());
  EXPECT_FALSE(result.at("peer").as_string().empty());
  const double value = result.at("value").as_number();
  EXPECT_LE(result.at("min").as_number(), value);
  EXPECT_GE(result.at("max").as_number(), value);
  EXPECT_GE(result.at("runs").as_integer(), 1);
  EXPECT_GT(result.at("peak_rss_bytes").as_integer(), std::int64_t{200} << 20);  // the 32 matrices
  EXPECT_DOUBLE_EQ(result.at("ratio_to_limit").as_number(), value / result.at("limit").as_number());
  EXPECT_DOUBLE_EQ(result.at("ratio_to_peer").as_number(), value / result.at("peer_value").as_number());

  // Less is better: the ratio turns round, and stays "higher is better".
  const Json& less = report.at("benchmarks").as_array().back();
  EXPECT_EQ(less.at("name").as_string(), "weight_sync");
  EXPECT_FALSE(less.at("higher_is_better").as_bool());
  EXPECT_DOUBLE_EQ(less.at("ratio_to_limit").as_number(), less.at("limit").as_number() / less.at("value").as_number());
  for (const char* key : {"peer", "peer_value", "ratio_to_peer"}) EXPECT_TRUE(less.at(key).is_null()) << key;
}

TEST_F(CommandLineTest, BenchSaysWhichNamesAreBuilt) {
  const CommandResult result = run({"bench", "grpo_step_vs_eager"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.error.find("bench: 'grpo_step_vs_eager' is not built yet; built are gemm_decode_m8, "), std::string::npos)
      << result.error;
}

}  // namespace
}  // namespace longbow::tests
