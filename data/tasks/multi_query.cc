#include "data/tasks/multi_query.h"

#include <algorithm>
#include <set>
#include <utility>

#include "data/tasks/phrase.h"

namespace longbow::data {
namespace {

struct Key {
  std::string kind, name;
  std::vector<std::string> numbers;          // as stated, then as corrected
  std::vector<std::size_t> statements = {};  // their sentences
};

struct Event {
  enum class What { ask, cancel, replace };
  What what = What::ask;
  std::size_t key = 0;      // asked, taken back, or replaced
  std::size_t new_key = 0;  // replace: asked instead
  std::size_t sentence = 0;
};

class MultiQuery final : public TaskBuilder {
 public:
  MultiQuery(MultiQueryConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
    if (config_.num_replaced + config_.num_reasked > config_.num_queries) {
      throw UserError(concat("/num_queries: expected at least num_replaced + num_reasked = ", config_.num_replaced + config_.num_reasked,
                             ", got ", config_.num_queries, " (", source, ")"));
    }
    if (config_.num_cancelled + config_.num_replaced == 0) {
      throw UserError(concat("/num_cancelled: expected a question that is taken back or replaced, got none (", source, ")"),
                      "a list of everything asked would be right");
    }
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 1; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    std::optional<std::vector<Key>> keys = draw_keys(rng);
    if (!keys) return std::nullopt;
    Draft draft;
    for (Key& key : *keys) state(rng, key, draft);
    std::vector<Event> events = interleave(draw_chains(rng), rng);
    draft.ordered.emplace_back();
    for (Event& event : events) {
      event.sentence = draft.sentences.size();
      draft.ordered.back().push_back(event.sentence);
      draft.sentences.push_back(to_text(rng, event, *keys));
    }

    std::vector<std::size_t> standing;  // keys
    for (const Event& event : events) {
      if (event.what != Event::What::ask) std::erase(standing, event.key);
      if (event.what != Event::What::cancel) standing.push_back(event.what == Event::What::ask ? event.key : event.new_key);
    }
    // Evidence is all that happens to the questions, and all that is stated for those that stand: complete groups of ordered sentences,
    // whose depths are as uniform as those of the others.
    std::vector<std::string> lines;
    for (const std::size_t key : standing) {
      const Key& asked = (*keys)[key];
      draft.evidence.insert(draft.evidence.end(), asked.statements.begin(), asked.statements.end());
      lines.push_back(asked.numbers.back());
    }
    const auto stands = [&](std::size_t key) { return std::find(standing.begin(), standing.end(), key) != standing.end(); };
    for (const Event& event : events) {
      draft.evidence.push_back(event.sentence);
      const bool settles = event.what == Event::What::replace || (event.what == Event::What::cancel && !stands(event.key));
      if (settles) draft.gold_chain.push_back(draft.sentences[event.sentence]);
    }
    for (std::size_t line = 0; line < standing.size(); ++line) {
      const Key& asked = (*keys)[standing[line]];
      draft.gold_chain.push_back(query_step(line + 1, asked.kind, asked.name, lines[line]));
    }
    draft.question = kMultiQueryQuestions[rng.below(kMultiQueryQuestions.size())];
    draft.answer = {"ordered_list", {numbered_lines(lines)}};
    if (config_.prefix_credit > 0) draft.answer.params["prefix_credit"] = config_.prefix_credit;
    for (const Key& key : *keys) draft.keep_out.push_back(lower_words(key.name).front());
    draft.difficulty["num_candidates"] = count_guesses(*keys);
    draft.difficulty["num_queries"] = config_.num_queries;
    draft.difficulty["num_withdrawn"] = config_.num_cancelled + config_.num_replaced;
    draft.difficulty["num_corrected"] = config_.num_corrected;
    draft.difficulty["num_unasked"] = config_.num_unasked;
    return draft;
  }
  std::optional<Draft> draft_from(const QaItem& question, Rng& rng, std::int64_t limit_tokens) const override {
    return draft_multi_query_of_questions(config_, question, questions(), rng, limit_tokens);
  }

 private:
  // Keys by their place: first those asked in the end, then cancelled, then replaced ones, then those that nobody asks for.
  std::size_t num_asked() const { return config_.num_queries + config_.num_cancelled + config_.num_replaced; }

  // Numbers differ throughout, so that a right line tells which key it is for; nullopt when there are not enough of them.
  std::optional<std::vector<Key>> draw_keys(Rng& rng) const {
    std::vector<Key> keys(num_asked() + config_.num_unasked);
    const std::size_t num_corrected = std::min<std::size_t>(config_.num_corrected, keys.size());
    std::vector<std::size_t> order(keys.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    rng.shuffle(order);  // whose numbers are corrected says nothing about who is asked for

    // Fewer names than keys: one person's badge is beside the same person's locker.
    const std::vector<std::string> names = draw_names(rng, std::max<std::size_t>(2, (2 * keys.size() + 2) / 3));
    std::set<std::pair<std::string, std::string>> taken;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      Key& key = keys[i];
      int tries = 0;
      do {
        if (++tries > 1000) return std::nullopt;
        key.kind = kQueryKinds[rng.below(config_.num_kinds)];
        key.name = rng.pick(names);
      } while (!taken.emplace(key.kind, key.name).second);
      const std::size_t count = std::find(order.begin(), order.begin() + num_corrected, i) != order.begin() + num_corrected ? 2 : 1;
      for (tries = 0; key.numbers.size() < count; ++tries) {
        if (tries > 1000) return std::nullopt;
        std::string number(1, static_cast<char>('1' + rng.below(9)));
        while (static_cast<int>(number.size()) < config_.digits) number += static_cast<char>('0' + rng.below(10));
        if (seen.insert(number).second) key.numbers.push_back(std::move(number));
      }
    }
    return keys;
  }

  static void state(Rng& rng, Key& key, Draft& draft) {
    for (std::size_t i = 0; i < key.numbers.size(); ++i) {
      key.statements.push_back(draft.sentences.size());
      const QueryWording& wording = i == 0 ? kStated[rng.below(kStated.size())] : kCorrected[rng.below(kCorrected.size())];
      draft.sentences.push_back(say(wording, {key.kind, key.name, key.numbers[i], "", ""}));
    }
    if (key.statements.size() > 1) draft.ordered.push_back(key.statements);
  }

  // What happens to each question, in its order; nothing is settled between questions.
  std::vector<std::vector<Event>> draw_chains(Rng& rng) const {
    using What = Event::What;
    std::vector<std::size_t> standing(config_.num_queries);
    for (std::size_t i = 0; i < standing.size(); ++i) standing[i] = i;
    rng.shuffle(standing);
    std::size_t next = config_.num_queries;  // the key after those that stand
    std::vector<std::vector<Event>> chains;
    for (int i = 0; i < config_.num_cancelled; ++i, ++next) chains.push_back({{What::ask, next}, {What::cancel, next}});
    for (int i = 0; i < config_.num_queries; ++i) {
      const std::size_t key = standing[i];
      if (i < config_.num_replaced) {
        chains.push_back({{What::ask, next}, {What::replace, next, key}});
        ++next;
      } else if (i < config_.num_replaced + config_.num_reasked) {
        chains.push_back({{What::ask, key}, {What::cancel, key}, {What::ask, key}});
      } else {
        chains.push_back({{What::ask, key}});
      }
    }
    return chains;
  }

  static std::string to_text(Rng& rng, const Event& event, const std::vector<Key>& keys) {
    const Key &key = keys[event.key], &new_key = keys[event.new_key];
    const QueryWords words{key.kind, key.name, "", new_key.kind, new_key.name};
    switch (event.what) {
      case Event::What::ask:
        return say(kAsked[rng.below(kAsked.size())], words);
      case Event::What::cancel:
        return say(kCancelled[rng.below(kCancelled.size())], words);
      case Event::What::replace:
        return say(kReplaced[rng.below(kReplaced.size())], words);
    }
    return "";
  }

  std::int64_t count_guesses(const std::vector<Key>& keys) const {
    std::int64_t count = 1;
    for (std::size_t i = 0; i < num_asked() && count <= kMaxQueryGuesses; ++i)
      count *= 1 + static_cast<std::int64_t>(keys[i].numbers.size());
    return std::min(count - 1, kMaxQueryGuesses);
  }

  MultiQueryConfig config_;
};

}  // namespace

std::string say(const QueryWording& wording, const QueryWords& words) {
  std::vector<std::string_view> blanks;
  for (const char* slot = wording.slots; *slot != '\0'; ++slot) {
    blanks.push_back(*slot == 'k'   ? words.kind
                     : *slot == 'n' ? words.name
                     : *slot == 'v' ? words.number
                     : *slot == 'K' ? words.new_kind
                                    : words.new_name);
  }
  return fill(wording.pattern, blanks);
}

std::optional<QueryWords> hear(std::string_view sentence, const QueryWording& wording) {
  const auto blanks = match(sentence, wording.pattern);
  if (!blanks) return std::nullopt;
  QueryWords words;
  for (std::size_t i = 0; i < blanks->size(); ++i) {
    const char slot = wording.slots[i];
    (slot == 'k'   ? words.kind
     : slot == 'n' ? words.name
     : slot == 'v' ? words.number
     : slot == 'K' ? words.new_kind
                   : words.new_name) = (*blanks)[i];
  }
  return words;
}

std::vector<std::string> all_lists(const std::vector<std::vector<std::string>>& choices, std::size_t limit) {
  std::vector<std::string> lists;
  std::vector<std::size_t> at(choices.size(), 0);
  while (lists.size() < limit) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      if (!choices[i][at[i]].empty()) lines.push_back(choices[i][at[i]]);
    }
    if (!lines.empty()) lists.push_back(numbered_lines(lines));
    std::size_t i = 0;
    while (i < at.size() && ++at[i] == choices[i].size()) at[i++] = 0;
    if (i == at.size()) break;
  }
  return lists;
}

std::string numbered_lines(const std::vector<std::string>& lines) {
  std::string list;
  for (std::size_t i = 0; i < lines.size(); ++i) list += concat(i == 0 ? "" : "\n", i + 1, ". ", lines[i]);
  return list;
}

std::string query_step(std::size_t line, std::string_view kind, std::string_view name, std::string_view number) {
  return concat(line, ". The ", kind, " number of ", name, " is ", number, ".");
}

std::unique_ptr<TaskBuilder> make_multi_query(const Json& entry, const Corpus& corpus, std::string_view source) {
  MultiQueryConfig config;
  read_config(config, entry, source);
  return std::make_unique<MultiQuery>(std::move(config), corpus, source);
}

}  // namespace longbow::data
