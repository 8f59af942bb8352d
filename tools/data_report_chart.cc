#include "tools/data_report_chart.h"

#include <algorithm>

#include "core/errors.h"
#include "tools/markup.h"
#include "tools/report_scale.h"

namespace longbow::tools {
namespace {

std::string rectangle(double x, double y, double width, double height, std::string_view css, const std::string& tip = "") {
  return concat("<rect x=\"", pixel(x), "\" y=\"", pixel(y), "\" width=\"", pixel(std::max(0.0, width)), "\" height=\"",
                pixel(std::max(0.0, height)), "\" class=\"", css, "\">", tip.empty() ? "" : concat("<title>", escape_html(tip), "</title>"),
                "</rect>");
}

std::string figure(std::string_view title, std::string_view subtitle, std::string_view css, double width, double height,
                   const std::string& drawing) {
  return concat("<figure class=\"", css, "\"><figcaption><b>", escape_html(title), "</b><small>", escape_html(subtitle),
                "</small></figcaption><svg viewBox=\"0 0 ", pixel(width), " ", pixel(height), "\" role=\"img\" aria-label=\"",
                escape_html(title), "\">", drawing, "</svg></figure>\n");
}

// What a character that begins with this byte takes of a row in a wide sans serif, rather more than less; the rest of its bytes nothing.
double width_of(char c) {
  if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) return 0;
  if (c == 'm' || c == 'w' || c == 'M' || c == 'W') return 9.5;
  const bool is_narrow = (c >= 'a' && c <= 'z') || (c >= ' ' && c <= '/') || c == ':' || c == ';' || c == '_';
  return is_narrow ? 5.8 : 7.4;
}

// Labels are the widest thing in a row; a long one ends in an ellipsis, at a character's start.
std::string fitted(const std::string& label, double room) {
  constexpr double kEllipsis = 10;
  double width = 0;
  std::size_t cut = 0;  // how much fits beside an ellipsis
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (width + kEllipsis <= room && (static_cast<unsigned char>(label[i]) & 0xC0) != 0x80) cut = i;
    width += width_of(label[i]);
  }
  return width <= room ? label : label.substr(0, cut) + "…";
}

}  // namespace

std::string render_histogram(std::string_view title, std::string_view subtitle, const std::vector<double>& counts, double low, double high,
                             bool percent, bool expected) {
  constexpr double kWidth = 290, kHeight = 176, kLeft = 36, kRight = 10, kTop = 10, kBottom = 152;
  const double most = std::max(1.0, counts.empty() ? 0.0 : *std::max_element(counts.begin(), counts.end()));
  double total = 0;
  for (const double count : counts) total += count;
  const auto height_of = [&](double count) { return count / most * (kBottom - kTop); };
  std::string svg;
  for (const double tick : round_ticks(0, most, 4)) {
    svg += svg_line(kLeft, kBottom - height_of(tick), kWidth - kRight, kBottom - height_of(tick), "grid");
    svg += svg_text(kLeft - 6, kBottom - height_of(tick) + 3.5, "end", format_value(tick));
  }
  const double width = (kWidth - kLeft - kRight) / static_cast<double>(std::max<std::size_t>(1, counts.size()));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double from = low + (high - low) * static_cast<double>(i) / static_cast<double>(counts.size());
    const double to = low + (high - low) * static_cast<double>(i + 1) / static_cast<double>(counts.size());
    const std::string range =
        high > low ? concat(format_value(from, percent), " to ", format_value(to, percent)) : format_value(low, percent);
    svg += rectangle(kLeft + width * static_cast<double>(i) + 1, kBottom - height_of(counts[i]), width - 2, height_of(counts[i]), "bar",
                     concat(range, ": ", format_value(counts[i])));
  }
  if (expected && total > 0) {
    const double even = kBottom - height_of(total / static_cast<double>(counts.size()));
    svg += svg_line(kLeft, even, kWidth - kRight, even, "even");
  }
  svg += svg_text(kLeft, kHeight - 7, "start", format_value(low, percent));
  if (high > low) svg += svg_text(kWidth - kRight, kHeight - 7, "end", format_value(high, percent));
  return figure(title, subtitle, "", kWidth, kHeight, svg);
}

std::string render_bars(std::string_view title, std::string_view subtitle, const std::vector<Bar>& bars) {
  constexpr double kWidth = 290, kRow = 17, kLabel = 112, kText = 36;
  double most = 0;
  for (const Bar& bar : bars) most = std::max(most, bar.value);
  std::string svg;
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double y = 4 + kRow * static_cast<double>(i), length = most > 0 ? bars[i].value / most * (kWidth - kLabel - kText) : 0;
    svg += svg_text(kLabel - 8, y + 11, "end", fitted(bars[i].label, kLabel - 8));
    svg += rectangle(kLabel, y + 2, length, kRow - 5, "bar", concat(bars[i].label, ": ", bars[i].text));
    svg += svg_text(kLabel + length + 5, y + 11, "start", bars[i].text, "value");
  }
  return figure(title, subtitle, "", kWidth, std::max(176.0, 8 + kRow * static_cast<double>(bars.size())), svg);
}

std::string render_bots(std::string_view title, const Json& bots) {
  constexpr double kWidth = 1120, kLabel = 170, kValue = 170, kRow = 22, kTop = 8;
  const auto& accuracy = bots.at("accuracy").as_object();
  const Json& intervals = bots.at("interval");
  const double chance = bots.at("chance").as_number(), allowed = bots.at("allowed").as_number();
  double right = std::min(1.0, allowed * 1.3);
  for (const auto& [bot, share] : accuracy) right = std::max(right, intervals.at(bot).as_array()[1].as_number());
  const double bottom = kTop + kRow * static_cast<double>(accuracy.size());
  const auto place = [&](double share) { return kLabel + share / right * (kWidth - kLabel - kValue); };
  std::string svg = rectangle(place(0), kTop, place(allowed) - place(0), bottom - kTop, "allowed");
  for (const double tick : round_ticks(0, right, 6)) {
    svg += svg_line(place(tick), kTop, place(tick), bottom, "grid");
    svg += svg_text(place(tick), bottom + 16, "middle", format_value(tick, true));
  }
  svg += svg_line(place(chance), kTop, place(chance), bottom, "chance");
  std::size_t row = 0;
  for (const auto& [bot, share] : accuracy) {
    const double y = kTop + kRow * (static_cast<double>(row++) + 0.5);
    const auto& interval = intervals.at(bot).as_array();
    const char* css = share.as_number() > allowed ? "bot caught" : "bot";
    svg += svg_text(kLabel - 12, y + 4, "end", bot, "row");
    svg += concat("<g class=\"", css, "\">", svg_line(place(interval[0].as_number()), y, place(interval[1].as_number()), y, "whisker"),
                  "<circle cx=\"", pixel(place(share.as_number())), "\" cy=\"", pixel(y), "\" r=\"4.5\"/></g>");
    svg += svg_text(kWidth - kValue + 14, y + 4, "start",
                    concat(format_value(share.as_number(), true), "  (", format_value(interval[0].as_number(), true), "–",
                           format_value(interval[1].as_number(), true), ")"),
                    "row");
  }
  const std::string subtitle = concat("bar: 95% interval; line: chance, ", format_value(chance, true), "; shade: allowed, up to ",
                                      format_value(allowed, true), "; ", bots.at("items").as_integer(), " items");
  return figure(title, subtitle, "full", kWidth, bottom + 24, svg);
}

}  // namespace longbow::tools
