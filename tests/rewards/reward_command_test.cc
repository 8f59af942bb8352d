#include "rewards/reward_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/clock.h"
#include "core/errors.h"

namespace longbow::rewards {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<std::string> kAnswers{"Paris"};
const Json kParams = Json::object();

std::vector<RewardQuery> queries(std::vector<std::string> ids, std::string_view prediction = "Paris") {
  std::vector<RewardQuery> list;
  for (std::string& id : ids) list.push_back({std::move(id), prediction, kAnswers, "Where?", kParams});
  return list;
}

std::vector<std::string> shell(const std::string& script) { return {"sh", "-c", script}; }

std::string failure(const std::string& script, std::vector<std::string> ids = {"a", "b"}, std::int64_t timeout_ms = 20'000) {
  try {
    RewardCommand command(shell(script), timeout_ms);
    command.score(queries(std::move(ids)));
    return "no failure";
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(RewardCommand, AnswersInTheOrderOfTheQueries) {
  const std::string script = R"py(
import json, sys
lines = []
for line in sys.stdin:
    q = json.loads(line)
    lines.append({"id": q["id"], "score": float(q["prediction"] in q["answers"]) if q["id"] != "none" else None, "reason": q["question"]})
    if len(lines) == 3:
        for answer in reversed(lines):
            print(json.dumps(answer), flush=True)
        lines = []
)py";
  RewardCommand command({"python3", "-c", script}, 20'000);
  for (int batch = 0; batch < 3; ++batch) {  // one process serves every batch
    const auto results = command.score(queries({"none", "b\n\"", "c"}, batch == 1 ? "Rome" : "Paris"));
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].score, std::nullopt);
    EXPECT_EQ(results[1].score, batch == 1 ? 0.0 : 1.0);
    EXPECT_EQ(results[2].reason, "Where?");
  }
  EXPECT_TRUE(command.score({}).empty());
}

TEST(RewardCommand, LargeBatchesDoNotBlock) {
  // Answers at once, so that both pipes are full while we still write.
  RewardCommand command(
      shell(
          R"sh(sed -u 's/^{"id": \("[^"]*"\).*/{"id":\1,"score":1,"extracted":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}/')sh"),
      60'000);
  std::vector<std::string> ids;
  for (int i = 0; i < 4000; ++i) ids.push_back(std::to_string(i));
  const std::string prediction(200, 'x');
  const auto results = command.score(queries(ids, prediction));
  EXPECT_EQ(results.size(), 4000u);
  EXPECT_EQ(results.back().score, 1.0);
}

TEST(RewardCommand, EveryFailureNamesTheCommandAndTheCause) {
  EXPECT_THAT(failure("read l; exit 3"),
              AllOf(HasSubstr("reward command sh"), HasSubstr("exit code 3"), HasSubstr("0 of 2"), HasSubstr("a, b")));
  EXPECT_THAT(failure("exec <&-; exit 0"), HasSubstr("ended early (exit code 0)"));
  EXPECT_THAT(failure("read l; kill -9 $$"), HasSubstr("signal 9"));
  EXPECT_THAT(failure("read l; echo loading the model; sleep 60"),
              AllOf(HasSubstr("expected a line of JSON"), HasSubstr("loading the model")));
  EXPECT_THAT(failure("read l; printf '%0500d\\n' 0; sleep 60"), AllOf(HasSubstr("000…"), HasSubstr("expected")));
  EXPECT_THAT(failure(R"(read l; echo '{"id":"a","score":1}'; echo '{"id":"a","score":0}'; sleep 60)"), HasSubstr("second one for \"a\""));
  EXPECT_THAT(failure(R"(read l; echo '{"id":"z","score":1}'; sleep 60)"), AllOf(HasSubstr("an id of this batch"), HasSubstr("\"z\"")));
  EXPECT_THAT(failure(R"(read l; echo '{"id":"a","score":"high"}'; sleep 60)"), HasSubstr("a number or null"));
  EXPECT_THAT(failure(R"(read l; echo '{"id":"a"}'; sleep 60)"), HasSubstr("a number or null"));
  EXPECT_THAT(failure(R"(read l; echo '[1]'; sleep 60)"), HasSubstr("a number or null"));
}

TEST(RewardCommand, TimeOutIsForTheBatchAndNamesWhatIsOwed) {
  const Stopwatch clock;
  EXPECT_THAT(failure(R"(read l; echo '{"id":"a","score":1}'; sleep 60)", {"a", "b"}, 300),
              AllOf(HasSubstr("within 300 ms"), HasSubstr("1 of 2 answers"), HasSubstr("owed: b")));
  EXPECT_LT(clock.seconds(), 20);
}

TEST(RewardCommand, CannotStart) {
  EXPECT_THROW(RewardCommand({"/nonexistent/reward"}, 1000), UserError);
  EXPECT_THROW(RewardCommand({}, 1000), UserError);
  EXPECT_THROW(RewardCommand(shell("true"), 0), UserError);
}

TEST(RewardCommand, ErrorOutputIsShownUnderItsName) {
  ::testing::internal::CaptureStderr();
  failure("read l; echo model not found >&2; printf 'no line end' >&2; exit 1");
  const std::string shown = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(shown, AllOf(HasSubstr("reward command sh: model not found"), HasSubstr("reward command sh: no line end")));
}

}  // namespace
}  // namespace longbow::rewards
