#include "tools/predictions.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/errors.h"
#include "core/line_reader.h"
#include "data/tasks/bot_tally.h"

namespace longbow::tools {
namespace {

namespace fs = std::filesystem;

constexpr double kZ = 1.959964;          // 95%
constexpr double kMeanTolerance = 1e-9;  // of a sum of doubles near 1

data::FinishReason finish_reason_from(const std::string& name) {
  for (const auto reason : {data::FinishReason::stop, data::FinishReason::length, data::FinishReason::abort}) {
    if (name == data::name_of(reason)) return reason;
  }
  throw UserError(concat("finish_reason: expected stop, length or abort, got '", name, "'"));
}

std::int64_t count_from(const Json& json, std::string_view key) {
  const std::int64_t count = json.at(key).as_integer();
  if (count < 0 || count > INT32_MAX) throw UserError(concat(key, ": expected a number of tokens, got ", count));
  return count;
}

/// "512" < "1k" < "128k"; a bin of another form comes last, by its name.
std::pair<std::int64_t, std::string> length_order(const std::string& bin) {
  std::size_t digits = 0;
  std::int64_t tokens = 0;
  for (; digits < std::min<std::size_t>(bin.size(), 12) && bin[digits] >= '0' && bin[digits] <= '9'; ++digits)
    tokens = 10 * tokens + (bin[digits] - '0');
  const std::string unit = bin.substr(digits);
  if (digits == 0 || (unit != "" && unit != "k")) return {INT64_MAX, bin};
  return {unit == "k" ? 1024 * tokens : tokens, bin};
}

}  // namespace

Json to_json(const ItemScore& score) {
  Json line = Json::object();
  line["id"] = score.id;
  line["task"] = score.task;
  line["length_bin"] = score.length_bin;
  line["prompt_tokens"] = score.prompt_tokens;
  line["score"] = score.score;
  for (const ScoredAnswer& answer : score.samples) {
    Json sample = Json::object();
    sample["response"] = answer.text;
    sample["extracted"] = answer.extracted;
    sample["score"] = answer.score;
    sample["reason"] = answer.reason;
    sample["tokens"] = answer.tokens;
    sample["finish_reason"] = data::name_of(answer.finish_reason);
    line["samples"].push_back(std::move(sample));
  }
  return line;
}

ItemScore item_score_from_json(const Json& json) {
  ItemScore score;
  score.id = json.at("id").as_string();
  score.task = json.at("task").as_string();
  score.length_bin = json.at("length_bin").as_string();
  score.prompt_tokens = count_from(json, "prompt_tokens");
  score.score = json.at("score").as_number();
  for (const Json& sample : json.at("samples").as_array()) {
    score.samples.push_back({sample.at("response").as_string(), sample.at("extracted").as_string(), sample.at("reason").as_string(),
                             sample.at("score").as_number(), count_from(sample, "tokens"),
                             finish_reason_from(sample.at("finish_reason").as_string())});
  }
  if (score.samples.empty()) throw UserError("samples: expected at least one, got none");
  double mean = 0;
  for (const ScoredAnswer& sample : score.samples) mean += sample.score / static_cast<double>(score.samples.size());
  if (!(std::abs(score.score - mean) <= kMeanTolerance))
    throw UserError(concat("score: expected the samples' mean ", mean, ", got ", score.score));
  return score;
}

std::vector<ItemScore> read_predictions(const std::string& path) {
  std::vector<ItemScore> scores;
  if (!fs::exists(path)) return scores;
  const std::string text = read_file(path);
  const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  for (std::size_t begin = 0, number = 1; begin < whole; ++number) {
    const std::size_t end = text.find('\n', begin);
    try {
      scores.push_back(item_score_from_json(parse_json(std::string_view(text).substr(begin, end - begin), "line")));
    } catch (const UserError& error) {
      throw UserError(concat(path, ":", number, ": expected a prediction, got another line: ", error.what()),
                      "without --resume the items are answered anew");
    }
    begin = end + 1;
  }
  return scores;
}

Json mean_with_interval(const std::vector<double>& scores) {
  const auto n = static_cast<double>(scores.size());
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  const double mean = sum / std::max(1.0, n);
  double low = 0;
  double high = 1;
  if (std::all_of(scores.begin(), scores.end(), [](double score) { return score == 0 || score == 1; })) {
    std::tie(low, high) = data::wilson_interval(std::llround(sum), static_cast<std::int64_t>(scores.size()));
  } else if (n > 1) {
    double variance = 0;
    for (double score : scores) variance += (score - mean) * (score - mean) / (n - 1);
    low = mean - kZ * std::sqrt(variance / n);
    high = mean + kZ * std::sqrt(variance / n);
  }
  Json result = Json::object();
  result["mean"] = mean;
  result["low"] = low;
  result["high"] = high;
  result["items"] = static_cast<std::int64_t>(scores.size());
  return result;
}

Json summarize(const std::vector<ItemScore>& scores) {
  using Scores = std::vector<double>;
  using ByLength = std::map<std::pair<std::int64_t, std::string>, Scores>;
  Scores all;
  std::map<std::string, Scores> by_task;
  ByLength by_length;
  std::map<std::string, ByLength> by_both;
  double tokens = 0, answers = 0, truncated = 0;
  std::int64_t most_tokens = 0;
  for (const ItemScore& score : scores) {
    const auto length = length_order(score.length_bin);
    for (Scores* list : {&all, &by_task[score.task], &by_length[length], &by_both[score.task][length]}) list->push_back(score.score);
    for (const ScoredAnswer& answer : score.samples) {
      ++answers;
      tokens += static_cast<double>(answer.tokens);
      most_tokens = std::max(most_tokens, answer.tokens);
      truncated += answer.finish_reason == data::FinishReason::length ? 1 : 0;
    }
  }
  const auto lengths_to_json = [](const ByLength& lengths) {
    Json json = Json::object();
    for (const auto& [length, list] : lengths) json[length.second] = mean_with_interval(list);
    return json;
  };
  Json report = Json::object();
  report["accuracy"] = mean_with_interval(all);
  Json& per_task = report["per_task"] = Json::object();
  for (const auto& [task, list] : by_task) per_task[task] = mean_with_interval(list);
  report["per_length"] = lengths_to_json(by_length);
  Json& per_both = report["per_task_and_length"] = Json::object();
  for (const auto& [task, lengths] : by_both) per_both[task] = lengths_to_json(lengths);
  Json& completion = report["completion_tokens"] = Json::object();
  completion["mean"] = answers > 0 ? Json(tokens / answers) : Json();
  completion["max"] = most_tokens;
  report["truncated_fraction"] = answers > 0 ? Json(truncated / answers) : Json();
  return report;
}

}  // namespace longbow::tools
