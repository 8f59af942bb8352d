#include "trainer/lm_trainer.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/progress.h"
#include "core/random.h"
#include "data/lm_mixture.h"
#include "model/checkpoint_dir.h"
#include "trainer/checkpoint.h"
#include "trainer/lm_step.h"
#include "trainer/run_directory.h"

namespace longbow::trainer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kDocumentsAtOnce = 8;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string tokenizer_dir(const LmRecipe& recipe) {
  const std::string& dir = recipe.model.tokenizer.empty() ? recipe.model.init_from : recipe.model.tokenizer;
  if (dir.empty()) throw UserError("/model/tokenizer: expected a folder for a model that starts fresh, got none");
  return dir;
}

model::ModelConfig model_config(const LmRecipe& recipe, const data::Tokenizer& tokenizer) {
  if (!recipe.model.init_from.empty()) return model::read_model_config(recipe.model.init_from);
  return make_model_config(recipe.model.architecture, tokenizer.vocab_size(), tokenizer.bos_id(), tokenizer.eos_id());
}

model::Weights initial_weights(const LmRecipe& recipe, const model::ModelConfig& config) {
  const model::ParameterLayout layout(config);
  if (!recipe.model.init_from.empty()) return model::load_weights(recipe.model.init_from, config, layout);
  return model::init_weights(config, layout, model::InitScheme::fan_in, static_cast<std::uint64_t>(recipe.seed));
}

class LmRun {
 public:
  LmRun(ThreadPool& pool, const LmRecipe& recipe, const LmTrainerOptions& options)
      : pool_(pool),
        recipe_(recipe),
        options_(options),
        directory_(options.run_dir, options.resume),
        tokenizer_(tokenizer_dir(recipe)),
        chat_template_(data::ChatTemplate::load(tokenizer_dir(recipe))),
        corpus_(data::WordNet::load(recipe.wordnet)),
        config_(model_config(recipe, tokenizer_)),
        policy_(pool, config_, initial_weights(recipe, config_),
                recipe.model.dtype == ComputeType::float32 ? kernels::DType::f32 : kernels::DType::bf16),
        optimizer_(pool, recipe.optimizer, policy_.layout()) {
    corpus_.invent_names(static_cast<std::size_t>(recipe.invented_names), static_cast<std::uint64_t>(recipe.seed));
    directory_.store_recipe(config_to_json(recipe), options.resume);
    const std::string checkpoint = options.resume ? latest_checkpoint(directory_.checkpoints_path()) : std::string();
    if (!checkpoint.empty()) {
      first_step_ = load_checkpoint(checkpoint, policy_.layout(), policy_.weights(), optimizer_).step;
      policy_.refresh();
      log_info(concat("resuming after step ", first_step_, " from ", checkpoint));
    }
  }

  Json train() {
    MetricsWriter metrics(directory_.path(), first_step_ - 1);
    std::optional<Progress> progress;
    if (!options_.quiet) progress.emplace("train", total_steps(recipe_), "steps", first_step_);
    std::int64_t stage_begin = 0;
    step_ = first_step_;
    saved_at_ = first_step_;
    for (std::size_t i = 0; i < recipe_.stages.size() && !interrupted(); ++i) {
      const LmStage& stage = recipe_.stages[i];
      if (step_ < stage_begin + stage.steps) {
        const data::LmMixture mixture = make_mixture(stage);
        for (; step_ < stage_begin + stage.steps && !interrupted(); ++step_) {
          const Json numbers = train_one(mixture, stage, static_cast<std::int64_t>(i), step_ - stage_begin);
          metrics.write(step_, numbers);
          if (progress) {
            progress->update(step_ + 1, concat(stage.name, "  text ", numbers.at("text_loss").dump().substr(0, 5), "  answer ",
                                               numbers.at("answer_loss").dump().substr(0, 5), "  ",
                                               std::llround(numbers.at("tokens_per_second").as_number()), " tok/s"));
          }
          if ((step_ + 1) % recipe_.checkpoint.every == 0) save(step_ + 1);
        }
      }
      stage_begin += stage.steps;
    }
    if (progress) progress->finish();
    return finish();
  }

 private:
  data::LmMixture make_mixture(const LmStage& stage) const {
    std::vector<data::MixturePart> parts;
    for (const MixtureEntry& entry : stage.mixture) parts.push_back({entry.kind, entry.weight, entry.knobs, entry.outright_share});
    return data::LmMixture({corpus_, tokenizer_, chat_template_}, parts, stage.context_tokens);
  }

  /// Documents 0, 1, … until the step has its tokens; drawn in parallel, a few more than needed.
  std::vector<data::LmDocument> draw_documents(const data::LmMixture& mixture, const LmStage& stage, std::int64_t stage_idx,
                                               std::int64_t step_in_stage) {
    std::vector<data::LmDocument> documents;
    std::int64_t tokens = 0;
    while (tokens < stage.tokens_per_step) {
      const auto first = static_cast<std::int64_t>(documents.size());
      std::vector<data::LmDocument> drawn(kDocumentsAtOnce);
      pool_.parallel_for(kDocumentsAtOnce, [&](std::int64_t i, int) {
        drawn[i] = mixture.document(static_cast<std::uint64_t>(recipe_.seed), stage_idx, step_in_stage, first + i);
      });
      for (data::LmDocument& document : drawn) {
        if (tokens >= stage.tokens_per_step) break;
        tokens += static_cast<std::int64_t>(document.tokens.size());
        documents.push_back(std::move(document));
      }
    }
    return documents;
  }

  Json train_one(const data::LmMixture& mixture, const LmStage& stage, std::int64_t stage_idx, std::int64_t step_in_stage) {
    const auto begin = Clock::now();
    Rng rng(static_cast<std::uint64_t>(recipe_.seed), {stable_hash("lm_window"), static_cast<std::uint64_t>(step_)});
    const std::int64_t window = rng.pick(stage.windows);
    policy_.set_window(static_cast<int>(window));
    const std::vector<data::LmDocument> documents = draw_documents(mixture, stage, stage_idx, step_in_stage);
    LmStepOptions options;
    options.text_loss_weight = recipe_.text_loss_weight;
    options.answer_loss_weight = recipe_.answer_loss_weight;
    options.form_token_weight = stage.form_token_weight;
    options.copied_token_weight = stage.copied_token_weight;
    options.learning_rate = stage.learning_rate_scale * learning_rate_at(recipe_.optimizer, step_, total_steps(recipe_));
    const LmStepReport report = lm_step(policy_, optimizer_, documents, options);
    Json metrics = Json::object();
    metrics["stage"] = stage.name;
    metrics["window"] = window;
    metrics["text_loss"] = report.text.loss;
    metrics["form_loss"] = report.form.loss;
    metrics["copied_loss"] = report.copied.loss;
    metrics["answer_loss"] = report.answer.loss;
    metrics["answer_tokens"] = report.answer.tokens;
    for (std::size_t part = 0; part < report.answer_by_part.size(); ++part) {
      if (report.answer_by_part[part].tokens > 0) {
        metrics[concat("answer_loss/", part, "_", stage.mixture[part].kind)] = report.answer_by_part[part].loss;
      }
    }
    metrics["tokens"] = report.rows;
    metrics["grad_norm"] = report.update.grad_norm;
    metrics["learning_rate"] = report.update.learning_rate;
    metrics["skipped"] = report.update.skipped;
    metrics["tokens_per_second"] = static_cast<double>(report.rows) / seconds_since(begin);
    return metrics;
  }

  void save(std::int64_t steps_done) {
    TrainerState state;
    state.step = steps_done;
    state.optimizer_steps = optimizer_.steps_taken();
    const CheckpointTarget target{directory_.checkpoints_path(), tokenizer_dir(recipe_), kernels::DType::bf16};
    save_checkpoint(target, state, config_, policy_.layout(), policy_.weights(), optimizer_, recipe_.checkpoint.keep);
    saved_at_ = steps_done;
  }

  Json finish() {
    if (saved_at_ != step_) save(step_);
    const bool complete = step_ == total_steps(recipe_);
    if (complete) {
      model::save_checkpoint_dir(directory_.checkpoints_path() + "/final", config_, policy_.layout(), policy_.weights(),
                                 kernels::DType::bf16, tokenizer_dir(recipe_));
    }
    std::int64_t tokens = 0;
    double seconds = 0;
    Json last;
    LineReader reader(directory_.file("metrics.jsonl"));  // so that a resumed run counts all its steps
    for (std::string line; reader.next(line);) {
      last = parse_json(line, reader.where());
      tokens += last.at("tokens").as_integer();
      seconds += last.at("tokens").as_number() / last.at("tokens_per_second").as_number();
    }
    Json result = Json::object();
    result["steps"] = step_;
    result["tokens"] = tokens;
    result["seconds"] = seconds;
    result["seed"] = recipe_.seed;
    result["interrupted"] = !complete;
    result["last"] = std::move(last);
    directory_.store_result(result);
    return result;
  }

  ThreadPool& pool_;
  const LmRecipe& recipe_;
  const LmTrainerOptions& options_;
  RunDirectory directory_;
  data::Tokenizer tokenizer_;
  data::ChatTemplate chat_template_;
  data::Corpus corpus_;
  model::ModelConfig config_;
  Policy policy_;
  Optimizer optimizer_;
  std::int64_t first_step_ = 0;
  std::int64_t step_ = 0;
  std::int64_t saved_at_ = 0;
};

}  // namespace

Json run_lm_training(ThreadPool& pool, const LmRecipe& recipe, const LmTrainerOptions& options) {
  check_stages(recipe);
  LmRun run(pool, recipe, options);
  return run.train();
}

}  // namespace longbow::trainer
