// What `longbow bench` draws and compares: the roofline picture, and a saved run beside this one.
#pragma once

#include <string>

#include "core/json.h"

namespace longbow::tools {

/// An SVG of the document that `bench --json` prints: the machine's roofs (memory reads, bf16 products) over FLOP per byte, and each
/// benchmark that has a place there. Both axes are logarithmic.
std::string draw_roofline(const Json& document);

/// What changed since `saved`, a document of an earlier run: one row a benchmark that both have, as
/// {"name", "measure", "before", "now", "change", "regression"}. Compared are shares of the limit, else ratios to the peer, else values:
/// the machine's own speed changes from hour to hour. A regression lost more than a tenth.
Json compare_runs(const Json& saved, const Json& now);

}  // namespace longbow::tools
