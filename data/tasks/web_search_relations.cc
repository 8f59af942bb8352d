// What WebSearch's pages say and its questions ask: a table, so that a relation's sentences and its definition stand side by side.
#include "data/tasks/web_search.h"

namespace longbow::data {

const std::vector<Naming>& web_namings() {
  static const std::vector<Naming> namings = {
      {"person", "people", "{}", {"he", "she"}},
      {"town", "towns", "the town of {}", {"it", "the town"}},
      {"company", "companies", "the {} Company", {"it", "the company"}},
      {"ship", "ships", "the ship {}", {"it", "the ship"}},
      {"novel", "novels", "the novel {}", {"it", "the novel"}},
      {"festival", "festivals", "the {} Festival", {"it", "the festival"}},
  };
  return namings;
}

const std::vector<WebRelation>& web_relations() {
  static const std::vector<WebRelation> relations = {
      {kPerson, kTown, "the town where @ was born", {"@ was born in #.", "# is where @ was born."}},
      {kPerson, kTown, "the town where @ lives now", {"@ now lives in #.", "# is where @ has settled."}},
      {kPerson, kTown, "the town where @ was married", {"@ was married in #.", "# is where @ held a wedding."}},

      {kPerson, kPerson, "the person who taught @", {"@ was taught by #.", "@ learned everything from #."}},
      {kPerson, kPerson, "the person who employs @", {"@ works for #.", "@ is paid by #."}},
      {kPerson, kPerson, "the person who once rescued @", {"@ was once rescued by #.", "@ owes a lucky escape to #."}},

      {kPerson, kShip, "the ship on which @ served", {"@ served on #.", "@ was a mate on #."}},
      {kPerson, kShip, "the ship that brought @ home", {"@ came home on #.", "@ made the way back on #."}},
      {kPerson, kShip, "the ship that @ owns", {"@ owns #.", "@ is the owner of #."}},

      {kPerson, kCompany, "the company where @ learned a trade", {"@ learned a trade at #.", "@ was an apprentice at #."}},
      {kPerson, kCompany, "the company that owes @ money", {"@ lent money to #.", "@ is a creditor of #."}},
      {kPerson, kCompany, "the company where @ works today", {"@ works at # today.", "@ is now a clerk at #."}},

      {kPerson, kNovel, "the novel that @ wrote", {"@ wrote #.", "@ is the author of #."}},
      {kPerson, kNovel, "the novel that @ translated", {"@ translated #.", "@ is the translator of #."}},
      {kPerson, kNovel, "the novel that @ always carries", {"@ always carries #.", "@ never leaves home without #."}},

      {kTown, kPerson, "the person who founded @", {"@ was founded by #.", "# is the founder of @."}},
      {kTown, kPerson, "the person who is mayor of @", {"@ has # as its mayor.", "# is the mayor of @."}},
      {kTown, kPerson, "the person who is the only doctor of @", {"@ has no doctor but #.", "# is the only doctor of @."}},

      {kTown, kFestival, "the festival that @ holds in spring", {"@ holds # in spring.", "# fills @ with guests in spring."}},
      {kTown, kFestival, "the festival that @ holds in autumn", {"@ holds # in autumn.", "# fills @ with guests in autumn."}},
      {kTown, kFestival, "the festival that @ has given up", {"@ has given up #.", "# is no longer held in @."}},

      {kTown, kCompany, "the company that lights the streets of @", {"@ has its streets lit by #.", "# lights the streets of @."}},
      {kTown, kCompany, "the company that bakes for @", {"@ gets its bread from #.", "# bakes for @."}},
      {kTown,
       kCompany,
       "the company that prints the newspaper of @",
       {"@ has its newspaper printed by #.", "# prints the newspaper of @."}},

      {kCompany, kPerson, "the person who started @", {"@ was started by #.", "# is the one who started @."}},
      {kCompany, kPerson, "the person who directs @", {"@ is directed by #.", "# is the director of @."}},
      {kCompany, kPerson, "the person who keeps the books of @", {"@ has its books kept by #.", "# keeps the books of @."}},

      {kCompany, kTown, "the town where @ has its main office", {"@ has its main office in #.", "# is where @ has its main office."}},
      {kCompany, kTown, "the town where @ opened its first shop", {"@ opened its first shop in #.", "# is where @ opened its first shop."}},
      {kCompany, kTown, "the town where @ stores its goods", {"@ stores its goods in #.", "# is where @ stores its goods."}},

      {kCompany, kShip, "the ship that @ built", {"@ built #.", "# is the work of @."}},
      {kCompany, kShip, "the ship that @ insures", {"@ insures #.", "# is insured by @."}},
      {kCompany, kShip, "the ship that @ hires each summer", {"@ hires # each summer.", "# is hired each summer by @."}},

      {kShip, kPerson, "the person who commands @", {"@ is commanded by #.", "# is the captain of @."}},
      {kShip, kPerson, "the person who designed @", {"@ was designed by #.", "# is the designer of @."}},
      {kShip, kPerson, "the person who cooks on @", {"@ has # as its cook.", "# is the cook of @."}},

      {kShip, kTown, "the town where @ was launched", {"@ was launched in #.", "# is where @ was launched."}},
      {kShip, kTown, "the town where @ spends the winter", {"@ spends the winter in #.", "# is where @ spends the winter."}},
      {kShip, kTown, "the town where @ was repaired", {"@ was repaired in #.", "# is where @ was repaired."}},

      {kNovel, kPerson, "the person who published @", {"@ was published by #.", "# is the publisher of @."}},
      {kNovel, kPerson, "the person to whom @ is dedicated", {"@ is dedicated to #.", "# is the one to whom @ is dedicated."}},
      {kNovel, kPerson, "the person who drew the pictures in @", {"@ has pictures by #.", "# drew the pictures in @."}},

      {kNovel, kTown, "the town where @ takes place", {"@ takes place in #.", "# is where @ takes place."}},
      {kNovel, kTown, "the town where @ was printed", {"@ was printed in #.", "# is where @ was printed."}},
      {kNovel, kTown, "the town where @ was banned", {"@ was banned in #.", "# is where @ was banned."}},

      {kFestival, kPerson, "the person who organises @", {"@ is organised by #.", "# is the organiser of @."}},
      {kFestival, kPerson, "the person who pays for @", {"@ is paid for by #.", "# pays for @."}},
      {kFestival, kPerson, "the person who sang first at @", {"@ had # as its first singer.", "# sang first at @."}},
  };
  return relations;
}

const std::vector<WebTelling>& web_tellings() {
  static const std::vector<WebTelling> tellings = {
      {"@ is #.", "Which # is @?"},
      {"@ is #.", "What is the name of the # @?"},
      {"@ is #.", "Give the name of the # that @ stands for."},
      {"Let @ be #.", "Which # is @?"},
      {"Let @ be #.", "Find @ and name this #."},
      {"Let @ stand for #.", "Which # does @ stand for?"},
      {"Use @ for #.", "Which # have we called @?"},
      {"Use @ for #.", "What is the real name of the # @?"},
      {"We write @ for #.", "Which # is meant by @?"},
      {"By @ we mean #.", "Which # do we mean by @?"},
      {"@ denotes #.", "Name the # that @ denotes."},
      {"@ stands for #.", "What is this # @ called in the text?"},
      {"Suppose that @ is #.", "Who or what, then, is the # @?"},
  };
  return tellings;
}

}  // namespace longbow::data
