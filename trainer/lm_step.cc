#include "trainer/lm_step.h"

#include <algorithm>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

struct MicroBatch {
  PackedTargets packed;
  std::vector<data::TargetKind> kinds;  // [targets]
};

void append(MicroBatch& batch, const data::LmDocument& document) {
  std::vector<bool> is_target(document.tokens.size());
  for (std::size_t i = 1; i < document.tokens.size(); ++i) {
    is_target[i] = document.kinds[i] != data::TargetKind::ignored;
    if (is_target[i]) batch.kinds.push_back(document.kinds[i]);
  }
  append_sequence(batch.packed, document.tokens, is_target);
}

/// Documents in order, a new micro-batch whenever the next one would pass the bound.
std::vector<MicroBatch> split(const std::vector<data::LmDocument>& documents, std::int64_t max_rows) {
  std::vector<MicroBatch> batches;
  for (const data::LmDocument& document : documents) {
    LONGBOW_CHECK_EQ(document.tokens.size(), document.kinds.size());
    const auto rows = static_cast<std::int64_t>(document.tokens.size()) - 1;
    if (rows < 1) continue;
    if (batches.empty() || static_cast<std::int64_t>(batches.back().packed.batch.tokens.size()) + rows > max_rows) batches.emplace_back();
    append(batches.back(), document);
  }
  return batches;
}

}  // namespace

LmStepReport lm_step(Policy& policy, Optimizer& optimizer, const std::vector<data::LmDocument>& documents, const LmStepOptions& options) {
  LmStepReport report;
  const std::vector<MicroBatch> batches = split(documents, options.micro_batch_tokens);
  for (const MicroBatch& batch : batches) {
    for (data::TargetKind kind : batch.kinds) ++(kind == data::TargetKind::answer ? report.answer_tokens : report.text_tokens);
    report.rows += static_cast<std::int64_t>(batch.packed.batch.tokens.size());
  }
  const double text_weight = options.text_loss_weight / static_cast<double>(std::max<std::int64_t>(1, report.text_tokens));
  const double answer_weight = options.answer_loss_weight / static_cast<double>(std::max<std::int64_t>(1, report.answer_tokens));
  policy.zero_gradient();
  for (const MicroBatch& batch : batches) {
    if (batch.packed.targets.empty()) continue;
    const Scores scores = policy.score(batch.packed, 1.0f, true);
    std::vector<float> dlogprobs(scores.logprobs.size());
    for (std::size_t i = 0; i < dlogprobs.size(); ++i) {
      const bool answer = batch.kinds[i] == data::TargetKind::answer;
      (answer ? report.answer_loss : report.text_loss) -= scores.logprobs[i];
      dlogprobs[i] = static_cast<float>(-(answer ? answer_weight : text_weight));
    }
    policy.backward(batch.packed, 1.0f, dlogprobs);
  }
  report.text_loss /= static_cast<double>(std::max<std::int64_t>(1, report.text_tokens));
  report.answer_loss /= static_cast<double>(std::max<std::int64_t>(1, report.answer_tokens));
  report.update = optimizer.step(policy.gradient(), policy.weights().values.data(), options.learning_rate);
  policy.refresh();
  return report;
}

}  // namespace longbow::trainer
