// WebSearch: pages about invented people, towns, ships … link to one another. A question in letters walks the links: "A is the
// person who founded the Kessel Company. B is the town where A was born. Which town is B?" Siblings at every hop have the same links.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/tasks/page.h"
#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

struct WebSearchConfig {
  TaskSettings settings;
  int min_hops = 3;
  int max_hops = 5;
  int num_siblings = 0;
  int num_other_links = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    settings.visit(v);
    v.field("min_hops", min_hops, {.help = "Fewest links from the named start to the answer.", .min = 3, .max = 8});
    v.field("max_hops", max_hops, {.help = "Most links; each item draws its own number.", .min = 3, .max = 8});
    v.field("num_siblings", num_siblings,
            {.help = "Pages at each hop, the right one included; 0 means one for every 256 tokens of the item's limit, 4 to 10.",
             .min = 0,
             .max = 64});
    v.field("num_other_links", num_other_links,
            {.help = "Links on each page that the question does not ask for; they lead to the same kind of thing. 0 means one, or two "
                     "where someone who follows any link would be right too often.",
             .min = 0,
             .max = 2});
  }
};

std::unique_ptr<TaskBuilder> make_web_search(const Json& entry, const Corpus& corpus, std::string_view source);

enum WebKind : std::size_t { kPerson, kTown, kCompany, kShip, kNovel, kFestival };
inline constexpr std::size_t kNumWebKinds = 6;
const std::vector<Naming>& web_namings();  // by kind

/// A link from things of one kind to things of another. '@' is the subject, '#' the object.
struct WebRelation {
  WebKind subject;
  WebKind object;
  const char* definition;                // of the object: "the town where @ was born"
  std::array<const char*, 2> sentences;  // "@ was born in #."
};
/// Relations with equal kinds stand together, three of each.
const std::vector<WebRelation>& web_relations();
inline constexpr std::size_t kRelationsAPair = 3;

/// How a walk is told: '@' a letter, '#' its definition; then the last letter, with the kind's noun before it.
struct WebTelling {
  const char* definition;  // "@ is #."
  const char* question;    // "Which # is @?"
};
const std::vector<WebTelling>& web_tellings();

/// The walk from a named start: its links in order.
struct WebWalk {
  std::string start;
  std::vector<std::size_t> relations;
};
std::string to_text(const WebWalk& walk, const WebTelling& telling);

/// Pages in levels of siblings, one level a hop. Asked-for links lead from a sibling to the one of the same number, other links elsewhere.
struct WebLink {
  std::size_t relation = 0;
  std::size_t sibling = 0;  // of the next level
};
struct WebWorld {
  std::vector<std::size_t> relations;                    // asked for, by hop
  std::vector<std::vector<std::vector<WebLink>>> links;  // [hop][sibling], in random order
  std::size_t num_other_links = 0;                       // on each page
};
/// With `num_other_links` 0 as many as it takes. nullopt when no walk of so many hops was found.
std::optional<WebWorld> draw_web_world(std::size_t num_hops, std::size_t num_siblings, std::size_t num_other_links, Rng& rng);

/// What a page says of its subject: "The Kessel Company was started by Aaron.", or "It was started by Aaron." where `is_named` is false.
/// `pronoun`, 0 or 1, is the page's.
std::string web_sentence(const WebRelation& relation, const std::string& name, bool is_named, std::size_t pronoun, const std::string& to,
                         Rng& rng);

/// The user's questions as walks, by what their links say: those under one key are siblings at every hop.
class UserWalks {
 public:
  struct Hop {
    std::string definition;  // "the director of Red Sky", later "the date of death of @"
    std::string relation;    // the same without what it starts from
    std::string object;      // "Tom Reed"
    std::string page;        // the paragraph that says so, as one line
  };
  using Walk = std::vector<Hop>;

  explicit UserWalks(const std::vector<const QaItem*>& questions);

  /// 2Wiki's evidence where each triple starts from the one before, or MuSiQue's steps where each asks of the one before; empty for any
  /// other question and where a paragraph does not hold its link's object.
  static Walk walk_of(const QaItem& question);
  /// Whether the question is a walk, and enough others have the same relations.
  bool has_siblings(const QaItem& question) const;
  /// A draft of this question among siblings; nullopt when it is no walk, or has too few siblings that fit.
  std::optional<Draft> draft(const QaItem& question, std::size_t num_siblings, Rng& rng, std::int64_t limit_tokens) const;

 private:
  std::map<std::string, std::vector<const QaItem*>> by_relations_;
};
Reading read_web_search_of_questions(const Item& item);

/// "The town where Aaron was born is the town of Kessel."
std::string web_step(const WebRelation& relation, std::string_view subject, std::string_view object);
/// The answer that such a step ends in, of this kind; empty when it does not.
std::string web_step_answer(std::string_view step, const Naming& kind);

}  // namespace longbow::data
