#include "data/tasks/page.h"

#include <cctype>

namespace longbow::data {

std::string Naming::answer(std::string_view name) const {
  constexpr std::string_view kArticle = "the ";
  const std::string_view form(full);
  const std::size_t blank = form.find("{}");
  const bool kind_first = blank > kArticle.size();  // "the ship {}"
  return kind_first || blank == 0 ? std::string(name) : fill(form.substr(kArticle.size()), {name});
}

std::vector<std::string> Naming::answers(std::string_view name) const {
  std::vector<std::string> all = {answer(name)};
  if (all.front() != name) all.emplace_back(name);
  return all;
}

std::string put(std::string_view pattern, char mark, std::string_view phrase) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != mark) {
      text += pattern[i];
      continue;
    }
    text += phrase;
    if (i == 0 && !text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  }
  return text;
}

void walk_pages(std::string_view context, const std::function<bool(const Sentence&)>& opens,
                const std::function<bool(const Sentence&)>& continues) {
  bool open = false;
  for (const Sentence& sentence : split_sentences(context)) open = opens(sentence) || (open && continues(sentence));
}

}  // namespace longbow::data
