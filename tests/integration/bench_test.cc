// `longbow bench`: names, and the keys of what it prints. The figures themselves are not tested: they are the machine's.
#include <gtest/gtest.h>

#include "tests/integration/command_line.h"
#include "tools/bench_model.h"

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
  EXPECT_DOUBLE_EQ(result.at("best_ratio_to_limit").as_number(), result.at("max").as_number() / result.at("limit").as_number());
  EXPECT_DOUBLE_EQ(result.at("ratio_to_peer").as_number(), value / result.at("peer_value").as_number());

  // Less is better: the ratio turns round, and stays "higher is better".
  const Json& less = report.at("benchmarks").as_array().back();
  EXPECT_EQ(less.at("name").as_string(), "weight_sync");
  EXPECT_FALSE(less.at("higher_is_better").as_bool());
  EXPECT_DOUBLE_EQ(less.at("ratio_to_limit").as_number(), less.at("limit").as_number() / less.at("value").as_number());
  EXPECT_DOUBLE_EQ(less.at("best_ratio_to_limit").as_number(), less.at("limit").as_number() / less.at("min").as_number());
  for (const char* key : {"peer", "peer_value", "ratio_to_peer"}) EXPECT_TRUE(less.at(key).is_null()) << key;
}

TEST_F(CommandLineTest, BenchComparesWithASavedRunAndDrawsTheRoofline) {
  Json saved = parse_json(succeed({"bench", "gemm_decode", "--json", "--threads", "1", "--picture", path("roof.svg")}).output, "bench");
  const Json& row = saved.at("benchmarks").as_array().front();
  for (const char* around : {"ceilings_before", "ceilings_after"}) EXPECT_GT(row.at(around).at("read_gbps").as_number(), 0) << around;
  EXPECT_GT(row.at("cpu_seconds").as_number(), 0);
  EXPECT_DOUBLE_EQ(row.at("flop_per_byte").as_number(), 8);  // 8 rows a weight of 2 bytes: 16 operations
  const std::string picture = read_file(path("roof.svg"));
  EXPECT_EQ(picture.find("<svg"), 0u);
  for (const char* part : {"class=\"roof\"", "gemm_decode_m8</text>", "GB/s", "GFLOP/s"})
    EXPECT_NE(picture.find(part), std::string::npos) << part;

  // The same from the saved document, without measuring.
  write("saved.json", saved.dump());
  succeed({"bench", "--saved", path("saved.json"), "--picture", path("again.svg")});
  EXPECT_EQ(read_file(path("again.svg")), picture);
  EXPECT_EQ(run({"bench", "--saved", path("saved.json")}).exit_code, 2);

  // As if it had been ten times faster then.
  Json faster = saved;
  faster["benchmarks"].as_array()[0]["ratio_to_limit"] = 10 * row.at("ratio_to_limit").as_number();
  write("faster.json", faster.dump());
  const std::string table = succeed({"bench", "gemm_decode", "--threads", "1", "--compare", path("faster.json")}).output;
  EXPECT_NE(table.find("REGRESSION"), std::string::npos) << table;
  Json slower = saved;
  slower["benchmarks"].as_array()[0]["ratio_to_limit"] = 0.1 * row.at("ratio_to_limit").as_number();
  write("slower.json", slower.dump());
  const Json report =
      parse_json(succeed({"bench", "gemm_decode", "--json", "--threads", "1", "--compare", path("slower.json")}).output, "bench");
  const Json& compared = report.at("compared").as_array().front();
  EXPECT_EQ(compared.at("measure").as_string(), "ratio_to_limit");
  EXPECT_FALSE(compared.at("regression").as_bool());
  EXPECT_GT(compared.at("change").as_number(), 1.5);
}

/// The work that limits are made of, counted row by row: a limit that counts too much would flatter us.
TEST(BenchWorkTest, IsWhatEachRowNeeds) {
  constexpr std::int64_t kPrompt = 300, kCompletion = 70, kGroup = 3;
  for (const int full_every : {1, 4}) {
    const model::ModelConfig config = tools::m105_config(full_every);
    double weights = 0, pairs = 0;
    const auto row = [&](std::int64_t position, bool is_prompt) {
      for (std::size_t i = 0; i < config.layers.size(); ++i) {
        const bool only_keys = is_prompt && i + 1 == config.layers.size();
        weights += only_keys ? 2 * 256 * 1024 : 1024 * (1024 + 2 * 256) + 1024 * 1024 + 3 * 1024 * 3072;
        for (std::int64_t key = 0; key <= position && !only_keys; ++key)
          pairs += config.layers[i].window == 0 || position - key < config.layers[i].window;
      }
      if (!is_prompt) weights += 1024 * 8192;
    };
    for (std::int64_t i = 0; i < kPrompt; ++i) row(i, true);
    for (std::int64_t i = 0; i < kGroup * kCompletion; ++i) row(kPrompt + i % kCompletion, false);
    const tools::GroupWork work = tools::group_work(config, {kPrompt, kCompletion, kGroup});
    EXPECT_DOUBLE_EQ(work.weights, weights) << full_every;
    EXPECT_DOUBLE_EQ(work.pairs, pairs * 1024) << full_every;
  }
}

TEST_F(CommandLineTest, BenchSaysWhichNamesAreBuilt) {
  const CommandResult result = run({"bench", "data_bild"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.error.find("got 'data_bild'; did you mean \"data_build\"?\nhint: gemm_decode_m8, "), std::string::npos) << result.error;
}

}  // namespace
}  // namespace longbow::tests
