// Whole data sets: the same bytes on any number of threads, resumed builds, checks of stored and tampered files.
#include "data/tasks/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/line_reader.h"
#include "data/dataset.h"
#include "data/tasks/check.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kRecipe = R"({"description": "small", "seed": 11, "chars_per_token": 4, "tasks": [
  {"task": "fuzzy_needle", "count": 12, "max_tokens": 400},
  {"task": "long_math", "count": 12, "max_tokens": 400},
  {"task": "key_chain", "split": "heldout", "count": 12, "max_tokens": 400}]})";

class BuildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    root_ = fs::path(::testing::TempDir()) / concat("longbow_build_", ::getpid(), "_", test);
    dir_ = (root_ / "set").string();
  }
  void TearDown() override { fs::remove_all(root_); }

  static Json recipe(const std::string& assignment = "") {
    Json json = parse_json(kRecipe, "test");
    if (!assignment.empty()) apply_override(json, assignment);
    return json;
  }
  Json build(const std::string& assignment = "", int num_threads = 1, const std::string& dir = "") {
    const Corpus* corpus = assignment.find("wordnet") == std::string::npos ? &test_corpus() : nullptr;
    return build_dataset(read_dataset_recipe(recipe(assignment), "test"), {dir.empty() ? dir_ : dir, num_threads, {}, corpus});
  }
  CheckReport check() { return check_dataset(dir_, {"", {}, 1, &test_corpus()}); }
  std::string bytes(const std::string& file, const std::string& dir = "") {
    return read_file((fs::path(dir.empty() ? dir_ : dir) / file).string());
  }
  std::string error_of(const std::string& assignment) {
    try {
      build(assignment);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  fs::path root_;
  std::string dir_;
};

TEST_F(BuildTest, AnyNumberOfThreadsGivesTheSameBytes) {
  build("", 1);
  const std::string other = (root_ / "other").string();
  build("", 3, other);
  for (const char* file : {"fuzzy_needle.jsonl", "long_math.jsonl", "heldout/key_chain.jsonl", "manifest.json"}) {
    EXPECT_EQ(bytes(file), bytes(file, other)) << file;
  }
  EXPECT_THAT(dataset_files(dir_), ElementsAre("fuzzy_needle.jsonl", "long_math.jsonl", "heldout/key_chain.jsonl"));
  EXPECT_EQ(read_items(dir_ + "/long_math.jsonl").size(), 12u);
  EXPECT_FALSE(fs::exists(dir_ + "/manifest.unfinished.json"));
}

TEST_F(BuildTest, FinishedFilesAreKeptAndOnlyThose) {
  build();
  const std::string before = bytes("fuzzy_needle.jsonl");
  const auto written = fs::last_write_time(dir_ + "/fuzzy_needle.jsonl");
  fs::remove(dir_ + "/heldout/key_chain.jsonl");                   // lost
  std::ofstream(dir_ + "/long_math.jsonl", std::ios::app) << "{";  // damaged
  build("/tasks/2/count=5");                                       // and asked for anew
  EXPECT_EQ(fs::last_write_time(dir_ + "/fuzzy_needle.jsonl"), written);
  EXPECT_EQ(bytes("fuzzy_needle.jsonl"), before);
  EXPECT_EQ(read_items(dir_ + "/long_math.jsonl").size(), 12u);
  EXPECT_EQ(read_items(dir_ + "/heldout/key_chain.jsonl").size(), 5u);
  build("/seed=12");
  EXPECT_NE(bytes("fuzzy_needle.jsonl"), before);
}

TEST_F(BuildTest, AFileIsBuiltAgainWhereItsManifestEntryIsNotWhole) {
  const Json whole = build();
  const std::string before = bytes("fuzzy_needle.jsonl");
  std::string text = bytes("manifest.json");
  for (std::size_t at; (at = text.find("\"bots\"")) != std::string::npos;) text.replace(at, 6, "\"robots\"");
  std::ofstream(dir_ + "/manifest.json") << text;
  EXPECT_EQ(build().at("files"), whole.at("files"));
  EXPECT_EQ(bytes("fuzzy_needle.jsonl"), before);
}

TEST_F(BuildTest, PassBandDropsWhatAModelNeverOrAlwaysAnswers) {
  // Four samples each; how many are right is told by the item's number alone.
  const PassRates rates = [](const std::vector<Item>& items) {
    std::vector<double> shares;
    for (const Item& item : items) shares.push_back(static_cast<double>(std::stoi(item.id.substr(item.id.rfind('-') + 1)) % 5) / 4);
    return shares;
  };
  const DatasetRecipe asked = read_dataset_recipe(recipe(), "test");
  const Json manifest = build_dataset(asked, {dir_, 2, {}, &test_corpus(), rates, "fake"});
  const Json& drops = manifest.at("files").as_array()[0].at("drops");
  EXPECT_EQ(drops.at("pass_band").as_integer(), 7) << "of 19 draws, numbers 0, 4, 5, 9, 10, 14, 15";
  const std::vector<Item> items = read_items(dir_ + "/fuzzy_needle.jsonl");
  ASSERT_EQ(items.size(), 12u);
  for (const Item& item : items) {
    const double rate = item.difficulty.at("pass_rate").as_number();
    EXPECT_TRUE(rate > 0 && rate < 1) << item.id;
  }
  EXPECT_TRUE(check().failures.empty()) << "a check asks no model";

  const std::string other = (root_ / "other").string();
  build_dataset(asked, {other, 1, {}, &test_corpus(), rates, "fake"});
  EXPECT_EQ(bytes("fuzzy_needle.jsonl"), bytes("fuzzy_needle.jsonl", other));
  build("", 1, other);
  EXPECT_NE(bytes("fuzzy_needle.jsonl"), bytes("fuzzy_needle.jsonl", other)) << "a file made with a pass band is not kept without one";
}

TEST_F(BuildTest, ManifestStatesDropsBotsAndStatistics) {
  const Json manifest = build();
  EXPECT_EQ(manifest.at("recipe").at("tasks").as_array()[0].at("hops").as_integer(), 1) << "the resolved recipe holds every knob";
  const Json& file = manifest.at("files").as_array()[1];
  std::vector<std::string> gates;
  for (const auto& [gate, count] : file.at("drops").as_object()) gates.push_back(gate);
  EXPECT_THAT(gates, ElementsAre("draw", "construction", "bots", "oracle", "uniqueness", "decontamination"));
  EXPECT_EQ(file.at("statistics").at("items").as_integer(), 12);
  EXPECT_TRUE(file.at("bots").at("accuracy").find("bm25"));
  EXPECT_EQ(file.at("bots").at("interval").at("answer_prior").size(), 2u);
  std::int64_t in_histogram = 0;
  for (const Json& count : file.at("statistics").at("bytes").at("histogram").as_array()) in_histogram += count.as_integer();
  EXPECT_EQ(in_histogram, 12);
}

TEST_F(BuildTest, ImpossibleRecipesEndWithAReason) {
  const struct {
    const char* assignment;
    const char* expected;
  } cases[] = {
      {"/chars_per_token=0", "either \"tokenizer\" or \"chars_per_token\", got neither"},
      {"/tokenizer=some", "got both"},
      {"/tasks=[]", "/tasks"},
      {"/tasks/1/task=fuzzy_needle", "/tasks/1: expected one entry for each task and split"},
      {"/tasks/1/max_tokens=64", "expected most draws of long_math"},
      {"/wordnet=/nowhere", "WordNet: expected the file data.noun"},
      {"/decontaminate=[\"/nowhere.txt\"]", "/nowhere.txt"},
      {"/tasks/0/num_distractor=1", "num_distractor"},
      {"/sed=1", "sed"},
  };
  for (const auto& test : cases) EXPECT_THAT(error_of(test.assignment), HasSubstr(test.expected)) << test.assignment;
}

TEST_F(BuildTest, AsManyChainsAsThereAreNamesWhereTheLengthAsksForMore) {
  build("/tasks=[{\"task\": \"key_chain\", \"split\": \"heldout\", \"count\": 1, \"max_tokens\": 196608}]");  // 768 chains, and fewer names
                                                                                                              // are held out
  const std::vector<Item> items = read_items(dir_ + "/heldout/key_chain.jsonl");
  const auto num_names = static_cast<std::int64_t>(test_corpus().names(Split::heldout).size());
  ASSERT_LT(num_names, 768);
  EXPECT_EQ(items.front().difficulty.at("num_candidates").as_integer(), num_names);
}

TEST_F(BuildTest, CheckPassesWhatWasBuilt) {
  build();
  const CheckReport report = check();
  EXPECT_TRUE(report.failures.empty()) << report.json.dump(2);
  EXPECT_EQ(report.json.at("files").size(), 3u);
}

TEST_F(BuildTest, CheckNamesItemAndGate) {
  build();
  std::vector<Item> items = read_items(dir_ + "/long_math.jsonl");
  items[7].evidence[0].end += 1;
  std::ofstream(dir_ + "/long_math.jsonl") << items_to_jsonl(items);
  const CheckReport report = check();
  ASSERT_EQ(report.failures.size(), 2u);
  EXPECT_EQ(report.failures[0].item, items[7].id);
  EXPECT_EQ(report.failures[0].gate, "construction");
  EXPECT_EQ(report.failures[1].gate, "manifest");
}

TEST_F(BuildTest, CheckReadsFoldersWithoutManifestAndFindsDoubledIds) {
  build();
  fs::remove(dir_ + "/manifest.json");
  EXPECT_TRUE(check().failures.empty());
  fs::copy_file(dir_ + "/long_math.jsonl", dir_ + "/more.jsonl");
  const CheckReport report = check();
  ASSERT_EQ(report.failures.size(), 12u);
  EXPECT_THAT(report.failures[0].reason, HasSubstr("twice"));
}

TEST_F(BuildTest, CheckRefusesWhatIsNoDataSet) {
  EXPECT_THROW(check(), UserError);
  fs::create_directories(dir_);
  EXPECT_THROW(check(), UserError);
  std::ofstream(dir_ + "/a.jsonl") << R"({"id":1})"
                                   << "\n";
  try {
    check();
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.jsonl:1"));
  }
  std::ofstream(dir_ + "/manifest.json") << R"({"files":[{"file":"../a.jsonl"}]})";
  EXPECT_THROW(check(), UserError);
}

}  // namespace
}  // namespace longbow::data
