// Runs a parsed template over variables.
#pragma once

#include <string>

#include "data/jinja/ast.h"

namespace longbow::data::jinja {

/// The text that `block` gives. Throws Failure, its line set, for what the template raises or cannot compute.
/// Bounds: 100 nested macro calls, 256 MiB of text.
std::string evaluate(const Block& block, const Map& variables);

}  // namespace longbow::data::jinja
