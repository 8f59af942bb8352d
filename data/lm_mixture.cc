#include "data/lm_mixture.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "core/config.h"
#include "core/did_you_mean.h"
#include "core/random.h"
#include "data/sources.h"
#include "data/tasks/key_chain.h"
#include "data/tasks/phrase.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {
namespace {

constexpr std::int64_t kNoLimit = std::int64_t{1} << 40;  // tokens
constexpr int kMaxDraws = 100;                            // of an item that does not fit the context
constexpr int kFormSamples = 64;                          // answers that are read to find the words they share
constexpr std::uint64_t kFormSeed = 0;
constexpr double kFormShare = 0.5;  // of the answers hold a word of their form

using Maker = std::function<LmDocument(Rng& rng, std::uint64_t seed, std::int64_t index)>;

struct RecallKnobs {
  std::int64_t min_needles = 2;
  std::int64_t max_needles = 3;
  std::int64_t code_digits = 4;
  bool brief = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("min_needles", min_needles, {.help = "Fewest sentences to be recalled.", .min = 1, .max = 1000});
    v.field("max_needles", max_needles, {.help = "Most sentences to be recalled; all are asked for.", .min = 1, .max = 1000});
    v.field("code_digits", code_digits, {.help = "Digits of a code.", .min = 1, .max = 12});
    v.field("brief", brief, {.help = "Answer with the code alone: every answer token is then one to be copied."});
  }
};

struct ItemsKnobs {
  std::vector<std::string> path;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("path", path, {.help = "Data set files or folders.", .required = true});
  }
};

struct FactsKnobs {
  int num_categories = 20;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("num_categories", num_categories, {.help = "Categories whose members are told.", .min = 1, .max = 20});
  }
};

struct NoKnobs {
  template <class Visitor>
  void visit(Visitor&) {}
};

template <class Knobs>
Knobs read_knobs(const MixturePart& part) {
  Knobs knobs;
  read_config(knobs, part.knobs, "mixture kind " + part.kind);
  return knobs;
}

/// Sentences in random order until the document is full.
LmDocument running_text(const LmMaterial& material, const std::vector<std::string>& sentences, std::int64_t context_tokens, Rng& rng) {
  LmDocument document;
  document.append({material.tokenizer.bos_id()}, TargetKind::ignored);
  while (static_cast<std::int64_t>(document.tokens.size()) <= context_tokens) {
    document.append(material.tokenizer.encode(rng.pick(sentences) + " "), TargetKind::text);
  }
  document.tokens.resize(context_tokens + 1);
  document.kinds.resize(context_tokens + 1);
  return document;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

bool has_digit(const std::string& word) {
  return std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The words that most of `answers` share. Learning them is easy and many; weighed alike they drown the few that must be looked up.
std::set<std::string> form_words(const std::vector<std::string>& answers) {
  std::map<std::string, int> holders;
  for (const std::string& answer : answers) {
    const std::vector<std::string> words = words_of(answer);
    for (const std::string& word : std::set<std::string>(words.begin(), words.end())) ++holders[word];
  }
  std::set<std::string> form;
  for (const auto& [word, count] : holders) {
    if (count > kFormShare * static_cast<double>(answers.size()) && !has_digit(word)) form.insert(word);
  }
  return form;
}

/// A question and its answer, as a turn of a conversation.
struct Turn {
  std::string question;
  std::string answer;
};

/// The answer's tokens and the end of the turn. The beginning of a word that must be looked up decides which one it is; the rest is
/// copied from there. A tokenizer that joins words leaves nothing to tell form by: all counts as answer.
void append_answer(LmDocument& document, const LmMaterial& material, const std::string& answer, const std::set<std::string>& form) {
  LmDocument by_word;
  for (const std::string& word : words_of(answer)) {
    const bool is_form = form.count(word) > 0;
    TargetKind kind = is_form ? TargetKind::form : TargetKind::answer;
    for (const std::int32_t token : material.tokenizer.encode(by_word.tokens.empty() ? word : " " + word)) {
      by_word.append({token}, kind);
      const bool decided = material.tokenizer.decode({token}) != " ";  // a space of its own decides nothing yet
      if (!is_form && decided) kind = TargetKind::copied;
    }
  }
  const std::vector<std::int32_t> tokens = material.tokenizer.encode(answer);
  if (by_word.tokens != tokens) by_word.kinds.assign(tokens.size(), TargetKind::answer);
  document.tokens.insert(document.tokens.end(), tokens.begin(), tokens.end());
  document.kinds.insert(document.kinds.end(), by_word.kinds.begin(), by_word.kinds.end());
  document.append({material.tokenizer.eos_id()}, TargetKind::form);
}

/// The prompt, the answer, and as many further turns as fit `context_tokens`; the prompt alone may already be too long.
LmDocument conversation(const LmMaterial& material, const std::vector<Message>& messages, const std::string& answer,
                        const std::vector<Turn>& further, const std::set<std::string>& form, std::int64_t context_tokens) {
  LmDocument document;
  document.append(material.tokenizer.encode(material.chat_template.render(messages, true)), TargetKind::text);
  append_answer(document, material, answer, form);
  for (const Turn& turn : further) {
    // The template's rendering of one more exchange, without the beginning of a conversation.
    LmDocument next;
    next.append(material.tokenizer.encode(concat("\n<|user|>\nQuestion: ", turn.question, "<|end|>\n<|assistant|>\n")),
                TargetKind::ignored);
    append_answer(next, material, turn.answer, form);
    if (document.tokens.size() + next.tokens.size() > static_cast<std::size_t>(context_tokens) + 1) break;
    document.tokens.insert(document.tokens.end(), next.tokens.begin(), next.tokens.end());
    document.kinds.insert(document.kinds.end(), next.kinds.begin(), next.kinds.end());
  }
  return document;
}

std::string digits(Rng& rng, std::int64_t count) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) text += static_cast<char>('0' + rng.below(10));
  return text;
}

/// One document with as many definitions as fit around the needles, and a turn for each needle.
LmDocument recall(const LmMaterial& material, const RecallKnobs& knobs, std::int64_t context_tokens, Rng& rng) {
  std::vector<std::string> sentences;
  std::vector<Turn> turns;
  for (std::int64_t i = rng.between(knobs.min_needles, std::max(knobs.min_needles, knobs.max_needles)); i > 0; --i) {
    const std::string name = rng.pick(material.corpus.names(Split::train));
    const std::string code = digits(rng, knobs.code_digits);
    sentences.push_back(fill(kCodePattern, {name, code}));
    turns.push_back(
        {concat("What is the code of ", name, "?"), knobs.brief ? code + "." : concat(sentences.back(), " The answer is ", code, ".")});
  }
  rng.shuffle(turns);
  const std::vector<Turn> further(turns.begin() + 1, turns.end());
  const auto build = [&] {
    std::string context;
    for (const std::string& sentence : sentences) context += (context.empty() ? "" : " ") + sentence;
    return conversation(material, {{"user", concat(context, "\n\nQuestion: ", turns[0].question)}}, turns[0].answer, further, {}, kNoLimit);
  };
  std::int64_t room = context_tokens + 1 - static_cast<std::int64_t>(build().tokens.size());
  for (int tries = 0; tries < 3;) {
    const std::string& filler = rng.pick(material.corpus.filler());
    const auto length = static_cast<std::int64_t>(material.tokenizer.encode(" " + filler).size());
    if (length > room) {
      ++tries;
      continue;
    }
    sentences.insert(sentences.begin() + static_cast<std::ptrdiff_t>(rng.below(sentences.size() + 1)), filler);
    room -= length;
  }
  return build();
}

}  // namespace

struct LmMixture::State {
  LmMaterial material;  // references; makers point here
  std::int64_t context_tokens = 0;
  std::vector<Maker> makers = {};
  std::vector<double> cumulative = {};

  Maker task_maker(const MixturePart& part) const;
  Maker items_maker(const MixturePart& part) const;
  Maker make(const MixturePart& part) const;
};

Maker LmMixture::State::task_maker(const MixturePart& part) const {
  Json entry = part.knobs;
  entry["task"] = part.kind;
  if (entry.find("max_tokens") == nullptr) entry["max_tokens"] = context_tokens * 4 / 5;  // leaves room for the answer
  std::shared_ptr<TaskBuilder> builder = make_builder(entry, material.corpus, "mixture kind " + part.kind);
  const TokenCounter count = [this](std::string_view content) {
    return static_cast<std::int64_t>(
        material.tokenizer.encode(material.chat_template.render({{"user", std::string(content)}}, true)).size());
  };
  std::vector<std::string> samples;
  for (std::int64_t i = 0; i < kFormSamples; ++i) {
    if (const auto item = builder->build(kFormSeed, i, count)) samples.push_back(sft_answer(*item));
  }
  return [=, this, form = form_words(samples), outright_share = part.outright_share](Rng& rng, std::uint64_t seed, std::int64_t index) {
    const auto answer = [&](const Item& item) { return rng.uniform() < outright_share ? outright_answer(item) : sft_answer(item); };
    for (int draw = 0; draw < kMaxDraws; ++draw) {
      const std::vector<Item> items = builder->build_with_follow_ups(seed, index * kMaxDraws + draw, count);
      if (items.empty()) continue;
      std::vector<Turn> further;
      for (std::size_t i = 1; i < items.size(); ++i) further.push_back({items[i].question, answer(items[i])});
      LmDocument document = conversation(material, items[0].messages, answer(items[0]), further, form, context_tokens);
      if (static_cast<std::int64_t>(document.tokens.size()) <= context_tokens + 1) return document;
    }
    throw UserError(
        concat("mixture kind ", part.kind, ": expected items of at most ", context_tokens, " tokens, got none in ", kMaxDraws, " draws"),
        "lower its knobs (max_tokens, distractors) or raise the stage's context_tokens");
  };
}

Maker LmMixture::State::items_maker(const MixturePart& part) const {
  auto items = std::make_shared<std::vector<Item>>(load_items(read_knobs<ItemsKnobs>(part).path, {}));
  auto documents = std::make_shared<std::vector<LmDocument>>();
  std::vector<std::string> samples;
  for (const Item& item : *items) samples.push_back(sft_answer(item));
  const std::set<std::string> form = form_words(samples);
  for (const Item& item : *items) {
    LmDocument document = conversation(material, item.messages, sft_answer(item), {}, form, context_tokens);
    if (static_cast<std::int64_t>(document.tokens.size()) <= context_tokens + 1) documents->push_back(std::move(document));
  }
  if (documents->empty()) throw UserError(concat("mixture kind items: expected an item of at most ", context_tokens, " tokens, got none"));
  return [documents](Rng& rng, std::uint64_t, std::int64_t) { return rng.pick(*documents); };
}

Maker LmMixture::State::make(const MixturePart& part) const {
  const std::int64_t context = context_tokens;
  const std::vector<std::string> tasks = task_names();
  const bool is_task = std::find(tasks.begin(), tasks.end(), part.kind) != tasks.end();
  if (part.outright_share > 0 && !is_task) {
    throw UserError(concat("mixture kind ", part.kind, ": expected no outright_share, which is for tasks, got ", part.outright_share));
  }
  if (part.kind == "text") {
    read_knobs<NoKnobs>(part);
    return
        [this, context](Rng& rng, std::uint64_t, std::int64_t) { return running_text(material, material.corpus.filler(), context, rng); };
  }
  if (part.kind == "facts") {
    const auto facts = material.corpus.is_a_sentences(read_knobs<FactsKnobs>(part).num_categories);
    return [this, context, facts](Rng& rng, std::uint64_t, std::int64_t) { return running_text(material, facts, context, rng); };
  }
  if (part.kind == "recall") {
    const auto knobs = read_knobs<RecallKnobs>(part);
    return [this, knobs, context](Rng& rng, std::uint64_t, std::int64_t) { return recall(material, knobs, context, rng); };
  }
  if (part.kind == "items") return items_maker(part);
  if (is_task) return task_maker(part);
  std::vector<std::string> known = tasks;
  known.insert(known.end(), {"text", "facts", "recall", "items"});
  throw UserError(concat("mixture: expected a kind of document, got '", part.kind, "'", did_you_mean(part.kind, known)));
}

LmMixture::LmMixture(const LmMaterial& material, const std::vector<MixturePart>& parts, std::int64_t context_tokens)
    : state_(new State{material, context_tokens}) {
  double total = 0;
  for (const MixturePart& part : parts) {
    state_->makers.push_back(state_->make(part));
    state_->cumulative.push_back(total += part.weight);
  }
  if (total <= 0) throw UserError("mixture: expected a kind of document with a weight above 0, got none");
}

LmMixture::~LmMixture() = default;
LmMixture::LmMixture(LmMixture&&) noexcept = default;

LmDocument LmMixture::document(std::uint64_t seed, std::int64_t stage, std::int64_t step, std::int64_t index) const {
  Rng rng(seed, {stable_hash("lm_mixture"), static_cast<std::uint64_t>(stage), static_cast<std::uint64_t>(step),
                 static_cast<std::uint64_t>(index)});
  const double drawn = rng.uniform() * state_->cumulative.back();
  const auto kind = std::upper_bound(state_->cumulative.begin(), state_->cumulative.end(), drawn) - state_->cumulative.begin();
  constexpr std::int64_t kStepsPerStage = 1 << 20;
  constexpr std::int64_t kDocumentsPerStep = 1 << 12;
  const std::int64_t number = (stage * kStepsPerStage + step) * kDocumentsPerStep + index;
  const std::size_t part = std::min<std::size_t>(kind, state_->makers.size() - 1);
  LmDocument drawn_document = state_->makers[part](rng, seed, number);
  drawn_document.part = part;
  return drawn_document;
}

}  // namespace longbow::data
