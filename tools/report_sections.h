// The report's parts below its title: cards, curves, intervals, samples, recipes. report_page.cc puts them in order.
#pragma once

#include <string>
#include <vector>

#include "tools/report_run.h"

namespace longbow::tools {

/// The figures that matter most, of one run.
std::string render_cards(const RunRecord& run);
/// The same as a table, one row a run.
std::string render_run_table(const std::vector<RunRecord>& runs);
/// Accuracy before and after, by task (one run) or by run (several); empty when no run was evaluated.
std::string render_accuracy(const std::vector<RunRecord>& runs);
/// What became of each held-out item: gain with a paired interval, and how many went which way; empty without predictions.
std::string render_changes(const RunRecord& run);
/// Every curve that some run has, grouped under headings.
std::string render_curves(const std::vector<RunRecord>& runs);
/// Completions of the first and the last step that were kept, side by side for each task.
std::string render_samples(const RunRecord& run);
/// The resolved recipe, folded.
std::string render_recipe(const RunRecord& run);

}  // namespace longbow::tools
