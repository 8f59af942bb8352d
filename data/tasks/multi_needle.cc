#include "data/tasks/multi_needle.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "data/tasks/other_paragraphs.h"
#include "data/tasks/phrase.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr std::array kOrdinals = {"first",   "second", "third", "fourth", "fifth",    "sixth",
                                  "seventh", "eighth", "ninth", "tenth",  "eleventh", "twelfth"};
constexpr std::size_t kHeadBytes = 48;  // about what a request takes of a turn
constexpr int kMaxTries = 1000;         // draws of a text or code that differs from those before
constexpr double kBytesPerToken = 2.5;  // fewer than tokenizers need, so that what is planned fits

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
    if (questions().empty()) return;
    titled_texts_ = std::make_unique<const TitledTexts>(questions());
    const auto least = static_cast<std::size_t>(config_.min_same);
    keep_questions(
        [&](const QaItem& question) {
          return std::any_of(question.paragraphs.begin(), question.paragraphs.end(),
                             [&](const QaParagraph& one) { return !titled_texts_->under(quotable(one.title), least).empty(); });
        },
        concat("titles with ", least, " paragraphs or sentences under them"), "lower min_same and max_same");
  }

  std::string_view family() const override { return "retrieval"; }
  int version() const override { return 1; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    const auto num_same = static_cast<std::size_t>(rng.between(config_.min_same, config_.max_same));
    const std::string form = kForms[rng.below(kForms.size())], topic = rng.pick(topics_);
    std::set<std::string> bodies;  // the asked one differs from all others
    for (int tries = 0; bodies.size() < num_same; ++tries) {
      if (tries > kMaxTries) return std::nullopt;
      bodies.insert(draw_body(rng));
    }
    std::vector<std::string> texts(bodies.begin(), bodies.end());
    rng.shuffle(texts);
    std::vector<std::pair<std::string, std::string>> near;
    for (int i = 0; i < config_.num_near; ++i) {
      std::string other_form = form, other_topic = topic;
      if (i % 2 == 0) {
        while (other_form == form) other_form = kForms[rng.below(kForms.size())];
      } else {
        while (other_topic == topic) other_topic = rng.pick(topics_);
      }
      near.emplace_back(fill(kNamedThing, {other_form, other_topic}), draw_body(rng));
    }
    return converse(rng, fill(kNamedThing, {form, topic}), texts, near, nullptr);
  }

  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    const auto wanted = static_cast<std::size_t>(rng.between(config_.min_same, config_.max_same));
    if (question.paragraphs.empty()) return std::nullopt;
    const std::string title = quotable(rng.pick(question.paragraphs).title);
    std::vector<std::string> texts = titled_texts_->under(title, wanted);
    if (texts.empty()) return std::nullopt;
    rng.shuffle(texts);
    texts.resize(wanted);
    std::size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size() + kHeadBytes;
    if (static_cast<double>(bytes) > kBytesPerToken * static_cast<double>(limit_tokens)) return std::nullopt;
    const auto others = std::make_shared<OtherParagraphs>(questions_of_split(), [title](const QaParagraph& other) {
      return !one_line(other.title).empty() && quotable(other.title) != title;
    });
    std::optional<Draft> draft = converse(rng, fill(kTitledThing, {title}), texts, {}, others);
    if (draft) note_question(*draft, question, wanted);
    return draft;
  }

 private:
  // The conversation in which `texts` answer requests for `thing`, in this order, and one of them is asked for. `near`: other turns, each
  // a thing and a text. `others`: filler from the user's paragraphs, as far as they reach.
  std::optional<Draft> converse(Rng& rng, const std::string& thing, const std::vector<std::string>& texts,
                                const std::vector<std::pair<std::string, std::string>>& near,
                                const std::shared_ptr<OtherParagraphs>& others) const {
    const std::size_t asked = rng.below(texts.size());
    const std::string speaker = draw_names(rng, 1).front();
    std::set<std::string> codes;
    while (codes.size() < texts.size() + near.size()) {
      if (!draw_code(rng, codes)) return std::nullopt;
    }
    std::vector<std::string> shuffled_codes(codes.begin(), codes.end());
    rng.shuffle(shuffled_codes);

    Draft draft;
    draft.separator = kTurnBreak;
    draft.ordered.emplace_back();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      draft.ordered.back().push_back(i);
      draft.sentences.push_back(turn(rng, speaker, thing, texts[i], shuffled_codes[i]));
    }
    for (std::size_t i = 0; i < near.size(); ++i)
      draft.sentences.push_back(turn(rng, speaker, near[i].first, near[i].second, shuffled_codes[texts.size() + i]));
    draft.filler_unit = [this, speaker, thing, codes, others](const FillerDealer& deal, std::size_t room, Rng& rng) {
      std::string code;
      do {
        code = random_code(rng);
      } while (codes.count(code) > 0);
      if (others) {
        if (const auto other = others->deal(room, rng))
          return turn(rng, speaker, fill(kTitledThing, {quotable(other->title)}), other->text, code);
      }
      return other_turn(rng, deal, room, speaker, thing, code);
    };

    draft.evidence = {asked};
    const std::string which = ordinal(static_cast<std::int64_t>(asked) + 1);
    if (config_.answer == NeedleAnswer::code) {
      draft.question = say_of_thing(kCodeQuestions[rng.below(kCodeQuestions.size())], {which}, thing);
      draft.answer = {"exact_match", {shuffled_codes[asked]}};
      for (std::size_t i = 0; i <= asked; ++i) draft.gold_chain.push_back(reference_step(i + 1, thing, shuffled_codes[i]));
    } else {
      const std::string prefix = draw_prefix(rng, config_.prefix_letters);
      draft.question = say_of_thing(kTextQuestions[rng.below(kTextQuestions.size())], {which, prefix}, thing);
      draft.answer = {"sequence_ratio", {prefix + " " + texts[asked]}};
      draft.answer.params["prefix"] = prefix;
      draft.gold_chain = {draft.sentences[asked]};
    }
    draft.keep_out = lower_words(speaker);
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(texts.size());
    draft.difficulty["asked"] = static_cast<std::int64_t>(asked) + 1;
    draft.difficulty["num_near"] = static_cast<std::int64_t>(near.size());
    return draft;
  }

  // Adds one that differs from all before; false when there are hardly any left.
  bool draw_code(Rng& rng, std::set<std::string>& codes) const {
    for (int tries = 0; tries < kMaxTries; ++tries) {
      if (codes.insert(random_code(rng)).second) return true;
    }
    return false;
  }
  std::string random_code(Rng& rng) const {
    std::string code(1, static_cast<char>('1' + rng.below(9)));
    while (static_cast<int>(code.size()) < config_.code_digits) code += static_cast<char>('0' + rng.below(10));
    return code;
  }

  std::string draw_body(Rng& rng) const {
    std::string body;
    for (std::uint64_t left = 1 + rng.below(config_.body_sentences); left > 0; --left)
      body += (body.empty() ? "" : " ") + rng.pick(corpus().filler());
    return body;
  }

  // Where turns have codes, one stands before or after the text.
  std::string turn(Rng& rng, const std::string& speaker, std::string_view thing, const std::string& text, const std::string& code) const {
    std::string reply = text;
    if (config_.answer == NeedleAnswer::code) {
      const std::string reference = fill(kReferencePattern, {code});
      reply = rng.below(2) == 0 ? reference + " " + text : text + " " + reference;
    }
    return concat(speaker, ": ", say_of_thing(kRequests[rng.below(config_.num_request_wordings)], {}, thing), kReplyMark, reply);
  }

  // A turn of the filler: another thing, like the others in all else.
  std::string other_turn(Rng& rng, const FillerDealer& deal, std::size_t room, const std::string& speaker, const std::string& thing,
                         const std::string& code) const {
    std::string other = thing;
    while (other == thing) other = fill(kNamedThing, {kForms[rng.below(kForms.size())], rng.pick(topics_)});
    std::string text;
    for (std::uint64_t left = 1 + rng.below(config_.body_sentences); left > 0; --left) {
      if (!text.empty() && kHeadBytes + text.size() >= room) break;
      const std::string* sentence = deal();
      if (sentence == nullptr) return "";
      text += (text.empty() ? "" : " ") + *sentence;
    }
    return turn(rng, speaker, other, text, code);
  }

  MultiNeedleConfig config_;
  std::vector<std::string> topics_;
  std::unique_ptr<const TitledTexts> titled_texts_;  // of the user's questions; null without
};

std::string with_thing(std::string_view pattern, std::string_view thing) {
  const std::size_t at = pattern.find('@');
  return concat(pattern.substr(0, at), thing, pattern.substr(at + 1));
}

}  // namespace

std::string say_of_thing(std::string_view pattern, const std::vector<std::string_view>& words, std::string_view thing) {
  const std::size_t at = pattern.find('@');
  std::size_t before = 0;  // blanks left of the thing
  for (std::size_t blank = pattern.find("{}"); blank < at; blank = pattern.find("{}", blank + 2)) ++before;
  const auto middle = words.begin() + static_cast<std::ptrdiff_t>(std::min(before, words.size()));
  return concat(fill(pattern.substr(0, at), {words.begin(), middle}), thing, fill(pattern.substr(at + 1), {middle, words.end()}));
}

std::optional<HeardThing> hear_of_thing(std::string_view text, std::string_view pattern) {
  const std::size_t at = pattern.find('@');
  std::size_t before = 0;
  for (std::size_t blank = pattern.find("{}"); blank < at; blank = pattern.find("{}", blank + 2)) ++before;
  const auto heard = [&](const std::vector<std::string_view>& words, std::size_t of_thing, std::string thing) {
    HeardThing result{{}, std::move(thing)};
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (i < before || i >= before + of_thing) result.words.emplace_back(words[i]);
    }
    return result;
  };
  if (const auto words = match(text, with_thing(pattern, kNamedThing)))
    return heard(*words, 2, fill(kNamedThing, {(*words)[before], (*words)[before + 1]}));
  // A title is any number of words: one word takes its place between the quotes.
  const std::size_t open = text.find('"'), close = text.rfind('"');
  if (open == std::string_view::npos || close == open) return std::nullopt;
  const std::string shortened = concat(text.substr(0, open + 1), "title", text.substr(close));
  const auto words = match(shortened, with_thing(pattern, kTitledThing));
  if (!words) return std::nullopt;
  return heard(*words, 1, fill(kTitledThing, {text.substr(open + 1, close - open - 1)}));
}

std::string reference_step(std::size_t number, std::string_view thing, std::string_view code) {
  return say_of_thing(kReferenceStep, {ordinal(static_cast<std::int64_t>(number)), code}, thing);
}

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
