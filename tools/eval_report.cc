#include "tools/eval_report.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/errors.h"
#include "tools/data_report_chart.h"
#include "tools/data_report_samples.h"
#include "tools/markup.h"
#include "tools/report_chart.h"
#include "tools/report_parts.h"
#include "tools/report_run.h"
#include "tools/report_style.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kExamples = 10;         // a task, half of them wrong when there are enough
constexpr std::size_t kAnswersShown = 4;      // of an item that was sampled more often
constexpr std::size_t kFailuresShown = 200;   // in the table
constexpr std::size_t kReasonsShown = 8;      // bars
constexpr std::size_t kExtractedBytes = 400;  // of a row in the table

/// An item and what the model made of it.
struct Answered {
  const data::Item* item;
  const ItemScore* score;
};

/// In the order of the data, whatever order the answers came in.
std::vector<Answered> join(const std::vector<ItemScore>& scores, const std::vector<data::Item>& items) {
  std::unordered_map<std::string_view, const ItemScore*> by_id;
  for (const ItemScore& score : scores) by_id[score.id] = &score;
  std::vector<Answered> joined;
  for (const data::Item& item : items) {
    if (const auto found = by_id.find(item.id); found != by_id.end()) joined.push_back({&item, found->second});
  }
  return joined;
}

Interval interval_of(const Json& json) {
  return {json.at("mean").as_number(), json.at("low").as_number(), json.at("high").as_number(), json.at("items").as_integer()};
}

std::string percent(double share) { return format_value(share, true); }

std::string interval_text(const Json& json) {
  return concat("95%: ", percent(json.at("low").as_number()), "–", percent(json.at("high").as_number()));
}

std::string shortened(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes) + " …";
}

/// The folder's name; of a run's checkpoint the run's too: "quickstart, final".
std::string model_name(const std::string& dir) {
  const std::filesystem::path above = std::filesystem::absolute(dir + "/").lexically_normal().parent_path().parent_path();
  if (above.filename() != "checkpoints") return folder_name(dir);
  return concat(folder_name(above.parent_path().string()), ", ", folder_name(dir));
}

std::string lead(const Json& report) {
  const double temperature = report.at("temperature").as_number();
  const std::int64_t samples = report.at("num_samples").as_integer();
  std::string data;
  for (const Json& path : report.at("data").as_array()) data += (data.empty() ? "" : ", ") + path.as_string();
  return concat(
      "<p class=\"lead\">", escape_html(report.at("model").as_string()), " on ", escape_html(data), " · ",
      escape_html(report.at("dtype").as_string()), " · ",
      temperature == 0 ? std::string("greedy") : concat("temperature ", format_value(temperature), ", seed ", report.at("seed").dump()),
      samples > 1 ? concat(" · ", samples, " answers an item") : "", " · at most ", report.at("max_completion_tokens").as_integer(),
      " tokens an answer</p>\n");
}

std::string notes(const Json& report, std::size_t num_items) {
  std::string html;
  const std::int64_t answered = report.at("accuracy").at("items").as_integer(), skipped = report.at("skipped").as_integer();
  if (report.at("interrupted").as_bool()) {
    html += concat("<p class=\"note\">Interrupted after ", answered, " of ", num_items, " items; --resume goes on.</p>\n");
  }
  if (skipped > 0) {
    html += concat("<p class=\"note\">", skipped, " items have prompts longer than ", report.at("max_context").as_integer(),
                   " tokens and were left out.</p>\n");
  }
  return html;
}

std::string render_cards(const Json& report, const std::vector<Answered>& answered) {
  const Json& accuracy = report.at("accuracy");
  const Json& tokens = report.at("completion_tokens");
  double empty = 0, answers = 0, prompt = 0;
  for (const Answered& one : answered) {
    prompt += static_cast<double>(one.score->prompt_tokens);
    for (const ScoredAnswer& answer : one.score->samples) {
      ++answers;
      empty += answer.extracted.empty() ? 1 : 0;
    }
  }
  const auto items = static_cast<double>(std::max<std::size_t>(1, answered.size()));
  std::string html = render_card("Accuracy", percent(accuracy.at("mean").as_number()),
                                 concat(interval_text(accuracy), ", ", accuracy.at("items").as_integer(), " items"), true);
  html += render_card("Prompt", format_value(prompt / items), "tokens, mean");
  if (tokens.at("mean").is_number()) {
    html += render_card("Answer", format_value(tokens.at("mean").as_number()), concat("tokens, mean; longest ", tokens.at("max").dump()));
    html += render_card("Cut off", percent(report.at("truncated_fraction").as_number()), "of answers, at the length limit");
  }
  if (answers > 0) html += render_card("Nothing to compare", percent(empty / answers), "of answers: no final answer found");
  return concat("<div class=\"cards\">\n", html, "</div>\n");
}

std::string render_accuracy(const Json& report) {
  const std::string subtitle = "dot: mean over items; bar: 95% interval";
  const auto figure = [&](const std::string& title, const Json& parts, int first_color, bool one_color) {
    std::vector<IntervalRow> rows;
    int color = first_color;
    for (const auto& [name, interval] : parts.as_object()) {
      rows.push_back({concat(name, " (", interval.at("items").as_integer(), ")"), color, std::nullopt, interval_of(interval)});
      if (!one_color) ++color;
    }
    return rows.size() < 2 ? std::string() : render_intervals(title, subtitle, rows);
  };
  const std::string figures =
      figure("By task", report.at("per_task"), 0, false) + figure("By length of the prompt", report.at("per_length"), 5, true);
  return figures.empty() ? figures : concat("<h2>Accuracy</h2>\n<div class=\"grid\">\n", figures, "</div>\n");
}

/// A row a task, a column a length; empty when either has but one.
std::string render_task_lengths(const Json& report) {
  const Json& lengths = report.at("per_length");
  const Json& tasks = report.at("per_task_and_length");
  if (lengths.size() < 2 || tasks.size() < 2) return {};
  std::string html = "<h2>Accuracy by task and length</h2>\n<div class=\"scroll\"><table><tr><th>task</th>";
  for (const auto& [length, unused] : lengths.as_object()) html += concat("<th>", escape_html(length), "</th>");
  for (const auto& [task, cells] : tasks.as_object()) {
    html += concat("</tr>\n<tr><td>", escape_html(task), "</td>");
    for (const auto& [length, unused] : lengths.as_object()) {
      const Json* cell = cells.find(length);
      html += cell ? concat("<td title=\"", interval_text(*cell), "\">", percent(cell->at("mean").as_number()), " <small>of ",
                            cell->at("items").as_integer(), "</small></td>")
                   : std::string("<td>-</td>");
    }
  }
  return html + "</tr></table></div>\n";
}

/// Answers by length in tokens, in at most twenty bins of equal width, beside the reasons why answers failed.
std::string render_answers(const Json& report, const std::vector<Answered>& answered) {
  const std::int64_t longest = report.at("completion_tokens").at("max").as_integer();
  const std::int64_t width = std::max<std::int64_t>(1, (longest + 20) / 20);
  std::vector<double> counts(static_cast<std::size_t>(longest / width + 1), 0.0);
  std::map<std::string, std::int64_t> reasons;
  std::int64_t failures = 0;
  for (const Answered& one : answered) {
    for (const ScoredAnswer& answer : one.score->samples) {
      ++counts[static_cast<std::size_t>(answer.tokens / width)];
      if (answer.score >= 1) continue;
      ++reasons[answer.reason.empty() ? "no reason given" : answer.reason];
      ++failures;
    }
  }
  std::vector<std::pair<std::int64_t, std::string>> most;
  for (const auto& [reason, count] : reasons) most.emplace_back(count, reason);
  std::sort(most.begin(), most.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::vector<Bar> bars;
  std::int64_t rest = failures;
  for (std::size_t i = 0; i < std::min(most.size(), kReasonsShown); ++i) {
    bars.push_back({most[i].second, static_cast<double>(most[i].first), concat(most[i].first)});
    rest -= most[i].first;
  }
  if (rest > 0) bars.push_back({"other reasons", static_cast<double>(rest), concat(rest)});
  std::string html = concat("<h2>Answers</h2>\n<div class=\"grid two\">\n",
                            render_histogram("Lengths", "answers by tokens, the end of the turn included", counts, 0,
                                             static_cast<double>(width * static_cast<std::int64_t>(counts.size())), false, false));
  if (!bars.empty()) html += render_bars("Why answers failed", concat(failures, " answers that scored below 1"), bars);
  return html + "</div>\n";
}

std::string gold_text(const data::Item& item) {
  std::string text;
  for (const std::string& answer : item.answer.answers) text += (text.empty() ? "" : " · ") + answer;
  return text;
}

std::string render_failures(const std::vector<Answered>& answered) {
  std::string rows;
  std::size_t failures = 0;
  for (const Answered& one : answered) {
    for (const ScoredAnswer& answer : one.score->samples) {
      if (answer.score >= 1 || ++failures > kFailuresShown) continue;
      rows += concat("<tr><td>", escape_html(one.item->id), "</td><td class=\"text\">",
                     escape_html(shortened(gold_text(*one.item), kExtractedBytes)), "</td><td class=\"text\">",
                     escape_html(shortened(answer.extracted, kExtractedBytes)), "</td><td class=\"text\">", escape_html(answer.reason),
                     "</td><td>", render_pill(answer.score), "</td></tr>\n");
    }
  }
  if (failures == 0) return {};
  const std::string shown =
      failures > kFailuresShown ? concat("the first ", kFailuresShown, " of ", failures) : concat(failures, " in all");
  return concat(
      "<h2>Answers that failed<small>", shown,
      "</small></h2>\n<div class=\"scroll tall\"><table><tr><th>item</th><th class=\"text\">gold</th><th class=\"text\">compared</th><th "
      "class=\"text\">why</th><th>score</th></tr>\n",
      rows, "</table></div>\n");
}

std::string render_example(const Answered& one) {
  std::string answers;
  for (std::size_t i = 0; i < std::min(one.score->samples.size(), kAnswersShown); ++i) {
    const ScoredAnswer& answer = one.score->samples[i];
    answers += concat(one.score->samples.size() > 1 ? render_pill(answer.score) : "", "<pre>", escape_html(answer.text), "</pre><small>",
                      answer.tokens, " tokens, ended by ", data::name_of(answer.finish_reason),
                      " · compared: ", answer.extracted.empty() ? "nothing" : escape_html(shortened(answer.extracted, kExtractedBytes)),
                      " · ", escape_html(answer.reason), "</small>");
  }
  if (one.score->samples.size() > kAnswersShown)
    answers += concat("<small>and ", one.score->samples.size() - kAnswersShown, " more</small>");
  return render_item(*one.item, render_pill(one.score->score), render_item_row("model", answers));
}

/// `count` of `from`, evenly spread.
std::vector<Answered> spread(const std::vector<Answered>& from, std::size_t count) {
  std::vector<Answered> chosen;
  for (std::size_t i = 0; i < std::min(count, from.size()); ++i) chosen.push_back(from[i * from.size() / std::min(count, from.size())]);
  return chosen;
}

std::string render_examples(const std::vector<Answered>& answered) {
  std::map<std::string, std::pair<std::vector<Answered>, std::vector<Answered>>> tasks;  // wrong, right
  for (const Answered& one : answered) {
    auto& [wrong, right] = tasks[one.score->task];
    (one.score->score < 1 ? wrong : right).push_back(one);
  }
  std::string html;
  for (const auto& [task, lists] : tasks) {
    const auto& [wrong, right] = lists;
    const std::size_t num_right = std::min(right.size(), std::max(kExamples / 2, kExamples - std::min(kExamples, wrong.size())));
    const std::vector<Answered> shown_wrong = spread(wrong, kExamples - num_right), shown_right = spread(right, num_right);
    html += concat("<h2>", escape_html(task), "<small>", wrong.size(), " of ", wrong.size() + right.size(), " not right; ",
                   shown_wrong.size(), " of them and ", shown_right.size(), " right ones to read</small></h2>\n");
    for (const std::vector<Answered>* list : {&shown_wrong, &shown_right}) {
      for (const Answered& one : *list) html += render_example(one);
    }
  }
  return html;
}

}  // namespace

std::string render_eval_report(const Json& report, const std::vector<ItemScore>& scores, const std::vector<data::Item>& items) {
  const std::vector<Answered> answered = join(scores, items);
  std::string html = render_page_head(concat("Evaluation of ", model_name(report.at("model").as_string())), kItemPageStyle) + lead(report) +
                     notes(report, items.size());
  html += render_cards(report, answered) + render_accuracy(report) + render_task_lengths(report);
  if (!answered.empty()) html += render_answers(report, answered) + render_failures(answered) + render_examples(answered);
  return html + render_page_end(concat("Written by longbow eval, version ", escape_html(report.at("version").as_string()),
                                       "; docs/metrics.md explains the intervals."));
}

}  // namespace longbow::tools
