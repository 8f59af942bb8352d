// Items as a person reads them: question, answer and chain, and the message with its evidence marked and the rest of a long one left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "data/item.h"

namespace longbow::tools {

/// One line of an item's list: a name, and HTML beside it.
std::string render_item_row(std::string_view name, const std::string& html);

/// One item as a folded part of a page; `badge` (HTML) stands before its question, `rows` of render_item_row() above the others.
std::string render_item(const data::Item& item, const std::string& badge = "", const std::string& rows = "");

/// `count` items spread evenly over the file at `path`, which holds `num_items`; none of its other lines are parsed.
std::string render_item_samples(const std::string& path, std::int64_t num_items, std::size_t count);

}  // namespace longbow::tools
