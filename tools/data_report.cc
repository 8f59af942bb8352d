#include "tools/data_report.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "core/errors.h"
#include "data/item.h"
#include "tools/data_report_chart.h"
#include "tools/data_report_samples.h"
#include "tools/markup.h"
#include "tools/report_parts.h"
#include "tools/report_run.h"
#include "tools/report_style.h"

namespace longbow::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSamples = 10;  // a file

std::string text_or(const Json& json, std::string_view key, const std::string& fallback) {
  const Json* found = json.find(key);
  return found != nullptr && found->is_string() ? found->as_string() : fallback;
}

std::int64_t total(const Json* counts) {
  std::int64_t sum = 0;
  if (counts != nullptr) {
    for (const auto& [name, count] : counts->as_object()) sum += count.as_integer();
  }
  return sum;
}

// What the gates did: dropped while building, or found wanting in a check.
const Json* gate_counts(const Json& file) {
  const Json* drops = file.find("drops");
  return drops != nullptr ? drops : file.find("failures");
}

struct BestBot {
  std::string name = "-";
  double accuracy = 0, lead = -1;  // over chance
  bool is_caught = false;
};
BestBot best_bot(const Json& bots) {
  BestBot best;
  for (const auto& [bot, share] : bots.at("accuracy").as_object()) {
    const double lead = share.as_number() - bots.at("chance").as_number();
    if (lead > best.lead) best = {bot, share.as_number(), lead, share.as_number() > bots.at("allowed").as_number()};
  }
  return best;
}

// Lengths in tokens where they are known.
std::pair<const Json*, const char*> lengths_of(const Json& statistics) {
  const bool has_tokens = statistics.at("tokens").size() > 0;
  return {&statistics.at(has_tokens ? "tokens" : "bytes"), has_tokens ? "tokens" : "bytes"};
}

std::string render_cards(const Json& report) {
  double items = 0, tokens = 0;
  std::int64_t dropped = 0, bots = 0, caught = 0;
  bool is_check = false;
  for (const Json& file : report.at("files").as_array()) {
    const Json& statistics = file.at("statistics");
    items += statistics.at("items").as_number();
    if (const Json& lengths = statistics.at("tokens"); lengths.size() > 0)
      tokens += lengths.at("mean").as_number() * statistics.at("items").as_number();
    dropped += total(gate_counts(file));
    is_check = is_check || file.find("drops") == nullptr;
    bots += static_cast<std::int64_t>(file.at("bots").at("accuracy").size());
    for (const auto& [bot, share] : file.at("bots").at("accuracy").as_object())
      caught += share.as_number() > file.at("bots").at("allowed").as_number();
  }
  std::string html = render_card("Items", format_value(items), concat(report.at("files").size(), " files"));
  if (tokens > 0) html += render_card("Tokens", format_value(tokens), "of prompts, by the training tokenizer");
  html += is_check ? render_card("Failures", concat(dropped), "of items at the gates")
                   : render_card("Dropped", concat(dropped), "draws and items, at the gates");
  html += render_card("Bots above chance", concat(caught, " of ", bots), "beyond three points and a small file's error");
  if (const Json* seed = report.find("seed")) html += render_card("Seed", seed->dump(), "another gives a disjoint set");
  return concat("<div class=\"cards\">\n", html, "</div>\n");
}

std::string render_table(const Json& report) {
  std::string rows;
  for (const Json& file : report.at("files").as_array()) {
    const Json& statistics = file.at("statistics");
    const auto [lengths, unit] = lengths_of(statistics);
    const BestBot best = best_bot(file.at("bots"));
    const std::string range = lengths->size() == 0 ? "-"
                                                   : concat(format_value(lengths->at("min").as_number()), "–",
                                                            format_value(lengths->at("max").as_number()), " ", unit);
    rows +=
        concat("<tr><td>", escape_html(file.at("file").as_string()), "</td><td>", statistics.at("items").as_integer(), "</td><td>", range,
               "</td><td>", statistics.at("answers").at("different").as_integer(), "</td><td>", total(gate_counts(file)), "</td><td>",
               format_value(file.at("bots").at("chance").as_number(), true), "</td><td", best.is_caught ? " class=\"bad\"" : "", ">",
               escape_html(best.name), " ", format_value(best.accuracy, true), "</td></tr>\n");
  }
  return concat("<h2>Files</h2>\n<div class=\"scroll\"><table><tr><th>file</th><th>items</th><th>length</th><th>different answers</th>",
                report.find("passed") ? "<th>failures</th>" : "<th>dropped</th>", "<th>chance</th><th>best bot</th></tr>\n", rows,
                "</table></div>\n");
}

std::vector<double> numbers(const Json& array) {
  std::vector<double> values;
  for (const Json& value : array.as_array()) values.push_back(value.as_number());
  return values;
}

std::string render_answers(const Json& answers) {
  const std::int64_t different = answers.at("different").as_integer();
  std::vector<Bar> bars;
  if (const Json* top = answers.find("top")) {
    for (const Json& pair : top->as_array()) {
      const std::int64_t count = pair.as_array()[1].as_integer();
      bars.push_back({pair.as_array()[0].as_string(), static_cast<double>(count), concat(count)});
    }
  }
  return render_bars("Answers", concat(different, " different; the most common"), bars);
}

std::string render_gates(const Json& file) {
  std::vector<Bar> bars;
  for (const auto& [gate, count] : gate_counts(file)->as_object()) bars.push_back({gate, count.as_number(), concat(count.as_integer())});
  const bool is_check = file.find("drops") == nullptr;
  return render_bars("Gates", is_check ? "stored items that fail, in order" : "dropped, in order; draw: no fitting text", bars);
}

std::string render_file(const Json& file, const std::string& dir) {
  const Json& statistics = file.at("statistics");
  const std::string name = file.at("file").as_string();
  std::string html =
      concat("<h2>", escape_html(name), "<small>", escape_html(text_or(file, "builder", "")), "</small></h2>\n<div class=\"grid\">\n");
  if (const auto [lengths, unit] = lengths_of(statistics); lengths->size() > 0) {
    html +=
        render_histogram("Lengths", concat("items by ", unit, " of the prompt; median ", format_value(lengths->at("median").as_number())),
                         numbers(lengths->at("histogram")), lengths->at("min").as_number(), lengths->at("max").as_number(), false, false);
  }
  html += render_histogram("Depth of evidence", "by place in the prompt; dashed: even", numbers(statistics.at("evidence_depth")), 0, 1,
                           true, true);
  html += render_answers(statistics.at("answers")) + render_gates(file);
  const Json* by_task = file.find("bots_by_task");
  if (by_task != nullptr && by_task->size() > 1) {
    for (const auto& [task, bots] : by_task->as_object()) html += render_bots("Shortcut bots: " + task, bots);
  } else {
    html += render_bots("Shortcut bots", file.at("bots"));
  }
  html += "</div>\n<h3>Samples</h3>\n";
  return html + render_item_samples((fs::path(dir) / name).string(), statistics.at("items").as_integer(), kSamples);
}

std::string render_failures(const Json& report) {
  constexpr std::size_t kShown = 50;
  const Json* failures = report.find("failures");
  if (failures == nullptr || failures->size() == 0) return {};
  std::string rows;
  for (std::size_t i = 0; i < std::min(failures->size(), kShown); ++i) {
    const Json& failure = failures->as_array()[i];
    rows += concat("<tr><td>", escape_html(failure.at("file").as_string()), "</td><td>", escape_html(text_or(failure, "item", "-")),
                   "</td><td>", escape_html(failure.at("gate").as_string()), "</td><td>", escape_html(failure.at("reason").as_string()),
                   "</td></tr>\n");
  }
  return concat("<h2>Failures<small>the first ", std::min(failures->size(), kShown), " of ", failures->size(),
                "</small></h2>\n<div class=\"scroll\"><table><tr><th>file</th><th>item</th><th>gate</th><th>reason</th></tr>\n", rows,
                "</table></div>\n");
}

}  // namespace

std::string render_data_report(const Json& report, const std::string& dir) {
  std::string html = render_page_head(concat("Data set ", folder_name(dir)), kItemPageStyle);
  if (const std::string description = text_or(report, "description", ""); !description.empty())
    html += concat("<p class=\"lead\">", escape_html(description), "</p>\n");
  html += render_cards(report) + render_table(report) + render_failures(report);
  for (const Json& file : report.at("files").as_array()) html += render_file(file, dir);
  if (const Json* recipe = report.find("recipe"))
    html += concat("<h2>Recipe</h2>\n<details><summary>Resolved recipe</summary><pre>", escape_html(recipe->dump(2)), "</pre></details>\n");
  return html + render_page_end("Written by longbow data; docs/data.md explains gates and bots.");
}

}  // namespace longbow::tools
