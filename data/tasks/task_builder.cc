#include "data/tasks/task_builder.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "core/did_you_mean.h"
#include "data/tasks/arrange.h"
#include "data/tasks/cross_entity.h"
#include "data/tasks/fuzzy_needle.h"
#include "data/tasks/key_chain.h"
#include "data/tasks/long_doc_qa.h"
#include "data/tasks/long_math.h"
#include "data/tasks/multi_needle.h"
#include "data/tasks/multi_query.h"
#include "data/tasks/web_search.h"

namespace longbow::data {
namespace {

constexpr std::string_view kQuestionMark = "\n\nQuestion: ";

std::unique_ptr<TaskBuilder> make_named(const std::string& name, const Json& entry, const Corpus& corpus, std::string_view source) {
  if (name == "cross_entity") return make_cross_entity(entry, corpus, source);
  if (name == "fuzzy_needle") return make_fuzzy_needle(entry, corpus, source);
  if (name == "key_chain") return make_key_chain(entry, corpus, source);
  if (name == "long_doc_qa") return make_long_doc_qa(entry, corpus, source);
  if (name == "long_math") return make_long_math(entry, corpus, source);
  if (name == "web_search") return make_web_search(entry, corpus, source);
  if (name == "multi_needle") return make_multi_needle(entry, corpus, source);
  if (name == "multi_query") return make_multi_query(entry, corpus, source);
  throw UserError(concat("/task: expected a builder's name, got \"", name, "\" (", source, ")", did_you_mean(name, task_names())));
}

}  // namespace

void Draft::ask(FollowUp asked, bool first) {
  if (!first) {
    follow_ups.push_back(std::move(asked));
    return;
  }
  evidence = std::move(asked.evidence);
  question = std::move(asked.question);
  answer = std::move(asked.answer);
  gold_chain = std::move(asked.gold_chain);
}

TaskBuilder::TaskBuilder(TaskSettings settings, const Corpus& corpus) : settings_(std::move(settings)), corpus_(corpus) {
  if (settings_.min_tokens == 0) settings_.min_tokens = settings_.max_tokens;
  if (settings_.min_tokens > settings_.max_tokens) {
    throw UserError(concat(settings_.task, ": expected min_tokens <= max_tokens, got ", settings_.min_tokens, " > ", settings_.max_tokens));
  }
  if (!settings_.questions) return;
  question_set_ = load_questions(*settings_.questions);
  for (const QaItem& item : question_set_->items) {
    if (is_heldout(item, settings_.questions->heldout_share) == (settings_.split == Split::heldout)) questions_of_split_.push_back(&item);
  }
  questions_ = questions_of_split_;
  if (questions_.empty()) {
    throw UserError(concat(settings_.task, ": expected questions for the split ", name_of(settings_.split), ", got none of ",
                           question_set_->items.size(), " (", settings_.questions->path.front(), ")"),
                    "questions.heldout_share says how many the split heldout gets");
  }
}

std::optional<Item> TaskBuilder::build(std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens) const {
  std::vector<Item> items = build_items(seed, index, count_tokens, false);
  return items.empty() ? std::nullopt : std::optional(std::move(items.front()));
}

std::vector<Item> TaskBuilder::build_with_follow_ups(std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens) const {
  return build_items(seed, index, count_tokens, true);
}

std::vector<Item> TaskBuilder::build_items(std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens,
                                           bool with_follow_ups) const {
  Rng rng(seed, {stable_hash(settings_.task), stable_hash(name_of(settings_.split)), static_cast<std::uint64_t>(index)});
  const std::int64_t limit = rng.between(settings_.min_tokens, settings_.max_tokens);
  std::optional<Draft> drafted = questions_.empty() ? draft(rng, limit) : draft_from(question_at(seed, index), rng, limit);
  if (!drafted) return {};
  std::optional<Arrangement> arranged = arrange(*drafted, corpus_.filler(), limit, count_tokens, rng);
  if (!arranged) return {};

  Item item;
  item.id = concat(settings_.task, "-", name_of(settings_.split), "-", seed, "-", index);
  item.task = settings_.task;
  item.family = family();
  item.messages = {{"user", std::move(arranged->content)}};
  item.answer = std::move(drafted->answer);
  item.evidence = std::move(arranged->evidence);
  item.gold_chain = std::move(drafted->gold_chain);
  item.question = std::move(drafted->question);
  item.num_tokens = arranged->num_tokens;
  item.seed = seed;
  item.builder = versioned_name();
  item.difficulty = std::move(drafted->difficulty);
  item.difficulty["depth"] = arranged->first_depth;
  item.difficulty["limit_tokens"] = limit;
  item.difficulty["split"] = name_of(settings_.split);
  item.length_bin = length_bin(item.num_tokens);
  std::vector<Item> items;
  items.push_back(std::move(item));
  if (!with_follow_ups) return items;  // each is a copy of the whole text
  for (FollowUp& follow_up : drafted->follow_ups) {
    Item& next = items.emplace_back(items.front());
    std::string& content = next.messages.back().content;
    content.replace(content.rfind(kQuestionMark) + kQuestionMark.size(), std::string::npos, follow_up.question);
    next.question = std::move(follow_up.question);
    next.answer = std::move(follow_up.answer);
    next.gold_chain = std::move(follow_up.gold_chain);
    next.evidence.clear();
    for (const std::size_t sentence : follow_up.evidence) next.evidence.push_back(arranged->spans[sentence]);
    next.num_tokens = 0;  // the question's own length was not counted
  }
  return items;
}

std::optional<Draft> TaskBuilder::draft_from(const QaItem&, Rng&, std::int64_t) const {
  throw InternalError(settings_.task + ": draft_from of a builder that takes no questions");
}

void TaskBuilder::keep_questions(const std::function<bool(const QaItem&)>& suits, std::string_view needed, std::string_view hint) {
  if (!settings_.questions) return;
  std::erase_if(questions_, [&](const QaItem* question) { return !suits(*question); });
  if (!questions_.empty()) return;
  throw UserError(concat(settings_.task, ": expected ", needed, ", got none in ", questions_of_split_.size(), " questions (",
                         settings_.questions->path.front(), ")"),
                  std::string(hint));
}

// A walk over all questions in steps of a stride that has no factor in common with their number: an order of its own for each seed,
// without a shuffled copy.
const QaItem& TaskBuilder::question_at(std::uint64_t seed, std::int64_t index) const {
  const std::uint64_t count = questions_.size();
  Rng rng(seed, {stable_hash(settings_.task), stable_hash("questions")});
  const std::uint64_t first = rng.below(count);
  std::uint64_t stride = 1 + rng.below(count);
  while (std::gcd(stride, count) != 1) stride = stride % count + 1;
  return *questions_[(first + static_cast<std::uint64_t>(index) % count * stride) % count];
}

std::vector<std::string> TaskBuilder::draw_names(Rng& rng, std::size_t count) const {
  const std::vector<std::string>& names = corpus_.names(settings_.split);
  if (count > names.size()) {
    throw UserError(concat(settings_.task, ": expected at most ", names.size(), " names in an item (split ", name_of(settings_.split),
                           "), got ", count, "; lower the number of chains or distractors"));
  }
  std::set<std::string_view> seen;
  std::vector<std::string> drawn;
  while (drawn.size() < count) {
    const std::string& name = rng.pick(names);
    if (seen.insert(name).second) drawn.push_back(name);
  }
  return drawn;
}

std::vector<std::string> task_names() {
  return {"cross_entity", "fuzzy_needle", "key_chain", "long_doc_qa", "long_math", "multi_needle", "multi_query", "web_search"};
}

std::unique_ptr<TaskBuilder> make_builder(const Json& entry, const Corpus& corpus, std::string_view source) {
  const Json* task = entry.find("task");
  if (task == nullptr || !task->is_string())
    throw UserError(concat("/task: expected a builder's name, got ", task ? task->dump() : "nothing", " (", source, ")"));
  std::unique_ptr<TaskBuilder> builder = make_named(task->as_string(), entry, corpus, source);
  if (builder->question_set() != nullptr && !builder->takes_questions()) {
    throw UserError(concat("/questions: expected a task that takes questions, got ", task->as_string(), " (", source, ")"),
                    "without the key \"questions\" this task invents its own");
  }
  return builder;
}

std::string outright_answer(const Item& item) {
  const std::string& answer = item.answer.answers.at(0);
  if (item.answer.reward == "sequence_ratio") return answer;  // compared from its first letter on
  return "The answer is" + (item.answer.reward == "ordered_list" ? "\n" + answer : " " + answer + ".");
}

std::string sft_answer(const Item& item) {
  if (item.answer.reward == "sequence_ratio") return outright_answer(item);
  std::string text;
  if (item.family == "reasoning") {  // the premises, from the one asked about back to the given number, before the sums
    const std::string& content = item.messages.back().content;
    for (auto span = item.evidence.rbegin(); span != item.evidence.rend(); ++span)
      text += content.substr(span->start, span->end - span->start) + " ";
  }
  for (const std::string& step : item.gold_chain) text += step + " ";
  return text + outright_answer(item);
}

std::string length_bin(std::int64_t num_tokens) {
  std::int64_t bin = 1;
  while (bin < num_tokens) bin *= 2;
  return bin >= 1024 ? std::to_string(bin / 1024) + "k" : std::to_string(bin);
}

std::optional<MessageParts> split_message(std::string_view content) {
  const std::size_t mark = content.rfind(kQuestionMark);
  if (mark == std::string_view::npos) return std::nullopt;
  return MessageParts{content.substr(0, mark), content.substr(mark + kQuestionMark.size())};
}

std::int64_t length_slack(std::int64_t limit_tokens) { return std::max<std::int64_t>(4, limit_tokens / 50); }

}  // namespace longbow::data
