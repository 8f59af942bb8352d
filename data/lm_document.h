// A document for next-token training: tokens, and for each token whether predicting it counts as text, as part of an
// answer, or not at all.
#pragma once

#include <cstdint>
#include <vector>

namespace longbow::data {

enum class TargetKind : std::uint8_t { ignored, text, answer };

struct LmDocument {
  std::vector<std::int32_t> tokens;
  std::vector<TargetKind> kinds;  // [tokens]; of tokens[i] as a target; kinds[0] is never used

  void append(const std::vector<std::int32_t>& more, TargetKind kind) {
    tokens.insert(tokens.end(), more.begin(), more.end());
    kinds.insert(kinds.end(), more.size(), kind);
  }
};

}  // namespace longbow::data
