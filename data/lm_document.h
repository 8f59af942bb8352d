// A document for next-token training: tokens, and for each token what predicting it counts as: text, the form of an answer
// (words that most answers of its kind share), the beginning of an answer's other words, the rest of those, or nothing.
#pragma once

#include <cstdint>
#include <vector>

namespace longbow::data {

enum class TargetKind : std::uint8_t { ignored, text, form, copied, answer };

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
