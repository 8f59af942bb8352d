// `longbow inspect PATH`: says what a path is. A checkpoint's directory, a data set, a run directory, or a trajectory file.
#pragma once

#include <string>

#include "core/json.h"

namespace longbow::tools {

/// What `path` holds, as `inspect --json` prints it; "kind" says which of the four. Throws UserError when it is none of them, or broken.
Json inspect_path(const std::string& path);

// One for each kind of path.
Json inspect_checkpoint(const std::string& dir);
Json inspect_dataset(const std::string& path);  // a directory with manifest.json, or one JSONL file of items
Json inspect_run(const std::string& dir);
Json inspect_trajectory(const std::string& path);

}  // namespace longbow::tools
