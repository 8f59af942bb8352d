// "did you mean": the known name nearest to one that is not known, for messages about keys, flags, commands and file names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace longbow {

/// The candidate within a third of its length (at least 1) of edits of `name`, nearest first, then first in order; letter case
/// costs nothing. An edit inserts, drops or changes a character, or swaps two neighbours.
std::optional<std::string> closest_match(std::string_view name, const std::vector<std::string>& candidates);

/// `; did you mean "x"?` with the closest match, or an empty string: the end of a message.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace longbow
