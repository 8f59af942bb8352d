#include "peers/eager_step.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/min.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "core/clock.h"

namespace longbow::peers {
namespace {

class EagerStep {
 public:
  explicit EagerStep(const std::vector<std::int64_t>& size)
      : layers_(size.at(0)),
        hidden_(size.at(1)),
        intermediate_(size.at(2)),
        heads_(size.at(3)),
        kv_heads_(size.at(4)),
        head_dim_(size.at(5)),
        vocab_(size.at(6)),
        full_every_(size.at(8)),
        prompt_(size.at(9)),
        completion_(size.at(10)),
        group_(size.at(11)),
        at_once_(size.at(12)) {
    const std::int64_t q = heads_ * head_dim_, kv = kv_heads_ * head_dim_;
    add({vocab_, hidden_});
    for (std::int64_t i = 0; i < layers_; ++i) {
      for (const auto& [n, k] : {std::pair{q, hidden_},
                                 {kv, hidden_},
                                 {kv, hidden_},
                                 {hidden_, q},
                                 {intermediate_, hidden_},
                                 {intermediate_, hidden_},
                                 {hidden_, intermediate_}}) {
        add({n, k});
      }
      for (int norm = 0; norm < 2; ++norm) masters_.push_back(at::ones({hidden_}, at::kFloat));
    }
    masters_.push_back(at::ones({hidden_}, at::kFloat));
    for (const at::Tensor& master : masters_) {
      moments1_.push_back(at::zeros_like(master));
      moments2_.push_back(at::zeros_like(master));
      steps_.push_back(at::zeros({}, at::kFloat));
    }
    const std::int64_t length = prompt_ + completion_;
    const at::Tensor row = at::arange(length).view({length, 1}), column = at::arange(length).view({1, length});
    const at::Tensor hidden_key = column.gt(row).logical_or(column.le(row.sub(size.at(7))));
    mask_ = at::zeros({length, length}, at::kBFloat16).masked_fill(hidden_key, -std::numeric_limits<float>::infinity());
    const at::Tensor frequency = at::pow(10000.0, at::arange(0, head_dim_, 2).to(at::kFloat).div(-static_cast<double>(head_dim_)));
    const at::Tensor angle = at::outer(at::arange(length).to(at::kFloat), frequency);
    cos_ = at::cat({angle.cos(), angle.cos()}, 1).to(at::kBFloat16);
    sin_ = at::cat({angle.sin(), angle.sin()}, 1).to(at::kBFloat16);
    const at::Tensor prompt = at::randint(vocab_, {1, prompt_}, at::kLong).expand({group_, prompt_});
    tokens_ = at::cat({prompt, at::randint(vocab_, {group_, completion_}, at::kLong)}, 1);
    advantages_ = at::randn({group_, 1}, at::kFloat);
  }

  /// The first `at_once` sequences go through forward and backward, and count as often as the group has as many: the others are
  /// the same work. The update counts once.
  double run() {
    const Stopwatch watch;
    weights_.clear();
    for (const at::Tensor& master : masters_) weights_.push_back(master.to(at::kBFloat16).set_requires_grad(true));
    const double casting = watch.seconds();
    const Stopwatch passes;
    loss(tokens_.slice(0, 0, at_once_), advantages_.slice(0, 0, at_once_)).backward();
    const double all_passes = passes.seconds() * static_cast<double>(group_) / static_cast<double>(at_once_);
    const Stopwatch update;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& weight : weights_) gradients.push_back(weight.grad().to(at::kFloat));
    weights_.clear();
    for (at::Tensor& step : steps_) step.add_(1);
    at::_fused_adamw_(masters_, gradients, moments1_, moments2_, {}, steps_, 1e-6, 0.9, 0.95, 0.0, 1e-8, false, false);
    return casting + all_passes + update.seconds();
  }

 private:
  void add(std::vector<std::int64_t> shape) {
    masters_.push_back(at::randn(shape, at::kFloat).mul_(1 / std::sqrt(static_cast<double>(shape.back()))));
  }

  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const {
    const at::Tensor wide = x.to(at::kFloat);
    return wide.mul(wide.square().mean(-1, true).add(1e-6).rsqrt()).to(at::kBFloat16).mul(weight);
  }

  at::Tensor rotate(const at::Tensor& x) const {
    const at::Tensor turned = at::cat({x.slice(-1, head_dim_ / 2).neg(), x.slice(-1, 0, head_dim_ / 2)}, -1);
    return x.mul(cos_).add(turned.mul(sin_));
  }

  at::Tensor attention(const at::Tensor& x, std::size_t first, bool full) const {
    const std::int64_t batch = x.size(0), length = x.size(1);
    const auto project = [&](std::size_t i, std::int64_t heads) {
      return at::linear(x, weights_[first + i]).view({batch, length, heads, head_dim_}).transpose(1, 2);
    };
    const auto for_each_query_head = [&](const at::Tensor& kv) {
      return kv.unsqueeze(2).expand({batch, kv_heads_, heads_ / kv_heads_, length, head_dim_}).reshape({batch, heads_, length, head_dim_});
    };
    at::Tensor q = project(0, heads_), k = project(1, kv_heads_);
    if (!full) {
      q = rotate(q);
      k = rotate(k);
    }
    const at::Tensor v = for_each_query_head(project(2, kv_heads_));
    const std::optional<at::Tensor> mask = full ? std::nullopt : std::optional(mask_);
    const at::Tensor out = at::scaled_dot_product_attention(q, for_each_query_head(k), v, mask, 0.0, full);
    return at::linear(out.transpose(1, 2).reshape({batch, length, heads_ * head_dim_}), weights_[first + 3]);
  }

  at::Tensor loss(const at::Tensor& tokens, const at::Tensor& advantages) const {
    at::Tensor x = at::embedding(weights_[0], tokens);
    for (std::int64_t i = 0; i < layers_; ++i) {
      const std::size_t at = 1 + 9 * static_cast<std::size_t>(i);
      x = x.add(attention(norm(x, weights_[at + 7]), at, (i + 1) % full_every_ == 0));
      const at::Tensor normed = norm(x, weights_[at + 8]);
      const at::Tensor gate = at::silu(at::linear(normed, weights_[at + 4]));
      x = x.add(at::linear(gate.mul(at::linear(normed, weights_[at + 5])), weights_[at + 6]));
    }
    const at::Tensor predicting = norm(x, weights_.back()).slice(1, prompt_ - 1, prompt_ + completion_ - 1);
    const at::Tensor targets = tokens.slice(1, prompt_).unsqueeze(2);
    const at::Tensor logprobs = at::log_softmax(at::linear(predicting, weights_[0]), 2, at::kFloat).gather(2, targets).squeeze(2);
    const at::Tensor ratio = at::exp(logprobs.sub(logprobs.detach()));  // one update a step: the old policy is this one
    const at::Tensor clipped = ratio.clamp(0.8, 1.28);
    const at::Tensor objective = at::min(ratio.mul(advantages), clipped.mul(advantages));
    return objective.sum().neg().div(static_cast<double>(group_ * completion_));
  }

  std::int64_t layers_, hidden_, intermediate_, heads_, kv_heads_, head_dim_, vocab_, full_every_, prompt_, completion_, group_, at_once_;
  std::vector<at::Tensor> masters_, moments1_, moments2_, steps_;
  std::vector<at::Tensor> weights_;  // bf16, of the step in work: embedding; a layer's q, k, v, o, gate, up, down and two norms; final norm
  at::Tensor mask_, cos_, sin_, tokens_, advantages_;
};

}  // namespace

std::function<double()> eager_grpo_step(const std::vector<std::int64_t>& size) {
  return [step = std::make_shared<EagerStep>(size)] { return step->run(); };
}

}  // namespace longbow::peers
