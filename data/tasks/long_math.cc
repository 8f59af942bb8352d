#include "data/tasks/long_math.h"

#include <algorithm>
#include <set>
#include <utility>

#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

constexpr int kMaxTries = 200;    // draws of a case's numbers before its plan is given up
constexpr int kMaxDrafts = 1000;  // plans before an item is given up
constexpr int kDraftsATarget = 200;
constexpr int kTargetShare = 40;  // near: within a fortieth of the largest value

enum class Operation { more, fewer, times, together };

Operation operation_of(const std::string& name, std::string_view source) {
  if (name == "more") return Operation::more;
  if (name == "fewer") return Operation::fewer;
  if (name == "times") return Operation::times;
  if (name == "together") return Operation::together;
  throw UserError(concat("/operations: expected more, fewer, times or together, got \"", name, "\" (", source, ")"));
}

// One step of a case: how person i's number follows from person i-1's (and, for "together", another's).
struct Step {
  Operation operation = Operation::more;
  std::size_t other = 0;  // together: whose number is added; the given number's owner is person 0
};

struct Case {
  std::vector<std::string> sentences;  // the given one, then one a step
  std::vector<std::string> chain;      // "Marlow has 3.", "Dorwin has 3 + 4 = 7.", …
  std::set<std::int64_t> numbers;      // that are written in the sentences
  std::vector<std::int64_t> values;    // of each person
};

class LongMath final : public TaskBuilder {
 public:
  LongMath(LongMathConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
    for (const std::string& name : config_.operations) operations_.push_back(operation_of(name, source));
    if (operations_.empty()) throw UserError(concat("/operations: expected at least one, got none (", source, ")"));
    keep_questions([&](const QaItem& question) { return suits_long_math(config_, question); },
                   concat("problems of at least ", config_.min_fragments, " sentences with numbers before the one that asks"),
                   "the answer must be a number or a formula");
    if (config_.num_steps == 1) std::erase(operations_, Operation::together);  // needs two people before it
    if (operations_.empty()) throw UserError(concat("/num_steps: expected at least 2 for \"together\" alone, got 1 (", source, ")"));
  }

  std::string_view family() const override { return "reasoning"; }
  int version() const override { return 2; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t) const override {
    return draft_long_math_of_questions(config_, question, questions(), rng);
  }

  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    // Sums of random numbers pile up in the middle, and a model would learn to guess there. So the answer is drawn first, evenly,
    // and drafts are thrown away until one comes near it; a target that the operations cannot reach is drawn again.
    std::int64_t target = 0;
    for (int tries = 0; tries < kMaxDrafts; ++tries) {
      if (tries % kDraftsATarget == 0) target = rng.between(kSmallestAnswer, config_.max_value);
      std::optional<Draft> drawn = try_draft(rng, target);
      if (drawn) return drawn;
    }
    return std::nullopt;
  }

 private:
  // nullopt when numbers clash (the answer shown in the text, or a decoy case with the same answer) or the answer is far from `target`.
  std::optional<Draft> try_draft(Rng& rng, std::int64_t target) const {
    const std::size_t people_a_case = config_.num_steps + 1;
    const std::vector<std::string> people = draw_names(rng, people_a_case * (1 + config_.num_decoy_cases));
    const std::string things = kThings[rng.below(kThings.size())];
    const std::vector<Step> plan = draw_plan(rng);

    Draft draft;
    std::set<std::int64_t> shown, answers;
    std::int64_t gold = 0;
    for (int i = 0; i <= config_.num_decoy_cases; ++i) {  // the first is the gold one; the others follow the same plan
      const std::vector<std::string> owners(people.begin() + i * people_a_case, people.begin() + (i + 1) * people_a_case);
      const std::optional<Case> one = draw_case(rng, plan, owners, things);
      if (!one) return std::nullopt;
      if (i == 0) {
        gold = one->values.back();
        if (gold < kSmallestAnswer || std::abs(gold - target) > config_.max_value / kTargetShare) return std::nullopt;
      } else if (one->values.back() == gold) {
        return std::nullopt;
      }
      for (std::size_t step = one->sentences.size() - 1; step > 0; --step) {  // the last is asked first
        FollowUp asked;
        for (std::size_t k = 0; k <= step; ++k) asked.evidence.push_back(draft.sentences.size() + k);
        asked.gold_chain.assign(one->chain.begin(), one->chain.begin() + static_cast<std::ptrdiff_t>(step) + 1);
        const std::size_t wording = rng.below(static_cast<std::uint64_t>(config_.num_question_wordings));
        asked.question = fill(kLongMathQuestions[wording], {things, owners[step]});
        asked.answer = {"math", {std::to_string(one->values[step])}};
        draft.ask(std::move(asked), i == 0 && step + 1 == one->sentences.size());
      }
      draft.sentences.insert(draft.sentences.end(), one->sentences.begin(), one->sentences.end());
      shown.insert(one->numbers.begin(), one->numbers.end());
    }
    for (int i = 0; i < config_.num_noise; ++i) {
      const std::int64_t number = rng.between(2, config_.max_value);
      if (number == gold) return std::nullopt;
      draft.sentences.push_back(fill(kNoisePatterns[rng.below(kNoisePatterns.size())], {rng.pick(people), std::to_string(number)}));
      shown.insert(number);
    }
    if (shown.count(gold) > 0) return std::nullopt;  // the answer is computed, never copied
    for (const std::string& person : people) draft.keep_out.push_back(lower_words(person).front());
    draft.difficulty["num_candidates"] = config_.max_value - (kSmallestAnswer - 1) - static_cast<std::int64_t>(shown.size());
    draft.difficulty["num_steps"] = config_.num_steps;
    draft.difficulty["max_value"] = config_.max_value;
    draft.difficulty["num_decoy_cases"] = config_.num_decoy_cases;
    return draft;
  }

  std::vector<Step> draw_plan(Rng& rng) const {
    std::vector<Step> plan(config_.num_steps);
    for (std::size_t i = 0; i < plan.size(); ++i) {
      do {
        plan[i].operation = rng.pick(operations_);
      } while (plan[i].operation == Operation::together && i == 0 && operations_.size() > 1);
      if (plan[i].operation == Operation::together && i == 0) plan[i].operation = Operation::more;
      if (i > 0) plan[i].other = rng.below(i);
    }
    return plan;
  }

  // Numbers for a plan, drawn until all stay in [1, max_value].
  std::optional<Case> draw_case(Rng& rng, const std::vector<Step>& plan, const std::vector<std::string>& owners,
                                const std::string& things) const {
    for (int tries = 0; tries < kMaxTries; ++tries) {
      Case drawn;
      std::vector<std::int64_t>& values = drawn.values;
      values.push_back(rng.between(2, std::max<std::int64_t>(2, config_.max_value / 2)));
      drawn.sentences.push_back(fill(kGivenPattern, {owners[0], std::to_string(values[0]), things}));
      drawn.chain.push_back(concat(owners[0], " has ", values[0], "."));
      drawn.numbers.insert(values[0]);
      for (std::size_t i = 0; i < plan.size(); ++i) add_step(rng, plan[i], i, owners, things, drawn);
      const bool in_range = std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v >= 1 && v <= config_.max_value; });
      if (in_range && drawn.numbers.count(values.back()) == 0) return drawn;
    }
    return std::nullopt;
  }

  void add_step(Rng& rng, const Step& step, std::size_t i, const std::vector<std::string>& owners, const std::string& things,
                Case& drawn) const {
    std::vector<std::int64_t>& values = drawn.values;
    const std::string &before = owners[i], &owner = owners[i + 1];
    const std::int64_t value = values.back();
    const std::int64_t amount = rng.between(2, std::max<std::int64_t>(3, config_.max_value / 4));
    const auto done = [&](std::string sentence, char sign, std::int64_t left, std::int64_t right, std::int64_t result) {
      drawn.sentences.push_back(std::move(sentence));
      drawn.chain.push_back(concat(owner, " has ", left, " ", sign, " ", right, " = ", result, "."));
      values.push_back(result);
    };
    switch (step.operation) {
      case Operation::more:
        drawn.numbers.insert(amount);
        return done(fill(kMorePattern, {owner, std::to_string(amount), things, before}), '+', value, amount, value + amount);
      case Operation::fewer:
        drawn.numbers.insert(amount);
        return done(fill(kFewerPattern, {owner, std::to_string(amount), things, before}), '-', value, amount, value - amount);
      case Operation::times: {
        const bool twice = rng.below(2) == 0;
        const std::int64_t factor = twice ? 2 : 3;
        return done(fill(twice ? kTwicePattern : kThricePattern, {owner, things, before}), '*', value, factor, value * factor);
      }
      case Operation::together:
        return done(fill(kTogetherPattern, {owner, things, before, owners[step.other]}), '+', value, values[step.other],
                    value + values[step.other]);
    }
  }

  LongMathConfig config_;
  std::vector<Operation> operations_;
};

}  // namespace

std::unique_ptr<TaskBuilder> make_long_math(const Json& entry, const Corpus& corpus, std::string_view source) {
  LongMathConfig config;
  read_config(config, entry, source);
  return std::make_unique<LongMath>(std::move(config), corpus, source);
}

}  // namespace longbow::data
