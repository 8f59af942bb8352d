// `longbow generate`: completions of prompts by a checkpoint; JSONL in, JSONL out, or text on a terminal.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "data/protocol.h"
#include "kernels/dtype.h"

namespace longbow::tools {

struct GenerateOptions {
  std::string model_dir;
  std::string prompt;        // one prompt's text …
  bool chat = false;         // … as a user's message through the chat template
  std::string prompts_path;  // or a file of prompts; "-": standard input
  data::SamplingParams sampling;
  std::int32_t num_samples = 1;
  std::vector<std::string> stops;
  kernels::DType dtype = kernels::DType::f32;
  int num_threads = 0;
  std::int64_t concurrent_prompts = 4;
  std::int64_t kv_budget_mib = 0;  // 0: half of the machine's memory
  bool skip_bad_lines = false;
  bool stream = false;  // print the only completion's text as it comes, instead of JSON
};

/// Runs the command, writing to `out`: one JSON object a prompt, in the order of the prompts. Ctrl-C ends what runs with
/// finish_reason abort. Throws UserError, with FILE:LINE for a bad line.
void run_generate(const GenerateOptions& options, std::ostream& out);

/// The length of `text` that can be shown while more may follow: without the beginning of a stop string or of a UTF-8 character
/// that its end may be.
std::size_t settled_length(const std::string& text, const std::vector<std::string>& stops);

}  // namespace longbow::tools
