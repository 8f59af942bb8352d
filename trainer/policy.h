// The model being trained: its f32 weights, their packed form, the gradient, and the two passes that learning needs,
// scoring given tokens and back-propagating a gradient of their log-probabilities.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/dtype.h"
#include "model/transformer.h"
#include "model/weights.h"
#include "trainer/packing.h"

namespace longbow::trainer {

struct Scores {
  std::vector<float> logprobs;   // [targets] natural log, of the distribution at the given temperature
  std::vector<float> entropies;  // [targets] nats
};

class Policy {
 public:
  /// Takes the weights over; computes in `dtype`. Memory: 4 bytes a parameter here, 4 for the gradient from the first zero_gradient() on,
  /// and the packed form. Activations: see model::TrainingPass.
  Policy(ThreadPool& pool, model::ModelConfig config, model::Weights weights, kernels::DType dtype,
         std::int64_t activation_budget_bytes = model::kActivationBudgetBytes);

  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  /// Scores the batch's targets. `keep`: the activations stay for one backward().
  Scores score(const PackedTargets& packed, float inv_temperature, bool keep);

  /// Adds to gradient() that of Σ dlogprobs[t] · logprobs[t], for the batch that score(keep = true) saw last.
  void backward(const PackedTargets& packed, float inv_temperature, std::span<const float> dlogprobs);

  /// To be called before the first backward() of an update.
  void zero_gradient();
  /// To be called after weights() changed: packs them anew.
  void refresh();
  /// Changes every sliding layer's window (pretraining grows it in stages).
  void set_window(int window);

  const model::ModelConfig& config() const { return config_; }
  const model::ParameterLayout& layout() const { return layout_; }
  kernels::DType dtype() const { return dtype_; }
  model::Weights& weights() { return weights_; }
  const model::Weights& weights() const { return weights_; }
  float* gradient() { return gradient_.data(); }
  const model::PackedModel& packed() const { return packed_; }

 private:
  ThreadPool& pool_;
  model::ModelConfig config_;
  model::ParameterLayout layout_;
  kernels::DType dtype_;
  model::Weights weights_;
  kernels::Buffer<float> gradient_;
  model::PackedModel packed_;
  model::TrainingPass pass_;
  kernels::Buffer<float> target_hidden_;  // [targets, hidden] rows gathered for the head
  kernels::Buffer<float> target_dhidden_;
  kernels::Buffer<float> dhidden_;  // [wanted rows, hidden]
};

}  // namespace longbow::trainer
