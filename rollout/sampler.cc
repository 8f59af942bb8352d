#include "rollout/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/errors.h"
#include "core/random.h"

namespace longbow::rollout {
namespace {

std::int32_t argmax(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

SampledToken with_logprob(std::span<const float> logits, float lse, float inv_temperature, std::int32_t token) {
  return {token, inv_temperature * logits[token] - lse};
}

SampledToken sample_whole(std::span<const float> logits, float lse, float inv_temperature, double uniform) {
  double cumulative = 0;
  for (std::size_t token = 0; token < logits.size(); ++token) {
    cumulative += std::exp(inv_temperature * logits[token] - lse);
    if (cumulative > uniform) return with_logprob(logits, lse, inv_temperature, static_cast<std::int32_t>(token));
  }
  // The probabilities sum to 1 up to rounding; a number beyond the sum goes to the likeliest token.
  return with_logprob(logits, lse, inv_temperature, argmax(logits));
}

// Sorts the `count` likeliest tokens to the front of `order`.
void sort_likeliest(std::span<const float> logits, std::size_t count, std::vector<std::int32_t>& order) {
  const auto likelier = [&](std::int32_t a, std::int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  if (count < order.size()) std::nth_element(order.begin(), order.begin() + count, order.end(), likelier);
  std::sort(order.begin(), order.begin() + count, likelier);
}

SampledToken sample_truncated(std::span<const float> logits, float lse, const data::SamplingParams& params, double uniform,
                              std::vector<std::int32_t>& order) {
  const float inv_temperature = inverse_temperature(params);
  const auto probability = [&](std::int32_t token) { return static_cast<double>(std::exp(inv_temperature * logits[token] - lse)); };
  const std::size_t limit = params.top_k > 0 ? std::min<std::size_t>(params.top_k, logits.size()) : logits.size();
  order.resize(logits.size());
  std::iota(order.begin(), order.end(), 0);

  // Sorting a large vocabulary costs more than the model's head, and the kept set is mostly small: sort a growing front until it holds it.
  // With top_k the front is what top_k leaves, and top_p is a share of its probability instead of 1.
  std::size_t kept = 0;
  for (std::size_t front = params.top_k > 0 ? limit : std::min<std::size_t>(limit, 256); kept == 0; front = std::min(limit, front * 16)) {
    sort_likeliest(logits, front, order);
    double whole = 1;
    if (params.top_k > 0) {
      whole = 0;
      for (std::size_t i = 0; i < front; ++i) whole += probability(order[i]);
    }
    const double floor = params.min_p * probability(order[0]);
    double cumulative = probability(order[0]);
    for (std::size_t i = 1; i < front && kept == 0; ++i) {
      if ((params.top_p < 1 && cumulative >= params.top_p * whole) || probability(order[i]) < floor) kept = i;
      cumulative += probability(order[i]);
    }
    if (kept == 0 && front == limit) kept = limit;
  }

  double mass = 0;
  for (std::size_t i = 0; i < kept; ++i) mass += probability(order[i]);
  std::size_t chosen = 0;
  for (double cumulative = probability(order[0]); chosen + 1 < kept && cumulative <= uniform * mass;)
    cumulative += probability(order[++chosen]);
  const std::int32_t token = order[chosen];
  return {token, static_cast<float>(static_cast<double>(inv_temperature * logits[token] - lse) - std::log(mass))};
}

}  // namespace

double sampling_uniform(const SampleKey& key) {
  static const std::uint64_t kStream = stable_hash("sampler");
  Rng rng(key.seed, {kStream, static_cast<std::uint64_t>(key.step), static_cast<std::uint64_t>(key.prompt_idx),
                     static_cast<std::uint64_t>(key.sample_idx), static_cast<std::uint64_t>(key.position)});
  return rng.uniform();
}

float inverse_temperature(const data::SamplingParams& params) { return params.temperature == 0 ? 1.0f : 1.0f / params.temperature; }

bool is_truncated(const data::SamplingParams& params) { return params.top_k > 0 || params.top_p < 1 || params.min_p > 0; }

SampledToken sample_token(std::span<const float> logits, float lse, const data::SamplingParams& params, double uniform,
                          std::vector<std::int32_t>& scratch) {
  if (!std::isfinite(lse))
    throw UserError(concat("sampling: expected finite logits, got a log-sum-exp of ", lse, " (the weights may have diverged)"));
  if (params.temperature == 0) return with_logprob(logits, lse, 1.0f, argmax(logits));
  if (is_truncated(params)) return sample_truncated(logits, lse, params, uniform, scratch);
  return sample_whole(logits, lse, inverse_temperature(params), uniform);
}

void validate(const data::SamplingParams& params) {
  const auto require = [](bool valid, std::string_view name, std::string_view expected, double got) {
    if (!valid) throw UserError(concat("sampling: expected ", name, " ", expected, ", got ", got));
  };
  require(params.temperature >= 0 && params.temperature <= 100, "temperature", "in [0, 100]", params.temperature);
  require(params.top_p > 0 && params.top_p <= 1, "top_p", "in (0, 1]", params.top_p);
  require(params.top_k >= 0, "top_k", ">= 0", params.top_k);
  require(params.min_p >= 0 && params.min_p <= 1, "min_p", "in [0, 1]", params.min_p);
  const std::int64_t longest = data::CodecLimits{}.max_completion_tokens;  // longer answers could not be handed over
  require(params.max_completion_tokens >= 1 && params.max_completion_tokens <= longest, "max_completion_tokens",
          concat("in [1, ", longest, "]"), params.max_completion_tokens);
}

}  // namespace longbow::rollout
