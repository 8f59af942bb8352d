#include "tools/report_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

#include "core/errors.h"
#include "tools/markup.h"
#include "tools/report_chart.h"

namespace longbow::tools {
namespace {

constexpr std::string_view kPrefix = "profile/";

/// A part of the step, and what it is made of.
struct Part {
  std::string name;
  double seconds = 0;  // a step, mean
  std::vector<Part> parts;
};

double mean_of(const Series& series) {
  double sum = 0;
  for (const double value : series) sum += std::isnan(value) ? 0 : value;
  return sum / static_cast<double>(series.size());
}

/// Adds `seconds` under `path` ("train/forward"), making what is on the way.
void add(Part& whole, std::string_view path, double seconds) {
  const std::size_t slash = path.find('/');
  const std::string_view name = path.substr(0, slash);
  auto part = std::find_if(whole.parts.begin(), whole.parts.end(), [&](const Part& known) { return known.name == name; });
  if (part == whole.parts.end()) part = whole.parts.insert(part, {std::string(name), 0, {}});
  if (slash == std::string_view::npos) {
    part->seconds = seconds;
  } else {
    add(*part, path.substr(slash + 1), seconds);
  }
}

/// Largest first; what the parts leave over becomes a part of its own.
void complete(Part& whole) {
  if (whole.parts.empty()) return;
  double named = 0;
  for (Part& part : whole.parts) {
    complete(part);
    named += part.seconds;
  }
  std::stable_sort(whole.parts.begin(), whole.parts.end(), [](const Part& a, const Part& b) { return a.seconds > b.seconds; });
  if (whole.seconds - named > 0.001 * whole.seconds)
    whole.parts.push_back({whole.name == "rollout" ? "waiting" : "other", whole.seconds - named, {}});
}

/// The whole step; without parts when the run has no profile.
Part read_profile(const RunRecord& run) {
  Part step{"step", 0, {}};
  if (const Series* seconds = run.find("time/step_s")) step.seconds = mean_of(*seconds);
  for (const auto& [path, series] : run.series) {
    if (path.starts_with(kPrefix)) add(step, std::string_view(path).substr(kPrefix.size()), mean_of(series));
  }
  const Series* rollout = run.find("time/rollout_s");
  for (Part& part : step.parts) {  // a rollout without rewards to compute has no parts: all of it is waiting
    if (part.name == "rollout" && rollout && part.parts.empty()) part.parts.push_back({"waiting", part.seconds, {}});
  }
  complete(step);
  return step;
}

template <class Visit>
void walk(const Part& part, int depth, const Visit& visit) {
  visit(part, depth);
  for (const Part& inner : part.parts) walk(inner, depth + 1, visit);
}

std::string number(const char* pattern, double value) {
  char text[48];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

/// What the workers computed meanwhile, in seconds of one worker; empty when it was not recorded.
std::string worker_text(const RunRecord& run) {
  const Series *prefill = run.find("worker/prefill_s"), *decode = run.find("worker/decode_s");
  if (!prefill || !decode) return {};
  return concat("workers, in seconds of one: prefill ", number("%.3f", mean_of(*prefill)), ", decode ", number("%.3f", mean_of(*decode)));
}

class Flame {
 public:
  std::string draw(const Part& step) {
    place(step, 0, kWidth, 0, 0);
    return concat("<svg viewBox=\"0 0 ", kWidth, " ", (depth_ + 1) * kRow, "\" class=\"flame\">", svg_, "</svg>");
  }

 private:
  static constexpr double kWidth = 1100, kRow = 26;

  void place(const Part& part, double left, double width, int depth, int color) {
    if (width < 0.5) return;
    depth_ = std::max(depth_, depth);
    const double top = depth * kRow;
    const bool unnamed = part.name == "other" || part.name == "waiting";
    svg_ += concat("<g><title>", escape_html(part.name), ": ", number("%.4f", part.seconds), " s</title><rect x=\"", number("%.1f", left),
                   "\" y=\"", number("%.1f", top), "\" width=\"", number("%.1f", std::max(0.5, width - 1)), "\" height=\"",
                   number("%.1f", kRow - 2), "\" rx=\"3\" style=\"fill:var(--c", color, ");opacity:", unnamed ? ".3" : ".75", "\"/>");
    if (width > 9.0 * static_cast<double>(part.name.size())) {
      svg_ += concat("<text x=\"", number("%.1f", left + 6), "\" y=\"", number("%.1f", top + 16), "\" class=\"row\">",
                     escape_html(part.name), "</text>");
    }
    svg_ += "</g>\n";
    double inner_left = left;
    for (std::size_t i = 0; i < part.parts.size(); ++i) {
      const double inner_width = part.seconds > 0 ? width * part.parts[i].seconds / part.seconds : 0;
      place(part.parts[i], inner_left, inner_width, depth + 1, depth == 0 ? static_cast<int>(i + 1) % kNumColors : color);
      inner_left += inner_width;
    }
  }

  int depth_ = 0;
  std::string svg_;
};

}  // namespace

std::string profile_table(const RunRecord& run) {
  const Part step = read_profile(run);
  if (step.parts.empty())
    throw UserError(concat("profile: expected a run of train with profile/… in metrics.jsonl, got none (", run.path, ")"));
  std::string table = concat("mean of ", run.steps.size(), " steps", std::string(26, ' '), "s a step    share\n");
  walk(step, 0, [&](const Part& part, int depth) {
    std::string name = std::string(2 * depth, ' ') + part.name;
    name.resize(std::max<std::size_t>(name.size(), 36), ' ');
    table += concat(name, number("%12.4f", part.seconds), number("%8.1f%%", 100 * part.seconds / step.seconds), "\n");
  });
  const std::string workers = worker_text(run);
  return workers.empty() ? table : concat(table, workers, "\n");
}

std::string render_profile(const RunRecord& run) {
  const Part step = read_profile(run);
  if (step.parts.empty()) return {};
  std::string rows;
  walk(step, 0, [&](const Part& part, int depth) {
    rows += concat("<tr><td style=\"padding-left:", 14 + 18 * depth, "px\">", escape_html(part.name), "</td><td>",
                   number("%.4f", part.seconds), "</td><td>", number("%.1f%%", 100 * part.seconds / step.seconds), "</td></tr>\n");
  });
  return concat("<h2>Where a step's time goes</h2>\n<div class=\"grid\"><figure class=\"full\"><figcaption><b>One step, mean of ",
                run.steps.size(), "</b><small>width is time; each bar stands below what it is part of. ", escape_html(worker_text(run)),
                "</small></figcaption>", Flame().draw(step),
                "</figure></div>\n<details><summary>The same as a table</summary><table><tr><th>part</th><th>s a step</th>"
                "<th>share</th></tr>\n",
                rows, "</table></details>\n");
}

}  // namespace longbow::tools
