// `longbow bench [NAME…]`: the machine's ceilings, then each benchmark against its limit and its peer, measured in the same run.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.h"
#include "kernels/isa.h"
#include "tools/bench_memory.h"
#include "tools/bench_suite.h"
#include "tools/commands.h"

namespace longbow::tools {
namespace {

struct BenchArguments {
  std::vector<std::string> names;
  int threads = 0;
  bool json = false;
};

std::vector<Benchmark> all_benchmarks() {
  std::vector<Benchmark> all = kernel_benchmarks();
  for (const Benchmark& benchmark : engine_benchmarks()) all.push_back(benchmark);
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
    std::string built;
    for (const Benchmark& benchmark : all) built += concat(built.empty() ? "" : ", ", benchmark.name);
    throw UserError(concat("bench: '", prefix, "' is not built yet; built are ", built));
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

void print_ceilings(const Ceilings& ceilings, int threads, double load) {
  std::printf("%s, %s, %d threads; load average at the start %.1f\n", processor_name().c_str(),
              kernels::name_of(kernels::active_isa()).c_str(), threads, load);
  std::printf("reads memory at %.1f GB/s (one thread %.1f), bf16 products %.3f TFLOP/s, %.2f G exponentials/s\n\n", ceilings.read_gbps,
              ceilings.read_gbps_1t, ceilings.gemm_tflops, ceilings.exp_gps);
  std::printf("%-28s %12s %-10s %9s %9s  %s\n", "benchmark", "value", "unit", "of limit", "to peer", "peer");
}

void print_result(const char* name, const BenchResult& result) {
  std::printf("%-28s %12.4g %-10s %9s %9s  %s\n", name, result.median(), result.unit.c_str(),
              ratio_text(result.ratio_to(result.limit)).c_str(), ratio_text(result.ratio_to(result.peer_value)).c_str(),
              result.peer.empty() ? "-" : result.peer.c_str());
  std::printf("  %s\n", result.note.c_str());
}

Json machine_to_json(const Ceilings& ceilings, int threads, double load) {
  Json json = Json::object();
  json["machine"]["cpu"] = processor_name();
  json["machine"]["isa"] = kernels::name_of(kernels::active_isa());
  json["machine"]["threads"] = threads;
  json["machine"]["load_average"] = load;
  json["ceilings"]["read_gbps"] = ceilings.read_gbps;
  json["ceilings"]["read_gbps_1t"] = ceilings.read_gbps_1t;
  json["ceilings"]["gemm_tflops"] = ceilings.gemm_tflops;
  json["ceilings"]["exp_gps"] = ceilings.exp_gps;
  return json;
}

void run(const BenchArguments& arguments) {
  const std::vector<Benchmark> benchmarks = choose(arguments.names);
  const double load = load_average();
  ThreadPool pool(arguments.threads);
  BenchMachine machine{pool, measure_ceilings(pool)};
  Json json = machine_to_json(machine.ceilings, pool.num_threads(), load);
  json["benchmarks"] = Json::array();
  if (!arguments.json) print_ceilings(machine.ceilings, pool.num_threads(), load);
  for (const Benchmark& benchmark : benchmarks) {
    std::fflush(stdout);
    reset_peak_resident_bytes();
    BenchResult result = benchmark.run(machine);
    result.peak_rss_bytes = peak_resident_bytes();
    if (!arguments.json) print_result(benchmark.name, result);
    json["benchmarks"].push_back(result.to_json(benchmark.name));
  }
  if (arguments.json) std::cout << json.dump() << std::endl;
}

}  // namespace

void add_bench_command(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand("bench", "What this machine attains, against its limits and LibTorch");
  command->add_option("NAME", arguments->names, "Benchmarks whose name begins so; all when none is given");
  command->add_option("--threads", arguments->threads, "Compute threads; 0: one per processor")->check(CLI::Range(0, 1024));
  command->add_flag("--json", arguments->json, "One JSON document instead of a table");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace longbow::tools
