// The pictures of a data report as inline SVG: histograms, labelled bars, and bots against chance. Colours are the page's CSS variables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace longbow::tools {

/// Equal bins from `low` to `high`. `expected`: a line at the height that even bins would have.
std::string render_histogram(std::string_view title, std::string_view subtitle, const std::vector<double>& counts, double low, double high,
                             bool percent, bool expected);

struct Bar {
  std::string label;
  double value = 0;
  std::string text;  // beside the bar
};
/// One bar a row; all of length 0 when every value is.
std::string render_bars(std::string_view title, std::string_view subtitle, const std::vector<Bar>& bars);

/// A row a bot: accuracy as a dot with its 95% interval; chance as a line, and up to what is allowed a shade. `bots`: BotTally::to_json().
std::string render_bots(std::string_view title, const Json& bots);

}  // namespace longbow::tools
