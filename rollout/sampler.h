// Choosing the next token of a row of logits: temperature, top-k, top-p, min-p. Random numbers are named by (seed, step,
// prompt, sample, position), so a token depends neither on the batch it was sampled in nor on the order of arrival.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/protocol.h"

namespace longbow::rollout {

/// Names one random choice: token `position` (0 for a completion's first) of completion `sample_idx`.
struct SampleKey {
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::int64_t prompt_idx = 0;
  std::int64_t sample_idx = 0;
  std::int64_t position = 0;
};

/// The uniform number in [0, 1) that decides the choice `key`.
double sampling_uniform(const SampleKey& key);

/// Factor of the logits: 1 / temperature in float, as the trainer computes it; 1 for greedy decoding, whose log-probabilities
/// are those of the model's own distribution.
float inverse_temperature(const data::SamplingParams& params);

/// True when some tokens can never be drawn (top_k, top_p or min_p is on).
bool is_truncated(const data::SamplingParams& params);

struct SampledToken {
  std::int32_t token = 0;
  float logprob = 0;
};

/// Draws one token by inverting the distribution's cumulative sum at `uniform`.
/// `lse` is kernels::row_logsumexp(logits, vocab, inverse_temperature(params)). Without truncation the log-probability is
/// inverse_temperature * logit - lse: the bits that the trainer's lm_head_logprobs computes. With truncation (top_k first, then
/// top_p of what it left, then min_p against the likeliest; equal logits: the lower id first) it is renormalised over the kept set.
/// `scratch` is reused from call to call. Throws UserError when `lse` is not finite: the logits hold NaN or infinity.
SampledToken sample_token(std::span<const float> logits, float lse, const data::SamplingParams& params, double uniform,
                          std::vector<std::int32_t>& scratch);

/// Throws UserError naming the value that cannot be meant: a temperature below 0, top_p outside (0, 1] …
void validate(const data::SamplingParams& params);

}  // namespace longbow::rollout
