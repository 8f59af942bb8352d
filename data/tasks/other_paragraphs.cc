#include "data/tasks/other_paragraphs.h"

#include "data/tasks/user_question.h"

namespace longbow::data {

std::optional<OtherParagraphs::Dealt> OtherParagraphs::deal(std::size_t room, Rng& rng) {
  for (int tries = 0; tries < kMaxTries && !is_used_up_; ++tries) {
    const QaItem& question = *rng.pick(questions_);
    if (question.paragraphs.empty()) continue;
    const QaParagraph& paragraph = rng.pick(question.paragraphs);
    if (!seen_.insert(&paragraph).second || !permits_(paragraph)) continue;
    Dealt dealt{one_line(paragraph.title), ""};
    for (const std::string& sentence : paragraph.sentences) {
      const std::string line = one_line(sentence);
      if (!dealt.text.empty() && dealt.title.size() + dealt.text.size() + line.size() > room) break;
      if (!dealt.text.empty() && !line.empty()) dealt.text += ' ';
      dealt.text += line;
    }
    if (dealt.text.empty() || !texts_.insert(one_line(paragraph.text())).second) continue;
    return dealt;
  }
  is_used_up_ = true;
  return std::nullopt;
}

}  // namespace longbow::data
