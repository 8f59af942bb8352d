// What `longbow --version` says.
#pragma once

#include <string>

namespace longbow::tools {

/// Version, commit, LibTorch, instruction set and CUDA, one a line.
std::string version_text();

/// "0.1.0+abc1234", for manifests and reports.
std::string version_number();

}  // namespace longbow::tools
