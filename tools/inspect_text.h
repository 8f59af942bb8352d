// What `longbow inspect` says to people, from what it says to scripts.
#pragma once

#include <string>

#include "core/json.h"

namespace longbow::tools {

/// Several lines: what the path is, what matters of it by name, and a table of its layers or files. `result` is inspect_path()'s.
std::string describe_path(const Json& result);

}  // namespace longbow::tools
