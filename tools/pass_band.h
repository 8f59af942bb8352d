// The pass band: how often a model answers each item rightly, so that a build can drop what it never or always does: groups without
// variance teach nothing. The model is a checkpoint of ours, or one behind an OpenAI-compatible server.
#pragma once

#include <cstdint>
#include <string>

#include "data/tasks/entry_build.h"

namespace longbow::tools {

struct PassBandOptions {
  std::string model;         // a checkpoint's folder, or a server's base URL such as http://localhost:8000/v1
  std::string served_model;  // the model's name at that server
  std::int64_t num_samples = 4;
  float temperature = 1;
  std::int64_t max_completion_tokens = 256;
  std::uint64_t seed = 0;
  int num_threads = 0;
};

/// Samples every item `num_samples` times; its rate is the share of samples whose reward is 1. A checkpoint gives the same rates every
/// time; a server is asked with a seed for each sample, and is as repeatable as it is. The key is taken from the environment's
/// LONGBOW_PASS_BAND_API_KEY. Throws UserError for a folder that is no checkpoint, a server that does not answer after four tries, and
/// when interrupted.
data::PassRates make_pass_rates(const PassBandOptions& options, data::CompletionScorer score);

/// Equal for options that give equal rates.
std::string pass_band_name(const PassBandOptions& options);

}  // namespace longbow::tools
