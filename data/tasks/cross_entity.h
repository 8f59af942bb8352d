// CrossEntity: peers are compared by what no page states: a poet's age at a prize follows from the year of birth on one page and
// the year of the prize on another. The question asks who is first, third or last, how many lie above a number, or for the sum.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/tasks/page.h"
#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct CrossEntityConfig {
  TaskSettings settings;
  int num_entities = 0;
  int num_decoys = 2;
  int num_themes = 12;
  double noise = 0.5;
  std::vector<std::string> operations = {"most", "least", "rank", "count", "sum"};

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("num_entities", num_entities,
            {.help = "Peers that are compared, two pages each; 0 means one for every 256 tokens of the item's limit, 4 to 10.",
             .min = 0,
             .max = 64});
    v.field("num_decoys", num_decoys,
            {.help = "Entities of another kind with the same two pages (tunnels where bridges are asked for).", .min = 0, .max = 64});
    v.field("num_themes", num_themes,
            {.help = "Themes in use: the first of a fixed list (prizes, building, voyages …).", .min = 1, .max = 12});
    v.field("noise", noise, {.help = "Share of pages with one more number of the same sort.", .min = 0, .max = 1});
    v.field("operations", operations,
            {.help = "Any of most, least, rank (second to fourth from either end), count (more or less than a number), sum."});
  }
};

std::unique_ptr<TaskBuilder> make_cross_entity(const Json& entry, const Corpus& corpus, std::string_view source);

/// What a family of questions is about: two stated numbers, and their difference, which is never stated.
struct CrossTheme {
  std::vector<Naming> kinds;
  std::vector<const char*> first;   // '@' subject, {} number
  std::vector<const char*> second;  // the same; the second number is the larger
  std::vector<const char*> intro;   // '@' subject
  std::vector<const char*> noise;   // '@' subject, {} a number of the same sort, any that the theme's first and second may be
  std::int64_t low, high;           // of the smaller number
  std::int64_t derived_low, derived_high;
  const char* highest;  // "oldest"
  const char* lowest;
  std::vector<const char*> which;  // '@' the kinds, '#' "the second oldest"
  const char* more;                // '@' the kinds, {} the number
  const char* less;
  const char* sum;  // '@' the kinds
};
const std::vector<CrossTheme>& cross_themes();

/// What a question asks of the entities of one kind.
struct CrossQuestion {
  enum class Ask { rank, more, less, sum };
  Ask ask = Ask::rank;
  std::size_t theme = 0;
  std::size_t kind = 0;
  int rank = 0;                // 1: the highest, 2: the second highest …; -1: the lowest
  std::int64_t threshold = 0;  // of more and less
};
inline constexpr int kLastCrossRank = 4;

/// Differences drawn for `num_entities` peers lie in a window this wide: so narrow that whoever is ahead by one stated number is
/// ahead by the other too, and that how far apart such numbers lie hardly shows a difference; narrowest where its rank is asked for. Even;
/// 0 where the theme has no room, whatever is asked.
std::int64_t cross_window(const CrossTheme& theme, std::int64_t num_entities, CrossQuestion::Ask ask);
/// Wordings that a question has.
std::size_t num_cross_wordings(const CrossQuestion& question);
/// In words; the threshold, which is the pattern's one blank, is left open.
std::string cross_question_pattern(const CrossQuestion& question, std::size_t wording);

/// The user's questions as dates: what their evidence says of whom ("Tom Reed", "date of death", "3 May 1950").
class UserDates {
 public:
  struct Date {
    std::string name;
    std::string relation;
    std::string stated;
    std::int64_t year = 0;
    std::string page;  // the paragraph about the name, as one line
  };
  explicit UserDates(const std::vector<const QaItem*>& questions);

  /// Whether the question's evidence gives a date whose paragraph states it.
  static bool gives_one(const QaItem& question);

  /// Whose date is nearest to another's, or how many years lie between two: neither is stated, and each date is in a paragraph of its
  /// own. nullopt for a question without such evidence, and where no others with the same relation fit around it.
  std::optional<Draft> draft(const QaItem& question, std::int64_t count, bool asks_entity, Rng& rng) const;

 private:
  std::map<std::string, std::vector<Date>> by_relation_;  // each name once
};
Reading read_cross_entity_of_questions(const Item& item);

/// An entity whose two numbers are known.
struct CrossEntity {
  std::string name;  // as an answer states it
  std::int64_t first = 0;
  std::int64_t second = 0;
  std::int64_t derived() const { return second - first; }
};

/// One step an entity by name, "Kessel Bridge: 1931 - 1902 = 29.", then what follows from them.
std::vector<std::string> cross_chain(const CrossQuestion& question, std::vector<CrossEntity> entities);

/// What someone who knows the form chooses from: the entities, every count that is neither none nor all, or every sum in the
/// theme's reach that is not written in the text.
std::vector<std::string> cross_guesses(const CrossQuestion& question, const std::vector<CrossEntity>& entities,
                                       const std::set<std::string>& shown_numbers);

}  // namespace longbow::data
