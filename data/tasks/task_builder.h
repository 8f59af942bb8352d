// The common frame of the builders: settings every task has, the draft a task writes, and the item made from it by scattering
// the draft's sentences over filler until the prompt is as long as asked. An item is a pure function of (knobs, seed, index).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/json.h"
#include "core/random.h"
#include "data/corpus/corpus.h"
#include "data/item.h"
#include "data/qa/question_source.h"

namespace longbow::data {

/// Tokens of the whole templated prompt whose only message is the user's `content`. Called from several threads at once.
using TokenCounter = std::function<std::int64_t(std::string_view content)>;

/// Keys that every entry of a recipe's "tasks" has.
struct TaskSettings {
  std::string task;
  std::int64_t count = 1;
  std::int64_t max_tokens = 1024;
  std::int64_t min_tokens = 0;
  Split split = Split::train;
  std::optional<QuestionSource> questions;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("task", task, {.help = "The builder, by the name that docs/data.md lists.", .required = true});
    v.field("count", count, {.help = "Items to build.", .unit = "items", .min = 1, .max = 1e7});
    v.field("max_tokens", max_tokens,
            {.help = "Longest prompt; items end at most 2% below it, never above.", .unit = "tokens", .min = 64, .max = 1 << 24});
    v.field(
        "min_tokens", min_tokens,
        {.help = "When set, each item's limit is drawn evenly from [min_tokens, max_tokens].", .unit = "tokens", .min = 0, .max = 1 << 24});
    v.choice("split", split, {{"train", Split::train}, {"heldout", Split::heldout}},
             {.help = "Which half of the names, or of the questions, the items draw from; the halves share none."});
    v.optional_section("questions", questions, "The user's own questions: the builder hides these instead of inventing its own.");
  }
};

/// A further question about the sentences of a draft: documents of next-token training ask all that a text can answer.
struct FollowUp {
  std::vector<std::size_t> evidence;  // indexes into the draft's sentences, in the chain's order
  std::string question;
  Answer answer;
  std::vector<std::string> gold_chain;
};

/// Sentences of filler one by one, none twice and none with a word to keep out; nullptr when there are no more.
using FillerDealer = std::function<const std::string*()>;

/// What a task decides before there is any filler.
struct Draft {
  std::vector<std::string> sentences;  // evidence and distractors, to be scattered at uniform depths
  std::vector<std::size_t> evidence;   // indexes into sentences, in the chain's order
  std::vector<std::string> keep_out;   // lower-case words, or runs of them, that no filler may hold: the answer and the entities
  std::string question;
  Answer answer;
  std::vector<std::string> gold_chain;
  Json difficulty = Json::object();
  std::vector<FollowUp> follow_ups = {};

  /// Groups of indexes into sentences that stand in the text in the order given here, at depths as uniform as without.
  std::vector<std::vector<std::size_t>> ordered = {};
  /// Of each evidence, the bytes within its sentence that matter, where a sentence is a page or a turn; empty: all of them.
  std::vector<EvidenceSpan> evidence_bytes = {};
  /// Filler in units of the task's own form (a page, a turn) of preferably at most `room` bytes, an empty one when there is no more;
  /// absent: sentences.
  std::function<std::string(const FillerDealer& deal, std::size_t room, Rng& rng)> filler_unit = {};
  std::string separator = " ";  // between sentences, or units

  /// Makes `asked` the item's question where it is the first, and a follow-up otherwise.
  void ask(FollowUp asked, bool first);
};

class TaskBuilder {
 public:
  virtual ~TaskBuilder() = default;

  const TaskSettings& settings() const { return settings_; }
  std::string versioned_name() const { return settings_.task + "@" + std::to_string(version()); }
  virtual std::string_view family() const = 0;
  virtual int version() const = 0;
  /// Every key of the entry with its value.
  virtual Json resolved() const = 0;
  /// Whether draft_from is implemented: an entry with "questions" is refused otherwise.
  virtual bool takes_questions() const { return false; }
  /// The user's questions of this split that the task can ask, in their files' order; empty in an entry without "questions".
  const std::vector<const QaItem*>& questions() const { return questions_; }
  /// All questions read, both splits'; nullptr in an entry without "questions".
  const QuestionSet* question_set() const { return question_set_.get(); }

  /// Item `index` of the stream that `seed` names; nullopt when this draw does not fit the length (the caller counts it and goes on).
  /// Thread-safe. Cost: about ten calls of `count_tokens`.
  std::optional<Item> build(std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens) const;
  /// The item, then one for each further question about the same text; empty when the draw does not fit.
  std::vector<Item> build_with_follow_ups(std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens) const;

 protected:
  TaskBuilder(TaskSettings settings, const Corpus& corpus);
  /// nullopt when the numbers drawn do not work out.
  virtual std::optional<Draft> draft(Rng& rng, std::int64_t limit_tokens) const = 0;
  /// The same from one of questions(), each of which is asked once before one is asked again; nullopt when this one does not suit.
  virtual std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const;
  /// Drops those of questions() that the task can never ask, so that not every other draw is in vain. Throws UserError when none is left:
  /// "expected `needed`, got none in 960 questions".
  void keep_questions(const std::function<bool(const QaItem&)>& suits, std::string_view needed, std::string_view hint = "");
  /// All questions of this split, those that the task cannot ask included: their paragraphs are filler.
  const std::vector<const QaItem*>& questions_of_split() const { return questions_of_split_; }
  /// `count` different names of the split.
  std::vector<std::string> draw_names(Rng& rng, std::size_t count) const;
  const Corpus& corpus() const { return corpus_; }

 private:
  std::vector<Item> build_items(std::uint64_t seed, std::int64_t index, const TokenCounter& count_tokens, bool with_follow_ups) const;
  const QaItem& question_at(std::uint64_t seed, std::int64_t index) const;

  TaskSettings settings_;
  const Corpus& corpus_;
  std::shared_ptr<const QuestionSet> question_set_;
  std::vector<const QaItem*> questions_of_split_;
  std::vector<const QaItem*> questions_;
};

/// The builder of one entry of a recipe's "tasks": {"task", "count", "max_tokens", "min_tokens", "split", knobs…}; `corpus` must outlive
/// it. Throws UserError for an unknown task or knob, naming `source`.
std::unique_ptr<TaskBuilder> make_builder(const Json& entry, const Corpus& corpus, std::string_view source = "recipe");

std::vector<std::string> task_names();

/// What supervised fine-tuning teaches a model to write: a reasoning task's premises, the chain's steps, then "The answer is X.".
/// An answer compared word for word (sequence_ratio) stands alone, and a list below "The answer is".
std::string sft_answer(const Item& item);
/// The last sentence of that alone.
std::string outright_answer(const Item& item);

/// The smallest power of two that holds `num_tokens`, in thousands from 1024 up: "512", "1k", "2k" …
std::string length_bin(std::int64_t num_tokens);

/// The message's text before "\n\nQuestion: " and the question after it.
struct MessageParts {
  std::string_view context;
  std::string_view question;
};
std::optional<MessageParts> split_message(std::string_view content);

/// How far below its limit an item may end: 2%, and never fewer than 4 tokens, since a sentence has a shortest length.
std::int64_t length_slack(std::int64_t limit_tokens);

}  // namespace longbow::data
