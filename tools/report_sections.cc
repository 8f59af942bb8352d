#include "tools/report_sections.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>

#include "core/clock.h"
#include "core/errors.h"
#include "tools/markup.h"
#include "tools/report_chart.h"
#include "tools/report_parts.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kSamplesShown = 3;  // a task and step

/// Mean of the last tenth of a series (at least 5 values): one step's mean is noisy.
double settled(const Series* series, bool at_end) {
  if (series == nullptr) return kMissing;
  Series values;
  std::copy_if(series->begin(), series->end(), std::back_inserter(values), [](double value) { return !std::isnan(value); });
  if (values.empty()) return kMissing;
  const std::size_t count = std::min(values.size(), std::max<std::size_t>(5, values.size() / 10));
  const auto begin = at_end ? values.end() - static_cast<std::ptrdiff_t>(count) : values.begin();
  double sum = 0;
  for (auto value = begin; value != begin + static_cast<std::ptrdiff_t>(count); ++value) sum += *value;
  return sum / static_cast<double>(count);
}

double largest(const Series* series) {
  double most = kMissing;
  if (series == nullptr) return most;
  for (double value : *series) {
    if (!std::isnan(value)) most = std::isnan(most) ? value : std::max(most, value);
  }
  return most;
}

double total(const Series* series) {
  double sum = 0;
  if (series) {
    for (double value : *series) sum += std::isnan(value) ? 0 : value;
  }
  return sum;
}

std::string arrow(double from, double to, bool percent = false) {
  return concat(format_value(from, percent), " → ", format_value(to, percent));
}

std::string interval_text(const Interval& interval) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f–%.1f%%", interval.low * 100, interval.high * 100);
  return text;
}

std::string points(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%+.1f", share * 100);
  return text;
}

std::string gain_text(const RunRecord& run) { return points(run.after->all.mean - run.before->all.mean) + " points"; }

std::string change_text(const PairedChange& change) {
  return concat(points(change.gain), " (", points(change.low), " to ", points(change.high), ")");
}

/// "< 1e-15" where a double's rounding would be shown.
std::string p_text(double p) { return p < 1e-15 ? "< 1e-15" : format_value(p); }

std::string accuracy_card(const RunRecord& run) {
  if (run.before && run.after) {
    return render_card("Held-out accuracy", arrow(run.before->all.mean, run.after->all.mean, true),
                       concat(gain_text(run), ", ", run.after->all.items, " items; 95%: ", interval_text(run.before->all), " → ",
                              interval_text(run.after->all)),
                       true);
  }
  if (run.before)
    return render_card("Held-out accuracy before", format_value(run.before->all.mean, true),
                       concat("95%: ", interval_text(run.before->all)), true);
  if (run.after)
    return render_card("Held-out accuracy", format_value(run.after->all.mean, true), concat("95%: ", interval_text(run.after->all)), true);
  return {};
}

double wall_seconds(const RunRecord& run) {
  if (const Json* seconds = run.result.find("seconds"); seconds && seconds->is_number()) return seconds->as_number();
  return total(run.find("time/step_s"));
}

std::string seed_text(const RunRecord& run) {
  const Json* seed = run.recipe.find("seed");
  return seed ? concat("seed ", seed->dump()) : std::string();
}

std::string sample_column(const std::vector<const Sample*>& samples) {
  std::string html = concat("<div class=\"column\"><small>step ", samples[0]->step, " · ", escape_html(samples[0]->item_id), "</small>");
  for (std::size_t i = 0; i < std::min(samples.size(), kSamplesShown); ++i) {
    html += concat("<div class=\"completion\">", render_pill(samples[i]->reward), "<code>", escape_html(samples[i]->extracted),
                   "</code><pre>", escape_html(samples[i]->text), "</pre></div>");
  }
  return html + "</div>\n";
}

}  // namespace

std::string render_cards(const RunRecord& run) {
  std::string html = accuracy_card(run);
  if (const Series* reward = run.find("reward_mean")) {
    html +=
        render_card("Reward", arrow(settled(reward, false), settled(reward, true)), "mean of the first and the last steps", html.empty());
  }
  if (const Series* answers = run.find("answer_loss")) {
    html += render_card("Loss on answers", format_value(settled(answers, true)), "mean of the last steps, nats", true);
    html += render_card("Loss on text", arrow(settled(run.find("text_loss"), false), settled(run.find("text_loss"), true)),
                        "first and last steps, nats");
    html += render_card("Tokens", format_value(total(run.find("tokens"))),
                        concat(format_value(settled(run.find("tokens_per_second"), true)), " a second at the end"));
  }
  html += render_card("Steps", format_value(static_cast<double>(run.steps.size())), seed_text(run));
  if (const double seconds = wall_seconds(run); seconds > 0)
    html +=
        render_card("Time", format_duration(seconds), concat(format_duration(seconds / static_cast<double>(run.steps.size())), " a step"));
  if (const double mismatch = largest(run.find("mismatch_kl")); !std::isnan(mismatch)) {
    html += render_card("Largest mismatch_kl", format_value(mismatch),
                        mismatch == 0 ? "rollout and trainer agree bit for bit" : "nats a token, of any step");
  }
  const double trained = total(run.find("trained_rows")), repeated = total(run.find("repeated_rows"));
  if (trained > 0)
    html += render_card("Prompt paid once", concat(format_value(repeated / trained), "×"),
                        "fewer rows trained than with a prompt per completion");
  return concat("<div class=\"cards\">\n", html, "</div>\n");
}

std::string render_run_table(const std::vector<RunRecord>& runs) {
  using Cell = std::function<std::string(const RunRecord&)>;
  const auto accuracy = [](const std::optional<Evaluation>& evaluation) {
    return evaluation ? concat(format_value(evaluation->all.mean, true), " (", interval_text(evaluation->all), ")") : std::string("-");
  };
  const std::vector<std::pair<const char*, Cell>> columns = {
      {"steps", [](const RunRecord& run) { return concat(run.steps.size()); }},
      {"time", [](const RunRecord& run) { return wall_seconds(run) > 0 ? format_duration(wall_seconds(run)) : std::string("-"); }},
      {"reward", [](const RunRecord& run) { return format_value(settled(run.find("reward_mean"), true)); }},
      {"before (95%)", [&](const RunRecord& run) { return accuracy(run.before); }},
      {"after (95%)", [&](const RunRecord& run) { return accuracy(run.after); }},
      {"gain, points (95%)",
       [](const RunRecord& run) {
         if (run.change) return change_text(run.change->all);
         return run.before && run.after ? points(run.after->all.mean - run.before->all.mean) : std::string("-");
       }},
      {"largest mismatch_kl", [](const RunRecord& run) { return format_value(largest(run.find("mismatch_kl"))); }},
      {"loss on answers", [](const RunRecord& run) { return format_value(settled(run.find("answer_loss"), true)); }}};
  std::string head = "<th>run</th>";
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    rows.push_back(concat("<tr style=\"--c:var(--c", i % kNumColors, ")\"><td><i></i>", escape_html(runs[i].name), "</td>"));
  }
  for (const auto& [name, cell] : columns) {
    std::vector<std::string> values;
    for (const RunRecord& run : runs) values.push_back(cell(run));
    if (std::all_of(values.begin(), values.end(), [](const std::string& value) { return value == "-"; })) continue;
    head += concat("<th>", name, "</th>");
    for (std::size_t i = 0; i < runs.size(); ++i) rows[i] += concat("<td>", values[i], "</td>");
  }
  std::string html = concat("<h2>Runs</h2>\n<div class=\"scroll\"><table><tr>", head, "</tr>\n");
  for (const std::string& row : rows) html += row + "</tr>\n";
  return html + "</table></div>\n";
}

std::string render_accuracy(const std::vector<RunRecord>& runs) {
  std::vector<IntervalRow> rows;
  const auto add_row = [&](const std::string& label, int color, const Interval* before, const Interval* after) {
    IntervalRow row{label, color, std::nullopt, std::nullopt};
    if (before) row.before = *before;
    if (after) row.after = *after;
    rows.push_back(std::move(row));
  };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& run = runs[i];
    if (!run.before && !run.after) continue;
    const bool alone = runs.size() == 1;
    add_row(alone ? "all tasks" : run.name, alone ? 5 : static_cast<int>(i), run.before ? &run.before->all : nullptr,
            run.after ? &run.after->all : nullptr);
    if (!alone) continue;
    std::map<std::string, std::pair<const Interval*, const Interval*>> tasks;
    if (run.before)
      for (const auto& [task, interval] : run.before->tasks) tasks[task].first = &interval;
    if (run.after)
      for (const auto& [task, interval] : run.after->tasks) tasks[task].second = &interval;
    int color = 0;
    for (const auto& [task, intervals] : tasks) add_row(task, color++, intervals.first, intervals.second);
  }
  if (rows.empty()) return {};
  return concat("<h2>Held-out accuracy</h2>\n<div class=\"grid\">\n",
                render_intervals("Before and after training", "open dot: before; filled dot: after; bars: 95% intervals", rows),
                "</div>\n");
}

std::string render_changes(const RunRecord& run) {
  if (!run.change) return {};
  const auto row = [](const std::string& name, const PairedChange& change) {
    return concat("<tr><td>", escape_html(name), "</td><td>", change.items, "</td><td>", change_text(change), "</td><td>", change.better,
                  "</td><td>", change.worse, "</td><td>", p_text(change.p_value), "</td></tr>\n");
  };
  std::string html =
      "<h2>Item by item</h2>\n<div class=\"scroll\"><table><tr><th>task</th><th>items</th><th>gain, points (95%)</th><th>better than "
      "before</th><th>worse</th><th>p by chance</th></tr>\n";
  if (run.change->tasks.size() > 1) {
    for (const auto& [task, change] : run.change->tasks) html += row(task, change);
  }
  return html + row("all", run.change->all) + "</table></div>\n";
}

std::string render_samples(const RunRecord& run) {
  if (run.samples.empty()) return {};
  std::map<std::string, std::map<std::int64_t, std::vector<const Sample*>>> by_task;
  for (const Sample& sample : run.samples) by_task[sample.task][sample.step].push_back(&sample);
  std::string html = "<h2>Completions, first and last</h2>\n";
  for (const auto& [task, steps] : by_task) {
    html += concat("<div class=\"sample\"><h3>", escape_html(task), "</h3>\n", sample_column(steps.begin()->second));
    if (steps.size() > 1) html += sample_column(steps.rbegin()->second);
    html += "</div>\n";
  }
  return html;
}

std::string render_recipe(const RunRecord& run) {
  if (run.recipe.is_null()) return {};
  return concat("<details><summary>Resolved recipe of ", escape_html(run.name), "</summary><pre>", escape_html(run.recipe.dump(2)),
                "</pre></details>\n");
}

}  // namespace longbow::tools
