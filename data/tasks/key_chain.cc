#include "data/tasks/key_chain.h"

#include <algorithm>
#include <set>
#include <utility>

#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

constexpr int kMinChains = 2;

// Digits and letters take turns, so a key is never a number and never a word, and no tokenizer merges parts of it.
std::string draw_key(Rng& rng, int digits) {
  std::string key;
  for (int i = 0; i < digits; ++i) key += static_cast<char>(i % 2 == 0 ? '0' + rng.below(10) : 'a' + rng.below(6));
  return key;
}

std::string draw_code(Rng& rng, int digits) {
  std::string code(1, static_cast<char>('1' + rng.below(9)));
  while (static_cast<int>(code.size()) < digits) code += static_cast<char>('0' + rng.below(10));
  return code;
}

template <class Draw>
std::vector<std::string> draw_different(std::size_t count, Draw draw) {
  std::set<std::string> seen;
  std::vector<std::string> drawn;
  for (std::size_t tries = 0; drawn.size() < count && tries < 100 * count; ++tries) {
    std::string one = draw();
    if (seen.insert(one).second) drawn.push_back(std::move(one));
  }
  return drawn;
}

class KeyChain final : public TaskBuilder {
 public:
  KeyChain(KeyChainConfig config, const Corpus& corpus) : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 3; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    const KeySource draw_keys = [&](std::size_t count) { return draw_different(count, [&] { return draw_key(rng, config_.key_digits); }); };
    return draft_key_chain_of_questions(config_, question, questions(), draw_keys, rng, limit_tokens);
  }

  std::optional<Draft> draft(Rng& rng, std::int64_t limit_tokens) const override {
    // As many as there are names for, where the knob leaves it open: a text of 512K tokens would ask for more than WordNet has.
    const auto by_length = static_cast<std::size_t>(std::max<std::int64_t>(kMinChains, 4 * limit_tokens / 1024));
    const std::size_t num_chains =
        config_.num_chains > 0 ? config_.num_chains : std::min(by_length, corpus().names(settings().split).size());
    const std::size_t length = config_.keys_per_chain;
    const std::vector<std::string> people = draw_names(rng, num_chains);
    const std::vector<std::string> keys = draw_different(num_chains * length, [&] { return draw_key(rng, config_.key_digits); });
    const std::vector<std::string> codes = draw_different(num_chains, [&] { return draw_code(rng, config_.code_digits); });
    if (keys.size() < num_chains * length || codes.size() < num_chains) return std::nullopt;

    Draft draft;
    const std::string_view question = kKeyChainQuestions[rng.below(static_cast<std::uint64_t>(config_.num_question_wordings))];
    for (std::size_t chain = 0; chain < num_chains; ++chain) {  // the first is the gold one
      FollowUp asked;
      const auto add = [&](std::string sentence) {
        asked.evidence.push_back(draft.sentences.size());
        asked.gold_chain.push_back(sentence);
        draft.sentences.push_back(std::move(sentence));
      };
      const auto key = [&](std::size_t i) -> const std::string& { return keys[chain * length + i]; };
      for (std::size_t i = 0; i + 1 < length; ++i) add(fill(kPairPatterns[rng.below(config_.num_phrasings)], {key(i), key(i + 1)}));
      add(fill(kHiddenQuestionPatterns[rng.below(kHiddenQuestionPatterns.size())], {key(length - 1), people[chain]}));
      add(fill(kCodePattern, {people[chain], codes[chain]}));
      asked.question = fill(question, {key(0)});
      asked.answer = {"key_code", {codes[chain]}};
      draft.ask(std::move(asked), chain == 0);
    }
    for (const std::string& person : people) draft.keep_out.push_back(lower_words(person).front());
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(num_chains);
    draft.difficulty["keys_per_chain"] = config_.keys_per_chain;
    draft.difficulty["key_digits"] = config_.key_digits;
    draft.difficulty["code_digits"] = config_.code_digits;
    return draft;
  }

 private:
  KeyChainConfig config_;
};

}  // namespace

std::unique_ptr<TaskBuilder> make_key_chain(const Json& entry, const Corpus& corpus, std::string_view source) {
  KeyChainConfig config;
  read_config(config, entry, source);
  return std::make_unique<KeyChain>(std::move(config), corpus);
}

}  // namespace longbow::data
