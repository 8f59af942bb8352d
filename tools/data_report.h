// The report of a data set as one self-contained HTML page: lengths, depth of evidence, answers, what the gates dropped, how the shortcut
// bots do against chance, and samples to read with their evidence marked.
#pragma once

#include <string>

#include "core/json.h"

namespace longbow::tools {

/// `report` is a data set's manifest, or what a check of it found (data/tasks/check.h); the samples are read from the files in `dir`.
/// Throws UserError when a file cannot be read. Cost: one pass over the files.
std::string render_data_report(const Json& report, const std::string& dir);

}  // namespace longbow::tools
