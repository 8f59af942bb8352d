// The head's rows, a tile at a time: logits by linear_forward into scratch, then each row on its own. The backward pass turns the
// tile's logits into their gradient in place and hands them to the linear layer's gradients.
#include "kernels/logprob.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "kernels/cpu/row_kernels.h"

namespace longbow::kernels {
namespace {

/// Logits of a tile of rows, in scratch that the calling thread keeps.
float* tile_logits(ThreadPool& pool, const float* hidden, std::int64_t rows, const PackedMatrix& head) {
  thread_local Buffer<float> scratch;
  scratch.reserve(logprob_tile_rows(head.n()) * head.n());
  linear_forward(pool, hidden, rows, head, scratch.data());
  return scratch.data();
}

void check_targets(const std::int32_t* targets, std::int64_t rows, std::int64_t vocab) {
  for (std::int64_t r = 0; r < rows; ++r) LONGBOW_CHECK_LT(targets[r], vocab);
}

/// A row's softmax, as every caller computes it: scaled logits are z = (logit - largest) * inv_temperature, all <= 0.
struct RowSoftmax {
  float largest;
  double sum;  // of exp(z)
  float log_sum;

  RowSoftmax(const RowKernels& kernels, const float* logits, std::int64_t vocab, float inv_temperature)
      : largest(kernels.row_max(logits, vocab)),
        sum(kernels.exp_sum(logits, vocab, largest, inv_temperature)),
        log_sum(static_cast<float>(std::log(sum))) {}
  float logsumexp(float inv_temperature) const { return largest * inv_temperature + log_sum; }
};

}  // namespace

std::int64_t logprob_tile_rows(std::int64_t vocab) { return std::clamp<std::int64_t>((1 << 20) / vocab, 64, 512); }

float row_logsumexp(const float* logits, std::int64_t vocab, float inv_temperature) {
  return RowSoftmax(row_kernels(), logits, vocab, inv_temperature).logsumexp(inv_temperature);
}

void lm_head_logprobs(ThreadPool& pool, const float* hidden, std::int64_t rows, const PackedMatrix& head, const std::int32_t* targets,
                      float inv_temperature, float* logprobs, float* entropies, float* lse) {
  const RowKernels kernels = row_kernels();
  const std::int64_t vocab = head.n();
  check_targets(targets, rows, vocab);
  const std::int64_t tile = logprob_tile_rows(vocab);
  for (std::int64_t first = 0; first < rows; first += tile) {
    const std::int64_t count = std::min(tile, rows - first);
    const float* logits = tile_logits(pool, hidden + first * head.k(), count, head);
    pool.parallel_for(count, [&](std::int64_t i, int) {
      const float* row = logits + i * vocab;
      const std::int64_t r = first + i;
      const RowSoftmax softmax(kernels, row, vocab, inv_temperature);
      const float row_lse = softmax.logsumexp(inv_temperature);
      logprobs[r] = targets[r] < 0 ? 0.0f : inv_temperature * row[targets[r]] - row_lse;
      if (entropies != nullptr) {  // log Σ exp(z) - E[z]
        const double mean = kernels.weighted_exp_sum(row, vocab, softmax.largest, inv_temperature) / softmax.sum;
        entropies[r] = static_cast<float>(softmax.log_sum - mean);
      }
      if (lse != nullptr) lse[r] = row_lse;
    });
  }
}

void lm_head_backward(ThreadPool& pool, const float* hidden, std::int64_t rows, const PackedMatrix& head, const float* head_rows,
                      const std::int32_t* targets, float inv_temperature, const float* dlogprobs, const float* dentropies, float* dhidden,
                      float* dhead) {
  const RowKernels kernels = row_kernels();
  const std::int64_t vocab = head.n();
  check_targets(targets, rows, vocab);
  const std::int64_t tile = logprob_tile_rows(vocab);
  const std::int64_t dim = head.k();
  const WeightBlock block{head_rows, dhead, vocab};
  for (std::int64_t first = 0; first < rows; first += tile) {
    const std::int64_t count = std::min(tile, rows - first);
    float* dlogits = tile_logits(pool, hidden + first * dim, count, head);
    pool.parallel_for(count, [&](std::int64_t i, int) {
      float* row = dlogits + i * vocab;
      const std::int64_t r = first + i;
      if (targets[r] < 0) {
        std::memset(row, 0, sizeof(float) * vocab);
        return;
      }
      // d logprob / d logit = (onehot - p) / T; d entropy / d logit = -p (z - log_sum + entropy) / T = -p (z - E[z]) / T.
      const RowSoftmax softmax(kernels, row, vocab, inv_temperature);
      const float dentropy = dentropies != nullptr ? dentropies[r] : 0.0f;
      const double mean = dentropy == 0 ? 0 : kernels.weighted_exp_sum(row, vocab, softmax.largest, inv_temperature) / softmax.sum;
      kernels.softmax_gradient(row, vocab, softmax.largest, inv_temperature, softmax.log_sum, -dlogprobs[r] * inv_temperature,
                               -dentropy * inv_temperature, static_cast<float>(mean));
      row[targets[r]] += dlogprobs[r] * inv_temperature;
    });
    linear_backward_input(pool, dlogits, count, dim, {&block, 1}, head.dtype(), dhidden + first * dim);
    linear_backward_weight(pool, dlogits, hidden + first * dim, count, dim, {&block, 1}, head.dtype());
  }
}

}  // namespace longbow::kernels
