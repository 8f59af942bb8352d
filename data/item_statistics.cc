#include "data/item_statistics.h"

#include <algorithm>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"

namespace longbow::data {
namespace {

constexpr int kHistogramBins = 20;
constexpr std::size_t kTopAnswers = 10;

// Counts in equal bins from the least to the most.
Json histogram(const std::vector<double>& sorted) {
  const double low = sorted.front(), width = (sorted.back() - low) / kHistogramBins;
  if (width == 0) return Json(Json::Array{Json(static_cast<std::int64_t>(sorted.size()))});
  std::vector<std::int64_t> counts(kHistogramBins, 0);
  for (const double value : sorted) ++counts[std::min(kHistogramBins - 1, static_cast<int>((value - low) / width))];
  Json json = Json::array();
  for (const std::int64_t count : counts) json.push_back(count);
  return json;
}

Json distribution(std::vector<double> values) {
  Json json = Json::object();
  if (values.empty()) return json;
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  json["min"] = values.front();
  json["median"] = values[values.size() / 2];
  json["mean"] = sum / static_cast<double>(values.size());
  json["max"] = values.back();
  json["histogram"] = histogram(values);
  return json;
}

}  // namespace

std::string short_answer(const std::string& answer) {
  constexpr std::size_t kWhole = 64, kBeginning = 44;
  if (answer.size() <= kWhole) return answer;
  return concat(answer.substr(0, kBeginning), "... #", std::hex, hash64(answer));
}

void ItemStatistics::add(const Item& item) {
  ++items_;
  if (item.num_tokens > 0) tokens_.push_back(static_cast<double>(item.num_tokens));
  const std::size_t length = item.messages.back().content.size();
  bytes_.push_back(static_cast<double>(length));
  if (const Json* count = item.difficulty.find("num_candidates"); count && count->is_number()) candidates_.push_back(count->as_number());
  const int num_bins = static_cast<int>(depths_.size());
  for (const EvidenceSpan& span : item.evidence) {
    const double depth = static_cast<double>(span.start) / static_cast<double>(std::max<std::size_t>(length, 1));
    ++depths_[std::clamp(static_cast<int>(depth * num_bins), 0, num_bins - 1)];
  }
  ++answers_[short_answer(item.answer.answers.front())];
  ++bins_[item.length_bin];
}

Json ItemStatistics::to_json() const {
  Json json = Json::object();
  json["items"] = items_;
  json["tokens"] = distribution(tokens_);
  json["bytes"] = distribution(bytes_);
  json["num_candidates"] = distribution(candidates_);
  json["length_bins"] = Json::object();
  for (const auto& [bin, count] : bins_) json["length_bins"][bin] = count;
  json["evidence_depth"] = Json::array();
  for (const std::int64_t count : depths_) json["evidence_depth"].push_back(count);
  std::vector<std::pair<std::string, std::int64_t>> answers(answers_.begin(), answers_.end());
  std::stable_sort(answers.begin(), answers.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  json["answers"]["different"] = static_cast<std::int64_t>(answers.size());
  if (answers.empty()) return json;
  json["answers"]["most_common"] = answers.front().first;
  json["answers"]["most_common_share"] = static_cast<double>(answers.front().second) / static_cast<double>(items_);
  for (std::size_t i = 0; i < std::min(answers.size(), kTopAnswers); ++i)
    json["answers"]["top"].push_back(Json::Array{Json(answers[i].first), Json(answers[i].second)});
  return json;
}

}  // namespace longbow::data
