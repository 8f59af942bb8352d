#include "tools/report_chart.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/json.h"
#include "tools/markup.h"
#include "tools/report_scale.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kMaxPoints = 400;  // a line; more than a screen shows

struct Frame {
  double width, height, left = 44, right = 12, top = 10, bottom = 24;

  double plot_bottom() const { return height - bottom; }
  double x(double value, double low, double high) const {
    return left + (high > low ? (value - low) / (high - low) : 0.5) * (width - left - right);
  }
};

std::string color_style(int color) { return concat("style=\"--c:var(--c", color % kNumColors, ")\""); }

std::string svg_path(std::string_view points, std::string_view css, int color) {
  return concat("<path d=\"", points, "\" class=\"", css, "\" ", color_style(color), "/>");
}

/// Moves to the first point and draws to the others.
class PathPoints {
 public:
  void add(double x, double y) { text_ += concat(text_.empty() ? "M" : "L", pixel(x), " ", pixel(y)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string axes(const Frame& frame, const Axis& axis, double low, double high, bool percent) {
  std::string svg;
  for (double tick : axis.ticks) {
    const double y = axis.place(tick);
    svg += svg_line(frame.left, y, frame.width - frame.right, y, "grid");
    svg += svg_text(frame.left - 6, y + 3.5, "end", format_value(tick, percent));
  }
  std::vector<double> steps = high > low ? round_ticks(low, high, 5) : std::vector<double>{low};
  for (double step : steps) {
    if (step == std::floor(step)) svg += svg_text(frame.x(step, low, high), frame.height - 7, "middle", format_value(step));
  }
  return svg;
}

std::string marks(const Chart& chart, const Frame& frame, double low, double high) {
  std::string svg;
  for (const auto& [step, name] : chart.marks) {
    const double x = frame.x(step, low, high);
    if (step > low) svg += svg_line(x, frame.top, x, frame.plot_bottom(), "mark");
    if (frame.width > 500 || chart.marks.size() <= 4) svg += svg_text(x + 4, frame.top + 8, "start", name, "mark");
  }
  return svg;
}

double last_value(const Series& y) {
  for (auto value = y.rbegin(); value != y.rend(); ++value) {
    if (!std::isnan(*value)) return *value;
  }
  return kMissing;
}

/// One line: its title says the value. Several: a legend says each.
std::string caption(const Chart& chart) {
  std::string html = concat("<figcaption><b>", escape_html(chart.title), "</b>");
  const auto value_of = [&](const ChartLine& line) {
    return format_value(last_value(chart.smoothed ? smooth(line.y) : line.y), chart.percent);
  };
  if (chart.lines.size() == 1) html += concat("<span class=\"now\">", value_of(chart.lines[0]), "</span>");
  if (!chart.subtitle.empty()) html += concat("<small>", escape_html(chart.subtitle), "</small>");
  if (chart.lines.size() > 1) {
    html += "<div class=\"legend\">";
    for (const ChartLine& line : chart.lines) {
      html += concat("<span ", color_style(line.color), "><i></i>", escape_html(line.label), " <em>", value_of(line), "</em></span>");
    }
    html += "</div>";
  }
  return html + "</figcaption>";
}

/// What the page's cross-hair reads: the plot's edges, and each line's points as [x, text].
std::string hover_data(const Chart& chart, const Frame& frame, double low, double high) {
  Json data = Json::object();
  data["left"] = frame.left;
  data["right"] = frame.width - frame.right;
  data["top"] = frame.top;
  data["bottom"] = frame.plot_bottom();
  data["low"] = low;
  data["high"] = high;
  for (const ChartLine& line : chart.lines) {
    Json points = Json::array();
    for (const Bucket& bucket : thin(line.x, line.y, kMaxPoints)) {
      points.push_back(Json::Array{Json(static_cast<std::int64_t>(bucket.x)), Json(format_value(bucket.mean, chart.percent))});
    }
    Json entry = Json::object();
    entry["label"] = line.label;
    entry["color"] = line.color % kNumColors;
    entry["points"] = std::move(points);
    data["lines"].push_back(std::move(entry));
  }
  return escape_html(data.dump());
}

std::string figure(const Chart& chart, const Frame& frame, double low, double high, const std::string& drawing) {
  return concat("<figure", chart.wide ? " class=\"wide\"" : "", ">", caption(chart), "<svg viewBox=\"0 0 ", frame.width, " ", frame.height,
                "\" role=\"img\" aria-label=\"", escape_html(chart.title), "\" data-chart=\"", hover_data(chart, frame, low, high), "\">",
                drawing, "<line class=\"hair\" hidden/></svg></figure>\n");
}

Frame frame_of(const Chart& chart) { return chart.wide ? Frame{560, 250} : Frame{360, 176}; }

std::pair<double, double> step_range(const Chart& chart) {
  double low = INFINITY, high = -INFINITY;
  for (const ChartLine& line : chart.lines) {
    low = std::min(low, line.x.front());
    high = std::max(high, line.x.back());
  }
  return {low, high};
}

std::string draw_line(const ChartLine& line, const Chart& chart, const Frame& frame, const Axis& axis, double low, double high) {
  const auto buckets = thin(line.x, line.y, kMaxPoints);
  if (buckets.empty()) return {};
  const bool smoothed = chart.smoothed && buckets.size() > 8;
  PathPoints raw;
  for (const Bucket& bucket : buckets) {
    const double x = frame.x(bucket.x, low, high);
    raw.add(x, axis.place(bucket.low));
    if (bucket.high > bucket.low) raw.add(x, axis.place(bucket.high));  // a thinned line keeps its spikes
  }
  std::string svg = svg_path(raw.text(), smoothed ? "line raw" : "line", line.color);
  PathPoints bold;
  if (smoothed) {
    for (const Bucket& bucket : thin(line.x, smooth(line.y), kMaxPoints)) bold.add(frame.x(bucket.x, low, high), axis.place(bucket.mean));
    svg += svg_path(bold.text(), "line", line.color);
  }
  if (buckets.size() <= 40 && !smoothed) {
    for (const Bucket& bucket : buckets) {
      svg += concat("<circle cx=\"", pixel(frame.x(bucket.x, low, high)), "\" cy=\"", pixel(axis.place(bucket.mean)), "\" r=\"2.2\" ",
                    color_style(line.color), "/>");
    }
  }
  return svg;
}

}  // namespace

std::string render_lines(const Chart& chart) {
  const Frame frame = frame_of(chart);
  const auto [low, high] = step_range(chart);
  std::vector<const Series*> values;
  for (const ChartLine& line : chart.lines) values.push_back(&line.y);
  const Axis axis = make_axis(values, chart.scale == Scale::logarithmic, chart.from_zero, frame.top, frame.plot_bottom());
  std::string drawing = axes(frame, axis, low, high, chart.percent) + marks(chart, frame, low, high);
  for (const ChartLine& line : chart.lines) drawing += draw_line(line, chart, frame, axis, low, high);
  return figure(chart, frame, low, high, drawing);
}

std::string render_stack(const Chart& chart) {
  const Frame frame = frame_of(chart);
  const auto [low, high] = step_range(chart);
  std::vector<Series> tops(1, Series(chart.lines[0].x.size(), 0.0));
  for (const ChartLine& line : chart.lines) {
    tops.push_back(tops.back());
    for (std::size_t i = 0; i < line.y.size(); ++i) tops.back()[i] += std::isnan(line.y[i]) ? 0 : line.y[i];
  }
  const Axis axis = make_axis({&tops.back()}, false, true, frame.top, frame.plot_bottom());
  std::string drawing = axes(frame, axis, low, high, chart.percent);
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    const auto upper = thin(chart.lines[i].x, tops[i + 1], kMaxPoints), lower = thin(chart.lines[i].x, tops[i], kMaxPoints);
    PathPoints area;
    for (const Bucket& bucket : upper) area.add(frame.x(bucket.x, low, high), axis.place(bucket.mean));
    for (auto bucket = lower.rbegin(); bucket != lower.rend(); ++bucket) area.add(frame.x(bucket->x, low, high), axis.place(bucket->mean));
    drawing += svg_path(area.text() + "Z", "area", chart.lines[i].color);
  }
  return figure(chart, frame, low, high, drawing);
}

std::string render_intervals(std::string_view title, std::string_view subtitle, const std::vector<IntervalRow>& rows) {
  constexpr double kRow = 40, kLabel = 180, kValue = 150;
  const double width = 1120, plot_end = width - kValue, bottom = 10 + kRow * static_cast<double>(rows.size());
  const auto place = [&](double value) { return kLabel + std::clamp(value, 0.0, 1.0) * (plot_end - kLabel); };
  std::string svg;
  for (int percent = 0; percent <= 100; percent += 20) {
    svg += svg_line(place(percent / 100.0), 6, place(percent / 100.0), bottom, "grid");
    svg += svg_text(place(percent / 100.0), bottom + 16, "middle", concat(percent, "%"));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const IntervalRow& row = rows[i];
    const double y = 10 + kRow * (static_cast<double>(i) + 0.5);
    svg += svg_text(kLabel - 12, y + 4, "end", row.label, "row");
    const auto interval = [&](const Interval& value, std::string_view css, double shift) {
      svg += concat("<g class=\"", css, "\" ", color_style(row.color), ">",
                    svg_line(place(value.low), y + shift, place(value.high), y + shift, "whisker"), "<circle cx=\"",
                    pixel(place(value.mean)), "\" cy=\"", pixel(y + shift), "\" r=\"5\"/></g>");
    };
    const bool overlap = row.before && row.after && row.before->high > row.after->low && row.after->high > row.before->low;
    if (row.before && row.after && !overlap) {
      svg += concat("<g ", color_style(row.color), ">", svg_line(place(row.before->mean), y, place(row.after->mean), y, "way"), "</g>");
    }
    if (row.before) interval(*row.before, "before", overlap ? -6 : 0);
    if (row.after) interval(*row.after, "after", overlap ? 6 : 0);
    std::string text;
    if (row.before) text += format_value(row.before->mean, true);
    if (row.before && row.after) text += " → ";
    if (row.after) text += format_value(row.after->mean, true);
    svg += svg_text(plot_end + 14, y + 4, "start", text, "row");
  }
  return concat("<figure class=\"full\"><figcaption><b>", escape_html(title), "</b><small>", escape_html(subtitle),
                "</small></figcaption><svg viewBox=\"0 0 ", width, " ", bottom + 24, "\" role=\"img\" aria-label=\"", escape_html(title),
                "\">", svg, "</svg></figure>\n");
}

}  // namespace longbow::tools
