#include "tools/markup.h"

#include <cmath>
#include <cstdio>

#include "core/errors.h"
#include "core/json.h"

namespace longbow::tools {

std::string escape_html(std::string_view text) {
  const std::string quoted = Json(text).dump();  // replaces what is no UTF-8
  const std::string clean = parse_json(quoted, "text").as_string();
  std::string html;
  for (char c : clean) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string format_value(double value, bool percent) {
  if (std::isnan(value)) return "-";
  char text[48];
  if (percent) {
    const double points = value * 100;
    std::snprintf(text, sizeof text, std::abs(points - std::round(points)) < 1e-9 ? "%.0f%%" : "%.1f%%", points);
    return text;
  }
  // Each unit begins where three digits of the one below would round to a fourth.
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 999.5e6 || size < 1e-4) {
    std::snprintf(text, sizeof text, "%.2g", value);
  } else if (size >= 999.5e3) {
    std::snprintf(text, sizeof text, "%.3gM", value / 1e6);
  } else if (size >= 9999.5) {
    std::snprintf(text, sizeof text, "%.3gk", value / 1e3);
  } else if (size >= 999.5) {
    std::snprintf(text, sizeof text, "%.0f", value);
  } else {
    std::snprintf(text, sizeof text, "%.3g", value);
  }
  return text;
}

std::string pixel(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string svg_text(double x, double y, std::string_view anchor, std::string_view text, std::string_view css) {
  return concat("<text x=\"", pixel(x), "\" y=\"", pixel(y), "\" text-anchor=\"", anchor, "\"",
                css.empty() ? "" : concat(" class=\"", css, "\""), ">", escape_html(text), "</text>\n");
}

std::string svg_line(double x1, double y1, double x2, double y2, std::string_view css) {
  return concat("<line x1=\"", pixel(x1), "\" y1=\"", pixel(y1), "\" x2=\"", pixel(x2), "\" y2=\"", pixel(y2), "\" class=\"", css,
                "\"/>\n");
}

}  // namespace longbow::tools
