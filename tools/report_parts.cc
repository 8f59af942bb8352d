#include "tools/report_parts.h"

#include "core/errors.h"
#include "tools/markup.h"
#include "tools/report_style.h"

namespace longbow::tools {

std::string render_page_head(std::string_view title, std::string_view style) {
  const std::string text = escape_html(title);
  return concat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>",
      text, " · Longbow</title>\n<style>", kReportStyle, style, "</style></head>\n<body><main>\n<h1>", text, "</h1>\n");
}

std::string render_page_end(std::string_view footer, std::string_view script) {
  std::string html = concat("<footer>", footer, "</footer>\n</main>");
  if (!script.empty()) html += concat("\n<div id=\"tip\" hidden></div>\n<script>", script, "</script>");
  return html + "</body></html>\n";
}

std::string render_card(std::string_view name, std::string_view value, std::string_view small, bool hero) {
  return concat("<div class=\"card", hero ? " hero" : "", "\"><span>", escape_html(name), "</span><b>", escape_html(value), "</b><small>",
                escape_html(small), "</small></div>\n");
}

std::string render_pill(double score) {
  return concat("<span class=\"pill", score >= 1 ? " right" : score > 0 ? " partly" : "", "\">", format_value(score), "</span>");
}

}  // namespace longbow::tools
