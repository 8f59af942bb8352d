// Bots that answer without doing the task. A data set on which one of them beats chance teaches the shortcut instead.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/tasks/reading.h"

namespace longbow::data {

/// bm25 and keyword: the candidate in, or nearest to, the sentence most like the question; nearest: the one nearest to the
/// question's rarest word; first, last, most_frequent; random: any of the guesses; constant: the file's most common answer.
const std::vector<std::string>& bot_names();

/// For each bot but the last (constant), whether its answer is the gold one.
std::vector<bool> run_bots(const Item& item, const Reading& reading);

/// How the bots do on a data set, against the chance of one in num_candidates.
class BotTally {
 public:
  BotTally();
  void add(const std::string& gold, const std::vector<bool>& right, std::size_t num_candidates);

  struct Row {
    std::string bot;
    double accuracy = 0;
    double chance = 0;
    double allowed = 0;  // chance, plus four standard errors, plus a point
  };
  std::vector<Row> rows() const;
  /// The first bot above what is allowed.
  std::optional<Row> failure() const;
  Json to_json() const;

 private:
  std::int64_t items_ = 0;
  double chance_sum_ = 0;
  double variance_sum_ = 0;
  std::map<std::string, std::int64_t> answers_;
  std::vector<std::int64_t> right_;
};

}  // namespace longbow::data
