// Jinja's grammar by recursive descent, in Jinja's own order of precedence.
#pragma once

#include <string_view>

#include "data/jinja/ast.h"

namespace longbow::data::jinja {

/// Throws Failure with the line for syntax errors and for statements this engine does not run (include, extends, …).
Block parse(std::string_view source);

}  // namespace longbow::data::jinja
