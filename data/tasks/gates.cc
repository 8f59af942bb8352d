#include "data/tasks/gates.h"

#include <algorithm>

namespace longbow::data {
namespace {

std::string same_spans(const std::vector<EvidenceSpan>& stored, const std::vector<EvidenceSpan>& found) {
  if (stored.size() != found.size()) return concat("expected ", stored.size(), " evidence spans in the text, got ", found.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (stored[i].start != found[i].start || stored[i].end != found[i].end) {
      return concat("expected evidence ", i, " at bytes ", stored[i].start, "-", stored[i].end, ", got ", found[i].start, "-",
                    found[i].end);
    }
  }
  return "";
}

std::int64_t integer_or(const Json& object, std::string_view key, std::int64_t fallback) {
  const Json* found = object.find(key);
  return found != nullptr && found->is_integer() ? found->as_integer() : fallback;
}

// An item without a stored length was built without a tokenizer.
std::string length_problem(const Item& item, const TokenCounter& count_tokens) {
  if (item.num_tokens == 0 || !count_tokens) return "";
  const std::int64_t counted = count_tokens(item.messages.back().content);
  return counted == item.num_tokens ? "" : concat("expected num_tokens ", item.num_tokens, ", got ", counted, " from the tokenizer");
}

std::string construction_problem(const Item& item, const Reading& reading, const TokenCounter& count_tokens) {
  if (!reading.problem.empty()) return reading.problem;
  const std::string& content = item.messages.back().content;
  if (item.messages.back().role != "user") return "the last message is not the user's";
  const auto parts = split_message(content);
  if (!parts || parts->question != item.question) return "the message does not end in the stored question";
  if (reading.answers.empty()) return "the text gives no answer";
  if (std::string problem = same_spans(item.evidence, reading.evidence); !problem.empty()) return problem;
  if (item.gold_chain != reading.gold_chain) return "the gold chain is not what the text gives";
  const std::int64_t stated = integer_or(item.difficulty, "num_candidates", -1),
                     counted = static_cast<std::int64_t>(reading.guesses.size());
  if (stated != counted || counted < 2) return concat("expected num_candidates ", stated, " (at least 2), got ", counted, " in the text");

  const Json* split = item.difficulty.find("split");
  for (const std::string& name : reading.entities) {
    if (split == nullptr || !split->is_string() || name_of(split_of(name)) != split->as_string())
      return concat(name, " is a name of another split");
  }
  if (item.num_tokens == 0) return "";  // built without a tokenizer
  const std::int64_t limit = integer_or(item.difficulty, "limit_tokens", -1);
  if (item.num_tokens > limit || item.num_tokens < limit - length_slack(limit))
    return concat("expected at most 2% below ", limit, " tokens, got ", item.num_tokens);
  if (item.length_bin != length_bin(item.num_tokens))
    return concat("expected length_bin ", length_bin(item.num_tokens), ", got ", item.length_bin);
  return length_problem(item, count_tokens);
}

std::string oracle_problem(const Item& item, const Reading& reading, const CompletionScorer& score) {
  const std::string& gold = item.answer.answers.front();
  if (reading.oracle_answer != gold) return concat("expected \"", gold, "\" from the gold chain, got \"", reading.oracle_answer, "\"");
  if (!score) return "";
  const std::string completion = sft_answer(item);
  const double value = score(item, completion);
  return value == 1.0 ? "" : concat("expected score 1 for \"", completion, "\", got ", value);
}

std::string uniqueness_problem(const Item& item, const Reading& reading) {
  const std::string& gold = item.answer.answers.front();
  if (reading.answers.size() == 1 && reading.answers.front() == gold) return "";
  std::string all;
  for (const std::string& answer : reading.answers) all += (all.empty() ? "" : ", ") + answer;
  return concat("expected the answer ", gold, " alone, got ", all);
}

}  // namespace

std::string_view name_of(Gate gate) {
  switch (gate) {
    case Gate::construction:
      return "construction";
    case Gate::bots:
      return "bots";
    case Gate::oracle:
      return "oracle";
    case Gate::uniqueness:
      return "uniqueness";
    case Gate::decontamination:
      return "decontamination";
    case Gate::pass_band:
      return "pass_band";
  }
  return "";
}

std::optional<GateFailure> GateKeeper::judge(const Item& item, const Reading& reading) const {
  if (std::string problem = construction_problem(item, reading, count_tokens); !problem.empty())
    return GateFailure{Gate::construction, std::move(problem)};
  if (std::string problem = oracle_problem(item, reading, score); !problem.empty()) return GateFailure{Gate::oracle, std::move(problem)};
  if (std::string problem = uniqueness_problem(item, reading); !problem.empty()) return GateFailure{Gate::uniqueness, std::move(problem)};
  return contaminated(item);
}

std::optional<GateFailure> GateKeeper::judge_foreign(const Item& item, const Reading& reading) const {
  if (!reading.problem.empty()) return GateFailure{Gate::construction, reading.problem};
  if (std::string problem = length_problem(item, count_tokens); !problem.empty())
    return GateFailure{Gate::construction, std::move(problem)};
  const std::string completion = concat("The answer is ", item.answer.answers.front(), ".");
  if (const double value = score ? score(item, completion) : 1.0; value != 1.0)
    return GateFailure{Gate::oracle, concat("expected score 1 for \"", completion, "\", got ", value)};
  return contaminated(item);
}

std::optional<GateFailure> GateKeeper::contaminated(const Item& item) const {
  const std::string run = contamination.shared_with(item.messages.back().content);
  if (run.empty()) return std::nullopt;
  return GateFailure{Gate::decontamination, concat("13 words of a named file: \"", run, "\"")};
}

}  // namespace longbow::data
