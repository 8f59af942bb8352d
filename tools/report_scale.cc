#include "tools/report_scale.h"

#include <algorithm>
#include <cmath>

namespace longbow::tools {
namespace {

constexpr double kZeroBand = 16;  // height of the line for exact zeros below a logarithmic axis

std::vector<double> decades(double low, double high) {
  const int first = static_cast<int>(std::ceil(low - 1e-9)), last = static_cast<int>(std::floor(high + 1e-9));
  const int stride = std::max(1, (last - first + 3) / 4);
  std::vector<double> ticks;
  for (int power = first; power <= last; power += stride) ticks.push_back(std::pow(10.0, power));
  return ticks;
}

Series box_mean(const Series& values, std::ptrdiff_t reach) {
  const auto count = static_cast<std::ptrdiff_t>(values.size());
  Series out(values.size(), kMissing);
  double sum = 0;
  std::ptrdiff_t present = 0, first = 0, past = 0;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    for (; past < std::min(count, i + reach + 1); ++past) {
      if (!std::isnan(values[past])) sum += values[past], ++present;
    }
    for (; first < i - reach; ++first) {
      if (!std::isnan(values[first])) sum -= values[first], --present;
    }
    if (!std::isnan(values[i]) && present > 0) out[i] = sum / static_cast<double>(present);
  }
  return out;
}

}  // namespace

double Axis::place(double value) const {
  double where = value, base = bottom;
  if (logarithmic) {
    if (value <= 0) return bottom;
    where = std::log10(value);
    if (has_zero) base -= kZeroBand;
  }
  return base - (where - low) / (high - low) * (base - top);
}

std::vector<double> round_ticks(double low, double high, int count) {
  const double rough = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) ticks.push_back(i == 0 ? 0.0 : i * step);
  return ticks;
}

Axis make_axis(const std::vector<const Series*>& values, bool logarithmic, bool from_zero, double top, double bottom) {
  Axis axis;
  axis.logarithmic = logarithmic;
  axis.top = top;
  axis.bottom = bottom;
  double low = INFINITY, high = -INFINITY;
  for (const Series* series : values) {
    for (double value : *series) {
      if (!std::isfinite(value)) continue;
      if (logarithmic && value <= 0) {
        axis.has_zero = true;
        continue;
      }
      low = std::min(low, logarithmic ? std::log10(value) : value);
      high = std::max(high, logarithmic ? std::log10(value) : value);
    }
  }
  if (low > high) {  // nothing to show but zeros
    axis.logarithmic = false;
    axis.ticks = {0};
    return axis;
  }
  if (logarithmic) {
    axis.low = std::floor(low);
    axis.high = std::max(std::ceil(high), axis.low + 1);
    axis.ticks = decades(axis.low, axis.high);
    if (axis.has_zero) axis.ticks.insert(axis.ticks.begin(), 0.0);
    return axis;
  }
  if (from_zero) {
    low = std::min(low, 0.0);
    high = std::max(high, 0.0);
  }
  double room = (high - low) * 0.06;
  if (high == low) room = high == 0 ? 1 : std::abs(high) * 0.2;
  axis.low = from_zero && low == 0 ? 0 : low - room;
  axis.high = high + room;
  if (low >= 0 && axis.low < 0) axis.low = 0;  // what cannot be negative gets no negative axis
  axis.ticks = round_ticks(axis.low, axis.high, bottom - top > 160 ? 6 : 5);
  return axis;
}

Series smooth(const Series& values) {
  const auto reach = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(values.size()) / 40);
  return box_mean(box_mean(values, reach), reach);  // twice: a triangle, which draws no steps
}

std::vector<Bucket> thin(const Series& x, const Series& y, std::size_t max_buckets) {
  std::vector<Bucket> points;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(y[i])) points.push_back({x[i], y[i], y[i], y[i]});
  }
  if (points.size() <= max_buckets) return points;
  std::vector<Bucket> buckets;
  for (std::size_t b = 0; b < max_buckets; ++b) {
    const std::size_t begin = points.size() * b / max_buckets, end = points.size() * (b + 1) / max_buckets;
    Bucket bucket{points[(begin + end) / 2].x, 0, INFINITY, -INFINITY};
    for (std::size_t i = begin; i < end; ++i) {
      bucket.mean += points[i].mean / static_cast<double>(end - begin);
      bucket.low = std::min(bucket.low, points[i].low);
      bucket.high = std::max(bucket.high, points[i].high);
    }
    buckets.push_back(bucket);
  }
  return buckets;
}

}  // namespace longbow::tools
