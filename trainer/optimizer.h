// AdamW with f32 master weights, gradient clipping by global norm, and a warmed-up learning-rate schedule.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "core/config.h"
#include "core/thread_pool.h"
#include "kernels/dtype.h"
#include "model/weights.h"

namespace longbow::trainer {

enum class Schedule { constant, linear, cosine };

inline constexpr double kMaxBeta = 0.999999;  // at 1 the bias correction divides by 0; nearer to it, single precision does

struct OptimizerConfig {
  double learning_rate = 1e-6;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.0;
  double max_grad_norm = 1.0;
  std::int64_t warmup_steps = 0;
  Schedule schedule = Schedule::constant;
  double final_learning_rate_ratio = 0.1;
  kernels::DType moment_dtype = kernels::DType::f32;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("learning_rate", learning_rate, {.help = "Peak learning rate.", .min = 0, .max = 1});
    v.field("beta1", beta1, {.help = "AdamW's decay of the first moment; below 1.", .min = 0, .max = kMaxBeta});
    v.field("beta2", beta2, {.help = "AdamW's decay of the second moment; below 1.", .min = 0, .max = kMaxBeta});
    v.field("eps", eps, {.help = "AdamW's denominator floor; weights without a gradient are divided by it.", .min = 1e-30, .max = 1});
    v.field("weight_decay", weight_decay,
            {.help = "Decoupled weight decay, of matrices only (norm weights are spared).", .min = 0, .max = 1});
    v.field("max_grad_norm", max_grad_norm, {.help = "Gradients are scaled down to this global L2 norm; 0 turns clipping off.", .min = 0});
    v.field("warmup_steps", warmup_steps, {.help = "Linear warm-up from 0.", .unit = "optimizer steps", .min = 0});
    v.choice("schedule", schedule, {{"constant", Schedule::constant}, {"linear", Schedule::linear}, {"cosine", Schedule::cosine}},
             {.help = "Shape after the warm-up."});
    v.field("final_learning_rate_ratio", final_learning_rate_ratio,
            {.help = "Where linear and cosine end, as a share of the peak.", .min = 0, .max = 1});
    v.choice("moment_dtype", moment_dtype, {{"float32", kernels::DType::f32}, {"bfloat16", kernels::DType::bf16}},
             {.help = "How AdamW's moments are stored; bfloat16 takes half the memory and is rounded at random, without bias."});
  }
};

/// The learning rate of optimizer step `step` (0-based) of `total_steps`.
double learning_rate_at(const OptimizerConfig& config, std::int64_t step, std::int64_t total_steps);

/// First and second moments, in the layout of the flat weights.
template <class Stored>
struct MomentPair {
  kernels::Buffer<Stored> first, second;
};
using Moments = std::variant<MomentPair<float>, MomentPair<kernels::bf16>>;

/// AdamW's moments in the type of the config, and how many steps were taken.
class Optimizer {
 public:
  Optimizer(ThreadPool& pool, OptimizerConfig config, const model::ParameterLayout& layout);

  struct StepResult {
    double grad_norm = 0;  // before clipping
    double learning_rate = 0;
    bool skipped = false;  // the gradient was not finite: nothing changed
  };
  /// One update of `weights` from `gradient` (both flat, layout order).
  StepResult step(const float* gradient, float* weights, double learning_rate);

  const OptimizerConfig& config() const { return config_; }
  std::int64_t steps_taken() const { return steps_taken_; }
  void set_steps_taken(std::int64_t steps) { steps_taken_ = steps; }
  Moments& moments() { return moments_; }

 private:
  struct Range {
    std::int64_t offset, size;
    bool decayed;
  };
  ThreadPool& pool_;
  OptimizerConfig config_;
  std::int64_t size_;
  std::vector<Range> ranges_;  // neighbouring tensors of equal treatment, merged
  std::int64_t steps_taken_ = 0;
  Moments moments_;
};

}  // namespace longbow::trainer
