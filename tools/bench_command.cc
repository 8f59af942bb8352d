// `longbow bench [NAME…]`: each benchmark against its limit and its peer, between two looks at the machine's ceilings, in one run.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/atomic_file.h"
#include "core/did_you_mean.h"
#include "core/errors.h"
#include "kernels/isa.h"
#include "tools/bench_memory.h"
#include "tools/bench_picture.h"
#include "tools/bench_suite.h"
#include "tools/command_options.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

constexpr double kFirstSeconds = 0.3;    // a ceiling, at the start
constexpr double kBracketSeconds = 0.1;  // and around each benchmark

struct BenchArguments {
  std::vector<std::string> names;
  std::string compare_path, picture_path, saved_path;
  int threads = 0;
  bool json = false;
};

std::vector<Benchmark> all_benchmarks() {
  std::vector<Benchmark> all = kernel_benchmarks();
  for (const auto& more : {attention_benchmarks(), engine_benchmarks(), training_benchmarks(), whole_step_benchmarks(), data_benchmarks()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Those whose name begins with one of `prefixes`; all when there are none. Throws UserError for a prefix of nothing.
std::vector<Benchmark> choose(const std::vector<std::string>& prefixes) {
  const std::vector<Benchmark> all = all_benchmarks();
  std::vector<bool> wanted(all.size(), prefixes.empty());
  for (const std::string& prefix : prefixes) {
    bool found = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!std::string_view(all[i].name).starts_with(prefix)) continue;
      wanted[i] = found = true;
    }
    if (found) continue;
    std::vector<std::string> names;
    std::string list;
    for (const Benchmark& benchmark : all) {
      names.push_back(benchmark.name);
      list += concat(list.empty() ? "" : ", ", benchmark.name);
    }
    throw UserError(concat("bench: expected the beginning of a benchmark's name, got '", prefix, "'", did_you_mean(prefix, names)), list);
  }
  std::vector<Benchmark> selected;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (wanted[i]) selected.push_back(all[i]);
  }
  return selected;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

/// Programs that wanted a processor over the last minute; what they take, we and the peer lack.
double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

std::string ratio_text(std::optional<double> ratio) {
  if (!ratio) return "-";
  char text[32];
  std::snprintf(text, sizeof text, *ratio < 1 ? "%.0f%%" : "%.2fx", *ratio < 1 ? 100 * *ratio : *ratio);
  return text;
}

void print_head(const Ceilings& ceilings, int threads, double load) {
  std::printf("%s, %s, %d threads; load average at the start %.1f\n", processor_name().c_str(),
              kernels::name_of(kernels::active_isa()).c_str(), threads, load);
  std::printf("reads memory at %.1f GB/s (one thread %.1f), bf16 products %.3f TFLOP/s, %.2f G exponentials/s\n\n", ceilings.read_gbps,
              ceilings.read_gbps_1t, ceilings.gemm_tflops, ceilings.exp_gps);
  std::printf("%-28s %12s %-10s %9s %9s %9s  %s\n", "benchmark", "value", "unit", "of limit", "best run", "to peer", "peer");
}

void print_result(const char* name, const BenchResult& result, const Ceilings& around) {
  std::printf("%-28s %12.4g %-10s %9s %9s %9s  %s\n", name, result.median(), result.unit.c_str(),
              ratio_text(result.ratio_to(result.limit)).c_str(), ratio_text(result.best_ratio_to(result.limit)).c_str(),
              ratio_text(result.ratio_to(result.peer_value)).c_str(), result.peer.empty() ? "-" : result.peer.c_str());
  std::printf("  %s\n  around it: reads %.1f GB/s, products %.3f TFLOP/s; ours took %.1f s, %.1f s of processors\n", result.note.c_str(),
              around.read_gbps, around.gemm_tflops, result.wall_seconds, result.cpu_seconds);
}

void print_comparison(const Json& rows) {
  std::printf("\n%-28s %-16s %10s %10s %9s\n", "against the saved run", "measure", "before", "now", "change");
  for (const Json& row : rows.as_array()) {
    std::printf("%-28s %-16s %10.4g %10.4g %+8.0f%%%s\n", row.at("name").as_string().c_str(), row.at("measure").as_string().c_str(),
                row.at("before").as_number(), row.at("now").as_number(), 100 * (row.at("change").as_number() - 1),
                row.at("regression").as_bool() ? "  REGRESSION" : "");
  }
  if (rows.size() == 0) std::printf("no benchmark stands in both\n");
}

Json machine_to_json(int threads, double load) {
  Json json = Json::object();
  json["cpu"] = processor_name();
  json["isa"] = kernels::name_of(kernels::active_isa());
  json["threads"] = threads;
  json["load_average"] = load;
  return json;
}

/// Runs one benchmark between two looks at the ceilings; its limit is that of the better of each.
BenchResult run_between_ceilings(ThreadPool& pool, const Benchmark& benchmark, Ceilings& before, Ceilings& around, Json& json) {
  reset_peak_resident_bytes();
  BenchResult result = benchmark.run(pool);
  result.peak_rss_bytes = peak_resident_bytes();
  const Ceilings after = measure_ceilings(pool, kBracketSeconds);
  around = best_of(before, after);
  if (result.limit_of) result.limit = result.limit_of(around);
  Json row = result.to_json(benchmark.name);
  row["ceilings_before"] = ceilings_to_json(before);
  row["ceilings_after"] = ceilings_to_json(after);
  json["benchmarks"].push_back(std::move(row));
  before = after;
  return result;
}

/// Everything that `arguments` name, as the document that --json prints.
Json measure(const BenchArguments& arguments) {
  const std::vector<Benchmark> benchmarks = choose(arguments.names);
  const double load = load_average();
  ThreadPool pool(arguments.threads);
  Ceilings before = measure_ceilings(pool, kFirstSeconds);
  Ceilings best = before, around;
  Json json = Json::object();
  json["machine"] = machine_to_json(pool.num_threads(), load);
  json["benchmarks"] = Json::array();
  if (!arguments.json) print_head(before, pool.num_threads(), load);
  for (const Benchmark& benchmark : benchmarks) {
    std::fflush(stdout);
    const BenchResult result = run_between_ceilings(pool, benchmark, before, around, json);
    best = best_of(best, around);
    if (!arguments.json) print_result(benchmark.name, result, around);
  }
  json["ceilings"] = ceilings_to_json(best);
  return json;
}

/// A document that `bench --json` printed.
Json read_saved(const std::string& path) {
  Json json = read_json_file(path);
  try {
    compare_runs(json, json);
    draw_roofline(json);
  } catch (const UserError& error) {
    throw UserError(concat("bench: expected what bench --json prints, got another document: ", error.what(), " (", path, ")"));
  }
  return json;
}

void run(const BenchArguments& arguments) {
  if (!arguments.saved_path.empty() && arguments.compare_path.empty() && arguments.picture_path.empty())
    throw UserError("bench: --saved: expected --compare or --picture beside it, got neither");
  Json before;
  if (!arguments.compare_path.empty()) before = read_saved(arguments.compare_path);
  Json json = arguments.saved_path.empty() ? measure(arguments) : read_saved(arguments.saved_path);
  if (!before.is_null()) {
    json["compared"] = compare_runs(before, json);
    if (!arguments.json) print_comparison(json.at("compared"));
  }
  if (!arguments.picture_path.empty()) write_file_atomically(arguments.picture_path, draw_roofline(json));
  if (arguments.json) std::cout << json.dump() << std::endl;
}

}  // namespace

void add_bench_command(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand("bench", "What this machine attains, against its limits and LibTorch");
  command->add_option("NAME", arguments->names, "Benchmarks whose name begins so; all when none is given");
  add_threads_option(*command, arguments->threads);
  command->add_option("--compare", arguments->compare_path, "A saved --json document: what changed since, and what got slower")
      ->check(CLI::ExistingFile);
  command->add_option("--saved", arguments->saved_path, "Compare or draw this saved --json document instead of measuring anew")
      ->check(CLI::ExistingFile)
      ->excludes("NAME");
  command->add_option("--picture", arguments->picture_path, "Draw the roofline picture (SVG) into this file");
  command->add_flag("--json", arguments->json, "One JSON document instead of a table");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace longbow::tools
