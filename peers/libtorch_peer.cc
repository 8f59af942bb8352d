// LibTorch doing what our kernels do, as a program of its own: `longbow bench` starts it to measure both sides in one run,
// and a test takes it as an oracle. Longbow itself never loads LibTorch; only this folder includes it.
//
//   longbow-libtorch-peer NAME THREADS SECONDS SIZE…    one line {"seconds": [of each run], "growth_bytes": peak above the inputs, …}
//   longbow-libtorch-peer check ROWS DIM VOCAB          one line {"linear", "logprobs", "dhidden", "dhead"} from peer_input()
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/errors.h"
#include "core/json.h"
#include "peers/eager_step.h"
#include "peers/peer_inputs.h"
#include "tools/bench_memory.h"

namespace {

using longbow::Json;
using longbow::Stopwatch;
using longbow::UserError;

constexpr int kMaxRuns = 1000;

at::Tensor make_input(const std::vector<std::int64_t>& shape, std::uint64_t salt, at::ScalarType type) {
  const at::Tensor tensor = at::empty(shape, at::kBFloat16);
  auto* values = tensor.data_ptr<at::BFloat16>();
  at::parallel_for(0, tensor.numel(), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) values[i] = longbow::peers::peer_input(static_cast<std::uint64_t>(i), salt);
  });
  return tensor.to(type);
}

/// One run of a benchmark; returns the seconds that count.
using Run = std::function<double()>;

Run timed(std::function<void()> body) {
  return [body = std::move(body)] {
    const Stopwatch watch;
    body();
    return watch.seconds();
  };
}

/// y = x Wᵀ over `count` matrices in turn, so that each comes from memory as in a model's decode step.
Run linear(const std::vector<std::int64_t>& size) {
  const std::int64_t m = size.at(0), k = size.at(1), n = size.at(2), count = size.at(3);
  const at::Tensor x = make_input({m, k}, 0, at::kBFloat16);
  std::vector<at::Tensor> weights;
  for (std::int64_t i = 0; i < count; ++i) weights.push_back(make_input({n, k}, static_cast<std::uint64_t>(i + 1), at::kBFloat16));
  return timed([x, weights] {
    for (const at::Tensor& weight : weights) at::linear(x, weight);
  });
}

struct AttentionInputs {
  at::Tensor q, k, v;  // [1, heads, length, head_dim]
  explicit AttentionInputs(const std::vector<std::int64_t>& size)
      : q(make_input({1, size.at(1), size.at(0), size.at(3)}, 0, at::kBFloat16)),
        k(make_input({1, size.at(2), size.at(0), size.at(3)}, 1, at::kBFloat16)),
        v(make_input({1, size.at(2), size.at(0), size.at(3)}, 2, at::kBFloat16)) {}
};

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask) {
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, !mask, std::nullopt, true);
}

Run attention_forward(const std::vector<std::int64_t>& size) {
  const AttentionInputs in(size);
  return timed([in] { attend(in.q, in.k, in.v, std::nullopt); });
}

/// Seconds of the backward pass alone, through `attend` of tensors that need gradients.
Run backward_of(std::vector<at::Tensor> leaves, std::function<at::Tensor()> forward) {
  for (at::Tensor& leaf : leaves) leaf.set_requires_grad(true);
  const at::Tensor shape = forward();
  const at::Tensor dout = make_input(shape.sizes().vec(), 3, at::kBFloat16);
  return [leaves = std::move(leaves), forward = std::move(forward), dout] {
    for (const at::Tensor& leaf : leaves) leaf.mutable_grad() = at::Tensor();
    const at::Tensor out = forward();
    const Stopwatch watch;
    out.backward(dout);
    return watch.seconds();
  };
}

Run attention_backward(const std::vector<std::int64_t>& size) {
  const AttentionInputs in(size);
  return backward_of({in.q, in.k, in.v}, [in] { return attend(in.q, in.k, in.v, std::nullopt); });
}

/// A group whose prompt stands before every completion: `group` sequences of the whole length.
Run attention_backward_repeated(const std::vector<std::int64_t>& size) {
  const std::int64_t group = size.at(4);
  const auto make = [&](std::int64_t heads, std::uint64_t salt) {
    return make_input({group, heads, size.at(0), size.at(3)}, salt, at::kBFloat16);
  };
  const at::Tensor q = make(size.at(1), 0), k = make(size.at(2), 1), v = make(size.at(2), 2);
  return backward_of({q, k, v}, [q, k, v] { return attend(q, k, v, std::nullopt); });
}

/// A sliding window as LibTorch can have it, which knows none: blocks of `window` queries that see their own block and the one
/// before through a mask. Linear in the length, unlike a dense mask.
std::function<at::Tensor()> sliding_forward(const AttentionInputs& in, const std::vector<std::int64_t>& size) {
  const std::int64_t length = size.at(0), window = size.at(4), blocks = length / window, head_dim = size.at(3);
  const at::Tensor row = at::arange(window).view({1, 1, window, 1}), column = at::arange(2 * window).view({1, 1, 1, 2 * window});
  at::Tensor mask = column.gt(row).logical_and(column.le(row.add(window)));
  const at::Tensor exists = at::arange(blocks).view({blocks, 1, 1, 1}).gt(0).logical_or(column.ge(window));
  mask = mask.logical_and(exists);
  const auto in_blocks = [=](const at::Tensor& x) { return x.view({x.size(1), blocks, window, head_dim}).transpose(0, 1); };
  return [=] {
    const auto with_previous = [&](const at::Tensor& x) { return at::cat({in_blocks(x).roll(1, 0), in_blocks(x)}, 2); };
    return attend(in_blocks(in.q), with_previous(in.k), with_previous(in.v), mask);
  };
}

Run attention_sliding(const std::vector<std::int64_t>& size) { return timed(sliding_forward(AttentionInputs(size), size)); }

Run attention_backward_sliding(const std::vector<std::int64_t>& size) {
  const AttentionInputs in(size);
  return backward_of({in.q, in.k, in.v}, sliding_forward(in, size));
}

/// One decode step of a group: every sequence reads the shared keys as if they were its own. The query heads of a kv head stand as rows
/// beside each other, so that each of them shares its reads; as heads of their own, SDPA copies the keys for every one of them first.
Run attention_decode(const std::vector<std::int64_t>& size) {
  const AttentionInputs in(size);
  const std::int64_t heads = size.at(1), kv_heads = size.at(2), group = size.at(4);
  const at::Tensor q = make_input({group, kv_heads, heads / kv_heads, size.at(3)}, 0, at::kBFloat16);
  const auto shared = [&](const at::Tensor& x) { return x.expand({group, x.size(1), x.size(2), x.size(3)}); };
  return timed([q, k = shared(in.k), v = shared(in.v)] { at::scaled_dot_product_attention(q, k, v, std::nullopt, 0.0, false); });
}

/// Log-probabilities of given tokens: logits, log_softmax in float32, gather.
at::Tensor logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets) {
  return at::log_softmax(at::linear(hidden, head), 1, at::kFloat).gather(1, targets);
}

at::Tensor make_targets(std::int64_t rows, std::int64_t vocab) { return at::arange(rows).mul(7919).remainder(vocab).view({rows, 1}); }

Run log_softmax(const std::vector<std::int64_t>& size) {
  const std::int64_t rows = size.at(0), dim = size.at(1), vocab = size.at(2);
  const at::Tensor hidden = make_input({rows, dim}, 0, at::kBFloat16), head = make_input({vocab, dim}, 1, at::kBFloat16);
  return timed([hidden, head, targets = make_targets(rows, vocab)] { logprobs(hidden, head, targets); });
}

Json to_json(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kFloat).contiguous();
  Json array = Json::array();
  for (std::int64_t i = 0; i < flat.numel(); ++i) array.push_back(double{flat.data_ptr<float>()[i]});
  return array;
}

Json check(const std::vector<std::int64_t>& size) {
  const std::int64_t rows = size.at(0), dim = size.at(1), vocab = size.at(2);
  const at::Tensor hidden = make_input({rows, dim}, 0, at::kFloat), head = make_input({vocab, dim}, 1, at::kFloat);
  hidden.set_requires_grad(true);
  head.set_requires_grad(true);
  const at::Tensor values = logprobs(hidden, head, make_targets(rows, vocab));
  values.sum().backward();
  Json result = Json::object();
  result["linear"] = to_json(at::linear(hidden, head));
  result["logprobs"] = to_json(values);
  result["dhidden"] = to_json(hidden.grad());
  result["dhead"] = to_json(head.grad());
  return result;
}

/// As time_runs does for ours: a run to warm up, then until `budget` seconds have passed.
Json measure(const Run& run, double budget) {
  const std::int64_t before = longbow::tools::reset_peak_resident_bytes();
  run();
  std::vector<double> seconds;
  const Stopwatch watch;
  do {
    seconds.push_back(run());
  } while (watch.seconds() < budget && seconds.size() < kMaxRuns);
  Json result = Json::object();
  for (const double value : seconds) result["seconds"].push_back(value);
  result["peak_rss_bytes"] = longbow::tools::peak_resident_bytes();
  result["growth_bytes"] = longbow::tools::peak_resident_bytes() - before;
  return result;
}

const std::vector<std::pair<std::string, Run (*)(const std::vector<std::int64_t>&)>> kRuns = {
    {"linear", linear},
    {"attention_forward", attention_forward},
    {"attention_backward", attention_backward},
    {"attention_backward_sliding", attention_backward_sliding},
    {"attention_backward_repeated", attention_backward_repeated},
    {"attention_sliding", attention_sliding},
    {"attention_decode", attention_decode},
    {"log_softmax", log_softmax},
    {"grpo_step", longbow::peers::eager_grpo_step},
};

Json answer(const std::vector<std::string>& arguments) {
  std::vector<double> numbers;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    numbers.push_back(std::strtod(arguments[i].c_str(), nullptr));
    if (!(numbers.back() > 0)) throw UserError(longbow::concat("longbow-libtorch-peer: expected a number > 0, got '", arguments[i], "'"));
  }
  const std::string name = arguments.empty() ? "" : arguments[0];
  if (name == "check" && numbers.size() == 3) return check({numbers.begin(), numbers.end()});
  for (const auto& [known, make] : kRuns) {
    if (known != name || numbers.size() < 3) continue;
    at::set_num_threads(static_cast<int>(numbers[0]));
    return measure(make({numbers.begin() + 2, numbers.end()}), numbers[1]);
  }
  throw UserError(longbow::concat("longbow-libtorch-peer: expected NAME THREADS SECONDS SIZE… or check ROWS DIM VOCAB, got '", name, "'"));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::cout << answer({argv + 1, argv + argc}).dump() << std::endl;
    return 0;
  } catch (const UserError& error) {
    std::cerr << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "longbow-libtorch-peer: " << error.what() << "\n";
    return 1;
  }
}
