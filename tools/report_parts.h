// What every page is put together from: its head and end, its cards, and pills that say a score.
#pragma once

#include <string>
#include <string_view>

namespace longbow::tools {

/// From the doctype to the heading, which is the title; `style` comes after what all pages share.
std::string render_page_head(std::string_view title, std::string_view style = "");
/// The footer's sentence, then the end of the page; `script` may be empty.
std::string render_page_end(std::string_view footer, std::string_view script = "");

/// One figure that matters: its name, its value, and a line below. `hero`: larger than the others.
std::string render_card(std::string_view name, std::string_view value, std::string_view small = "", bool hero = false);

/// A score as a small coloured label: 1 is right, more than 0 partly so.
std::string render_pill(double score);

}  // namespace longbow::tools
