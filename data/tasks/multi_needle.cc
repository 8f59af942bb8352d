#include "data/tasks/multi_needle.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

constexpr std::array kOrdinals = {"first",   "second", "third", "fourth", "fifth",    "sixth",
                                  "seventh", "eighth", "ninth", "tenth",  "eleventh", "twelfth"};
constexpr std::size_t kHeadBytes = 48;  // about what a request takes of a turn

// Letters and digits that no tokenizer and no text takes for a word.
std::string draw_prefix(Rng& rng, int length) {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ", kDigits = "23456789";
  std::string prefix;
  for (int i = 0; i < length; ++i) prefix += i % 2 == 0 ? kLetters[rng.below(kLetters.size())] : kDigits[rng.below(kDigits.size())];
  return prefix;
}

class MultiNeedle final : public TaskBuilder {
 public:
  MultiNeedle(MultiNeedleConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
    if (config_.min_same > config_.max_same) {
      throw UserError(concat("/min_same: expected at most max_same = ", config_.max_same, ", got ", config_.min_same, " (", source, ")"));
    }
    for (const Category& category : corpus.categories()) topics_.insert(topics_.end(), category.members.begin(), category.members.end());
  }

  std::string_view family() const override { return "retrieval"; }
  int version() const override { return 1; }
  Json resolved() const override { return config_to_json(config_); }

 protected:
  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    const auto num_same = static_cast<std::size_t>(rng.between(config_.min_same, config_.max_same));
    const std::size_t asked = rng.below(num_same);
    const std::string speaker = draw_names(rng, 1).front();
    const std::string form = kForms[rng.below(kForms.size())], topic = rng.pick(topics_);

    Draft draft;
    draft.separator = kTurnBreak;
    std::set<std::string> codes, bodies;
    std::vector<std::string> replies;
    draft.ordered.emplace_back();
    while (replies.size() < num_same) {
      std::optional<std::string> code = draw_code(rng, codes);
      if (!code) return std::nullopt;
      std::string body = draw_body(rng, *code);
      if (!bodies.insert(body).second) continue;  // the asked one differs from all others
      draft.ordered.back().push_back(draft.sentences.size());
      draft.sentences.push_back(turn(rng, speaker, form, topic, body));
      replies.push_back(config_.answer == NeedleAnswer::code ? *code : std::move(body));
    }
    for (int i = 0; i < config_.num_near; ++i) {
      const std::optional<std::string> code = draw_code(rng, codes);
      if (!code) return std::nullopt;
      std::string other_form = form, other_topic = topic;
      if (i % 2 == 0) {
        while (other_form == form) other_form = kForms[rng.below(kForms.size())];
      } else {
        while (other_topic == topic) other_topic = rng.pick(topics_);
      }
      draft.sentences.push_back(turn(rng, speaker, other_form, other_topic, draw_body(rng, *code)));
    }
    draft.filler_unit = [this, speaker, form, topic, codes](const FillerDealer& deal, std::size_t room, Rng& rng) {
      return other_turn(rng, deal, room, speaker, form, topic, codes);
    };

    draft.evidence = {asked};
    const std::string which = ordinal(static_cast<std::int64_t>(asked) + 1);
    if (config_.answer == NeedleAnswer::code) {
      draft.question = fill(kCodeQuestions[rng.below(kCodeQuestions.size())], {which, form, topic});
      draft.answer = {"exact_match", {replies[asked]}};
      for (std::size_t i = 0; i <= asked; ++i) {
        draft.gold_chain.push_back(concat("The ", ordinal(static_cast<std::int64_t>(i) + 1), " ", form, " about the ", topic,
                                          " has the reference ", replies[i], "."));
      }
    } else {
      const std::string prefix = draw_prefix(rng, config_.prefix_letters);
      draft.question = fill(kTextQuestions[rng.below(kTextQuestions.size())], {which, form, topic, prefix});
      draft.answer = {"sequence_ratio", {prefix + " " + replies[asked]}};
      draft.answer.params["prefix"] = prefix;
      draft.gold_chain = {draft.sentences[asked]};
    }
    draft.keep_out = lower_words(speaker);
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(num_same);
    draft.difficulty["asked"] = static_cast<std::int64_t>(asked) + 1;
    draft.difficulty["num_near"] = config_.num_near;
    return draft;
  }

 private:
  // Different from all codes before; nullopt when there are hardly any left.
  std::optional<std::string> draw_code(Rng& rng, std::set<std::string>& codes) const {
    for (int tries = 0; tries < 1000; ++tries) {
      std::string code = random_code(rng);
      if (codes.insert(code).second) return code;
    }
    return std::nullopt;
  }
  std::string random_code(Rng& rng) const {
    std::string code(1, static_cast<char>('1' + rng.below(9)));
    while (static_cast<int>(code.size()) < config_.code_digits) code += static_cast<char>('0' + rng.below(10));
    return code;
  }

  std::string draw_body(Rng& rng, const std::string& code) const {
    std::vector<std::string> sentences(1 + rng.below(config_.body_sentences));
    for (std::string& sentence : sentences) sentence = rng.pick(corpus().filler());
    return join(rng, std::move(sentences), code);
  }
  // A code stands anywhere in its body.
  std::string join(Rng& rng, std::vector<std::string> sentences, const std::string& code) const {
    if (config_.answer == NeedleAnswer::code) {
      sentences.insert(sentences.begin() + static_cast<std::ptrdiff_t>(rng.below(sentences.size() + 1)), fill(kReferencePattern, {code}));
    }
    std::string body;
    for (const std::string& sentence : sentences) body += (body.empty() ? "" : " ") + sentence;
    return body;
  }
  std::string turn(Rng& rng, const std::string& speaker, std::string_view form, std::string_view topic, const std::string& body) const {
    const char* request = kRequestPatterns[rng.below(config_.num_request_wordings)];
    return concat(speaker, ": ", fill(request, {form, topic}), kReplyMark, body);
  }

  // A turn of the filler: another form or topic, like the others in all else.
  std::string other_turn(Rng& rng, const FillerDealer& deal, std::size_t room, const std::string& speaker, std::string_view form,
                         std::string_view topic, const std::set<std::string>& codes) const {
    std::string_view other_form, other_topic;
    do {
      other_form = kForms[rng.below(kForms.size())];
      other_topic = rng.pick(topics_);
    } while (other_form == form && other_topic == topic);
    std::vector<std::string> sentences;
    std::size_t bytes = kHeadBytes;
    const std::size_t count = 1 + rng.below(config_.body_sentences);
    while (sentences.empty() || (sentences.size() < count && bytes < room)) {
      const std::string* sentence = deal();
      if (sentence == nullptr) return "";
      sentences.push_back(*sentence);
      bytes += sentence->size();
    }
    std::string code;
    do {
      code = random_code(rng);
    } while (codes.count(code) > 0);
    return turn(rng, speaker, other_form, other_topic, join(rng, std::move(sentences), code));
  }

  MultiNeedleConfig config_;
  std::vector<std::string> topics_;
};

}  // namespace

std::string ordinal(std::int64_t number) {
  if (number >= 1 && number <= static_cast<std::int64_t>(kOrdinals.size())) return kOrdinals[static_cast<std::size_t>(number) - 1];
  const std::int64_t last = number % 10;
  const bool is_teen = number % 100 >= 11 && number % 100 <= 13;
  return concat(number, is_teen || last == 0 || last > 3 ? "th" : last == 1 ? "st" : last == 2 ? "nd" : "rd");
}

std::int64_t number_of_ordinal(std::string_view text) {
  std::int64_t number = 0;
  const auto word = std::find(kOrdinals.begin(), kOrdinals.end(), text);
  if (word != kOrdinals.end()) {
    number = word - kOrdinals.begin() + 1;
  } else {
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return number > 0 && ordinal(number) == text ? number : 0;
}

std::unique_ptr<TaskBuilder> make_multi_needle(const Json& entry, const Corpus& corpus, std::string_view source) {
  MultiNeedleConfig config;
  read_config(config, entry, source);
  return std::make_unique<MultiNeedle>(std::move(config), corpus, source);
}

}  // namespace longbow::data
