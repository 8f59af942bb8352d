// Filler around a draft: wherever the evidence is drawn to stand, that is where it stands, whatever the filler is made of.
#include "data/tasks/arrange.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

constexpr std::size_t kLongBytes = 400, kShortBytes = 10;

// Long sentences, and as many of a word or two: what is left at the end is filled with these.
std::vector<std::string> uneven_filler() {
  std::vector<std::string> filler;
  for (int i = 0; i < 400; ++i) {
    const bool is_long = i % 2 == 0;
    std::string sentence(is_long ? kLongBytes : kShortBytes, static_cast<char>('a' + i % 26));
    filler.push_back("F" + sentence + ".");
  }
  return filler;
}

// The slots between pieces of filler are drawn evenly. Pieces in the order in which they were picked put the short ones, and with them
// half of all slots, into the last tenth of the text.
TEST(Arrange, EvidenceStandsAtUniformDepthsAmongUnevenFiller) {
  const std::vector<std::string> filler = uneven_filler();
  constexpr int kTexts = 600;
  for (const bool in_units : {false, true}) {
    Draft draft;
    draft.sentences = {"Marlow has it."};
    draft.evidence = {0};
    draft.question = "Who has it?";
    if (in_units) {
      draft.filler_unit = [](const FillerDealer& deal, std::size_t, Rng&) {
        const std::string* sentence = deal();
        return sentence == nullptr ? std::string() : *sentence;
      };
    }
    std::array<int, 10> tenths{};
    for (int seed = 0; seed < kTexts; ++seed) {
      Rng rng(static_cast<std::uint64_t>(seed), {1});
      const auto text = arrange(draft, filler, 1000, count_quarter_bytes, rng);
      ASSERT_TRUE(text);
      EXPECT_EQ(text->content.substr(text->evidence[0].start, 14), "Marlow has it.");
      ++tenths[static_cast<std::size_t>(10 * text->first_depth)];
    }
    for (std::size_t tenth = 0; tenth < tenths.size(); ++tenth) {
      // Four standard deviations of a count with this chance.
      EXPECT_NEAR(tenths[tenth], kTexts / 10, 30) << "tenth " << tenth << (in_units ? ", in units" : "");
    }
  }
}

}  // namespace
}  // namespace longbow::data
