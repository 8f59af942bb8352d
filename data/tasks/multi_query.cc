#include "data/tasks/multi_query.h"

#include <algorithm>
#include <functional>
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

class MultiQuery final : public TaskBuilder {
 public:
  MultiQuery(MultiQueryConfig config, const Corpus& corpus, std::string_view source)
      : TaskBuilder(config.settings, corpus), config_(std::move(config)) {
    config_.settings = settings();
    keep_questions(suits_multi_query, "questions with paragraphs that hold a short answer");
    if (config_.num_cancelled + config_.num_replaced == 0) {
      throw UserError(concat("/num_cancelled: expected a question that is taken back or replaced, got none (", source, ")"),
                      "a list of everything asked would be right");
    }
  }

  std::string_view family() const override { return "multi_evidence"; }
  int version() const override { return 4; }
  Json resolved() const override { return config_to_json(config_); }
  bool takes_questions() const override { return true; }

 protected:
  std::optional<Draft> draft(Rng& rng, std::int64_t) const override {
    std::optional<std::vector<Key>> keys = draw_keys(rng);
    if (!keys) return std::nullopt;
    Draft draft;
    for (Key& key : *keys) state(rng, key, draft);
    using What = QueryEvent::What;
    draft.ordered.emplace_back();
    std::vector<std::size_t> standing;  // keys
    std::vector<std::pair<std::size_t, std::string>> withdrawals;
    for (const QueryEvent& event : draw_query_events(counts(), rng)) {
      draft.ordered.back().push_back(draft.sentences.size());
      draft.sentences.push_back(to_text(rng, event, *keys));
      const std::size_t asked = event.what == What::ask ? event.key : event.new_key;
      if (event.what != What::ask) withdrawals.emplace_back(event.key, draft.sentences.back());
      std::erase(standing, event.key);
      if (event.what == What::cancel) continue;
      std::erase(standing, asked);
      standing.push_back(asked);
    }
    // Evidence is all that happens to the questions, and all that is stated for those that stand: complete groups of ordered sentences,
    // whose depths are as uniform as those of the others.
    std::vector<std::string> lines;
    for (const std::size_t key : standing) {
      const Key& asked = (*keys)[key];
      draft.evidence.insert(draft.evidence.end(), asked.statements.begin(), asked.statements.end());
      lines.push_back(asked.numbers.back());
    }
    draft.evidence.insert(draft.evidence.end(), draft.ordered.back().begin(), draft.ordered.back().end());
    draft.gold_chain = settling_withdrawals(withdrawals, standing);
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
  QueryCounts counts() const {
    const auto count = [](int number) { return static_cast<std::size_t>(number); };
    return {count(config_.num_queries), count(config_.num_cancelled + config_.num_replaced), count(config_.num_replaced),
            count(config_.num_reasked)};
  }
  // Keys by their place: those of QueryCounts, then those that nobody asks for.
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

  static std::string to_text(Rng& rng, const QueryEvent& event, const std::vector<Key>& keys) {
    const Key &key = keys[event.key], &new_key = keys[event.new_key];
    const QueryWords words{key.kind, key.name, "", new_key.kind, new_key.name};
    switch (event.what) {
      case QueryEvent::What::ask:
        return say(kAsked[rng.below(kAsked.size())], words);
      case QueryEvent::What::cancel:
        return say(kCancelled[rng.below(kCancelled.size())], words);
      case QueryEvent::What::replace:
        return say(kReplaced[rng.below(kReplaced.size())], words);
    }
    return "";
  }

  std::int64_t count_guesses(const std::vector<Key>& keys) const {
    std::vector<std::size_t> choices;
    for (std::size_t i = 0; i < num_asked(); ++i) choices.push_back(keys[i].numbers.size());
    return count_lists(choices, static_cast<std::size_t>(config_.num_queries));
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

std::vector<std::string> all_lists(const std::vector<std::vector<std::string>>& choices, std::size_t num_lines, std::size_t limit) {
  std::vector<std::string> lists, lines;
  const std::function<void(std::size_t)> extend = [&](std::size_t next) {
    if (lists.size() == limit) return;
    if (lines.size() == num_lines) {
      if (num_lines > 0) lists.push_back(numbered_lines(lines));
      return;
    }
    for (; next + num_lines <= choices.size() + lines.size(); ++next) {
      for (const std::string& line : choices[next]) {
        lines.push_back(line);
        extend(next + 1);
        lines.pop_back();
      }
    }
  };
  extend(0);
  return lists;
}

std::int64_t count_lists(const std::vector<std::size_t>& choices, std::size_t num_lines) {
  std::vector<std::int64_t> of_length(num_lines + 1, 0);  // lists of so many lines from the choices so far
  of_length[0] = 1;
  for (const std::size_t count : choices) {
    for (std::size_t length = num_lines; length > 0; --length) {
      of_length[length] = std::min(kMaxQueryGuesses, of_length[length] + of_length[length - 1] * static_cast<std::int64_t>(count));
    }
  }
  return of_length[num_lines];
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
