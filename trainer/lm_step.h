// One step of next-token training: documents packed side by side, the mean loss over text tokens and over answer tokens
// weighted separately (the kinds of an answer's tokens each count as told), and one optimizer update.
#pragma once

#include <cstdint>
#include <vector>

#include "data/lm_document.h"
#include "trainer/optimizer.h"
#include "trainer/policy.h"

namespace longbow::trainer {

struct LmStepOptions {
  double text_loss_weight = 0.3;
  double answer_loss_weight = 1.0;
  double form_token_weight = 1.0;  // in the answers' mean, beside 1 for the beginnings of words that must be looked up
  double copied_token_weight = 1.0;
  double learning_rate = 0;
  std::int64_t micro_batch_tokens = 8192;  // bounds the memory of activations
};

/// Mean nats per token.
struct MeanLoss {
  double loss = 0;
  std::int64_t tokens = 0;
};

struct LmStepReport {
  MeanLoss text;
  MeanLoss form;
  MeanLoss copied;
  MeanLoss answer;
  std::vector<MeanLoss> answer_by_part;  // of the documents' mixture
  std::int64_t rows = 0;
  Optimizer::StepResult update;
};

/// Trains on `documents`; a document of fewer than 2 tokens is skipped. Deterministic.
LmStepReport lm_step(Policy& policy, Optimizer& optimizer, const std::vector<data::LmDocument>& documents, const LmStepOptions& options);

}  // namespace longbow::trainer
