#include "data/tasks/long_doc_qa.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

constexpr std::int64_t kTokensAPageFiller = 500;  // prompts of so many tokens give a page room for one more sentence
constexpr std::int64_t kTokensOfAWalk = 1536;     // of the shortest prompt with room for its pages
constexpr std::int64_t kTokensASibling = 384, kMinSiblings = 4, kMaxSiblings = 10;
constexpr std::int64_t kFirstYear = 1200, kLastYear = 1989;

struct Place {
  std::string name;
  std::vector<std::string> values;  // of each fact of the kind; empty where the page does not tell
};

class LongDocQa final : public TaskBuilder {
 public:
  LongDocQa(LongDocQaConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
    if (config_.comparison_share + config_.yes_no_share > 1) {
      throw UserError(concat("/comparison_share: expected at most 1 together with yes_no_share, got ",
                             config_.comparison_share + config_.yes_no_share, " (", source, ")"));
    }
    keep_questions(suits_long_doc_qa, "questions with paragraphs that hold the answer, where the question does not");
    const auto num_yes_no = std::count_if(questions().begin(), questions().end(), [](const QaItem* item) { return is_yes_no(*item); });
    const auto num_others = static_cast<double>(questions().size()) - static_cast<double>(num_yes_no);
    // Of n others, n s / (1 - s) with yes or no make up the share s.
    const double allowed = num_others * config_.yes_no_share / (1 - config_.yes_no_share);
    if (num_yes_no > 0) yes_no_kept_ = std::min(1.0, allowed / static_cast<double>(num_yes_no));
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 2; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft(Rng& rng, std::int64_t limit_tokens) const override {
    DocQuestion question;
    const double form = rng.uniform();
    const bool is_yes_no = form < config_.yes_no_share;
    const bool compares = form < config_.yes_no_share + config_.comparison_share;
    const double others = 1 - config_.yes_no_share - config_.comparison_share;
    if (!compares && limit_tokens >= kTokensOfAWalk && 1 - form < config_.walk_share * others) return draft_walk(rng, limit_tokens);
    question.ask = is_yes_no ? DocQuestion::Ask::yes_no : compares ? DocQuestion::Ask::older : DocQuestion::Ask::fact;
    question.kind = rng.below(doc_kinds().size());
    const DocKind& kind = doc_kinds()[question.kind];
    question.tie = rng.below(kind.ties.size());
    const std::vector<std::size_t> told = draw_facts(rng, kind, compares);
    question.fact = compares ? 0 : rng.pick(told);
    World world = draw_world(rng, kind, told);
    question.person = world.people[0];
    question.other_person = compares ? world.people[1] : "";

    Draft draft;
    draft.separator = kPageBreak;
    draft.keep_out = keep_out(world, question.fact);
    const std::int64_t most_filler = std::min<std::int64_t>(config_.max_page_filler, limit_tokens / kTokensAPageFiller);
    const std::size_t count = world.people.size();
    std::vector<EvidenceSpan> tie_spans(count), fact_spans(count);  // of the asked tie and fact, by person and by place
    for (std::size_t i = 0; i < count; ++i) {
      DocPage page{world.people[i], {}};
      for (std::size_t tie = 0; tie < kind.ties.size(); ++tie) {
        const auto& statements = kind.ties[tie].statements;
        page.sentences.push_back(fill(statements[rng.below(statements.size())], {page.title, world.place_of(i, tie).name}));
      }
      add_filler(rng, most_filler, draft.keep_out, page);
      RenderedDocPage rendered = render(page, rng);
      tie_spans[i] = rendered.spans[question.tie];
      draft.sentences.push_back(std::move(rendered.text));
    }
    for (std::size_t i = 0; i < count; ++i) {
      DocPage page{world.places[i].name, {}};
      std::size_t asked = 0;
      for (const std::size_t fact : told) {
        if (fact == question.fact) asked = page.sentences.size();
        const char* statement = kind.facts[fact].statements[rng.below(2)];
        const std::string& value = world.places[i].values[fact];
        page.sentences.push_back(rng.below(2) == 0 ? fill(named_statement(kind, statement), {page.title, value})
                                                   : fill(titled_statement(kind, statement), {value}));
      }
      add_filler(rng, most_filler, draft.keep_out, page);
      RenderedDocPage rendered = render(page, rng);
      fact_spans[i] = rendered.spans[asked];
      draft.sentences.push_back(std::move(rendered.text));
    }
    for (std::size_t person = 0; person < (compares ? 2u : 1u); ++person) {
      const std::size_t place = world.place_index(person, question.tie);
      draft.evidence.push_back(person);
      draft.evidence_bytes.push_back(tie_spans[person]);
      draft.evidence.push_back(count + place);
      draft.evidence_bytes.push_back(fact_spans[place]);
      draft.gold_chain.push_back(fill(kind.ties[question.tie].statements[0], {world.people[person], world.places[place].name}));
      draft.gold_chain.push_back(fill(named_statement(kind, kind.facts[question.fact].statements[0]),
                                      {world.places[place].name, world.places[place].values[question.fact]}));
    }
    draft.filler_unit = [this, asked_category = kind.facts[question.fact].category, most = config_.max_page_filler](
                            const FillerDealer& deal, std::size_t room, Rng& rng) {
      return other_page(rng, deal, room, asked_category, most);
    };
    draft.question = to_text(question, rng.below(3), rng.below(2));
    draft.answer = answer_of(question, kind, world);
    draft.difficulty["num_candidates"] = static_cast<std::int64_t>(compares ? 2 : kind.ties.size());
    draft.difficulty["form"] = is_yes_no ? "yes_no" : compares ? "comparison" : "bridge";
    draft.difficulty["hops"] = 2;
    draft.difficulty["num_people"] = config_.num_people;
    return draft;
  }
  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    if (is_yes_no(question) && rng.uniform() >= yes_no_kept_) return std::nullopt;
    return draft_long_doc_qa_of_question(config_, question, questions_of_split(), rng, limit_tokens);
  }

 private:
  std::optional<Draft> draft_walk(Rng& rng, std::int64_t limit_tokens) const {
    const std::int64_t num_siblings = std::clamp(limit_tokens / kTokensASibling, kMinSiblings, kMaxSiblings);
    const std::int64_t most_filler = std::min<std::int64_t>(config_.max_page_filler, limit_tokens / kTokensAPageFiller / kMinSiblings);
    std::optional<Draft> draft = draft_long_doc_qa_walk(
        static_cast<std::size_t>(rng.between(3, config_.max_hops)), static_cast<std::size_t>(num_siblings),
        [&](std::size_t count) { return draw_names(rng, count); },
        [&](const std::vector<std::string>& keep_out, DocPage& page) { add_filler(rng, most_filler, keep_out, page); }, rng);
    if (draft) {
      draft->filler_unit = [this, most = config_.max_page_filler](const FillerDealer& deal, std::size_t room, Rng& rng) {
        return other_page(rng, deal, room, "", most);
      };
    }
    return draft;
  }

  struct World {
    std::vector<std::string> people;
    std::vector<Place> places;
    std::vector<std::size_t> shifts;  // from a person to the place that a tie gives: a different one for each tie

    std::size_t place_index(std::size_t person, std::size_t tie) const { return (person + shifts[tie]) % places.size(); }
    const Place& place_of(std::size_t person, std::size_t tie) const { return places[place_index(person, tie)]; }
  };

  // In random order; years (fact 0) when places are to be compared, things only where there are enough to differ.
  std::vector<std::size_t> draw_facts(Rng& rng, const DocKind& kind, bool needs_year) const {
    std::vector<std::size_t> facts;
    for (std::size_t i = 0; i < kind.facts.size(); ++i) {
      const DocFact& fact = kind.facts[i];
      if (fact.category.empty() || members(fact.category).size() >= static_cast<std::size_t>(config_.num_people)) facts.push_back(i);
    }
    rng.shuffle(facts);
    if (needs_year) std::swap(facts.front(), *std::find(facts.begin(), facts.end(), std::size_t{0}));
    facts.resize(std::min<std::size_t>(facts.size(), config_.num_facts));
    rng.shuffle(facts);
    return facts;
  }

  const std::vector<std::string>& members(std::string_view category) const { return corpus().find_category(category)->members; }

  World draw_world(Rng& rng, const DocKind& kind, const std::vector<std::size_t>& told) const {
    const auto count = static_cast<std::size_t>(config_.num_people);
    const auto is_name = [&](std::size_t fact) { return !kind.facts[fact].is_year && kind.facts[fact].category.empty(); };
    const auto num_name_facts = static_cast<std::size_t>(std::count_if(told.begin(), told.end(), is_name));
    std::vector<std::string> names = draw_names(rng, count * (2 + num_name_facts));
    const auto next_name = [&] {
      std::string name = std::move(names.back());
      names.pop_back();
      return name;
    };
    World world;
    for (std::size_t i = 0; i < count; ++i) {
      world.shifts.push_back(i);
      world.people.push_back(next_name());
      world.places.push_back({next_name(), std::vector<std::string>(kind.facts.size())});
    }
    rng.shuffle(world.shifts);
    for (const std::size_t fact : told) {  // no two places have the same value
      std::vector<std::string> things;
      if (!kind.facts[fact].category.empty()) {
        things = members(kind.facts[fact].category);
        rng.shuffle(things);
      }
      std::set<std::int64_t> years;
      for (std::size_t i = 0; i < count; ++i) {
        std::string& value = world.places[i].values[fact];
        if (is_name(fact)) {
          value = next_name();
        } else if (!things.empty()) {
          value = things[i];
        } else {
          std::int64_t year = 0;
          do {
            year = rng.between(kFirstYear, kLastYear);
          } while (!years.insert(year).second);
          value = std::to_string(year);
        }
      }
    }
    return world;
  }

  static std::vector<std::string> keep_out(const World& world, std::size_t asked_fact) {
    std::vector<std::string> words;
    const auto add = [&](const std::string& text) {
      for (std::string& word : lower_words(text)) words.push_back(std::move(word));
    };
    for (const std::string& person : world.people) add(person);
    for (const Place& place : world.places) {
      add(place.name);
      add(place.values[asked_fact]);
    }
    return words;
  }

  void add_filler(Rng& rng, std::int64_t most, const std::vector<std::string>& keep_out, DocPage& page) const {
    const auto is_kept_out = [&](const std::string& word) { return std::find(keep_out.begin(), keep_out.end(), word) != keep_out.end(); };
    for (std::int64_t left = rng.between(0, most); left > 0;) {
      const std::string& sentence = rng.pick(corpus().filler());
      const std::vector<std::string> words = lower_words(sentence);
      if (std::any_of(words.begin(), words.end(), is_kept_out)) continue;
      page.sentences.push_back(sentence);
      --left;
    }
  }

  // Padding: a page about a thing, of a category that the answer is not of.
  std::string other_page(Rng& rng, const FillerDealer& deal, std::size_t room, std::string_view asked_category, int most) const {
    const Category* category = nullptr;
    do {
      category = &rng.pick(corpus().categories());
    } while (category->word == asked_category);
    std::string text = rng.pick(category->members);
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    text += '\n';
    const std::size_t title_end = text.size();
    for (std::uint64_t left = 2 + rng.below(static_cast<std::uint64_t>(most) + 1); left > 0; --left) {
      const std::string* sentence = deal();
      if (sentence == nullptr) return "";
      if (text.size() > title_end && text.size() + sentence->size() > room) break;
      if (text.size() > title_end) text += ' ';
      text += *sentence;
    }
    return text;
  }

  // Matched exactly: of one word, containment would score a list of two or three candidates.
  static Answer answer_of(const DocQuestion& question, const DocKind& kind, const World& world) {
    const Place &place = world.place_of(0, question.tie), &other = world.place_of(1, question.tie);
    const std::string& value = place.values[question.fact];
    if (question.ask == DocQuestion::Ask::fact) {
      Answer answer{"exact_match", {value}};
      if (const std::string_view alias = kind.facts[question.fact].alias; !alias.empty()) answer.answers.push_back(fill(alias, {value}));
      return answer;
    }
    const bool is_older = std::stoll(value) < std::stoll(other.values[question.fact]);
    if (question.ask == DocQuestion::Ask::yes_no) return {"exact_match", {is_older ? "yes" : "no"}};
    const std::string& name = is_older ? place.name : other.name;
    return {"exact_match", {name, fill(kind.called, {name})}};
  }

  LongDocQaConfig config_;
  double yes_no_kept_ = 1;  // share of the user's questions with the answer yes or no
};

}  // namespace

RenderedDocPage render(const DocPage& page, Rng& rng) {
  std::vector<std::size_t> order(page.sentences.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  rng.shuffle(order);
  RenderedDocPage rendered{page.title, std::vector<EvidenceSpan>(order.size())};
  for (const std::size_t i : order) {
    rendered.text += rendered.text.size() == page.title.size() ? '\n' : ' ';
    rendered.spans[i].start = static_cast<std::int64_t>(rendered.text.size());
    rendered.text += page.sentences[i];
    rendered.spans[i].end = static_cast<std::int64_t>(rendered.text.size());
  }
  return rendered;
}

std::unique_ptr<TaskBuilder> make_long_doc_qa(const Json& entry, const Corpus& corpus, std::string_view source) {
  LongDocQaConfig config;
  read_config(config, entry, source);
  return std::make_unique<LongDocQa>(std::move(config), corpus, source);
}

}  // namespace longbow::data
