#include "data/tasks/bot_tally.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace longbow::data {
namespace {

constexpr std::string_view kLearnedBots[] = {"answer_prior", "position", "position_from_end", "order", "repeat"};

// Right answers of a bot that gives the key most common in one half to every item of the other.
template <class Map>
std::int64_t cross_validated(const Map& counts) {
  if (counts.empty()) return 0;
  const auto most = [&](auto half) {
    return std::max_element(counts.begin(), counts.end(), [&](const auto& a, const auto& b) { return half(a.second) < half(b.second); });
  };
  const auto even = [](const auto& halves) { return halves.first; };
  const auto odd = [](const auto& halves) { return halves.second; };
  return odd(most(even)->second) + even(most(odd)->second);
}

}  // namespace

std::vector<std::string> bot_names(std::string_view task) {
  std::vector<std::string> names = item_bot_names();
  for (std::string& name : task_bot_names(task)) names.push_back(std::move(name));
  for (const std::string_view name : kLearnedBots) names.emplace_back(name);
  return names;
}

double allowed_accuracy(double chance, std::int64_t items) {
  constexpr double kMargin = 0.03, kFalseAlarm = 1e-4;
  constexpr std::int64_t kEnoughItems = 2000;
  const double margin = std::min(1.0, chance + kMargin);
  if (items >= kEnoughItems || items == 0 || chance <= 0 || chance >= 1) return margin;
  // The binomial's tail from the top, until it weighs too much.
  const double n = static_cast<double>(items);
  double tail = 0;
  std::int64_t right = items;
  for (; right > 0; --right) {
    const double k = static_cast<double>(right);
    tail +=
        std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(chance) + (n - k) * std::log1p(-chance));
    if (tail > kFalseAlarm) break;
  }
  return std::max(margin, static_cast<double>(right) / n);
}

std::pair<double, double> wilson_interval(std::int64_t right, std::int64_t items) {
  if (items == 0) return {0.0, 1.0};
  constexpr double z = 1.959964;
  const double n = static_cast<double>(items), share = static_cast<double>(right) / n;
  const double center = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

BotTally::BotTally(std::string_view task) : names_(bot_names(task)), right_(names_.size() - std::size(kLearnedBots), 0) {}

void BotTally::add(const BotAnswers& answers) {
  const bool is_odd = items_++ % 2 == 1;
  const auto count = [&](Halves& halves) { ++(is_odd ? halves.second : halves.first); };
  chance_sum_ += answers.num_candidates == 0 ? 1.0 : 1.0 / static_cast<double>(answers.num_candidates);
  LONGBOW_CHECK_EQ(answers.right.size(), right_.size());
  for (std::size_t bot = 0; bot < right_.size(); ++bot) right_[bot] += answers.right[bot];
  count(golds_[answers.gold]);
  if (answers.gold_rank >= 0) {
    count(ranks_[answers.gold_rank]);
    count(ranks_from_end_[answers.num_different - answers.gold_rank]);
  }
  if (before_) {
    right_by_order_ += answers.gold_rank >= 0 && answers.gold_rank == before_->gold_rank;
    right_by_repeat_ += answers.gold == before_->gold;
  }
  before_ = answers;
}

std::vector<BotTally::Row> BotTally::rows() const {
  std::vector<std::int64_t> right = right_;
  for (const std::int64_t learned :
       {cross_validated(golds_), cross_validated(ranks_), cross_validated(ranks_from_end_), right_by_order_, right_by_repeat_})
    right.push_back(learned);
  const double n = static_cast<double>(std::max<std::int64_t>(items_, 1));
  const double chance = chance_sum_ / n, allowed = allowed_accuracy(chance, items_);
  std::vector<Row> rows;
  for (std::size_t bot = 0; bot < right.size(); ++bot)
    rows.push_back({names_[bot], right[bot], static_cast<double>(right[bot]) / n, chance, allowed});
  return rows;
}

std::optional<BotTally::Row> BotTally::failure() const {
  for (const Row& row : rows()) {
    if (row.accuracy > row.allowed) return row;
  }
  return std::nullopt;
}

Json BotTally::to_json() const {
  Json json = Json::object();
  const std::vector<Row> all = rows();
  json["items"] = items_;
  json["chance"] = all.front().chance;
  json["allowed"] = all.front().allowed;
  for (const Row& row : all) {
    json["accuracy"][row.bot] = row.accuracy;
    const auto [low, high] = wilson_interval(row.right, items_);
    json["interval"][row.bot] = Json::Array{Json(low), Json(high)};
  }
  return json;
}

}  // namespace longbow::data
