// The report: one HTML file that needs nothing else, pictures first.
#pragma once

#include <string>
#include <vector>

namespace longbow::tools {

/// The page of one run, or of several laid over each other (GRPO and next-token runs alike; curves that a run lacks are left
/// out). Throws UserError as read_run does.
std::string render_report(const std::vector<std::string>& run_dirs);

/// render_report into `run_dir`/report.html. A run that has just ended must not fail for its picture: a failure is logged.
void write_run_report(const std::string& run_dir);

}  // namespace longbow::tools
