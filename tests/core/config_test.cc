#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace longbow {
namespace {

using testing::HasSubstr;

enum class Mode { fast, exact };

struct TaskConfig {
  std::string name;
  double weight = 1;
  template <class Visitor>
  void visit(Visitor& v) {
    v.field("name", name, {.help = "Which task.", .required = true});
    v.field("weight", weight, {.help = "Its share.", .min = 0});
  }
};

struct JudgeConfig {
  int port = 80;
  template <class Visitor>
  void visit(Visitor& v) {
    v.field("port", port, {.help = "Where it listens.", .min = 1, .max = 65535});
  }
};

struct SampleConfig {
  bool verbose = false;
  int group_size = 8;
  std::int64_t seed = 1;
  double temperature = 1.0;
  std::string path = "data";
  std::vector<int> lengths = {1, 2};
  std::vector<std::string> stop;
  Json params = Json::object();
  Mode mode = Mode::fast;
  TaskConfig first{"needle", 1};
  std::vector<TaskConfig> tasks;
  std::optional<JudgeConfig> judge;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("verbose", verbose, {.help = "Says more."});
    v.field("group_size", group_size, {.help = "Completions a prompt.", .unit = "completions", .min = 2, .max = 64});
    v.field("seed", seed, {.help = "Of every choice."});
    v.field("temperature", temperature, {.help = "Of sampling.", .min = 0});
    v.field("path", path, {.help = "Where to write."});
    v.field("lengths", lengths, {.help = "Some lengths.", .unit = "tokens", .min = 1, .max = 1 << 20});
    v.field("stop", stop, {.help = "Texts that end a completion."});
    v.field("params", params, {.help = "Anything."});
    v.choice("mode", mode, {{"fast", Mode::fast}, {"exact", Mode::exact}}, {.help = "How."});
    v.section("first", first, "One task.");
    v.section("tasks", tasks, "All tasks.");
    v.optional_section("judge", judge, "Absent: no judge.");
  }
};

constexpr std::string_view kMinimal = R"({"first": {"name": "n"}})";

SampleConfig read(std::string_view text) {
  SampleConfig config;
  read_config(config, parse_json(text, "recipe.json"), "recipe.json");
  return config;
}

std::string error_of(std::string_view text) {
  try {
    read(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Config, ReadsEveryKindOfKey) {
  const SampleConfig config = read(R"({
    "verbose": true, "group_size": 4, "seed": -9007199254740993, "temperature": 1, "path": "x", "lengths": [3], "stop": ["a", "b"],
    "params": {"k": [1]}, "mode": "exact", "first": {"name": "n", "weight": 0.5}, "tasks": [{"name": "p"}, {"name": "q", "weight": 2}],
    "judge": {"port": 8080}})");
  EXPECT_TRUE(config.verbose);
  EXPECT_EQ(config.group_size, 4);
  EXPECT_EQ(config.seed, -9007199254740993);
  EXPECT_EQ(config.temperature, 1);
  EXPECT_EQ(config.path, "x");
  EXPECT_EQ(config.lengths, std::vector<int>{3});
  EXPECT_EQ(config.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.params.dump(), R"({"k": [1]})");
  EXPECT_EQ(config.mode, Mode::exact);
  EXPECT_EQ(config.first.weight, 0.5);
  ASSERT_EQ(config.tasks.size(), 2u);
  EXPECT_EQ(config.tasks[1].name, "q");
  EXPECT_EQ(config.judge->port, 8080);
}

TEST(Config, AbsentKeysKeepTheirDefaults) {
  const SampleConfig config = read(kMinimal);
  EXPECT_EQ(config.group_size, 8);
  EXPECT_EQ(config.lengths, (std::vector<int>{1, 2}));
  EXPECT_FALSE(config.judge);
  EXPECT_FALSE(read(R"({"first": {"name": "n"}, "judge": null})").judge);
}

TEST(Config, ErrorsNamePointerExpectedAndGot) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {R"({"group_sise": 4})", "/first/name: expected this required key, got none (recipe.json)"},
      {R"({"first": {"nmae": "n"}})", "/first/name: expected this required key, got \"nmae\" (recipe.json)"},
      {R"({"first": {"name": "n"}, "group_sise": 4})", "/group_sise: unknown key; did you mean \"group_size\"? (recipe.json)"},
      {R"({"first": {"name": "n"}, "quux": 4})", "/quux: unknown key (recipe.json)"},
      {R"({"first": {"name": "n", "wieght": 1}})", "/first/wieght: unknown key; did you mean \"weight\"? (recipe.json)"},
      {R"({"first": {"name": "n"}, "tasks": [{"name": "p"}, {"name": "q", "a/b": 1}]})", "/tasks/1/a~1b: unknown key (recipe.json)"},
      {R"({"first": {"name": "n"}, "tasks": [{"weight": 1}]})", "/tasks/0/name: expected this required key, got none (recipe.json)"},
      {R"({"first": {"name": "n"}, "tasks": {}})", "/tasks: expected an array of objects, got an object (recipe.json)"},
      {R"({"first": {"name": "n"}, "tasks": [3]})", "/tasks/0: expected an object, got 3 (recipe.json)"},
      {R"({"first": "n"})", "/first: expected an object, got \"n\" (recipe.json)"},
      {R"({"group_size": 1})", "/group_size: expected an integer in [2, 64] completions, got 1 (recipe.json)"},
      {R"({"group_size": 2.5})", "/group_size: expected an integer in [2, 64] completions, got 2.5 (recipe.json)"},
      {R"({"group_size": "4"})", "/group_size: expected an integer in [2, 64] completions, got \"4\" (recipe.json)"},
      {R"({"group_size": null})", "/group_size: expected an integer in [2, 64] completions, got null (recipe.json)"},
      {R"({"group_size": 99999999999})", "/group_size: expected an integer in [2, 64] completions, got 99999999999 (recipe.json)"},
      {R"({"seed": true})", "/seed: expected an integer, got true (recipe.json)"},
      {R"({"temperature": -0.5})", "/temperature: expected a number >= 0, got -0.5 (recipe.json)"},
      {R"({"verbose": 1})", "/verbose: expected true or false, got 1 (recipe.json)"},
      {R"({"path": []})", "/path: expected a string, got an array (recipe.json)"},
      {R"({"lengths": [1, 0]})", "/lengths/1: expected an integer in [1, 1048576] tokens, got 0 (recipe.json)"},
      {R"({"lengths": 5})", "/lengths: expected an array, got 5 (recipe.json)"},
      {R"({"mode": "exat"})", "/mode: expected one of \"fast\", \"exact\", got \"exat\"; did you mean \"exact\"? (recipe.json)"},
      {R"({"mode": 1})", "/mode: expected one of \"fast\", \"exact\", got 1 (recipe.json)"},
      {R"({"first": {"name": "n"}, "judge": {"port": 0}})", "/judge/port: expected an integer in [1, 65535], got 0 (recipe.json)"},
      {"[]", "recipe: expected an object, got an array (recipe.json)"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(Config, WholeNumbersAreIntegers) {
  EXPECT_EQ(read(R"({"first": {"name": "n"}, "seed": 1e6})").seed, 1000000);
  EXPECT_EQ(error_of(R"({"seed": 1e300})"), "/seed: expected an integer, got 1e+300 (recipe.json)");
}

TEST(Config, TheResolvedRecipeReadsBackTheSame) {
  SampleConfig config = read(R"({"first": {"name": "n"}, "temperature": 0.1, "tasks": [{"name": "p"}], "judge": {}, "mode": "exact"})");
  const Json resolved = config_to_json(config);
  EXPECT_EQ(resolved.at("group_size").as_integer(), 8);
  EXPECT_EQ(resolved.at("mode").as_string(), "exact");
  EXPECT_EQ(resolved.at("tasks").dump(), R"([{"name": "p", "weight": 1.0}])");
  EXPECT_EQ(config_to_json(read(resolved.dump())), resolved);
  EXPECT_TRUE(config_to_json(read(kMinimal)).at("judge").is_null());
}

TEST(Config, TheSchemaTellsTypeDefaultRangeUnitAndHelp) {
  const Json schema = config_schema<SampleConfig>();
  EXPECT_EQ(schema.at("type").as_string(), "object");
  EXPECT_FALSE(schema.at("additionalProperties").as_bool());
  const Json& keys = schema.at("properties");
  EXPECT_EQ(
      keys.at("group_size").dump(),
      R"({"type": "integer", "minimum": 2.0, "maximum": 64.0, "unit": "completions", "description": "Completions a prompt.", "default": 8})");
  EXPECT_EQ(
      keys.at("lengths").dump(),
      R"({"type": "array", "items": {"type": "integer", "minimum": 1.0, "maximum": 1048576.0}, "unit": "tokens", "description": "Some lengths.", "default": [1, 2]})");
  EXPECT_EQ(keys.at("mode").at("enum").dump(), R"(["fast", "exact"])");
  EXPECT_EQ(keys.at("mode").at("default").as_string(), "fast");
  EXPECT_EQ(keys.at("params").find("type"), nullptr);
  EXPECT_EQ(keys.at("tasks").at("items").at("required").dump(), R"(["name"])");
  EXPECT_EQ(keys.at("judge").at("type").dump(), R"(["object", "null"])");
  EXPECT_EQ(keys.at("judge").at("properties").at("port").at("default").as_integer(), 80);
}

TEST(Override, SetsValuesAndTexts) {
  const struct {
    const char* assignment;
    const char* result;
  } cases[] = {
      {"/a/b=5", R"({"a": {"b": 5}, "list": [{"x": 1}]})"},
      {"/a/b=", R"({"a": {"b": ""}, "list": [{"x": 1}]})"},
      {"/a/c=true", R"({"a": {"b": 1, "c": true}, "list": [{"x": 1}]})"},
      {"/a/b=name=x", R"({"a": {"b": "name=x"}, "list": [{"x": 1}]})"},
      {"/a/b=\"5\"", R"({"a": {"b": "5"}, "list": [{"x": 1}]})"},
      {"/a/b=[1, 2]", R"({"a": {"b": [1, 2]}, "list": [{"x": 1}]})"},
      {"/new/deep/er=x", R"({"a": {"b": 1}, "list": [{"x": 1}], "new": {"deep": {"er": "x"}}})"},
      {"/list/0/x=2", R"({"a": {"b": 1}, "list": [{"x": 2}]})"},
      {"/k~1l~0m=null", R"({"a": {"b": 1}, "list": [{"x": 1}], "k/l~m": null})"},
  };
  for (const auto& [assignment, result] : cases) {
    Json recipe = parse_json(R"({"a": {"b": 1}, "list": [{"x": 1}]})", "t");
    apply_override(recipe, assignment);
    EXPECT_EQ(recipe.dump(), result) << assignment;
  }
}

TEST(Override, RefusesWhatCannotBeSet) {
  for (const char* assignment :
       {"", "a=1", "/a", "/=1", "=1", "/a/b/c=1", "/list/1=2", "/list/x=2", "/list/-1=2", "/a={", "/a=[1", "/a=\"x"}) {
    Json recipe = parse_json(R"({"a": {"b": 1}, "list": [{"x": 1}]})", "t");
    EXPECT_THROW(apply_override(recipe, assignment), UserError) << assignment;
  }
}

TEST(Override, AnUnknownPathIsRefusedOnReading) {
  Json recipe = parse_json(kMinimal, "t");
  apply_override(recipe, "/group_sizes=4");
  SampleConfig config;
  try {
    read_config(config, recipe, "recipe.json");
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean \"group_size\"?"));
  }
}

}  // namespace
}  // namespace longbow
