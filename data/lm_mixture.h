// Documents for next-token training, drawn from a weighted mixture of kinds. Each document is a pure function of
// (seed, stage, step, index), so a resumed run reads the very same ones.
//
//   text     definitions, as running text
//   facts    "A salmon is a fish.", shuffled: what FuzzyNeedle takes for granted
//   recall   definitions with "The code of NAME is DDDD." between them, then a question about each
//   items    items of a stored data set, answered by their gold chain
//   (a task) fresh items of that builder, and every other question that their text answers, answered by the gold chains
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/chat_template.h"
#include "data/corpus/corpus.h"
#include "data/item.h"
#include "data/lm_document.h"
#include "data/tokenizer.h"

namespace longbow::data {

struct MixturePart {
  std::string kind;
  double weight = 1;
  Json knobs = Json::object();
  double outright_share = 0;  // of a task's answers are given without the steps that lead to them
};

/// What every kind of document is made from; must outlive the mixture.
struct LmMaterial {
  const Corpus& corpus;
  const Tokenizer& tokenizer;
  const ChatTemplate& chat_template;
};

class LmMixture {
 public:
  /// Throws UserError for an unknown kind (with a "did you mean") or knob, or weights that are all 0.
  LmMixture(const LmMaterial& material, const std::vector<MixturePart>& parts, std::int64_t context_tokens);
  ~LmMixture();
  LmMixture(LmMixture&&) noexcept;

  /// A document of at most context_tokens + 1 tokens.
  LmDocument document(std::uint64_t seed, std::int64_t stage, std::int64_t step, std::int64_t index) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::data
