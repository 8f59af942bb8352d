#include "tools/data_report_samples.h"

#include <algorithm>
#include <vector>

#include "core/errors.h"
#include "core/line_reader.h"
#include "tools/markup.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kWholeBytes = 6000;  // a message up to here is shown whole …
constexpr std::size_t kAroundBytes = 240;  // … of a longer one, this much on either side of evidence

struct Range {
  std::size_t start = 0, end = 0;
};

// Ordered, apart, and within `size` bytes, whatever the file says.
std::vector<Range> merged(std::vector<Range> ranges, std::size_t size) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
  std::vector<Range> result;
  for (Range range : ranges) {
    range = {std::min(range.start, size), std::min(range.end, size)};
    if (range.start >= range.end) continue;
    if (!result.empty() && range.start <= result.back().end) {
      result.back().end = std::max(result.back().end, range.end);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

// Moves a cut back to a word's start, so that no character is torn.
std::size_t at_word(const std::string& text, std::size_t at) {
  if (at == 0 || at >= text.size()) return std::min(at, text.size());
  const std::size_t space = text.find_last_of(" \n", at);
  return space == std::string::npos || at - space > kAroundBytes ? at : space + 1;
}

std::string gap(std::size_t bytes) { return concat("<span class=\"gap\"> … ", bytes, " bytes left out … </span>"); }

// text[from, to) with what lies in `marks` highlighted.
std::string marked(const std::string& text, Range part, const std::vector<Range>& marks) {
  std::string html;
  std::size_t at = part.start;
  for (const Range& mark : marks) {
    if (mark.end <= part.start || mark.start >= part.end) continue;
    html += escape_html(text.substr(at, mark.start - at));
    html += concat("<mark>", escape_html(text.substr(mark.start, mark.end - mark.start)), "</mark>");
    at = mark.end;
  }
  return html + escape_html(text.substr(at, part.end - at));
}

std::string render_context(const data::Item& item) {
  const std::string& text = item.messages.back().content;
  std::vector<Range> marks, shown;
  for (const data::EvidenceSpan& span : item.evidence) {
    if (span.start < 0 || span.end <= span.start) continue;
    marks.push_back({static_cast<std::size_t>(span.start), static_cast<std::size_t>(span.end)});
  }
  marks = merged(std::move(marks), text.size());
  if (text.size() <= kWholeBytes) return marked(text, {0, text.size()}, marks);
  shown.push_back({0, at_word(text, kAroundBytes)});
  for (const Range& mark : marks)
    shown.push_back({at_word(text, mark.start - std::min(mark.start, kAroundBytes)), at_word(text, mark.end + kAroundBytes)});
  shown.push_back({at_word(text, text.size() - kAroundBytes), text.size()});
  // A cut at a word's start may fall before the end of evidence that is one long word.
  for (const Range& mark : marks) shown.push_back(mark);
  std::string html;
  std::size_t at = 0;
  for (const Range& part : merged(std::move(shown), text.size())) {
    if (part.start > at) html += gap(part.start - at);
    html += marked(text, part, marks);
    at = part.end;
  }
  return html;
}

// "hops 1 · depth 0.87"
std::string difficulty_text(const Json& difficulty) {
  std::string text;
  for (const auto& [name, value] : difficulty.as_object()) {
    const std::string shown = value.is_string() ? value.as_string() : value.is_number() ? format_value(value.as_number()) : value.dump();
    text += concat(text.empty() ? "" : " · ", name, " ", shown);
  }
  return text;
}

}  // namespace

std::string render_item_row(std::string_view name, const std::string& html) { return concat("<dt>", name, "</dt><dd>", html, "</dd>"); }

std::string render_item(const data::Item& item, const std::string& badge, const std::string& rows) {
  std::string answers, chain;
  for (const std::string& answer : item.answer.answers) answers += (answers.empty() ? "" : " · ") + escape_html(answer);
  for (const std::string& step : item.gold_chain) chain += concat("<li>", escape_html(step), "</li>");
  const std::string length =
      item.num_tokens > 0 ? concat(item.num_tokens, " tokens") : concat(item.messages.back().content.size(), " bytes");
  return concat("<details class=\"item\"><summary>", badge, "<b>", escape_html(item.question.empty() ? item.id : item.question),
                "</b></summary><dl>", rows, render_item_row("answer", concat("<b>", answers, "</b>")),
                chain.empty() ? "" : render_item_row("chain", concat("<ol>", chain, "</ol>")),
                render_item_row("item", concat(escape_html(item.id), " · ", length, " · reward ", escape_html(item.answer.reward))),
                item.difficulty.size() == 0 ? "" : render_item_row("difficulty", escape_html(difficulty_text(item.difficulty))),
                render_item_row("message", concat("<div class=\"context\">", render_context(item), "</div>")), "</dl></details>\n");
}

std::string render_item_samples(const std::string& path, std::int64_t num_items, std::size_t count) {
  const auto wanted = std::min<std::int64_t>(num_items, static_cast<std::int64_t>(count));
  LineReader reader(path);
  std::string html, line;
  std::int64_t shown = 0;
  for (std::int64_t number = 0; shown < wanted && reader.next(line); ++number) {
    if (number < shown * num_items / wanted) continue;
    html += render_item(data::item_from_json(parse_json(line, reader.where())));
    ++shown;
  }
  return html;
}

}  // namespace longbow::tools
