// What every page and picture is written with: escaped text, numbers for people, and the lines and labels of an SVG.
#pragma once

#include <string>
#include <string_view>

namespace longbow::tools {

/// Text made safe for HTML, bytes that are no UTF-8 included.
std::string escape_html(std::string_view text);
/// A number for people: "0", "0.042", "3.1e-07", "12.4k"; "-" for NaN.
std::string format_value(double value, bool percent = false);

/// A coordinate, to a tenth.
std::string pixel(double value);
/// `text` is escaped; `css` is its class.
std::string svg_text(double x, double y, std::string_view anchor, std::string_view text, std::string_view css = "");
std::string svg_line(double x1, double y1, double x2, double y2, std::string_view css);

}  // namespace longbow::tools
