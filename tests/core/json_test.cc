#include "core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/random.h"
#include "tests/core/temporary_folder.h"

namespace longbow {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view text, JsonOptions options = {}) {
  try {
    parse_json(text, "recipe.json", options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Json, ReadsEveryKindOfValue) {
  const Json json = parse_json(R"( {"a": [1, -2.5, 1e3, true, false, null], "b": {"c": "x\u00e9\n\ud83d\ude00"}, "": 0} )", "t");
  const Json::Array& a = json.at("a").as_array();
  EXPECT_EQ(a[0].as_integer(), 1);
  EXPECT_EQ(a[1].as_number(), -2.5);
  EXPECT_FALSE(a[2].is_integer());
  EXPECT_EQ(a[2].as_number(), 1000);
  EXPECT_TRUE(a[3].as_bool());
  EXPECT_FALSE(a[4].as_bool());
  EXPECT_TRUE(a[5].is_null());
  EXPECT_EQ(json.at("b").at("c").as_string(), "x\xC3\xA9\n\xF0\x9F\x98\x80");
  EXPECT_EQ(json.at("").as_integer(), 0);
  EXPECT_EQ(json.size(), 3u);
}

TEST(Json, IntegersOfInt64AreExact) {
  for (const char* text : {"9223372036854775807", "-9223372036854775808", "0", "9007199254740993"}) {
    EXPECT_EQ(parse_json(text, "t").as_integer(), std::strtoll(text, nullptr, 10));
    EXPECT_EQ(parse_json(text, "t").dump(), text);
  }
  EXPECT_FALSE(parse_json("9223372036854775808", "t").is_integer());
  EXPECT_EQ(parse_json("9223372036854775808", "t").as_number(), 0x1p63);
}

TEST(Json, DoublesRoundTrip) {
  Rng rng(1, {});
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = rng.next_u64();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isfinite(value)) continue;
    const Json read = parse_json(Json(value).dump(), "t");
    ASSERT_FALSE(read.is_integer());
    ASSERT_EQ(read.as_number(), value);
    ASSERT_EQ(std::strtod(Json(value).dump().c_str(), nullptr), value);
  }
  for (const char* text : {"0.1", "1.0", "-0.0", "5e-324", "1.7976931348623157e+308", "1e+22"})
    EXPECT_EQ(parse_json(text, "t").dump(), text);
  EXPECT_EQ(parse_json("1e-999", "t").as_number(), 0);
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(-std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(Json, DumpIsJsonWhateverTheBytes) {
  EXPECT_EQ(Json("a\"\\\n\t\x01\x7f").dump(), "\"a\\\"\\\\\\n\\t\\u0001\x7f\"");
  EXPECT_EQ(Json("h\xC3\xA9").dump(), "\"h\xC3\xA9\"");
  // Lone tail, cut sequence, overlong, surrogate, beyond U+10FFFF.
  for (const char* bytes : {"\x80", "\xE2\x82", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_THAT(parse_json(Json(bytes).dump(), "t").as_string(), HasSubstr("\xEF\xBF\xBD")) << bytes;
  }
  Rng rng(2, {});
  for (int i = 0; i < 5000; ++i) {
    std::string bytes;
    for (int j = 0; j < 12; ++j) bytes += static_cast<char>(rng.below(256));
    ASSERT_NO_THROW(parse_json(Json(bytes).dump(), "t"));
  }
}

TEST(Json, DumpIndents) {
  const Json json = parse_json(R"({"a": [1, 2], "b": {}, "c": []})", "t");
  EXPECT_EQ(json.dump(), R"({"a": [1, 2], "b": {}, "c": []})");
  EXPECT_EQ(json.dump(2), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
  EXPECT_EQ(parse_json(json.dump(2), "t"), json);
}

TEST(Json, RefusesWithSourceLineAndColumn) {
  const struct {
    std::string text;
    const char* where;
    const char* what;
  } cases[] = {
      {"{\"a\": 1,\n \"b\": x}", "recipe.json:2:7: ", "invalid value"},
      {"{\"a\": 1} 2", "recipe.json:1:10: ", "bad JSON"},
      {"", "recipe.json:1:1: ", "empty"},
      {"{\"a\": 1,}", "recipe.json:1:9: ", "bad JSON"},
      {"[1 2]", "recipe.json:1:4: ", "missing a comma"},
      {"{\"a\": 1} // no", "recipe.json:1:10: ", "bad JSON"},
      {"\"\xC3\xA9\" x", "recipe.json:1:5: ", "bad JSON"},  // columns count characters
      {"\"\xFF\"", "recipe.json:1:", "encoding"},
      {R"(["\ud83d\ude00", "\udc00"])", "recipe.json:1:", "surrogate"},
      {R"({"\udfff": 1})", "recipe.json:1:", "surrogate"},
      {R"("\ud83d")", "recipe.json:1:", "surrogate"},
      {"{\"id\": 18446744073709551615}", "recipe.json:1:", "expected an integer of 64 bits"},
      {"-9223372036854775809", "recipe.json:1:", "expected an integer of 64 bits"},
      {std::string(400, '9'), "recipe.json:1:", "too big"},
      {"NaN", "recipe.json:1:1: ", "invalid value"},
      {"01", "recipe.json:1:2: ", "bad JSON"},
      {"1e999", "recipe.json:1:1: ", "too big"},
      {"{\"a\": {\"b/c\": [1], \"b/c\": 2}}", "recipe.json:1:", "duplicate key /a/b~1c"},
      {"[{\"a\": 1}, {\"a\": 1, \"a\": 2}]", "recipe.json:1:", "duplicate key /1/a"},
      {std::string("1\0x", 3), "recipe.json:1:2: ", "NUL"},
      {std::string(201, '['), "recipe.json:1:201: ", "nested too deep: expected at most 200"},
      {std::string(100000, '['), "recipe.json:1:201: ", "nested too deep"},
      {std::string("\xFF\xFE{\0}\0", 6), "recipe.json:1:1: ", "bad JSON: expected UTF-8, got UTF-16"},
      {std::string("\xFE\xFF\0{\0}", 6), "recipe.json:1:1: ", "bad JSON: expected UTF-8, got UTF-16"},
      {"\x1F\x8B\x08", "recipe.json:1:1: ", "got gzip data under a name that does not end in .gz"},
      {"\x28\xB5\x2F\xFD", "recipe.json:1:1: ", "got zstd data under a name that does not end in .zst"},
  };
  for (const auto& [text, where, what] : cases) {
    EXPECT_THAT(error_of(text), ::testing::StartsWith(where)) << text.substr(0, 40);
    EXPECT_THAT(error_of(text), HasSubstr(what)) << text.substr(0, 40);
  }
}

TEST(Json, ValuesAreCounted) {
  std::string many = "[0";
  for (int i = 2; i < 1 << 22; ++i) many += ",0";
  EXPECT_EQ(parse_json(many + "]", "t").size(), (std::size_t{1} << 22) - 1);
  EXPECT_THAT(error_of(many + ",0]"), HasSubstr("too much JSON: expected at most 4194304 values"));
}

TEST(Json, DuplicatesAreFoundInLargeObjects) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) text += "\"k" + std::to_string(i) + "\": 0, ";
  EXPECT_EQ(error_of(text + "\"z\": 1}"), "");
  EXPECT_THAT(error_of(text + "\"k4999\": 1}"), HasSubstr("duplicate key /k4999"));
  EXPECT_THAT(error_of(text + "\"k3\": 1}"), HasSubstr("duplicate key /k3"));
}

TEST(Json, CommentsOnlyWhereAllowed) {
  const char* text = "// a recipe\n{\"a\": /* one */ 1}\n// end";
  EXPECT_NE(error_of(text), "");
  EXPECT_EQ(parse_json(text, "t", {.allow_comments = true}).at("a").as_integer(), 1);
  EXPECT_NE(error_of("{\"a\": 1} /* open", {.allow_comments = true}), "");
}

TEST(Json, FilesMayBeCompressed) {
  const testing::TemporaryFolder folder;
  for (const char* name : {"a.json", "a.json.gz", "a.json.zst"}) {
    write_file_atomically(folder.file(name), "{\"a\": [1, 2]}\n");
    EXPECT_EQ(read_json_file(folder.file(name)).at("a").size(), 2u) << name;
  }
}

TEST(Json, AccessNamesBothTypes) {
  const Json json = parse_json(R"({"a": [1]})", "t");
  const auto message = [](const auto& access) {
    try {
      access();
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message([&] { json.at("a").as_string(); }), "JSON: expected a string, got an array");
  EXPECT_EQ(message([&] { json.at("a").as_array()[0].as_bool(); }), "JSON: expected a bool, got an integer");
  EXPECT_THAT(message([&] { json.at("b"); }), HasSubstr("\"b\""));
  EXPECT_EQ(json.find("b"), nullptr);
  EXPECT_EQ(Json(1).find("b"), nullptr);
}

TEST(Json, BuildsInPlaceAndKeepsOrder) {
  Json json;
  json["z"] = 1;
  json["a"].push_back(true);
  json["a"].push_back("x");
  json["z"] = 2.5;
  EXPECT_EQ(json.dump(), R"({"z": 2.5, "a": [true, "x"]})");
  EXPECT_THROW(Json(3)["a"], UserError);
  EXPECT_THROW(Json("s").push_back(1), UserError);
}

// Damaged documents end in a value or in one UserError, nothing else.
TEST(Json, SurvivesDamage) {
  const std::string whole = R"({"a": [1, -2.5e3, {"b": "x\u00e9\n"}], "c": null, "d": true})";
  Rng rng(3, {});
  for (int i = 0; i < 20000; ++i) {
    std::string text = whole.substr(0, rng.below(whole.size() + 1));
    for (std::uint64_t flips = rng.below(4); flips > 0 && !text.empty(); --flips)
      text[rng.below(text.size())] ^= static_cast<char>(1 << rng.below(8));
    try {
      const Json json = parse_json(text, "t", {.allow_comments = rng.below(2) == 0});
      ASSERT_EQ(parse_json(json.dump(), "t"), json) << text;
    } catch (const UserError& error) {
      ASSERT_THAT(error.what(), ::testing::StartsWith("t:")) << text;
    }
  }
}

}  // namespace
}  // namespace longbow
