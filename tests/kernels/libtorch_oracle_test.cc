// An oracle that shares no code with us: LibTorch's linear, log_softmax and autograd on a small case, asked of the peer program
// that `longbow bench` measures. Both sides make their inputs with peer_input().
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/json.h"
#include "core/process.h"
#include "kernels/linear.h"
#include "kernels/logprob.h"
#include "peers/peer_inputs.h"
#include "tests/tolerance.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kRows = 37, kDim = 48, kVocab = 331;

std::vector<float> make_input(std::int64_t size, std::uint64_t salt) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = peers::peer_input(i, salt);
  return values;
}

std::vector<double> numbers(const Json& array) {
  std::vector<double> values;
  for (const Json& value : array.as_array()) values.push_back(value.as_number());
  return values;
}

Json ask_libtorch() {
  ProcessOptions options;
  options.output = ProcessOptions::Stream::pipe;
  ChildProcess peer(
      {LONGBOW_BINARY_DIR "/longbow-libtorch-peer", "check", std::to_string(kRows), std::to_string(kDim), std::to_string(kVocab)}, options);
  std::string line;
  EXPECT_TRUE(peer.read_line(line, 60));
  return parse_json(line, "longbow-libtorch-peer");
}

TEST(LibtorchOracle, LinearLogprobsAndTheirGradientAgree) {
  const Json expected = ask_libtorch();
  ThreadPool pool(2);
  const std::vector<float> hidden = make_input(kRows * kDim, 0), weight = make_input(kVocab * kDim, 1);
  PackedMatrix head = make_packed(kVocab, kDim, DType::f32);
  pack_rows(pool, weight.data(), kVocab, 0, head);
  std::vector<std::int32_t> targets(kRows);
  for (std::int64_t r = 0; r < kRows; ++r) targets[r] = static_cast<std::int32_t>(r * 7919 % kVocab);

  std::vector<float> linear(kRows * kVocab), logprobs(kRows), dhidden(kRows * kDim), dhead(kVocab * kDim);
  linear_forward(pool, hidden.data(), kRows, head, linear.data());
  lm_head_logprobs(pool, hidden.data(), kRows, head, targets.data(), 1, logprobs.data(), nullptr, nullptr);
  const std::vector<float> ones(kRows, 1);
  lm_head_backward(pool, hidden.data(), kRows, head, weight.data(), targets.data(), 1, ones.data(), nullptr, dhidden.data(), dhead.data());

  expect_close(linear, numbers(expected.at("linear")), kLogprobTolerance, "linear");
  expect_close(logprobs, numbers(expected.at("logprobs")), kLogprobTolerance, "logprobs");
  expect_close(dhidden, numbers(expected.at("dhidden")), kGradientTolerance, "dhidden");
  expect_close(dhead, numbers(expected.at("dhead")), kGradientTolerance, "dhead");
}

}  // namespace
}  // namespace longbow::kernels
