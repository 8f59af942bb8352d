// The language-model head without materialised logits: log-probabilities of chosen tokens, entropies, and their gradient.
// Rows are processed a tile at a time; the tile's logits live in scratch and are gone afterwards.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "kernels/linear.h"

namespace longbow::kernels {

/// Log-sum-exp of one row of logits times `inv_temperature`, in the fixed order that every caller shares (trainer and sampler).
float row_logsumexp(const float* logits, std::int64_t vocab, float inv_temperature);

/// logprobs[r] = inv_temperature * logit[r, targets[r]] - lse[r] with logits = hidden · headᵀ; hidden [rows, dim], head [vocab, dim].
/// entropies [rows] (nats; may be null); lse [rows] (may be null). A target < 0 gives logprob 0; one of vocab or
/// more is an InternalError. The same bits as row_logsumexp over linear_forward's logits. Scratch: logprob_tile_rows(vocab) * vocab floats.
void lm_head_logprobs(ThreadPool& pool, const float* hidden, std::int64_t rows, const PackedMatrix& head, const std::int32_t* targets,
                      float inv_temperature, float* logprobs, float* entropies, float* lse);

/// Gradient of Σ dlogprobs[r]·logprobs[r] (+ Σ dentropies[r]·entropies[r] when not null): dhidden [rows, dim] is overwritten,
/// dhead [vocab, dim] += . `head_rows` is the unpacked weight [vocab, dim]. Rows with target < 0 get zero gradient.
void lm_head_backward(ThreadPool& pool, const float* hidden, std::int64_t rows, const PackedMatrix& head, const float* head_rows,
                      const std::int32_t* targets, float inv_temperature, const float* dlogprobs, const float* dentropies, float* dhidden,
                      float* dhead);

/// Rows a tile: about 4 MiB of logits, at least 64 rows so that the head is not re-read for too few of them.
std::int64_t logprob_tile_rows(std::int64_t vocab);

}  // namespace longbow::kernels
