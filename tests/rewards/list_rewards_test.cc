#include <cmath>

#include "core/errors.h"
#include "tests/rewards/scored.h"

namespace longbow::rewards {
namespace {

const std::vector<std::string> kCities{"Paris", "New York", "1,234", "São Paulo"};
const std::string kRight = "1. Paris\n2. New York\n3. 1234\n4. São Paulo";

Json with(const char* key, const Json& value) {
  Json params = Json::object();
  params[key] = value;
  return params;
}

TEST(OrderedList, HonestListsScore) {
  for (const std::string& prediction : {
           kRight,
           std::string("1) paris\n2) new york\n3) 1,234\n4) são paulo"),
           std::string("(1) Paris\n(2) New York\n(3) 1234\n(4) São Paulo"),
           std::string("1: Paris\r\n2: New York\r\n3: 1,234\r\n4: São\u00a0Paulo\r\n"),
           std::string("Here are the answers:\n\n1. **Paris**\n\n2. \"New York\".\n3. 1234\n4. São Paulo!"),
           std::string("**1.** Paris\n**2.** New York\n**3.** 1234\n**4. São Paulo**"),
           "<think>1. London</think>\n" + kRight,
           "<answer>\n" + kRight + "\n</answer>",
           std::string("\\boxed{1. \\text{Paris} \\\\ 2. \\text{New York} \\\\ 3. 1{,}234 \\\\ 4. \\text{São Paulo}}"),
           "Therefore, the answer is:\n" + kRight + ".",
       }) {
    expect_scores("ordered_list", {{prediction, kCities, 1}, {prediction, {kRight}, 1}, {prediction, {"1. no\n2. no", kRight}, 1}});
  }
  expect_scores("ordered_list", {{"1. Paris, France", {"1. Paris, France"}, 1}, {"1. -5\n2. 12:30", {"-5", "12:30"}, 1}});
}

TEST(OrderedList, DroppingSwappingAddingOrChangingALineIsWrong) {
  for (const std::string& prediction : {
           std::string(),
           std::string("the"),
           std::string("Paris\nNew York\n1234\nSão Paulo"),
           std::string("1. Paris\n2. New York\n3. 1234"),
           std::string("2. New York\n3. 1234\n4. São Paulo"),
           std::string("1. New York\n2. Paris\n3. 1234\n4. São Paulo"),
           std::string("2. New York\n1. Paris\n3. 1234\n4. São Paulo"),
           kRight + "\n5. London",
           kRight + "\nLondon",
           kRight + "\n4. London",
           kRight + "\n" + kRight,
           "1. London\n2. x\n3. y\n4. z\n" + kRight,
           std::string("1. Paris\nor London\n2. New York\n3. 1234\n4. São Paulo"),
           std::string("1. Paris or London\n2. New York\n3. 1234\n4. São Paulo"),
           std::string("1. Paris\n2. New York\n3. -1234\n4. São Paulo"),
           std::string("1. Paris\n2. New York\n3. 12340\n4. São Paulo"),
           std::string("1. Pаris\n2. New York\n3. 1234\n4. São Paulo"),  // a Cyrillic а
           std::string("1. Paris\n2. \n3. 1234\n4. São Paulo"),
           "<think>" + kRight + "</think>",
           "<think>" + kRight,
           "</think></think>" + kRight,
           kRight + " \\boxed{}",
       }) {
    expect_scores("ordered_list", {{prediction, kCities, 0}, {prediction, {kRight}, 0}});
  }
  expect_scores("ordered_list", {{"1. 1.5", {"15"}, 0}, {"1. ", {""}, 0}, {"1. the", {"the"}, 0}});
}

TEST(OrderedList, PrefixCreditStaysBelowOne) {
  const Json params = with("prefix_credit", 0.5);
  expect_scores("ordered_list",
                {{kRight, kCities, 1},
                 {"1. Paris\n2. New York\n3. x\n4. São Paulo", kCities, 0.25},
                 {"1. Paris", kCities, 0.125},
                 {"1. x\n2. New York\n3. 1234\n4. São Paulo", kCities, 0},
                 {kRight + "\n5. London", kCities, 0.5}},
                params);
  for (const Json& bad : {Json(1.0), Json(-0.1), Json("half")}) {
    EXPECT_THROW(score_of("ordered_list", kRight, kCities, with("prefix_credit", bad)), UserError);
  }
}

TEST(SetF1, ReadsTheLastLine) {
  const std::vector<std::string> gold{"a1f", "b2e", "c3d"};
  expect_scores("set_f1", {
                              {"Final Answer: [a1f, b2e, c3d]", gold, 1},
                              {"I walk the graph.\nFinal Answer: [c3d, a1f, b2e]\n", gold, 1},
                              {"**Final Answer: [a1f, b2e, c3d]**", gold, 1},
                              {"final answer: ['a1f', \"B2E\", `c3d`].", gold, 1},
                              {"Final Answer: $\\boxed{[a1f, b2e, c3d]}$", gold, 1},
                              {"\\boxed{[a1f, b2e, c3d]}", gold, 1},
                              {"<answer>[a1f, b2e, c3d]</answer>", gold, 1},
                              {"So \\boxed{3} nodes.\nFinal Answer: [a1f, b2e, c3d]", gold, 1},
                              {"<think>Final Answer: []</think>Final Answer: [a1f,b2e,c3d]", gold, 1},
                              {"Final Answer: [a1f, b2e, c3d]", {"[c3d, b2e, a1f]"}, 1},
                              {"Final Answer: [a1f]", {"[x]", "[a1f]"}, 1},
                              {"Final Answer: [a1f, b2e]", gold, 0.8},
                              {"Final Answer: [a1f, a1f, a1f]", gold, 0.5},
                              {"Final Answer: [a1f, b2e, c3d, d, e, f]", gold, 6.0 / 9},
                              {"Final Answer: []", {}, 1},
                              {"Final Answer: []", {"[]"}, 1},
                              {"Final Answer: [the, .]", {"[]"}, 1},
                              {"Final Answer: [a1f]", {"[]"}, 0},
                              {"Final Answer: []", gold, 0},
                              {"Final Answer: [-5]", {"[5]"}, 0},
                              {"Final Answer: [1.5]", {"[15]"}, 0},
                          });
}

TEST(SetF1, AnythingElseIsAParseFailure) {
  for (const char* prediction :
       {"", "a1f", "[a1f]", "Final Answer: a1f", "Final Answer: [a1f", "Final Answer: [a1f]\nI hope this helps", "Answer: [a1f]",
        "<think>Final Answer: [a1f]</think>", "<think>Final Answer: [a1f]", "x</think></think>Final Answer: [a1f]"}) {
    expect_scores("set_f1", {{prediction, {"a1f"}, 0}, {prediction, {"[]"}, 0}});
  }
}

TEST(SetF1, LongListsAreCountedExactly) {
  constexpr int kElements = 60'000;
  std::string list;
  for (int i = 0; i < 2 * kElements; ++i) list += concat(i % kElements, ".5, ");  // each twice
  expect_scores("set_f1", {{"Final Answer: [" + list + "x]", {"0.5", "77.5", "775", "x"}, 2.0 * 3 / (4 + kElements + 1)},
                           {"Final Answer: [" + list + "]", {"[1.5, 2.5]", "[" + list + "]"}, 1}});
}

TEST(Ndcg, GainFallsWithTheRank) {
  const std::vector<std::string> gold{"alpha", "beta", "gamma"};
  const double ideal = 3 + 2 / std::log2(3) + 0.5;
  expect_scores("ndcg", {
                            {"1. Alpha\n2. Beta\n3. Gamma", gold, 1},
                            {"alpha\nbeta\ngamma", gold, 1},
                            {"The order is:\n- alpha\n- beta\n- gamma", gold, 1},
                            {"\\boxed{alpha, beta, gamma}", gold, 1},
                            {"alpha > beta > gamma", {"alpha\nbeta\ngamma"}, 1},
                            {"[alpha, beta, gamma]", {"[alpha, beta, gamma]"}, 1},
                            {"gamma, beta, alpha", gold, (1 + 2 / std::log2(3) + 1.5) / ideal},
                            {"alpha", gold, 3 / ideal},
                            {"x, alpha", gold, 3 / std::log2(3) / ideal},
                            {"alpha, alpha, alpha", gold, 3 / ideal},
                            {"w, x, y, z, alpha, beta, gamma", gold, 0},
                            {"", gold, 0},
                            {"the", {"the", "."}, 0},
                            {"[]", {"[]"}, 0},
                            {"<think>alpha, beta, gamma</think>", gold, 0},
                        });
  expect_scores("ndcg", {{"alpha, x, y", gold, 1}, {"beta, alpha", gold, 2.0 / 3}}, with("k", 1));
  expect_scores("ndcg", {{"alpha, beta, gamma", gold, 1}}, with("k", 10));
  EXPECT_THROW(score_of("ndcg", "alpha", gold, with("k", 0)), UserError);
}

TEST(Pairwise, NeedsEveryElementOnce) {
  const std::vector<std::string> gold{"a1", "b2", "c3", "d4"};
  expect_scores("pairwise", {
                                {"a1, b2, c3, d4", gold, 1},
                                {"1. A1\n2. B2\n3. C3\n4. D4", gold, 1},
                                {"a1 > c3 > b2 > d4", gold, 5.0 / 6},
                                {"d4; c3; b2; a1", gold, 0},
                                {"a1, b2", gold, 0},
                                {"a1, b2, c3", gold, 0},
                                {"a1, b2, c3, d4, e5", gold, 0},
                                {"a1, b2, c3, d4, a1, b2, c3, d4", gold, 0},
                                {"a1, b2, c3, c3", gold, 0},
                                {"a1, b2, c3, x", gold, 0},
                                {"", gold, 0},
                                {"a1", {"a1"}, 1},
                                {"b2", {"a1"}, 0},
                                {"a, a", {"a", "a"}, 0},
                            });
}

TEST(TableRows, MultisetJaccard) {
  const std::vector<std::string> table{"| city | year |\n|---|---:|\n| Paris | 1,990 |\n| Rome | 2001 |\n| Rome | 2001 |"};
  const std::vector<std::string> rows{"Paris | 1990", "Rome | 2001", "Rome | 2001"};
  for (const auto& gold : {table, rows}) {
    expect_scores("table_rows", {
                                    {table[0], gold, 1},
                                    {"Here it is:\n\n```\n" + table[0] + "\n```\nDone.", gold, 1},
                                    {"Rome|2001\nParis|1990\nRome|2001", gold, 1},
                                    {"paris\t1990\nrome\t2001\nrome\t2001", gold, 1},
                                    {"Rome|2001\nParis|1990", gold, 2.0 / 3},
                                    {"Rome|2001\nRome|2001\nRome|2001\nParis|1990", gold, 3.0 / 4},
                                    {"Paris|-1990\nRome|2001\nRome|2001", gold, 2.0 / 4},
                                    {"1990|Paris\nRome|2001", gold, 1.0 / 4},
                                    {"Paris|1990|x", gold, 0},
                                    {"", gold, 0},
                                    {"|  |  |", gold, 0},
                                    {"Paris 1990 Rome 2001", gold, 0},
                                    {"<think>" + table[0] + "</think>", gold, 0},
                                });
  }
  expect_scores("table_rows", {{"a, b\nc, d", {"x\ny", "c, d\na, b"}, 1}, {"| |", {"| |"}, 0}});
}

TEST(TableRows, LongTablesAreCountedExactly) {
  constexpr int kRows = 30'000;
  std::string table;
  for (int i = 0; i < kRows; ++i) table += concat("city ", i % 1000, " | -", i % 1000, ".5\n");
  expect_scores("table_rows", {{table, {table}, 1},
                               {table + "city 7 | 7.5", {table}, kRows / (kRows + 1.0)},
                               {table, {"city 7 | -7.5", "city 7 | -7.5", "city 7 | 7.5"}, 2.0 / (kRows + 1)}});
}

TEST(ContextFbeta, AddsUpAsPublished) {
  Json params = Json::object();
  params["chunks"] = Json::Array{3, 7};
  const auto block = [](const std::string& chunks) { return "<useful_chunks>" + chunks + "</useful_chunks><answer>Paris</answer>"; };
  const double one_of_two = 5 * 1.0 * 0.5 / (4 * 1.0 + 0.5), two_of_four = 5 * 0.5 / (4 * 0.5 + 1);
  const auto total = [](double a, double f) { return a + 0.1 * f + 0.9 * a * f; };
  expect_scores("context_fbeta",
                {
                    {block("<CHUNK_3>, <CHUNK_7>"), {"Paris"}, 2},
                    {block("chunks 7 and 3"), {"Paris"}, total(1, 5 * (2.0 / 3) / (4 * (2.0 / 3) + 1))},
                    {block("[3, 07]"), {"Paris"}, 2},
                    {block("Chunk-3\nChunk-7"), {"Rome"}, 0.1},
                    {block("3"), {"Paris"}, total(1, one_of_two)},
                    {block("3, 7, 8, 9"), {"Paris"}, total(1, two_of_four)},
                    {block("3, 7, 3, 7"), {"Paris"}, total(1, two_of_four)},
                    {block("1, 2"), {"Paris"}, 1},
                    {block(""), {"Paris"}, 1},
                    {block("3, 7") + "<useful_chunks>1</useful_chunks>", {"Paris"}, 1},
                    {"<useful_chunks>3, 7", {"Paris"}, 0},
                    {"</useful_chunks>3, 7<useful_chunks> \\boxed{Paris}", {"Paris"}, 1},
                    {"<useful_chunks>3, 7</useful_chunks> Paris", {"Paris"}, 2},
                    {"<think>" + block("3, 7") + "</think>", {"Paris"}, 0},
                    {"<think>" + block("3, 7"), {"Paris"}, 0},
                    {"Paris", {"Paris"}, 1},
                    {"", {"Paris"}, 0},
                },
                params);
  params["beta"] = 1;
  params["answer_reward"] = "key_code";
  expect_scores("context_fbeta", {{"<useful_chunks>3</useful_chunks> code 4821", {"4821"}, total(1, 2.0 / 3)}}, params);
  for (const auto& [key, value] : {std::pair<const char*, Json>{"chunks", Json::array()},
                                   {"chunks", "3"},
                                   {"chunks", Json::Array{3, 3}},
                                   {"beta", 0},
                                   {"answer_reward", "context_fbeta"},
                                   {"answer_reward", "repetition"},
                                   {"answer_reward", "none"}}) {
    Json bad = params;
    bad[key] = value;
    EXPECT_THROW(score_of("context_fbeta", "x", {"x"}, bad), UserError) << key;
  }
  EXPECT_THROW(score_of("context_fbeta", "x", {"x"}), UserError);
}

}  // namespace
}  // namespace longbow::rewards
