#include "tools/evaluation.h"

#include <utility>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/random.h"
#include "data/chat_template.h"
#include "data/tasks/task_builder.h"
#include "data/tokenizer.h"
#include "model/weights.h"
#include "rewards/reward.h"
#include "rollout/engine.h"

namespace longbow::tools {
namespace {

ItemScore score_group(const data::Group& group, const data::Item& item, const data::Tokenizer& tokenizer) {
  const rewards::RewardFunction reward = rewards::find_reward(item.answer.reward);
  ItemScore result;
  result.id = item.id;
  result.task = item.task;
  result.prompt_tokens = static_cast<std::int64_t>(group.prompt.tokens.size());
  result.length_bin = item.length_bin.empty() ? data::length_bin(result.prompt_tokens) : item.length_bin;
  for (const data::Completion& completion : group.completions) {
    std::string text = tokenizer.decode(completion.tokens);
    rewards::RewardResult scored = reward({text, item.answer.answers, item.question, item.answer.params});
    if (!scored.score) throw UserError(concat("reward of item '", item.id, "': expected a score, got none (", scored.reason, ")"));
    result.samples.push_back({std::move(text), std::move(scored.extracted), std::move(scored.reason), *scored.score,
                              static_cast<std::int64_t>(completion.tokens.size()), completion.finish_reason});
    result.score += *scored.score / static_cast<double>(group.completions.size());
  }
  return result;
}

}  // namespace

double score_completion(const data::Item& item, const std::string& completion) {
  const rewards::RewardFunction reward = rewards::find_reward(item.answer.reward);
  return reward({completion, item.answer.answers, item.question, item.answer.params}).score.value_or(0.0);
}

std::int64_t evaluate(ThreadPool& pool, const std::vector<data::Item>& items, const EvaluationOptions& options,
                      const std::function<void(const ItemScore&)>& done) {
  const data::Tokenizer tokenizer(options.model_dir);
  const data::ChatTemplate chat_template = data::ChatTemplate::load(options.model_dir);
  const model::ModelConfig config = model::read_model_config(options.model_dir);
  const model::ParameterLayout layout(config);
  const model::Weights weights = model::load_weights(options.model_dir, config, layout);
  model::PackedModel packed(pool, config, layout, weights.values.data(), options.dtype);
  rollout::EngineConfig engine_config;
  engine_config.max_concurrent_groups = options.concurrent_groups;
  rollout::Engine engine(pool, packed, engine_config);

  std::int64_t skipped = 0;
  std::size_t next = 0;
  while ((next < items.size() || !engine.is_idle()) && !interrupted()) {
    while (next < items.size() && engine.num_groups() < 2 * options.concurrent_groups) {
      const data::Item& item = items[next];
      rollout::GroupRequest request;
      request.lease_id = next;
      request.prompt.item_id = item.id;
      request.prompt.task = item.task;
      request.prompt.prompt_idx = static_cast<std::int64_t>(stable_hash(item.id) >> 1);  // its samples do not depend on its neighbours
      request.prompt.tokens = tokenizer.encode(chat_template.render(item.messages, true));
      request.group_size = static_cast<std::int32_t>(options.num_samples);
      request.sampling.temperature = options.temperature;
      request.sampling.max_completion_tokens = static_cast<std::int32_t>(options.max_completion_tokens);
      request.sampling.stop_token_ids = {tokenizer.eos_id()};
      request.sampling.seed = options.seed;
      ++next;
      if (options.max_context > 0 && static_cast<std::int64_t>(request.prompt.tokens.size()) > options.max_context) {
        ++skipped;
      } else {
        engine.submit(std::move(request));
      }
    }
    for (const rollout::FinishedGroup& finished : engine.step())
      done(score_group(finished.group, items[finished.group.lease_id], tokenizer));
  }
  return skipped;
}

}  // namespace longbow::tools
