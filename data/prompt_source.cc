#include "data/prompt_source.h"

#include <cmath>
#include <numeric>

#include "core/did_you_mean.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/random.h"

namespace longbow::data {

PromptSource::PromptSource(std::vector<Item> items, const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                           PromptSourceConfig config)
    : items_(std::move(items)), config_(std::move(config)) {
  std::map<std::string, Task> by_name;
  std::int64_t longest = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Task& task = by_name[items_[i].task];
    std::vector<std::int32_t> tokens = tokenizer.encode(chat_template.render(items_[i].messages, true));
    const auto length = static_cast<std::int64_t>(tokens.size());
    longest = std::max(longest, length);
    if (length > config_.max_prompt_tokens) {
      ++num_dropped_;
    } else {
      task.entries.push_back({i, std::move(tokens)});
    }
  }
  std::vector<std::string> names;
  for (auto& [name, task] : by_name) {
    names.push_back(name);
    const auto weight = config_.task_weights.find(name);
    task.name = name;
    if (weight != config_.task_weights.end()) task.weight = weight->second;
    if (!(task.weight >= 0) || !std::isfinite(task.weight)) {
      throw UserError(concat("task_weights: expected a weight >= 0 for ", name, ", got ", task.weight));
    }
    if (task.weight == 0) continue;
    if (task.entries.empty()) {
      log_warning(
          concat("data: every prompt of task ", name, " is longer than ", config_.max_prompt_tokens, " tokens; the task is left out"));
    } else {
      tasks_.push_back(std::move(task));
    }
  }
  for (const auto& [name, weight] : config_.task_weights) {
    if (!by_name.contains(name)) throw UserError(concat("task_weights: no item is of task '", name, "'", did_you_mean(name, names)));
  }
  if (tasks_.empty()) {
    throw UserError(concat("data: expected prompts of at most ", config_.max_prompt_tokens, " tokens, got none (the longest of ",
                           items_.size(), " has ", longest, ")"));
  }
  if (num_dropped_ > 0) {
    log_warning(
        concat("data: dropped ", num_dropped_, " of ", items_.size(), " prompts longer than ", config_.max_prompt_tokens, " tokens"));
  }
  digest_ = compute_digest();
}

/// The task furthest behind its share of all draws, this one included; the first by name among equals.
PromptSource::Task& PromptSource::most_owed() {
  double total_weight = 0;
  std::int64_t total_drawn = 1;
  for (const Task& task : tasks_) {
    total_weight += task.weight;
    total_drawn += task.drawn;
  }
  Task* best = nullptr;
  double most = 0;
  for (Task& task : tasks_) {
    const double owed = static_cast<double>(total_drawn) * task.weight / total_weight - static_cast<double>(task.drawn);
    if (best == nullptr || owed > most + 1e-9) {
      best = &task;
      most = owed;
    }
  }
  return *best;
}

const PromptSource::Entry& PromptSource::draw(Task& task) const {
  const auto size = static_cast<std::int64_t>(task.entries.size());
  const std::int64_t epoch = task.drawn / size;
  if (epoch != task.shuffled_epoch) {
    task.order.resize(task.entries.size());
    std::iota(task.order.begin(), task.order.end(), std::size_t{0});
    Rng(config_.seed, {stable_hash("prompt source"), stable_hash(task.name), static_cast<std::uint64_t>(epoch)}).shuffle(task.order);
    task.shuffled_epoch = epoch;
  }
  return task.entries[task.order[static_cast<std::size_t>(task.drawn++ % size)]];
}

std::vector<SourcedPrompt> PromptSource::next(std::int64_t count) {
  std::vector<SourcedPrompt> prompts;
  for (std::int64_t i = 0; i < count; ++i) {
    Task& task = most_owed();
    const Entry& entry = draw(task);
    SourcedPrompt sourced;
    sourced.item = &items_[entry.item_idx];
    sourced.prompt.item_id = sourced.item->id;
    sourced.prompt.task = task.name;
    sourced.prompt.tokens = entry.tokens;
    prompts.push_back(std::move(sourced));
  }
  return prompts;
}

std::string PromptSource::compute_digest() const {
  std::uint64_t hash = config_.seed;
  for (const Task& task : tasks_) {
    for (const Entry& entry : task.entries) {
      const std::string_view tokens(reinterpret_cast<const char*>(entry.tokens.data()), entry.tokens.size() * sizeof(std::int32_t));
      hash = hash * 0x9E3779B97F4A7C15u + (stable_hash(tokens) ^ stable_hash(items_[entry.item_idx].id) ^ stable_hash(task.name));
    }
  }
  return std::to_string(hash);
}

Json PromptSource::state() const {
  Json drawn = Json::object();
  for (const Task& task : tasks_) drawn[task.name] = task.drawn;
  return Json::Object{{"digest", digest_}, {"drawn", std::move(drawn)}};
}

void PromptSource::restore(const Json& state) {
  if (state.at("digest").as_string() != digest_) {
    throw UserError("resume: expected the data set, tokenizer, chat template and seed of the run's start, got others");
  }
  const Json& drawn = state.at("drawn");
  for (Task& task : tasks_) {
    const std::int64_t count = drawn.at(task.name).as_integer();
    if (count < 0) throw UserError(concat("resume: expected a count >= 0 for task ", task.name, ", got ", count));
    task.drawn = count;
  }
}

std::int64_t PromptSource::num_prompts() const {
  std::int64_t count = 0;
  for (const Task& task : tasks_) count += static_cast<std::int64_t>(task.entries.size());
  return count;
}

}  // namespace longbow::data
