#include "trainer/policy.h"

#include <algorithm>
#include <cstring>

#include "core/errors.h"
#include "core/profile.h"
#include "kernels/logprob.h"

namespace longbow::trainer {

Policy::Policy(ThreadPool& pool, model::ModelConfig config, model::Weights weights, kernels::DType dtype,
               std::int64_t activation_budget_bytes)
    : pool_(pool),
      config_(std::move(config)),
      layout_(config_),
      dtype_(dtype),
      weights_(std::move(weights)),
      packed_(pool, config_, layout_, weights_.values.data(), dtype),
      pass_(pool, config_, layout_, activation_budget_bytes) {
  LONGBOW_CHECK_EQ(weights_.values.size(), layout_.total);
}

Scores Policy::score(const PackedTargets& packed, float inv_temperature, bool keep) {
  const auto count = static_cast<std::int64_t>(packed.targets.size());
  const std::int64_t dim = config_.hidden_size;
  Scores scores{std::vector<float>(count), std::vector<float>(count)};
  const float* hidden = pass_.forward(packed_, packed.batch, keep);
  const ProfileScope scope("head");
  target_hidden_.reserve(count * dim);
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(target_hidden_.data() + i * dim, hidden + packed.source_rows[i] * dim, sizeof(float) * dim);
  }
  kernels::lm_head_logprobs(pool_, target_hidden_.data(), count, packed_.head(), packed.targets.data(), inv_temperature,
                            scores.logprobs.data(), scores.entropies.data(), nullptr);
  return scores;
}

void Policy::backward(const PackedTargets& packed, float inv_temperature, std::span<const float> dlogprobs) {
  const auto count = static_cast<std::int64_t>(packed.targets.size());
  const std::int64_t dim = config_.hidden_size;
  LONGBOW_CHECK_EQ(static_cast<std::int64_t>(dlogprobs.size()), count);
  LONGBOW_CHECK_EQ(gradient_.size(), layout_.total);  // zero_gradient() comes first
  target_dhidden_.reserve(count * dim);
  {
    const ProfileScope scope("head");
    kernels::lm_head_backward(pool_, target_hidden_.data(), count, packed_.head(), weights_.values.data() + layout_.head,
                              packed.targets.data(), inv_temperature, dlogprobs.data(), nullptr, target_dhidden_.data(),
                              gradient_.data() + layout_.head);
    dhidden_.reserve(packed.num_wanted * dim);
    std::memset(dhidden_.data(), 0, sizeof(float) * packed.num_wanted * dim);
    for (std::int64_t i = 0; i < count; ++i) {  // in target order: a prompt's last row sums its completions' first tokens
      float* row = dhidden_.data() + packed.source_rows[i] * dim;
      const float* source = target_dhidden_.data() + i * dim;
      for (std::int64_t d = 0; d < dim; ++d) row[d] += source[d];
    }
  }
  pass_.backward(packed_, weights_.values.data(), packed.batch, dhidden_.data(), gradient_.data());
}

void Policy::zero_gradient() {
  gradient_.reserve(layout_.total);
  std::memset(gradient_.data(), 0, sizeof(float) * gradient_.size());
}

void Policy::refresh() { packed_.update(pool_, weights_.values.data()); }

void Policy::set_window(int window) {
  for (model::LayerConfig& layer : config_.layers) {
    if (layer.attention == model::AttentionKind::sliding) layer.window = window;
  }
}

}  // namespace longbow::trainer
