// Paragraphs of the user's other questions, dealt as filler beside the one that is asked.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/random.h"
#include "data/qa/qa_item.h"

namespace longbow::data {

class OtherParagraphs {
 public:
  /// Of `questions`, whose paragraphs must outlive this, those that `permits`.
  OtherParagraphs(const std::vector<const QaItem*>& questions, std::function<bool(const QaParagraph&)> permits)
      : questions_(questions), permits_(std::move(permits)) {}

  struct Dealt {
    std::string title;
    std::string text;  // one line: the paragraph's first sentences
  };
  /// No paragraph twice; as many of its sentences as fit into `room` bytes, and one at least. nullopt when none was found in kMaxTries
  /// draws.
  std::optional<Dealt> deal(std::size_t room, Rng& rng);

 private:
  static constexpr int kMaxTries = 64;

  const std::vector<const QaItem*>& questions_;
  std::function<bool(const QaParagraph&)> permits_;
  std::unordered_set<const QaParagraph*> seen_;  // dealt, or not permitted
  std::set<std::string> texts_;                  // dealt: files repeat paragraphs
  bool is_used_up_ = false;
};

}  // namespace longbow::data
