// The towns, firms, ships and schools of LongDocQA, and its questions as text.
#include <algorithm>

#include "data/tasks/long_doc_qa.h"
#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

// Calls `use(place's pattern, tie)` for every description of a place of `kind`.
template <class Use>
void each_place(const DocKind& kind, Use use) {
  for (std::size_t tie = 0; tie < kind.ties.size(); ++tie) {
    for (const char* place : kind.ties[tie].places) use(place, tie);
  }
}

// `statement` without its subject, which all of them begin with.
std::string_view predicate(const char* statement) { return std::string_view(statement).substr(std::string_view("{}").size()); }

}  // namespace

std::string named_statement(const DocKind& kind, const char* statement) { return concat(kind.named, predicate(statement)); }
std::string titled_statement(const DocKind& kind, const char* statement) { return concat("The ", kind.noun, predicate(statement)); }

const std::array<DocKind, 4>& doc_kinds() {
  static const std::array<DocKind, 4> kinds = {{
      {"town",
       "{}",
       "the town of {}",
       {{{{"{} was born in the town of {}.", "{} came into the world in the town of {}.", "The birth of {} took place in the town of {}."},
          {"the town where {} was born", "the birthplace of {}"}},
         {{"{} spent the last years in the town of {}.", "{} retired to the town of {}.", "In old age {} moved to the town of {}."},
          {"the town to which {} retired", "the town where {} spent old age"}},
         {{"{} was married in the town of {}.", "{} held a wedding in the town of {}.", "The wedding of {} took place in the town of {}."},
          {"the town where {} was married", "the town that saw the wedding of {}"}},
         {{"{} was sent as a judge to the town of {}.", "{} served as a judge in the town of {}.",
           "Appointed judge, {} left for the town of {}."},
          {"the town where {} was a judge", "the town to which {} was sent as a judge"}}}},
       {{{"",
          true,
          {"{} was founded in {}.", "{} has existed since {}."},
          {"In what year was @ founded?", "When was @ founded?", "Name the year in which @ was founded."}},
         {"",
          false,
          {"{} lies on the river {}.", "{} stands by the river {}."},
          {"Which river runs past @?", "What is the river at @ called?", "On which river does @ lie?"},
          "the river {}"},
         {"bird",
          false,
          {"{} has a coat of arms with the picture of a certain bird, the {}.", "{} chose the bird called {} for its flag."},
          {"Which bird stands for @?", "What bird is the emblem of @?", "Name the bird that is shown by the emblem of @."}},
         {"",
          false,
          {"{} has a mayor by the name of {}.", "{} is governed by Mayor {}."},
          {"Who governs @?", "Who is the mayor of @?", "What is the name of the mayor of @?"},
          "Mayor {}"}}}},
      {"firm",
       "The firm {}",
       "the firm {}",
       {{{{"{} earns a living at the firm {}.", "{} has a post at the firm {}.", "The present employer of {} is the firm {}."},
          {"the firm that employs {}", "the firm where {} works"}},
         {{"{} once lent money to the firm {}.", "{} is a creditor of the firm {}.", "A loan from {} saved the firm {}."},
          {"the firm that owes money to {}", "the firm to which {} lent money"}},
         {{"{} learned a trade at the firm {}.", "{} was once an apprentice at the firm {}.",
           "The apprenticeship of {} was at the firm {}."},
          {"the firm where {} learned a trade", "the firm that took {} as an apprentice"}},
         {{"{} took the firm {} to court.", "{} won a lawsuit against the firm {}.", "A lawsuit by {} cost a lot to the firm {}."},
          {"the firm that {} took to court", "the firm that lost a lawsuit against {}"}}}},
       {{{"",
          true,
          {"{} was set up in {}.", "{} has been in business since {}."},
          {"In what year was @ set up?", "When was @ set up?", "Since which year has @ been in business?"}},
         {"",
          false,
          {"{} is headed by a director called {}.", "{} has the director {}."},
          {"Who directs @?", "Who is the director of @?", "What is the name of the director of @?"},
          "director {}"},
         {"instrument",
          false,
          {"{} makes one musical instrument only, the {}.", "{} sells an instrument to orchestras, the {}."},
          {"Which instrument does @ make?", "What instrument can one buy from @?", "Name the instrument made by @."}},
         {"",
          false,
          {"{} has its seat in {} Street.", "{} can be found in {} Street."},
          {"In which street is @?", "On what street does @ have its seat?", "Name the street in which @ has its seat."},
          "{} Street"}}}},
      {"ship",
       "The ship {}",
       "the ship {}",
       {{{{"{} crossed the ocean on the ship {}.", "{} made a long voyage aboard the ship {}.",
           "A long voyage took {} overseas on the ship {}."},
          {"the ship on which {} crossed the ocean", "the ship that carried {} overseas"}},
         {{"{} painted a picture of the ship {}.", "{} made a portrait of the ship {}.", "A painting by {} shows the ship {}."},
          {"the ship that {} painted", "the ship in the picture by {}"}},
         {{"{} was too late for the ship {}.", "{} had a cabin booked but missed the ship {}.", "Bad weather made {} miss the ship {}."},
          {"the ship that {} missed", "the ship that left without {}"}},
         {{"{} owns a share of the ship {}.", "{} inherited a part of the ship {}.", "A share that belongs to {} is in the ship {}."},
          {"the ship of which {} owns a share", "the ship that belongs in part to {}"}}}},
       {{{"",
          true,
          {"{} was launched in {}.", "{} has been at sea since {}."},
          {"In what year was @ launched?", "When was @ launched?", "Since which year has @ been at sea?"}},
         {"",
          false,
          {"{} sails under Captain {}.", "{} has a captain by the name of {}."},
          {"Who commands @?", "Who is the captain of @?", "What is the name of the captain of @?"},
          "Captain {}"},
         {"fruit",
          false,
          {"{} is loaded with one kind of fruit, the {}.", "{} brings a fruit to northern ports, the {}."},
          {"Which fruit does @ carry?", "What fruit is aboard @?", "Name the fruit in the hold of @."}},
         {"",
          false,
          {"{} is at home in the port of {}.", "{} is registered at the port of {}."},
          {"What is the home port of @?", "In which port is @ registered?", "To what port does @ belong?"},
          "the port of {}"}}}},
      {"school",
       "The {} School",
       "the {} School",
       {{{{"{} learned to read at the {} School.", "{} went as a child to the {} School.",
           "The childhood of {} was spent at the {} School."},
          {"the school that {} went to as a child", "the school where {} learned to read"}},
         {{"{} gave a lecture at the {} School.", "{} was a guest speaker at the {} School.",
           "A lecture by {} was heard at the {} School."},
          {"the school where {} gave a lecture", "the school that heard a lecture by {}"}},
         {{"{} gave a piano to the {} School.", "{} made a gift of a piano to the {} School.",
           "A gift from {} was the piano of the {} School."},
          {"the school that got a piano from {}", "the school to which {} gave a piano"}},
         {{"{} taught chemistry at the {} School.", "{} was a chemistry teacher at the {} School.",
           "Chemistry lessons by {} were held at the {} School."},
          {"the school where {} taught chemistry", "the school that {} served as a chemistry teacher"}}}},
       {{{"",
          true,
          {"{} was opened in {}.", "{} received its first pupils in {}."},
          {"In what year was @ opened?", "When was @ opened?", "Name the year in which @ was opened."}},
         {"",
          false,
          {"{} has a principal called {}.", "{} is run by Principal {}."},
          {"Who runs @?", "Who is the principal of @?", "What is the name of the principal of @?"},
          "Principal {}"},
         {"tree",
          false,
          {"{} has a tree in its yard, the {}.", "{} is shaded by an old tree, the {}."},
          {"Which tree grows at @?", "What tree gives shade to @?", "Name the tree that grows in the yard of @."}},
         {"",
          false,
          {"{} was built by the architect {}.", "{} was designed by an architect called {}."},
          {"Who built @?", "Who is the architect of @?", "What is the name of the architect of @?"},
          "the architect {}"}}}},
  }};
  return kinds;
}

std::string to_text(const DocQuestion& question, std::size_t wording, std::size_t place_wording) {
  const DocKind& kind = doc_kinds()[question.kind];
  const auto place = [&](const std::string& person) {
    const auto& places = kind.ties[question.tie].places;
    return fill(places[place_wording % places.size()], {person});
  };
  switch (question.ask) {
    case DocQuestion::Ask::fact: {
      const auto& questions = kind.facts[question.fact].questions;
      return put(questions[wording % questions.size()], '@', place(question.person));
    }
    case DocQuestion::Ask::older:
      return put(put(kOlderQuestions[wording % kOlderQuestions.size()], '@', place(question.person)), '#', place(question.other_person));
    case DocQuestion::Ask::yes_no:
      return put(put(kYesNoQuestions[wording % kYesNoQuestions.size()], '@', place(question.person)), '#', place(question.other_person));
  }
  return "";
}

std::optional<DocQuestion> parse_doc_question(std::string_view text) {
  using Ask = DocQuestion::Ask;
  std::optional<DocQuestion> found;
  for (std::size_t k = 0; k < doc_kinds().size(); ++k) {
    const DocKind& kind = doc_kinds()[k];
    each_place(kind, [&](const char* place, std::size_t tie) {
      for (std::size_t f = 0; f < kind.facts.size(); ++f) {
        for (const char* pattern : kind.facts[f].questions) {
          if (const auto words = match(text, put(pattern, '@', place)))
            found = DocQuestion{Ask::fact, k, tie, f, std::string((*words)[0]), ""};
        }
      }
      const auto compare = [&](const auto& patterns, Ask ask) {
        for (const char* pattern : patterns) {
          const auto words = match(text, put(put(pattern, '@', place), '#', place));
          if (words) found = DocQuestion{ask, k, tie, 0, std::string((*words)[0]), std::string((*words)[1])};
        }
      };
      compare(kOlderQuestions, Ask::older);
      compare(kYesNoQuestions, Ask::yes_no);
    });
  }
  return found;
}

}  // namespace longbow::data
