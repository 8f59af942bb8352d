#include "tools/report_page.h"

#include <map>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/log.h"
#include "tools/markup.h"
#include "tools/report_parts.h"
#include "tools/report_profile.h"
#include "tools/report_run.h"
#include "tools/report_sections.h"
#include "tools/report_style.h"

namespace longbow::tools {
namespace {

/// Runs whose folders share a name are told apart by their whole paths.
void make_names_differ(std::vector<RunRecord>& runs) {
  std::map<std::string, int> uses;
  for (const RunRecord& run : runs) ++uses[run.name];
  for (RunRecord& run : runs) {
    if (uses[run.name] > 1) run.name = run.path;
  }
}

std::string render_head(const std::vector<RunRecord>& runs) {
  std::string title;
  for (const RunRecord& run : runs) title += (title.empty() ? "" : ", ") + run.name;
  std::string html = render_page_head(title);
  if (runs.size() == 1) {
    if (const Json* description = runs[0].recipe.find("description"); description && description->is_string()) {
      html += concat("<p class=\"lead\">", escape_html(description->as_string()), "</p>\n");
    }
  }
  for (const RunRecord& run : runs) {
    if (const Json* interrupted = run.result.find("interrupted"); interrupted && interrupted->is_bool() && interrupted->as_bool()) {
      html += concat("<p class=\"note\">", escape_html(run.name), ": interrupted before its last step.</p>\n");
    }
    for (const std::string& note : run.notes)
      html += concat("<p class=\"note\">", escape_html(run.name), ": ", escape_html(note), "</p>\n");
  }
  return html;
}

}  // namespace

std::string render_report(const std::vector<std::string>& run_dirs) {
  if (run_dirs.empty()) throw UserError("report: expected at least one run directory, got none");
  std::vector<RunRecord> runs;
  for (const std::string& path : run_dirs) runs.push_back(read_run(path));
  make_names_differ(runs);
  std::string html = render_head(runs);
  html += runs.size() == 1 ? render_cards(runs[0]) : render_run_table(runs);
  html += render_accuracy(runs);
  if (runs.size() == 1) html += render_changes(runs[0]);
  html += render_curves(runs);
  if (runs.size() == 1) html += render_profile(runs[0]) + render_samples(runs[0]);
  html += "<h2>Recipe</h2>\n";
  for (const RunRecord& run : runs) html += render_recipe(run);
  return html + render_page_end("Written by longbow report from metrics.jsonl; docs/metrics.md explains every number.", kReportScript);
}

void write_run_report(const std::string& run_dir) {
  try {
    write_file_atomically(run_dir + "/report.html", render_report({run_dir}));
  } catch (const UserError& error) {
    log_warning(concat("no report was written: ", error.what()));
  }
}

}  // namespace longbow::tools
