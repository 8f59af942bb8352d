#include "data/tasks/keep_out.h"

#include <gtest/gtest.h>

namespace longbow::data {
namespace {

TEST(KeepOut, ForbidsWholeWordsAndRunsOfThem) {
  const KeepOut keep_out({"marlow", "4821", "new york", "the who", "", "..."});
  const struct {
    const char* sentence;
    bool permitted;
  } cases[] = {
      {"A fish that swims.", true},       {"", true},
      {"Marlow swims.", false},           {"A MARLOW-like fish.", false},
      {"Marlowe swims.", true},           {"It cost 4821 crowns.", false},
      {"It cost 48213 crowns.", true},    {"A new bridge in York.", true},
      {"A bridge in New York.", false},   {"A bridge in new, york.", false},
      {"A new yorkshire pudding.", true}, {"He who swims is the one.", true},
      {"He saw the Who play.", false},
  };
  for (const auto& test : cases) EXPECT_EQ(keep_out.permits(test.sentence), test.permitted) << test.sentence;
}

}  // namespace
}  // namespace longbow::data
