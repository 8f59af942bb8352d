#include "data/tasks/cross_entity.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace longbow::data {
namespace {

constexpr std::int64_t kTokensAnEntity = 256;
constexpr std::int64_t kMinEntities = 4, kMaxEntities = 10;  // where the length decides
constexpr double kIntroShare = 0.5;                          // of pages say something without a number

enum class Operation { most, least, rank, count, sum };

Operation operation_of(const std::string& name, std::string_view source) {
  if (name == "most") return Operation::most;
  if (name == "least") return Operation::least;
  if (name == "rank") return Operation::rank;
  if (name == "count") return Operation::count;
  if (name == "sum") return Operation::sum;
  throw UserError(concat("/operations: expected most, least, rank, count or sum, got \"", name, "\" (", source, ")"));
}

// Different numbers in [low, high], in random order.
std::vector<std::int64_t> draw_different(Rng& rng, std::int64_t low, std::int64_t high, std::int64_t count) {
  std::set<std::int64_t> seen;
  std::vector<std::int64_t> drawn;
  while (static_cast<std::int64_t>(drawn.size()) < count) {
    const std::int64_t number = rng.between(low, high);
    if (seen.insert(number).second) drawn.push_back(number);
  }
  return drawn;
}

// The same with a given sum: single steps towards it, none onto another number; some number can always step until it is met.
std::vector<std::int64_t> draw_with_sum(Rng& rng, std::int64_t low, std::int64_t high, std::int64_t count, std::int64_t sum) {
  std::vector<std::int64_t> drawn = draw_different(rng, low, high, count);
  std::set<std::int64_t> taken(drawn.begin(), drawn.end());
  std::int64_t missing = sum - std::accumulate(drawn.begin(), drawn.end(), std::int64_t{0});
  while (missing != 0) {
    std::int64_t& number = drawn[rng.below(drawn.size())];
    const std::int64_t next = number + (missing > 0 ? 1 : -1);
    if (next < low || next > high || !taken.insert(next).second) continue;
    taken.erase(number);
    missing -= next - number;
    number = next;
  }
  return drawn;
}

class CrossEntityBuilder final : public TaskBuilder {
 public:
  CrossEntityBuilder(CrossEntityConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)), user_dates_(questions()) {
    config_.settings = settings();
    keep_questions(UserDates::gives_one, "dates to compare", "it takes 2WikiMultihopQA's evidences: (subject, relation, date)");
    for (const std::string& name : config_.operations) operations_.push_back(operation_of(name, source));
    if (operations_.empty()) throw UserError(concat("/operations: expected at least one, got none (", source, ")"));
    const std::int64_t count = config_.num_entities;
    if (count > 0 && count < 3)
      throw UserError(concat("/num_entities: expected 0, or at least 3 to compare, got ", count, " (", source, ")"));
    if (themes_for(count > 0 ? count : kMaxEntities).empty()) {
      throw UserError(concat("/num_themes: expected a theme with room for ", count, " different values, got none in the first ",
                             config_.num_themes, " (", source, ")"));
    }
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 2; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft(Rng& rng, std::int64_t limit_tokens) const override {
    const std::int64_t count = entities_within(limit_tokens);
    const Drawn drawn = draw_question(rng, count);
    const CrossQuestion& question = drawn.question;
    const CrossTheme& theme = cross_themes()[question.theme];
    const Naming& asked = theme.kinds[question.kind];
    const std::vector<std::string> names = draw_names(rng, count + config_.num_decoys);
    std::vector<CrossEntity> peers = draw_stated(rng, theme, drawn.derived, cross_window(theme, count, question.ask));
    for (std::size_t i = 0; i < peers.size(); ++i) peers[i].name = asked.answer(names[i]);

    Draft draft;
    std::vector<std::size_t> by_name(peers.size());
    std::iota(by_name.begin(), by_name.end(), std::size_t{0});
    std::sort(by_name.begin(), by_name.end(), [&](std::size_t a, std::size_t b) { return peers[a].name < peers[b].name; });
    for (const std::size_t i : by_name) add_pages(rng, theme, asked, names[i], peers[i], draft);
    draft.evidence.resize(draft.sentences.size());
    std::iota(draft.evidence.begin(), draft.evidence.end(), std::size_t{0});
    for (int i = 0; i < config_.num_decoys; ++i) {
      const Naming& other = theme.kinds[(question.kind + 1 + i % (theme.kinds.size() - 1)) % theme.kinds.size()];
      const std::int64_t first = rng.between(theme.low, theme.high);
      add_pages(rng, theme, other, names[count + i], {"", first, first + rng.between(theme.derived_low, theme.derived_high)}, draft);
    }

    std::set<std::string> shown;
    for (const std::string& page : draft.sentences) {
      for (const Sentence& number : find_numbers(page)) shown.emplace(number.text);
    }
    const bool asks_entity = question.ask == CrossQuestion::Ask::rank;
    if (!asks_entity && shown.count(std::to_string(drawn.number)) > 0) return std::nullopt;
    for (const std::int64_t number : drawn.derived) {
      if (shown.count(std::to_string(number)) > 0) return std::nullopt;  // computed, never copied
    }
    const std::string pattern = cross_question_pattern(question, rng.below(num_cross_wordings(question)));
    draft.question = drawn.is_count ? fill(pattern, {std::to_string(question.threshold)}) : pattern;
    draft.gold_chain = cross_chain(question, peers);
    draft.answer =
        asks_entity ? Answer{"exact_match", asked.answers(names[drawn.gold])} : Answer{"numeric", {std::to_string(drawn.number)}};
    add_ranks(rng, question, peers, names, draft);
    for (const std::string& name : names) draft.keep_out.push_back(lower_words(name).front());
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(cross_guesses(question, peers, shown).size());
    draft.difficulty["num_entities"] = count;
    draft.difficulty["num_decoys"] = config_.num_decoys;
    draft.difficulty["operation"] = asks_entity ? "rank" : drawn.is_count ? "count" : "sum";
    return draft;
  }

  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    const Operation operation = rng.pick(operations_);
    const bool asks_entity = operation != Operation::count && operation != Operation::sum;
    return user_dates_.draft(question, entities_within(limit_tokens), asks_entity, rng);
  }

 private:
  std::int64_t entities_within(std::int64_t limit_tokens) const {
    return config_.num_entities > 0 ? config_.num_entities : std::clamp(limit_tokens / kTokensAnEntity, kMinEntities, kMaxEntities);
  }

  struct Drawn {
    CrossQuestion question;
    std::vector<std::int64_t> derived;  // of each peer; their order means nothing
    bool is_count = false;
    std::size_t gold = 0;     // the peer asked for
    std::int64_t number = 0;  // or the number
  };

  std::vector<std::size_t> themes_for(std::int64_t count) const {
    std::vector<std::size_t> themes;
    for (int i = 0; i < config_.num_themes; ++i) {
      if (cross_window(cross_themes()[i], count, CrossQuestion::Ask::rank) > 0) themes.push_back(i);
    }
    return themes;
  }

  Drawn draw_question(Rng& rng, std::int64_t count) const {
    using Ask = CrossQuestion::Ask;
    Drawn drawn;
    CrossQuestion& question = drawn.question;
    question.theme = rng.pick(themes_for(count));
    const CrossTheme& theme = cross_themes()[question.theme];
    question.kind = rng.below(theme.kinds.size());
    const Operation operation = rng.pick(operations_);
    question.ask = operation == Operation::count ? (rng.below(2) == 0 ? Ask::more : Ask::less)
                   : operation == Operation::sum ? Ask::sum
                                                 : Ask::rank;
    const std::int64_t window = cross_window(theme, count, question.ask);
    const std::int64_t low = rng.between(theme.derived_low, theme.derived_high - window), middle = low + window / 2;
    switch (operation) {
      case Operation::count: {
        // The number asked about says nothing of the count: both halves of the window are there for any.
        const std::int64_t above = rng.between(1, count - 1);
        drawn.derived = draw_different(rng, middle + 1, low + window, above);
        const std::vector<std::int64_t> below = draw_different(rng, low, middle - 1, count - above);
        drawn.derived.insert(drawn.derived.end(), below.begin(), below.end());
        rng.shuffle(drawn.derived);
        drawn.is_count = true;
        question.threshold = middle;
        drawn.number = question.ask == Ask::more ? above : count - above;
        return drawn;
      }
      case Operation::sum: {
        const std::int64_t spread = count * (count - 1) / 2;  // all different
        drawn.number = rng.between(count * low + spread, count * (low + window) - spread);
        drawn.derived = draw_with_sum(rng, low, low + window, count, drawn.number);
        return drawn;
      }
      default: {
        const int last = static_cast<int>(std::min<std::int64_t>(kLastCrossRank, count - 1));
        const int place = operation == Operation::rank ? static_cast<int>(rng.between(2, last)) : 1;
        const bool from_top = operation == Operation::most || (operation == Operation::rank && rng.below(2) == 0);
        question.rank = from_top ? place : -place;
        drawn.derived = draw_different(rng, low, low + window, count);
        std::vector<std::size_t> order(drawn.derived.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return drawn.derived[a] > drawn.derived[b]; });
        drawn.gold = order[from_top ? place - 1 : order.size() - place];
        return drawn;
      }
    }
  }

  // Stated numbers that put the peers in the same order, one that has nothing to do with the differences: any two are further
  // apart than differences are. Every second of twice as many draws: neighbours are seldom as near as may be, where a difference shows.
  static std::vector<CrossEntity> draw_stated(Rng& rng, const CrossTheme& theme, const std::vector<std::int64_t>& derived,
                                              std::int64_t window) {
    const auto count = static_cast<std::int64_t>(derived.size());
    const std::int64_t step = window + 1;
    std::vector<std::int64_t> offsets(2 * derived.size() + 1);
    for (std::int64_t& offset : offsets) offset = rng.between(0, theme.high - theme.low - (count - 1) * step);
    std::sort(offsets.begin(), offsets.end());
    const bool first_is_free = rng.below(2) == 0;
    std::vector<CrossEntity> entities(derived.size());
    for (std::size_t i = 0; i < entities.size(); ++i) {
      const std::int64_t stated = theme.low + offsets[2 * i + 1] + static_cast<std::int64_t>(i) * step;
      entities[i].first = first_is_free ? stated : stated + theme.derived_high - derived[i];
      entities[i].second = entities[i].first + derived[i];
    }
    return entities;
  }

  // The same pages answer who is first, second … from either end.
  static void add_ranks(Rng& rng, CrossQuestion question, const std::vector<CrossEntity>& peers, const std::vector<std::string>& names,
                        Draft& draft) {
    const int asked = question.ask == CrossQuestion::Ask::rank ? question.rank : 0;
    const Naming& kind = cross_themes()[question.theme].kinds[question.kind];
    question.ask = CrossQuestion::Ask::rank;
    std::vector<std::size_t> order(peers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return peers[a].derived() > peers[b].derived(); });
    const int last = static_cast<int>(std::min<std::size_t>(kLastCrossRank, peers.size() - 1));
    for (question.rank = -last; question.rank <= last; ++question.rank) {
      if (question.rank == 0 || question.rank == asked) continue;
      const std::size_t entity = order[question.rank > 0 ? question.rank - 1 : order.size() + question.rank];
      draft.ask({draft.evidence,
                 cross_question_pattern(question, rng.below(num_cross_wordings(question))),
                 {"exact_match", kind.answers(names[entity])},
                 cross_chain(question, peers)},
                false);
    }
  }

  // Two pages, one for each number, that say nothing twice.
  void add_pages(Rng& rng, const CrossTheme& theme, const Naming& kind, const std::string& name, const CrossEntity& entity,
                 Draft& draft) const {
    const std::size_t intro = rng.below(theme.intro.size()), noise = rng.below(theme.noise.size());
    for (const bool second : {false, true}) {
      const std::string number = std::to_string(second ? entity.second : entity.first);
      const std::string other = std::to_string(rng.between(theme.low, theme.high));
      std::vector<std::pair<const char*, const std::string*>> said = {{rng.pick(second ? theme.second : theme.first), &number}};
      if (rng.uniform() < kIntroShare) said.emplace_back(theme.intro[(intro + second) % theme.intro.size()], nullptr);
      if (rng.uniform() < config_.noise) said.emplace_back(theme.noise[(noise + second) % theme.noise.size()], &other);
      rng.shuffle(said);
      std::string page;
      for (const auto& [pattern, stated] : said) {
        // "He" only begins a sentence; inside one it might have to be "him".
        const std::string subject = page.empty() ? kind.called(name) : kind.again[pattern[0] == '@' ? rng.below(2) : 1];
        const std::string sentence = put(pattern, '@', subject);
        page += (page.empty() ? "" : " ") + (stated ? fill(sentence, {*stated}) : sentence);
      }
      draft.sentences.push_back(std::move(page));
    }
  }

  CrossEntityConfig config_;
  UserDates user_dates_;
  std::vector<Operation> operations_;
};

}  // namespace

std::unique_ptr<TaskBuilder> make_cross_entity(const Json& entry, const Corpus& corpus, std::string_view source) {
  CrossEntityConfig config;
  read_config(config, entry, source);
  return std::make_unique<CrossEntityBuilder>(std::move(config), corpus, source);
}

}  // namespace longbow::data
