// How the shortcut bots do on a file, against the chance of one in num_candidates; with the bots that learn from the file itself: what
// they learn on the even items they try on the odd ones, and the other way round.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "data/tasks/shortcut_bots.h"

namespace longbow::data {

/// The item bots and the task's, then: answer_prior (the most common answer), position and position_from_end (the most common place of the
/// answer among the candidates), order (the place it had in the item before), repeat (the answer of the item before).
std::vector<std::string> bot_names(std::string_view task);

/// The accuracy above which a bot with this chance on so many items has found something: three points more than chance, and for fewer
/// than 2,000 items at least what guessing reaches in one file of ten thousand.
double allowed_accuracy(double chance, std::int64_t items);

/// Wilson's 95% interval for `right` of `items`. Source: E. B. Wilson, JASA 22 (1927).
std::pair<double, double> wilson_interval(std::int64_t right, std::int64_t items);

class BotTally {
 public:
  explicit BotTally(std::string_view task);
  /// Items of the task, in the file's order.
  void add(const BotAnswers& answers);

  struct Row {
    std::string bot;
    std::int64_t right = 0;
    double accuracy = 0;
    double chance = 0;
    double allowed = 0;
  };
  std::vector<Row> rows() const;
  /// The first bot above what is allowed.
  std::optional<Row> failure() const;
  /// {"items", "chance", "allowed", "accuracy": {bot: share}, "interval": {bot: [low, high]}}
  Json to_json() const;

 private:
  using Halves = std::pair<std::int64_t, std::int64_t>;  // even items, odd items

  std::vector<std::string> names_;
  std::int64_t items_ = 0;
  double chance_sum_ = 0;
  std::vector<std::int64_t> right_;  // of the item bots and the task's
  std::map<std::string, Halves> golds_;
  std::map<int, Halves> ranks_, ranks_from_end_;
  std::int64_t right_by_order_ = 0, right_by_repeat_ = 0;
  std::optional<BotAnswers> before_;
};

}  // namespace longbow::data
