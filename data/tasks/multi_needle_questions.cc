// MultiNeedle over the user's files: what they hold under one title, to be counted as turns of a conversation.
#include <algorithm>
#include <set>

#include "data/tasks/multi_needle.h"
#include "data/tasks/user_question.h"

namespace longbow::data {

TitledTexts::TitledTexts(const std::vector<const QaItem*>& questions) {
  for (const QaItem* question : questions) {
    for (const QaParagraph& paragraph : question->paragraphs) {
      if (const std::string title = quotable(paragraph.title); !title.empty()) paragraphs_[title].push_back(&paragraph);
    }
  }
}

std::vector<std::string> TitledTexts::under(const std::string& title, std::size_t count) const {
  constexpr std::size_t kShortest = 16;  // bytes; shorter pieces are headings and list marks
  const auto found = paragraphs_.find(title);
  if (found == paragraphs_.end()) return {};
  std::set<std::string> whole, pieces;
  for (const QaParagraph* paragraph : found->second) {
    whole.insert(one_line(paragraph->text()));
    for (const std::string& sentence : paragraph->sentences) {
      std::string piece = one_line(sentence);
      if (piece.size() >= kShortest) pieces.insert(std::move(piece));
    }
  }
  whole.erase("");
  const std::set<std::string>& texts = whole.size() >= count ? whole : pieces;
  if (texts.size() < count) return {};
  return {texts.begin(), texts.end()};
}

}  // namespace longbow::data
