#include "trainer/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/optimizer.h"

namespace longbow::trainer {
namespace {

template <class Stored>
Moments zero_moments(std::int64_t size) {
  return MomentPair<Stored>{kernels::Buffer<Stored>(size), kernels::Buffer<Stored>(size)};
}

}  // namespace

double learning_rate_at(const OptimizerConfig& config, std::int64_t step, std::int64_t total_steps) {
  if (step < config.warmup_steps) return config.learning_rate * static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps);
  const auto span = static_cast<double>(std::max<std::int64_t>(1, total_steps - config.warmup_steps));
  const double progress = std::min(1.0, static_cast<double>(step - config.warmup_steps) / span);
  const double floor = config.final_learning_rate_ratio;
  switch (config.schedule) {
    case Schedule::constant:
      return config.learning_rate;
    case Schedule::linear:
      return config.learning_rate * (1.0 - (1.0 - floor) * progress);
    case Schedule::cosine:
      return config.learning_rate * (floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
  }
  return config.learning_rate;
}

Optimizer::Optimizer(ThreadPool& pool, OptimizerConfig config, const model::ParameterLayout& layout)
    : pool_(pool),
      config_(config),
      size_(layout.total),
      moments_(config.moment_dtype == kernels::DType::f32 ? zero_moments<float>(size_) : zero_moments<kernels::bf16>(size_)) {
  for (const model::ParameterInfo& parameter : layout.parameters) {
    const bool decayed = parameter.shape.size() > 1;
    if (!ranges_.empty() && ranges_.back().decayed == decayed) {
      ranges_.back().size += parameter.size;
    } else {
      ranges_.push_back({parameter.offset, parameter.size, decayed});
    }
  }
}

Optimizer::StepResult Optimizer::step(const float* gradient, float* weights, double learning_rate) {
  StepResult result;
  result.learning_rate = learning_rate;
  result.grad_norm = std::sqrt(kernels::sum_of_squares(pool_, gradient, size_));
  if (!std::isfinite(result.grad_norm)) {
    result.skipped = true;
    return result;
  }
  const bool clip = config_.max_grad_norm > 0 && result.grad_norm > config_.max_grad_norm;
  ++steps_taken_;
  kernels::AdamWStep options{};
  options.learning_rate = static_cast<float>(learning_rate);
  options.beta1 = static_cast<float>(config_.beta1);
  options.beta2 = static_cast<float>(config_.beta2);
  options.eps = static_cast<float>(config_.eps);
  options.gradient_scale = clip ? static_cast<float>(config_.max_grad_norm / result.grad_norm) : 1.0f;
  options.step = steps_taken_;
  for (const Range& range : ranges_) {
    options.weight_decay = range.decayed ? static_cast<float>(config_.weight_decay) : 0.0f;
    options.first_element = range.offset;
    std::visit(
        [&](auto& moments) {
          kernels::adamw(pool_, options, range.size, gradient + range.offset, weights + range.offset, moments.first.data() + range.offset,
                         moments.second.data() + range.offset);
        },
        moments_);
  }
  return result;
}

}  // namespace longbow::trainer
