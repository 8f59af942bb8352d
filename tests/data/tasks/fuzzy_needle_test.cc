// FuzzyNeedle's sentences without its question: nothing about them may say which is asked for.
#include "data/tasks/fuzzy_needle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/tasks/phrase.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

/// The things that somebody did something to, in the order of the text, and which of them is asked for.
struct Things {
  std::vector<std::string> nouns;
  std::size_t asked = 0;
};

Things things_of(const Item& item) {
  Things things;
  for (const Sentence& sentence : split_sentences(item.messages.back().content)) {
    for (const VerbPair& verb : fuzzy_needle_verbs()) {
      for (const auto& [pattern, blank] : {std::pair(verb.needle, 2), {verb.needle_other, 2}, {verb.object_first, 1}}) {
        const auto words = match(sentence.text, pattern);
        if (!words) continue;
        if (sentence.span.start == item.evidence.front().start) things.asked = things.nouns.size();
        things.nouns.emplace_back((*words)[static_cast<std::size_t>(blank)]);
      }
    }
  }
  return things;
}

const Category* category_of(const std::string& noun) {
  for (const Category& category : test_corpus().categories()) {
    if (std::count(category.members.begin(), category.members.end(), noun) > 0) return &category;
  }
  return nullptr;
}

// Until version 3 a thing that could pass for many categories was asked for more often than it stood beside the needle.
TEST(FuzzyNeedle, EachNeedleCouldBeTheOneAskedFor) {
  for (const char* entry :
       {R"({"task":"fuzzy_needle","max_tokens":400})", R"({"task":"fuzzy_needle","max_tokens":800,"num_distractors":9,"hops":2})"}) {
    SCOPED_TRACE(entry);
    const auto builder = builder_of(entry);
    int clashes = 0, items = 0;
    for (std::int64_t index = 0; index < 300; ++index) {
      const auto item = builder->build(3, index, count_quarter_bytes);
      if (!item) continue;
      ++items;
      const Things things = things_of(*item);
      ASSERT_EQ(static_cast<std::int64_t>(things.nouns.size()) + 1, item->difficulty.find("num_candidates")->as_integer());
      for (const std::string& one : things.nouns) {
        const Category* category = category_of(one);
        ASSERT_NE(category, nullptr) << one;
        for (const std::string& other : things.nouns) clashes += &one != &other && may_pass_for(other, *category, test_corpus());
      }
    }
    EXPECT_GT(items, 290);
    EXPECT_EQ(clashes, 0);
  }
}

TEST(FuzzyNeedle, MoreNeedlesThanCategoriesLeaveTheRestToOneCategory) {
  const Item item = item_of(R"({"task":"fuzzy_needle","max_tokens":800,"num_distractors":11,"num_categories":4})");
  const Things things = things_of(item);
  ASSERT_EQ(things.nouns.size(), 12U);
  std::map<const Category*, int> counts;
  for (const std::string& noun : things.nouns) ++counts[category_of(noun)];
  std::multiset<int> sizes;
  for (const auto& [category, count] : counts) sizes.insert(count);
  EXPECT_EQ(sizes, (std::multiset<int>{1, 1, 1, 9}));
  EXPECT_EQ(counts[category_of(things.nouns[things.asked])], 1);
}

}  // namespace
}  // namespace longbow::data
