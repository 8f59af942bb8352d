// A document for next-token training: tokens, and for each token whether predicting it counts as text, as the form of an
// answer (words that most answers of its kind share), as what an answer says, or not at all.
#pragma once

#include <cstdint>
#include <vector>

namespace longbow::data {

enum class TargetKind : std::uint8_t { ignored, text, form, answer };

struct LmDocument {
  std::vector<std::int32_t> tokens;
  std::vector<TargetKind> kinds;  // [tokens]; of tokens[i] as a target; kinds[0] is never used
  std::size_t part = 0;           // of the mixture it was drawn from

  void append(const std::vector<std::int32_t>& more, TargetKind kind) {
    tokens.insert(tokens.end(), more.begin(), more.end());
    kinds.insert(kinds.end(), more.size(), kind);
  }
};

}  // namespace longbow::data
