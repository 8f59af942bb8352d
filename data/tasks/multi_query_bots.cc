// MultiQuery without reading what a mention says: the lists of those who count mentions, askings or withdrawals, or look at the order of
// the last askings or at how long the last mention is.
#include <algorithm>
#include <numeric>

#include "data/tasks/multi_query.h"

namespace longbow::data {
namespace {

// The answers of the `num_lines` questions that score highest, in their order; of equals the later ones.
template <class Score>
std::string highest(const std::vector<QueryMentions>& asked, std::size_t num_lines, Score score) {
  std::vector<std::size_t> order(asked.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score(asked[a]) > score(asked[b]); });
  order.resize(std::min(num_lines, order.size()));
  std::sort(order.begin(), order.end());
  std::vector<std::string> lines;
  for (const std::size_t i : order) lines.push_back(asked[i].answer);
  return numbered_lines(lines);
}

}  // namespace

const std::vector<std::string>& query_bot_names() {
  static const std::vector<std::string> names = {"all_asked",      "last_asked",     "first_asked",     "odd_mentions",
                                                 "mentioned_once", "most_mentioned", "least_mentioned", "least_withdrawn",
                                                 "mostly_asked",   "long_mention",   "short_mention"};
  return names;
}

std::vector<std::string> query_shortcuts(const std::vector<QueryMentions>& asked, std::size_t num_lines) {
  using Mentions = const QueryMentions&;
  const std::size_t length = std::min(num_lines, asked.size());
  return {
      highest(asked, asked.size(), [](Mentions) { return 0; }),
      highest(asked, length, [](Mentions) { return 0; }),
      highest({asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(length)}, length, [](Mentions) { return 0; }),
      highest(asked, length, [](Mentions one) { return one.total() % 2; }),
      highest(asked, length, [](Mentions one) { return one.total() == 1; }),
      highest(asked, length, [](Mentions one) { return one.total(); }),
      highest(asked, length, [](Mentions one) { return -one.total(); }),
      highest(asked, length, [](Mentions one) { return -one.withdrawals; }),
      highest(asked, length, [](Mentions one) { return one.askings - one.withdrawals; }),
      highest(asked, length, [](Mentions one) { return one.last_length; }),
      highest(asked, length, [](Mentions one) { return -one.last_length; }),
  };
}

}  // namespace longbow::data
