// `longbow logprobs`: log-probabilities that a checkpoint gives to given token ids; JSONL in, JSONL out, no tokenizer needed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/thread_pool.h"
#include "kernels/dtype.h"
#include "kernels/logprob.h"
#include "model/transformer.h"
#include "model/weights.h"
#include "rollout/kv_cache.h"
#include "tools/command_options.h"
#include "tools/commands.h"
#include "tools/json_lines.h"
#include "tools/request_fields.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kChunk = 512;   // rows of a forward pass
constexpr std::int64_t kTopRows = 16;  // rows whose logits --top holds at once

struct LogprobsOptions {
  std::string model_dir;
  std::string input;
  int top_k = 0;
  kernels::DType dtype = kernels::DType::f32;
  int num_threads = 0;
  bool skip_bad_lines = false;
};

struct TokenScores {
  std::vector<float> logprobs;                                   // [tokens - 1], of token i + 1 given all before it; natural log
  std::vector<std::vector<std::pair<std::int32_t, float>>> top;  // [tokens][top_k] of the next token, best first; equal ones by id
};

/// The `top_k` best next tokens after each of `rows` hidden rows.
void append_top(ThreadPool& pool, const model::PackedModel& model, const float* hidden, std::int64_t rows, int top_k, TokenScores& scores) {
  const std::int64_t vocab = model.config().vocab_size;
  kernels::Buffer<float> logits(std::min(rows, kTopRows) * vocab);
  std::vector<std::int32_t> order(vocab);
  for (std::int64_t begin = 0; begin < rows; begin += kTopRows) {
    const std::int64_t count = std::min(kTopRows, rows - begin);
    kernels::linear_forward(pool, hidden + begin * model.config().hidden_size, count, model.head(), logits.data());
    for (std::int64_t r = 0; r < count; ++r) {
      const float* row = logits.data() + r * vocab;
      const float lse = kernels::row_logsumexp(row, vocab, 1);
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + top_k, order.end(),
                        [row](std::int32_t a, std::int32_t b) { return row[a] > row[b] || (row[a] == row[b] && a < b); });
      auto& best = scores.top.emplace_back();
      for (int i = 0; i < top_k; ++i) best.emplace_back(order[i], row[order[i]] - lse);
    }
  }
}

Json answer(const Json& request, const TokenScores& scores, std::size_t num_tokens, bool with_top) {
  Json result;
  if (const Json* id = request.find("id")) result["id"] = *id;
  Json& logprobs = result["logprobs"] = Json::array();
  if (num_tokens > 0) logprobs.push_back(Json());
  for (const float logprob : scores.logprobs) logprobs.push_back(static_cast<double>(logprob));
  if (!with_top) return result;
  Json& top = result["top"] = Json::array();
  for (const auto& row : scores.top) {
    Json list = Json::array();
    for (const auto& [token, logprob] : row) list.push_back(Json::Array{Json(token), Json(static_cast<double>(logprob))});
    top.push_back(std::move(list));
  }
  return result;
}

/// Scores one sequence. Runs in chunks over a cache, so memory grows with the cache alone; the chunks do not change any bit.
TokenScores score_tokens(ThreadPool& pool, const model::PackedModel& model, const std::vector<std::int32_t>& tokens, int top_k) {
  TokenScores scores;
  const auto total = static_cast<std::int64_t>(tokens.size());
  if (total == 0) return scores;
  const std::int64_t dim = model.config().hidden_size;
  rollout::GroupCache cache(model.config(), model.dtype(),
                            {.prompt_tokens = total, .group_size = 0, .max_completion_tokens = 0, .prefill_chunk = kChunk});
  rollout::StepContext context(pool);
  std::vector<std::int32_t> positions(total);
  std::iota(positions.begin(), positions.end(), 0);
  kernels::Buffer<float> hidden(std::min(total, kChunk) * dim);
  scores.logprobs.resize(total - 1);
  for (std::int64_t begin = 0; begin < total; begin += kChunk) {
    const std::int64_t count = std::min(kChunk, total - begin);
    context.clear();
    context.add_prefill(cache, count, count);
    const model::PackedRows rows{std::span(tokens).subspan(begin, count), std::span(positions).subspan(begin, count)};
    model::forward(pool, model, rows, context, hidden.data(), nullptr);
    const std::int64_t targets = std::min(count, total - 1 - begin);  // nothing follows the last token
    kernels::lm_head_logprobs(pool, hidden.data(), targets, model.head(), tokens.data() + begin + 1, 1, scores.logprobs.data() + begin,
                              nullptr, nullptr);
    if (top_k > 0) append_top(pool, model, hidden.data(), count, top_k, scores);
  }
  return scores;
}

void run_logprobs(const LogprobsOptions& options, std::ostream& out) {
  ThreadPool pool(options.num_threads);
  const model::ModelConfig config = model::read_model_config(options.model_dir);
  if (options.top_k < 0 || options.top_k > config.vocab_size) {
    throw UserError(concat("logprobs --top: expected a number in [0, ", config.vocab_size, "], got ", options.top_k));
  }
  const model::ParameterLayout layout(config);
  JsonLines lines(options.input, options.skip_bad_lines);
  const auto packed = [&] {  // the f32 values are needed for the packing alone
    const model::Weights weights = model::load_weights(options.model_dir, config, layout);
    return model::PackedModel(pool, config, layout, weights.values.data(), options.dtype);
  }();
  Json request;
  std::vector<std::int32_t> tokens;
  const auto take = [&](Json line) {
    tokens = token_ids(line, config.vocab_size);
    request = std::move(line);
  };
  while (lines.next(take)) {
    out << answer(request, score_tokens(pool, packed, tokens, options.top_k), tokens.size(), options.top_k > 0).dump() << "\n"
        << std::flush;
    if (!out) throw UserError("logprobs: cannot write the output: the disk is full or the reader is gone");
  }
}

}  // namespace

void add_logprobs_command(CLI::App& app) {
  auto options = std::make_shared<LogprobsOptions>();
  CLI::App* command = app.add_subcommand("logprobs", "Log-probabilities of given token ids: JSONL in, JSONL out");
  command->add_option("--model", options->model_dir, "Checkpoint directory")->required();
  command->add_option("input", options->input, "JSONL of {\"tokens\": [...], \"id\"?}; - is standard input")->required();
  command->add_option("--top", options->top_k, "Also the K most likely next tokens at each position")->check(CLI::Range(1, 1 << 24));
  command
      ->add_option_function<std::string>(
          "--dtype",
          [options](const std::string& name) { options->dtype = name == "bfloat16" ? kernels::DType::bf16 : kernels::DType::f32; },
          "Compute in float32 (default) or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  add_threads_option(*command, options->num_threads);
  command->add_flag("--skip-bad-lines", options->skip_bad_lines, "Report bad lines on standard error and go on");
  add_needless_json_flag(*command);
  command->callback([options] { run_logprobs(*options, std::cout); });
}

}  // namespace longbow::tools
