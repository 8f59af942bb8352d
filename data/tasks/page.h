// A page: sentences in a row about one subject, the first by its name, later ones perhaps by "it". Builders write pages from
// patterns in which '@' stands for the subject and '#' for what is said of it; checkers find them again in the text alone.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/phrase.h"

namespace longbow::data {

/// How things of a kind are called; the blank holds the name.
struct Naming {
  const char* noun;                  // "bridge"
  const char* plural;                // "bridges"
  const char* full;                  // "the {} Bridge", inside a sentence
  std::array<const char*, 2> again;  // "it", "the bridge"

  /// The name as an answer states it: "Kessel Bridge", or "Kessel" where the kind comes first ("the ship Kessel").
  std::string answer(std::string_view name) const;
  /// The answer, and the bare name where that is something else.
  std::vector<std::string> answers(std::string_view name) const;
  /// `full` with its name.
  std::string called(std::string_view name) const { return fill(full, {name}); }
};

/// `pattern` with every `mark` replaced by `phrase`, which gets a capital letter where it begins the sentence.
std::string put(std::string_view pattern, char mark, std::string_view phrase);

/// Walks over the text's sentences. Each is offered to `opens`, which says whether it begins a page; a sentence that does not is
/// offered to `continues` if the one right before it belongs to a page.
void walk_pages(std::string_view context, const std::function<bool(const Sentence&)>& opens,
                const std::function<bool(const Sentence&)>& continues);

}  // namespace longbow::data
