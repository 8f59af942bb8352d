// The chat template engine against Python's jinja2: recorded renderings, and the messages of its errors.
#include "data/chat_template.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/errors.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {
namespace {

std::string error_of(const std::string& source, const Json& variables = Json::object()) {
  try {
    return "no error, but the text: " + ChatTemplate(source, "t").render(variables);
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(ChatTemplate, RendersAsPythonDoes) {
  const Json golden = read_json_file(std::string(LONGBOW_SOURCE_DIR) + "/tests/data/chat_template_golden.json");
  int refused = 0, rendered = 0;
  for (const Json& entry : golden.at("cases").as_array()) {
    const std::string& source = entry.at("template").as_string();
    Json variables = entry.at("variables").is_string() ? golden.at("shared") : entry.at("variables");
    variables["bos_token"] = "<s>";
    SCOPED_TRACE(entry.at("name").as_string() + ": " + source);
    if (entry.find("error") != nullptr) {
      EXPECT_THROW(ChatTemplate(source).render(variables), UserError);
      ++refused;
      continue;
    }
    try {
      EXPECT_EQ(ChatTemplate(source).render(variables), entry.at("text").as_string());
      ++rendered;
    } catch (const UserError& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_GE(rendered, 70);
  EXPECT_GE(refused, 30);
}

TEST(ChatTemplate, ErrorsNameLineAndConstruct) {
  const struct {
    const char *source, *message;
  } cases[] = {
      {"a\nb {% include 'x' %}", "t, line 2: the statement {% include %} is not supported"},
      {"\n\n{{ x | frobnicate }}", "t, line 3: the filter 'frobnicate' is not supported"},
      {"{{ 1 is prime }}", "t, line 1: the test 'prime' is not supported"},
      {"{% if x %}", "t, line 1: expected {% endif %}, got the template's end"},
      {"{{ a }\n", "t, line 1: unexpected '}'"},
      {"{{ 'x' + none }}", "t, line 1: cannot compute a string + none"},
      {"{{ 'x' + y }}", "t, line 1: 'y' is undefined"},
      {"x\n{{ raise_exception('roles must alternate') }}", "t, line 2: roles must alternate"},
      {"{{ messages.append(1) }}", "t, line 1: append: lists and mappings of a template cannot be changed"},
      {"{% for x in y recursive %}{% endfor %}", "t, line 1: recursive loops are not supported"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(error_of(c.source, Json::Object{{"messages", Json::array()}}), c.message) << c.source;
  }
}

TEST(ChatTemplate, HostileTemplatesEndInAnError) {
  const std::string deep(5000, '(');
  EXPECT_NE(error_of("{{ " + deep + std::string(5000, ')') + " }}").find("nested expressions"), std::string::npos);
  std::string blocks;
  for (int i = 0; i < 5000; ++i) blocks += "{% if true %}";
  EXPECT_NE(error_of(blocks).find("nested blocks"), std::string::npos);
  std::string sum = "{{ 1";
  for (int i = 0; i < 20000; ++i) sum += "+1";
  EXPECT_NE(error_of(sum + " }}").find("terms"), std::string::npos);
  EXPECT_NE(error_of("{{ 'x' * 999999999999 }}").find("repeated"), std::string::npos);
  EXPECT_NE(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("nested macro calls"), std::string::npos);
  // Few macros, but each stands deep inside an expression, or inside blocks.
  std::string joined = "{{ m()", inner = "{{ m() }}";
  for (int i = 0; i < 900; ++i) joined += " ~ 'a'";
  for (int i = 0; i < 90; ++i) inner = "{% if true %}" + inner + "{% endif %}";
  for (const std::string& body : {joined + " }}", inner}) {
    EXPECT_NE(error_of("{% macro m() %}" + body + "{% endmacro %}{{ m() }}").find("nested blocks and expressions"), std::string::npos);
  }
  // Values that each step puts into another: to print, compare or only to free one would recurse as deep.
  for (const char* step : {"[v.x]", "(v.x, 1)", "{'k': v.x}", "namespace(x=v.x)", "[v.x] + [v.x]", "dict(k=v.x)"}) {
    const std::string source = concat("{% set v = namespace(x=[]) %}{% for i in range(100000) %}{% set v.x = ", step,
                                      " %}{% endfor %}{{ v.x }}{{ v.x|tojson }}{{ v.x == v.x }}");
    EXPECT_EQ(error_of(source), "t, line 1: expected lists and mappings at most 1000 deep, got a deeper one") << step;
  }
  // Values that each step doubles: a few dozen steps would fill any memory.
  for (const char* body : {"{% set v.x = [v.x, v.x] %}{% endfor %}{{ v.x }}",
                           "{% set v.x = {'a': v.x, 'b': v.x} %}{% endfor %}{{ v.x|tojson }}", "{% set v.x = v.x ~ v.x %}{% endfor %}"}) {
    EXPECT_EQ(error_of(concat("{% set v = namespace(x=1000000000000000000) %}{% for i in range(60) %}", body)),
              "t, line 1: expected at most 67108864 bytes of text, got more")
        << body;
  }
  EXPECT_EQ(error_of("{% set v = namespace(x=[1]) %}{% for i in range(60) %}{% set v.x = v.x + v.x %}{% endfor %}"),
            "t, line 1: expected at most 1048576 elements, got 2097152");
  EXPECT_EQ(error_of("{% set v = namespace(x=[]) %}{% for i in range(900) %}{% set v.x = [v.x] %}{% endfor %}{{ v.x }}"),
            "no error, but the text: " + std::string(901, '[') + std::string(901, ']'));
  // What Python's integers would hold and 64 bits do not.
  for (const char* source : {"{{ (-9223372036854775807 - 1)|abs }}", "{{ [9223372036854775807, 1]|sum }}",
                             "{{ [-2]|sum(start=-9223372036854775807) }}", "{{ -9223372036854775807 - 2 }}"}) {
    EXPECT_EQ(error_of(source), "t, line 1: integer overflow") << source;
  }
  EXPECT_EQ(error_of("{{ -9223372036854775807|abs }}, {{ [9223372036854775807, -1, true]|sum }}"),
            "no error, but the text: 9223372036854775807, 9223372036854775807");
}

TEST(ChatTemplate, LoadsFromADirectory) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) { std::ofstream(folder.file(name)) << text; };
  EXPECT_THROW(ChatTemplate::load(folder.path()), UserError);

  write("tokenizer_config.json", R"({"bos_token": {"content": "<s>"}, "chat_template": "{{ bos_token }}{{ messages[0].content }}"})");
  EXPECT_EQ(ChatTemplate::load(folder.path()).render({{"user", "Hi"}}, false), "<s>Hi");
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]})");
  EXPECT_EQ(ChatTemplate::load(folder.path()).render(Json::object()), "plain");
  EXPECT_EQ(ChatTemplate::load(folder.path()).render(Json::Object{{"tools", Json::array()}}), "tools");
  write("chat_template.jinja", "{% if add_generation_prompt %}go{% endif %}");
  EXPECT_EQ(ChatTemplate::load(folder.path()).render({}, true), "go");
}

TEST(ChatTemplate, StrftimeNowFollowsNow) {
  EXPECT_EQ(ChatTemplate("{{ strftime_now('%d %b %Y %H:%M') }}").render(Json::Object{{"now", "2024-07-26T13:05:09"}}), "26 Jul 2024 13:05");
}

TEST(ChatTemplate, ReasoningIsKnownUnderBothNames) {
  const Json message = Json::Object{{"role", "assistant"}, {"content", "4"}, {"reasoning", "add"}};
  EXPECT_EQ(ChatTemplate("{{ messages[0].thinking }}{{ messages[0].reasoning_content }}")
                .render(Json::Object{{"messages", Json::Array{message}}}),
            "addadd");
}

}  // namespace
}  // namespace longbow::data
