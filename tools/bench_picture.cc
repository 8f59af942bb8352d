#include "tools/bench_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.h"
#include "tools/markup.h"

namespace longbow::tools {
namespace {

constexpr double kWidth = 860, kHeight = 470, kLeft = 62, kRight = 24, kTop = 46, kBottom = 46;
constexpr double kLowestIntensity = 1, kHighestIntensity = 1e5;  // FLOP a byte
constexpr double kRegression = 0.9;

struct Point {
  std::string name;
  double intensity, rate;
};

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

std::string grid(const Plane& plane) {
  std::string svg;
  for (double decade = kLowestIntensity; decade <= kHighestIntensity * 1.01; decade *= 10) {
    svg += svg_line(plane.x(decade), kTop, plane.x(decade), kHeight - kBottom, "grid");
    svg += svg_text(plane.x(decade), kHeight - kBottom + 16, "middle", format_value(decade), "axis");
  }
  for (double decade = plane.lowest_rate; decade <= plane.highest_rate * 1.01; decade *= 10) {
    svg += svg_line(kLeft, plane.y(decade), kWidth - kRight, plane.y(decade), "grid");
    svg += svg_text(kLeft - 8, plane.y(decade) + 4, "end", format_value(decade / 1e9), "axis");
  }
  svg += svg_text((kLeft + kWidth) / 2, kHeight - 8, "middle", "FLOP per byte that memory must deliver", "axis");
  return svg + svg_text(8, kTop - 10, "start", "GFLOP/s", "axis");
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
    if (box.middle > y + 4) svg += svg_line(x, y, x + (left ? -7 : 7), box.middle, "lead");
    svg += concat("<circle cx=\"", pixel(x), "\" cy=\"", pixel(y), "\" r=\"4\" class=\"point\"/>\n");
    svg += svg_text(x + (left ? -8 : 8), box.middle + 4, left ? "end" : "start", point.name, "name");
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
  if (!(lowest > 0 && products > 0)) throw UserError("roofline: expected rates above 0, got one that is not");
  const Plane plane{std::pow(10, std::floor(std::log10(lowest))), std::pow(10, std::ceil(std::log10(highest * 1.05)))};
  std::string svg = concat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ", kHeight,
                           "\" font-family=\"system-ui, sans-serif\">\n<style>text{font-size:11px;fill:#333}.title{font-size:14px;"
                           "font-weight:600}.axis{fill:#667}.grid{stroke:#dde;stroke-width:1}.roof{stroke:#b35;stroke-width:2;fill:none}"
                           ".lead{stroke:#99a}.point{fill:#27c}.name{font-size:10.5px}</style>\n<rect width=\"100%\" height=\"100%\" "
                           "fill=\"#fff\"/>\n");
  const Json& machine = document.at("machine");
  svg += svg_text(kLeft, 20, "start",
                  concat("longbow bench: ", machine.at("cpu").as_string(), ", ", machine.at("isa").as_string(), ", ",
                         machine.at("threads").as_integer(), " thread(s)"),
                  "title");
  svg += grid(plane);
  const double ridge = products / reads;
  const double from = std::max(kLowestIntensity, plane.lowest_rate / reads);
  svg += concat("<path class=\"roof\" d=\"M", pixel(plane.x(from)), " ", pixel(plane.y(from * reads)), "L", pixel(plane.x(ridge)), " ",
                pixel(plane.y(products)), "L", pixel(kWidth - kRight), " ", pixel(plane.y(products)), "\"/>\n");
  const double halfway = std::sqrt(from * ridge);
  svg += svg_text(plane.x(halfway) + 10, plane.y(halfway * reads) + 12, "start", concat("reads ", pixel(reads / 1e9), " GB/s"), "axis");
  svg += svg_text(kWidth - kRight, plane.y(products) - 6, "end", concat("bf16 products ", pixel(products / 1e9), " GFLOP/s"), "axis");
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
