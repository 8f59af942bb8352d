#include "tools/bench_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.h"
#include "tools/report_chart.h"

namespace longbow::tools {
namespace {

constexpr double kWidth = 860, kHeight = 470, kLeft = 62, kRight = 24, kTop = 46, kBottom = 46;
constexpr double kLowestIntensity = 1, kHighestIntensity = 1e5;  // FLOP a byte
constexpr double kRegression = 0.9;

struct Point {
  std::string name;
  double intensity, rate;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

/// Logarithmic places in the picture.
struct Plane {
  double lowest_rate, highest_rate;

  double x(double intensity) const {
    const double share = std::log(std::clamp(intensity, kLowestIntensity, kHighestIntensity) / kLowestIntensity) /
                         std::log(kHighestIntensity / kLowestIntensity);
    return kLeft + share * (kWidth - kLeft - kRight);
  }
  double y(double rate) const {
    const double share = std::log(rate / lowest_rate) / std::log(highest_rate / lowest_rate);
    return kHeight - kBottom - share * (kHeight - kTop - kBottom);
  }
};

std::string text(double x, double y, const std::string& what, const char* style, const char* anchor = "start") {
  return concat("<text x=\"", number(x), "\" y=\"", number(y), "\" text-anchor=\"", anchor, "\" class=\"", style, "\">", escape_html(what),
                "</text>\n");
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return concat("<line x1=\"", number(x1), "\" y1=\"", number(y1), "\" x2=\"", number(x2), "\" y2=\"", number(y2), "\" class=\"", style,
                "\"/>\n");
}

std::string grid(const Plane& plane) {
  std::string svg;
  for (double decade = kLowestIntensity; decade <= kHighestIntensity * 1.01; decade *= 10) {
    svg += line(plane.x(decade), kTop, plane.x(decade), kHeight - kBottom, "grid");
    svg += text(plane.x(decade), kHeight - kBottom + 16, format_value(decade), "axis", "middle");
  }
  for (double decade = plane.lowest_rate; decade <= plane.highest_rate * 1.01; decade *= 10) {
    svg += line(kLeft, plane.y(decade), kWidth - kRight, plane.y(decade), "grid");
    svg += text(kLeft - 8, plane.y(decade) + 4, format_value(decade / 1e9), "axis", "end");
  }
  svg += text((kLeft + kWidth) / 2, kHeight - 8, "FLOP per byte that memory must deliver", "axis", "middle");
  return svg + text(8, kTop - 10, "GFLOP/s", "axis");
}

/// Names stand right of their points; those that would cover another name or a point move down, and a thin line leads back.
std::string labels(const Plane& plane, std::vector<Point> points) {
  constexpr double kLine = 13, kLetter = 6, kDot = 5;
  struct Box {
    double left, right, middle;
  };
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.rate > b.rate; });
  std::vector<Box> taken;
  for (const Point& point : points) {
    const double x = plane.x(point.intensity);
    taken.push_back({x - kDot, x + kDot, plane.y(point.rate)});
  }
  std::string svg;
  for (const Point& point : points) {
    const double x = plane.x(point.intensity), y = plane.y(point.rate), width = kLetter * static_cast<double>(point.name.size());
    const bool left = x + 8 + width > kWidth;
    Box box{left ? x - 8 - width : x + 8, left ? x - 8 : x + 8 + width, y};
    const auto overlaps = [&](const Box& other) {
      return std::abs(other.middle - box.middle) < kLine && other.left < box.right && box.left < other.right;
    };
    while (std::any_of(taken.begin(), taken.end(), overlaps)) box.middle += 2;
    taken.push_back(box);
    if (box.middle > y + 4) svg += line(x, y, x + (left ? -7 : 7), box.middle, "lead");
    svg += concat("<circle cx=\"", number(x), "\" cy=\"", number(y), "\" r=\"4\" class=\"point\"/>\n");
    svg += text(x + (left ? -8 : 8), box.middle + 4, point.name, "name", left ? "end" : "start");
  }
  return svg;
}

const char* comparable_measure(const Json& before, const Json& now) {
  for (const char* measure : {"ratio_to_limit", "ratio_to_peer"}) {
    if (before.at(measure).is_number() && now.at(measure).is_number()) return measure;
  }
  return "value";
}

}  // namespace

std::string draw_roofline(const Json& document) {
  const double reads = document.at("ceilings").at("read_gbps").as_number() * 1e9;
  const double products = document.at("ceilings").at("gemm_tflops").as_number() * 1e12;
  std::vector<Point> points;
  double lowest = reads, highest = products;
  for (const Json& row : document.at("benchmarks").as_array()) {
    if (!row.at("flop_rate").is_number()) continue;
    points.push_back({row.at("name").as_string(), row.at("flop_per_byte").as_number(), row.at("flop_rate").as_number()});
    lowest = std::min(lowest, points.back().rate);
    highest = std::max(highest, points.back().rate);
  }
  const Plane plane{std::pow(10, std::floor(std::log10(lowest))), std::pow(10, std::ceil(std::log10(highest * 1.05)))};
  std::string svg = concat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ", kHeight,
                           "\" font-family=\"system-ui, sans-serif\">\n<style>text{font-size:11px;fill:#333}.title{font-size:14px;"
                           "font-weight:600}.axis{fill:#667}.grid{stroke:#dde;stroke-width:1}.roof{stroke:#b35;stroke-width:2;fill:none}"
                           ".lead{stroke:#99a}.point{fill:#27c}.name{font-size:10.5px}</style>\n<rect width=\"100%\" height=\"100%\" "
                           "fill=\"#fff\"/>\n");
  const Json& machine = document.at("machine");
  svg += text(kLeft, 20,
              concat("longbow bench: ", machine.at("cpu").as_string(), ", ", machine.at("isa").as_string(), ", ",
                     machine.at("threads").as_integer(), " thread(s)"),
              "title");
  svg += grid(plane);
  const double ridge = products / reads;
  const double from = std::max(kLowestIntensity, plane.lowest_rate / reads);
  svg += concat("<path class=\"roof\" d=\"M", number(plane.x(from)), " ", number(plane.y(from * reads)), "L", number(plane.x(ridge)), " ",
                number(plane.y(products)), "L", number(kWidth - kRight), " ", number(plane.y(products)), "\"/>\n");
  const double halfway = std::sqrt(from * ridge);
  svg += text(plane.x(halfway) + 10, plane.y(halfway * reads) + 12, concat("reads ", number(reads / 1e9), " GB/s"), "axis");
  svg += text(kWidth - kRight, plane.y(products) - 6, concat("bf16 products ", number(products / 1e9), " GFLOP/s"), "axis", "end");
  return svg + labels(plane, points) + "</svg>\n";
}

Json compare_runs(const Json& saved, const Json& now) {
  Json rows = Json::array();
  for (const Json& row : now.at("benchmarks").as_array()) {
    for (const Json& before : saved.at("benchmarks").as_array()) {
      if (before.at("name") != row.at("name")) continue;
      const char* measure = comparable_measure(before, row);
      const double was = before.at(measure).as_number(), is = row.at(measure).as_number();
      const bool less_is_better = std::string_view(measure) == "value" && !row.at("higher_is_better").as_bool();
      const double change = less_is_better ? was / is : is / was;
      Json entry = Json::object();
      entry["name"] = row.at("name");
      entry["measure"] = measure;
      entry["before"] = was;
      entry["now"] = is;
      entry["change"] = change;
      entry["regression"] = change < kRegression;
      rows.push_back(std::move(entry));
    }
  }
  return rows;
}

}  // namespace longbow::tools
