// `longbow report RUN_DIR… [--out FILE]`: one self-contained HTML page of one run or of several.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "tools/commands.h"
#include "tools/report_page.h"
#include "tools/report_profile.h"
#include "tools/report_run.h"

namespace longbow::tools {

void add_report_command(CLI::App& app) {
  struct Arguments {
    std::vector<std::string> run_dirs;
    std::string out;
    bool profile = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("report", "One self-contained HTML page of one or several run directories");
  command->add_option("run_dirs", arguments->run_dirs, "Run directories, of train, pretrain or sft")->required();
  CLI::Option* out =
      command->add_option("--out", arguments->out, "The page (default: report.html in the first run directory; - is standard output)");
  command->add_flag("--profile", arguments->profile, "Print where a step's time goes, as a table, and write no page")->excludes(out);
  command->callback([arguments] {
    if (arguments->profile) {
      for (const std::string& run_dir : arguments->run_dirs) std::cout << run_dir << "\n" << profile_table(read_run(run_dir)) << "\n";
      return;
    }
    const std::string html = render_report(arguments->run_dirs);
    if (arguments->out == "-") {
      std::cout << html;
      return;
    }
    const std::string path = arguments->out.empty() ? arguments->run_dirs.front() + "/report.html" : arguments->out;
    write_file_atomically(path, html);
    std::cout << "wrote " << path << "\n";
  });
}

}  // namespace longbow::tools
