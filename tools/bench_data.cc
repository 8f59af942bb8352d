// `bench data_build`: text a second and core that `data build` makes with its gates, bots and tokenizer, at 16K tokens an item.
#include <unistd.h>

#include <filesystem>

#include "core/clock.h"
#include "core/errors.h"
#include "data/dataset.h"
#include "data/tasks/build.h"
#include "data/tasks/token_counter.h"
#include "data/tokenizer.h"
#include "tools/bench_suite.h"
#include "tools/evaluation.h"

namespace longbow::tools {
namespace {

namespace fs = std::filesystem;

constexpr double kBudgetSeconds = 20;
constexpr std::int64_t kItems = 40;  // of each task, a run
constexpr std::int64_t kTokens = 16384, kLongTokens = 512 * 1024;

// Removes what the benchmark wrote, however it ends.
class ScratchFolder {
 public:
  ScratchFolder() : path_(fs::temp_directory_path() / concat("longbow-bench-data-", ::getpid())) { fs::create_directories(path_); }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

data::DatasetRecipe recipe_of(const std::string& tokenizer, std::int64_t seed) {
  data::DatasetRecipe recipe;
  recipe.seed = seed;
  recipe.tokenizer = tokenizer;
  for (const std::string& task : data::task_names()) {
    Json entry = Json::object();
    entry["task"] = task;
    entry["count"] = kItems;
    entry["max_tokens"] = kTokens;
    recipe.tasks.push_back(std::move(entry));
  }
  return recipe;
}

double long_item_seconds(const data::Corpus& corpus, const std::string& tokenizer) {
  const auto count_tokens = data::make_token_counter(tokenizer, 0);
  const auto builder = data::make_builder(
      parse_json(concat(R"({"task":"key_chain","max_tokens":)", kLongTokens, R"(,"num_chains":64})"), "bench"), corpus, "bench");
  Stopwatch watch;
  for (std::int64_t index = 0; !builder->build(1, index, count_tokens); ++index) LONGBOW_CHECK_LT(index, 20);
  return watch.seconds();
}

BenchResult data_build(ThreadPool& pool) {
  const ScratchFolder scratch;
  const data::Corpus corpus(data::WordNet::load());
  const std::string tokenizer = scratch.file("tokenizer");
  fs::create_directories(tokenizer);
  std::vector<std::string> lines(corpus.filler().begin(),
                                 corpus.filler().begin() + std::min<std::ptrdiff_t>(20000, std::ssize(corpus.filler())));
  data::train_tokenizer(lines, {}, tokenizer);

  double bytes = 0;
  std::int64_t seed = 0;
  const Timing timing = time_whole_runs(kBudgetSeconds, [&] {
    const std::string dir = scratch.file(concat("set", ++seed));
    const Json manifest = data::build_dataset(recipe_of(tokenizer, seed), {dir, pool.num_threads(), score_completion, &corpus});
    bytes = 0;
    for (const Json& file : manifest.at("files").as_array()) {
      const Json& statistics = file.at("statistics");
      bytes += statistics.at("bytes").at("mean").as_number() * statistics.at("items").as_number();
    }
    fs::remove_all(dir);
  });
  BenchResult result;
  result.unit = "MB/s core";
  result.set_rates(bytes / 1e6 / pool.num_threads(), timing);
  const double processor_rate = bytes / 1e6 * static_cast<double>(timing.seconds.size()) / timing.cpu_seconds;
  result.note = concat(data::task_names().size(), " tasks, ", kItems, " items of ", kTokens,
                       " tokens each a run, gates and bots included; an item of ", kLongTokens, " tokens in ",
                       format("%.2f s; %.3g MB a second of processor time", long_item_seconds(corpus, tokenizer), processor_rate));
  return result;
}

}  // namespace

std::vector<Benchmark> data_benchmarks() { return {{"data_build", data_build}}; }

}  // namespace longbow::tools
