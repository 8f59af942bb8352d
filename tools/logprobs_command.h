// `longbow logprobs`: log-probabilities that a checkpoint gives to given token ids; JSONL in, JSONL out, no tokenizer needed.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/dtype.h"
#include "model/transformer.h"

namespace longbow::tools {

struct TokenScores {
  std::vector<float> logprobs;                                   // [tokens - 1], of token i + 1 given all before it; natural log
  std::vector<std::vector<std::pair<std::int32_t, float>>> top;  // [tokens][top_k] of the next token, best first; equal ones by id
};

/// Scores one sequence. Runs in chunks over a cache, so memory grows with the cache alone; the chunks do not change any bit.
TokenScores score_tokens(ThreadPool& pool, const model::PackedModel& model, const std::vector<std::int32_t>& tokens, int top_k);

struct LogprobsOptions {
  std::string model_dir;
  std::string input;
  int top_k = 0;
  kernels::DType dtype = kernels::DType::f32;
  int num_threads = 0;
  bool skip_bad_lines = false;
};

/// Runs the command, writing to `out`. Throws UserError, with FILE:LINE for a bad line.
void run_logprobs(const LogprobsOptions& options, std::ostream& out);

}  // namespace longbow::tools
