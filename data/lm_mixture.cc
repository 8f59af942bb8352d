#include "data/lm_mixture.h"

#include <algorithm>
#include <functional>

#include "core/config.h"
#include "core/did_you_mean.h"
#include "core/random.h"
#include "data/sources.h"
#include "data/tasks/key_chain.h"
#include "data/tasks/phrase.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {
namespace {

constexpr int kMaxDraws = 100;  // of an item that does not fit the context

using Maker = std::function<LmDocument(Rng& rng, std::uint64_t seed, std::int64_t index)>;

struct RepeatKnobs {
  std::int64_t first_token = 300;
  std::int64_t num_tokens = 64;
  std::int64_t min_block = 20;
  std::int64_t max_block = 60;
  double counted_share = 1;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("first_token", first_token, {.help = "First of the token ids in use.", .min = 0});
    v.field("num_tokens", num_tokens, {.help = "How many ids are in use.", .min = 2});
    v.field("min_block", min_block, {.help = "Shortest block.", .unit = "tokens", .min = 1});
    v.field("max_block", max_block, {.help = "Longest block and gap.", .unit = "tokens", .min = 1});
    v.field("counted_share", counted_share,
            {.help = "Share of the repeated tokens that count as answers; the others are ignored.", .min = 0, .max = 1});
  }
};

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

LmDocument repeated_blocks(const RepeatKnobs& knobs, std::int32_t bos, std::int64_t context_tokens, Rng& rng) {
  const auto draw = [&](std::int64_t count) {
    std::vector<std::int32_t> tokens(count);
    for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(knobs.first_token + rng.below(knobs.num_tokens));
    return tokens;
  };
  LmDocument document;
  document.append({bos}, TargetKind::ignored);
  const std::vector<std::int32_t> block = draw(rng.between(knobs.min_block, knobs.max_block));
  bool repeated = false;  // the first block cannot be predicted
  while (static_cast<std::int64_t>(document.tokens.size()) <= context_tokens) {
    document.append({block.front()}, TargetKind::ignored);  // nor can where a repetition begins
    for (std::size_t i = 1; i < block.size(); ++i) {
      const bool counts = repeated && rng.uniform() < knobs.counted_share;
      document.append({block[i]}, counts ? TargetKind::answer : TargetKind::ignored);
    }
    document.append(draw(rng.between(0, knobs.max_block)), TargetKind::ignored);
    repeated = true;
  }
  document.tokens.resize(context_tokens + 1);
  document.kinds.resize(context_tokens + 1);
  return document;
}

/// The prompt's tokens as text, then the answer's and the end of the turn as answer.
LmDocument conversation(const LmMaterial& material, const std::vector<Message>& messages, const std::string& answer) {
  LmDocument document;
  document.append(material.tokenizer.encode(material.chat_template.render(messages, true)), TargetKind::text);
  document.append(material.tokenizer.encode(answer), TargetKind::answer);
  document.append({material.tokenizer.eos_id()}, TargetKind::answer);
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
  std::vector<std::pair<std::string, std::string>> turns;
  for (std::int64_t i = rng.between(knobs.min_needles, std::max(knobs.min_needles, knobs.max_needles)); i > 0; --i) {
    const std::string name = rng.pick(material.corpus.names(Split::train));
    const std::string code = digits(rng, knobs.code_digits);
    const std::string sentence = fill(kCodePattern, {name, code});
    sentences.push_back(sentence);
    turns.emplace_back(concat("What is the code of ", name, "?"), knobs.brief ? code : concat(sentence, " The answer is ", code, "."));
  }
  rng.shuffle(turns);
  LmDocument tail;
  for (std::size_t i = 1; i < turns.size(); ++i) {
    // A later turn is the template's rendering of one more exchange, without the beginning of a conversation.
    tail.append(material.tokenizer.encode(concat("\n<|user|>\n", turns[i].first, "<|end|>\n<|assistant|>\n")), TargetKind::ignored);
    tail.append(material.tokenizer.encode(turns[i].second), TargetKind::answer);
    tail.append({material.tokenizer.eos_id()}, TargetKind::answer);
  }
  const auto build = [&] {
    std::string context;
    for (const std::string& sentence : sentences) context += (context.empty() ? "" : " ") + sentence;
    return conversation(material, {{"user", concat(context, "\n\nQuestion: ", turns[0].first)}}, turns[0].second);
  };
  LmDocument document = build();
  std::int64_t room = context_tokens + 1 - static_cast<std::int64_t>(document.tokens.size() + tail.tokens.size());
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
  document = build();
  document.append(tail.tokens, TargetKind::ignored);
  std::copy(tail.kinds.begin(), tail.kinds.end(), document.kinds.end() - static_cast<std::ptrdiff_t>(tail.kinds.size()));
  return document;
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
  return [=, this](Rng&, std::uint64_t seed, std::int64_t index) {
    for (int draw = 0; draw < kMaxDraws; ++draw) {
      const auto item = builder->build(seed, index * kMaxDraws + draw, count);
      if (!item) continue;
      LmDocument document = conversation(material, item->messages, sft_answer(*item));
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
  for (const Item& item : *items) {
    LmDocument document = conversation(material, item.messages, sft_answer(item));
    if (static_cast<std::int64_t>(document.tokens.size()) <= context_tokens + 1) documents->push_back(std::move(document));
  }
  if (documents->empty()) throw UserError(concat("mixture kind items: expected an item of at most ", context_tokens, " tokens, got none"));
  return [documents](Rng& rng, std::uint64_t, std::int64_t) { return rng.pick(*documents); };
}

Maker LmMixture::State::make(const MixturePart& part) const {
  const std::int64_t context = context_tokens;
  if (part.kind == "text") {
    read_knobs<NoKnobs>(part);
    return
        [this, context](Rng& rng, std::uint64_t, std::int64_t) { return running_text(material, material.corpus.filler(), context, rng); };
  }
  if (part.kind == "facts") {
    const auto facts = material.corpus.is_a_sentences(read_knobs<FactsKnobs>(part).num_categories);
    return [this, context, facts](Rng& rng, std::uint64_t, std::int64_t) { return running_text(material, facts, context, rng); };
  }
  if (part.kind == "repeat") {
    const auto knobs = read_knobs<RepeatKnobs>(part);
    const std::int32_t bos = material.tokenizer.bos_id();
    return [knobs, bos, context](Rng& rng, std::uint64_t, std::int64_t) { return repeated_blocks(knobs, bos, context, rng); };
  }
  if (part.kind == "recall") {
    const auto knobs = read_knobs<RecallKnobs>(part);
    return [this, knobs, context](Rng& rng, std::uint64_t, std::int64_t) { return recall(material, knobs, context, rng); };
  }
  if (part.kind == "items") return items_maker(part);
  std::vector<std::string> known = task_names();
  if (std::find(known.begin(), known.end(), part.kind) != known.end()) return task_maker(part);
  known.insert(known.end(), {"text", "facts", "repeat", "recall", "items"});
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
  return state_->makers[std::min<std::size_t>(kind, state_->makers.size() - 1)](rng, seed, number);
}

}  // namespace longbow::data
