// Where a training step's time goes: the mean of a run's `profile/…` series as a table for the terminal, and as a flame graph with the
// same table in the report.
#pragma once

#include <string>

#include "tools/report_run.h"

namespace longbow::tools {

/// Path, seconds a step and share of the step, each part below the whole it belongs to; "waiting" is what a rollout waits for workers,
/// "other" what no part names. Throws UserError when the run has no profile.
std::string profile_table(const RunRecord& run);

/// A section of the report; empty for a run without a profile.
std::string render_profile(const RunRecord& run);

}  // namespace longbow::tools
