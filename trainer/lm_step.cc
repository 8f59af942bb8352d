#include "trainer/lm_step.h"

#include <algorithm>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

struct MicroBatch {
  PackedTargets packed;
  std::vector<data::TargetKind> kinds;  // [targets]
  std::vector<std::size_t> parts;       // [targets]
};

void append(MicroBatch& batch, const data::LmDocument& document) {
  std::vector<bool> is_target(document.tokens.size());
  for (std::size_t i = 1; i < document.tokens.size(); ++i) {
    is_target[i] = document.kinds[i] != data::TargetKind::ignored;
    if (!is_target[i]) continue;
    batch.kinds.push_back(document.kinds[i]);
    batch.parts.push_back(document.part);
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

/// Sums become means once every token was added.
struct LossSums {
  MeanLoss text, form, copied, answer;
  std::vector<MeanLoss> by_part;

  MeanLoss& of(data::TargetKind kind) {
    switch (kind) {
      case data::TargetKind::text:
        return text;
      case data::TargetKind::form:
        return form;
      case data::TargetKind::copied:
        return copied;
      default:
        return answer;
    }
  }
};

double ratio(double sum, double count) { return count > 0 ? sum / count : 0; }

}  // namespace

LmStepReport lm_step(Policy& policy, Optimizer& optimizer, const std::vector<data::LmDocument>& documents, const LmStepOptions& options) {
  LmStepReport report;
  const std::vector<MicroBatch> batches = split(documents, options.micro_batch_tokens);
  LossSums sums;
  for (const MicroBatch& batch : batches) {
    for (data::TargetKind kind : batch.kinds) ++sums.of(kind).tokens;
    report.rows += static_cast<std::int64_t>(batch.packed.batch.tokens.size());
  }
  const double text_weight = ratio(options.text_loss_weight, static_cast<double>(sums.text.tokens));
  const double answer_weight = ratio(options.answer_loss_weight, static_cast<double>(sums.answer.tokens) +
                                                                     options.form_token_weight * static_cast<double>(sums.form.tokens) +
                                                                     options.copied_token_weight * static_cast<double>(sums.copied.tokens));
  const auto weight_of = [&](data::TargetKind kind) {
    if (kind == data::TargetKind::text) return text_weight;
    if (kind == data::TargetKind::form) return answer_weight * options.form_token_weight;
    return kind == data::TargetKind::copied ? answer_weight * options.copied_token_weight : answer_weight;
  };
  policy.zero_gradient();
  for (const MicroBatch& batch : batches) {
    if (batch.packed.targets.empty()) continue;
    const Scores scores = policy.score(batch.packed, 1.0f, true);
    std::vector<float> dlogprobs(scores.logprobs.size());
    for (std::size_t i = 0; i < dlogprobs.size(); ++i) {
      sums.of(batch.kinds[i]).loss -= scores.logprobs[i];
      dlogprobs[i] = static_cast<float>(-weight_of(batch.kinds[i]));
      if (batch.kinds[i] != data::TargetKind::answer) continue;
      if (batch.parts[i] >= sums.by_part.size()) sums.by_part.resize(batch.parts[i] + 1);
      sums.by_part[batch.parts[i]].loss -= scores.logprobs[i];
      ++sums.by_part[batch.parts[i]].tokens;
    }
    policy.backward(batch.packed, 1.0f, dlogprobs);
  }
  const auto mean = [](MeanLoss sum) { return MeanLoss{ratio(sum.loss, static_cast<double>(sum.tokens)), sum.tokens}; };
  report.text = mean(sums.text);
  report.form = mean(sums.form);
  report.copied = mean(sums.copied);
  report.answer = mean(sums.answer);
  for (const MeanLoss& part : sums.by_part) report.answer_by_part.push_back(mean(part));
  report.update = optimizer.step(policy.gradient(), policy.weights().values.data(), options.learning_rate);
  policy.refresh();
  return report;
}

}  // namespace longbow::trainer
