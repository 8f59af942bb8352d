// MultiQuery over the user's questions: they stand in quotes among the paragraphs they rest on, some are taken back further on, and the
// list of answers follows those that stand at the end.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "data/tasks/multi_query.h"
#include "data/tasks/other_paragraphs.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr int kMaxTries = 400;               // draws of further questions
constexpr double kBytesPerToken = 2.5;       // fewer than tokenizers need, so that what is planned fits
constexpr double kShareForQuestions = 0.8;   // of the limit; the rest is filler
constexpr std::size_t kBytesOfAnEvent = 30;  // what stands around the question
constexpr std::size_t kMentions = 3;

struct Quoted {
  const QaItem* question = nullptr;
  std::string asked;
  std::vector<std::string> paragraphs;

  explicit Quoted(const QaItem& item) : question(&item), asked(quotable(item.question)), paragraphs(quoted_evidence(item)) {}

  bool is_sound() const {
    const bool is_line = question->answer() == one_line(question->answer());
    return is_line && !asked.empty() && !paragraphs.empty() && (is_yes_no(*question) || holds_answer(paragraphs, *question));
  }
  std::size_t bytes() const {
    std::size_t total = kMentions * (kBytesOfAnEvent + asked.size());
    for (const std::string& paragraph : paragraphs) total += paragraph.size() + 1;
    return total;
  }
};

// A question in the text, asked or taken back.
struct Heard {
  bool asks = true;
  std::string asked;
  EvidenceSpan span;
};

template <class Heads>
void find_heads(std::string_view context, const Heads& heads, bool asks, std::vector<Heard>& heard) {
  for (const char* head : heads) {
    const std::string opening = concat(head, "\"");
    for (std::size_t at = context.find(opening); at != std::string_view::npos; at = context.find(opening, at + 1)) {
      const std::size_t begin = at + opening.size(), close = context.find("\".", begin);
      if (close == std::string_view::npos) continue;
      heard.push_back(
          {asks, std::string(context.substr(begin, close - begin)), {static_cast<std::int64_t>(at), static_cast<std::int64_t>(close + 2)}});
    }
  }
}

std::vector<Heard> find_events(std::string_view context) {
  std::vector<Heard> heard;
  find_heads(context, kAskedHeads, true, heard);
  find_heads(context, kCancelledHeads, false, heard);
  std::sort(heard.begin(), heard.end(), [](const Heard& a, const Heard& b) { return a.span.start < b.span.start; });
  return heard;
}

template <class Heads>
std::string quote(const Heads& heads, const std::string& asked, Rng& rng) {
  return concat(heads[rng.below(heads.size())], "\"", asked, "\".");
}

// The question, then others until there are enough; none shares a paragraph or its wording with another.
std::vector<Quoted> draw_questions(const QaItem& first, const std::vector<const QaItem*>& questions, std::size_t count, Rng& rng,
                                   std::int64_t limit_tokens) {
  const double budget = kShareForQuestions * kBytesPerToken * static_cast<double>(limit_tokens);
  std::vector<Quoted> drawn;
  std::set<std::string> seen;
  std::size_t bytes = 0;
  for (int tries = 0; drawn.size() < count && tries < kMaxTries; ++tries) {
    Quoted quoted(tries == 0 ? first : *rng.pick(questions));
    std::vector<std::string> texts = quoted.paragraphs;
    texts.push_back(quoted.asked);
    const bool is_new = std::none_of(texts.begin(), texts.end(), [&](const std::string& text) { return seen.count(text) > 0; });
    const bool fits = static_cast<double>(bytes + quoted.bytes()) <= budget;
    if (!quoted.is_sound() || !is_new || !fits) {
      if (tries == 0) return {};
      continue;
    }
    seen.insert(texts.begin(), texts.end());
    bytes += quoted.bytes();
    drawn.push_back(std::move(quoted));
  }
  return drawn;
}

std::string answer_line(std::size_t line, std::string_view answer) { return concat(line, ". ", answer); }

}  // namespace

bool suits_multi_query(const QaItem& question) { return Quoted(question).is_sound(); }

std::optional<Draft> draft_multi_query_of_questions(const MultiQueryConfig& config, const QaItem& question,
                                                    const std::vector<const QaItem*>& questions, Rng& rng, std::int64_t limit_tokens) {
  const auto num_standing = static_cast<std::size_t>(config.num_queries);
  const std::size_t count = num_standing + static_cast<std::size_t>(config.num_cancelled + config.num_replaced);
  std::vector<Quoted> drawn = draw_questions(question, questions, count, rng, limit_tokens);
  if (drawn.size() < count) return std::nullopt;
  rng.shuffle(drawn);  // so that the one this draft is for may be any line, or one that is taken back

  Draft draft;
  draft.separator = "\n";
  std::vector<std::vector<std::size_t>> places(count);  // of each question's paragraphs
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string& paragraph : drawn[i].paragraphs) {
      places[i].push_back(draft.sentences.size());
      draft.sentences.push_back(paragraph);
    }
  }
  std::vector<std::size_t> standing, events;
  std::vector<std::string> asked, answers, lines;
  std::vector<std::pair<std::size_t, std::string>> withdrawals;
  // Nothing is replaced here: what would be is cancelled.
  for (const QueryEvent& event :
       draw_query_events({num_standing, count - num_standing, 0, static_cast<std::size_t>(config.num_reasked)}, rng)) {
    const bool asks = event.what == QueryEvent::What::ask;
    const Quoted& quoted = drawn[event.key];
    events.push_back(draft.sentences.size());
    draft.sentences.push_back(asks ? quote(kAskedHeads, quoted.asked, rng) : quote(kCancelledHeads, quoted.asked, rng));
    std::erase(standing, event.key);
    if (asks) {
      standing.push_back(event.key);
    } else {
      withdrawals.emplace_back(event.key, draft.sentences.back());
    }
  }
  draft.ordered.push_back(events);
  for (const Quoted& quoted : drawn) {
    asked.push_back(quoted.asked);
    answers.push_back(quoted.question->answer());
  }
  for (const std::size_t i : standing) {
    draft.evidence.insert(draft.evidence.end(), places[i].begin(), places[i].end());
    draft.gold_chain.insert(draft.gold_chain.end(), drawn[i].paragraphs.begin(), drawn[i].paragraphs.end());
    lines.push_back(answers[i]);
  }
  const std::size_t num_paragraphs = draft.evidence.size();
  draft.evidence.insert(draft.evidence.end(), events.begin(), events.end());
  const std::vector<std::string> settling = settling_withdrawals(withdrawals, standing);
  draft.gold_chain.insert(draft.gold_chain.end(), settling.begin(), settling.end());
  for (std::size_t i = 0; i < lines.size(); ++i) draft.gold_chain.push_back(answer_line(i + 1, lines[i]));

  const auto others = std::make_shared<OtherParagraphs>(questions, [texts = draft.sentences](const QaParagraph& paragraph) {
    const std::string text = one_line(paragraph.text());
    return std::none_of(texts.begin(), texts.end(), [&](const std::string& one) { return one.find(text) != std::string::npos; });
  });
  draft.filler_unit = [others](const FillerDealer& deal, std::size_t room, Rng& rng) -> std::string {
    if (const auto other = others->deal(room, rng)) return other->title.empty() ? other->text : concat(other->title, ": ", other->text);
    const std::string* sentence = deal();  // a small file runs out of paragraphs
    return sentence == nullptr ? "" : *sentence;
  };
  draft.question = kMultiQueryQuestionsOfUsers[rng.below(kMultiQueryQuestionsOfUsers.size())];
  draft.answer = {"ordered_list", {numbered_lines(lines)}};
  if (config.prefix_credit > 0) draft.answer.params["prefix_credit"] = config.prefix_credit;
  note_question(draft, question, num_paragraphs);
  draft.difficulty["num_candidates"] = count_lists(std::vector<std::size_t>(count, 1), num_standing);
  draft.difficulty["num_queries"] = config.num_queries;
  draft.difficulty["num_withdrawn"] = config.num_cancelled + config.num_replaced;
  draft.difficulty["asked"] = texts_as_json(asked);
  draft.difficulty["asked_answers"] = texts_as_json(answers);
  return draft;
}

Reading read_multi_query_of_questions(const Item& item) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  const auto& known = kMultiQueryQuestionsOfUsers;
  if (!parts || std::find(known.begin(), known.end(), parts->question) == known.end()) {
    reading.problem = "the question is none that multi_query asks about the user's questions";
    return reading;
  }
  const std::vector<std::string> asked = stored_texts(item, "asked"), answers = stored_texts(item, "asked_answers");
  std::vector<std::string> standing, ever;
  std::vector<std::pair<std::string, std::string>> withdrawals;
  std::map<std::string, QueryMentions> mentions;
  std::vector<EvidenceSpan> events;
  for (const Heard& heard : find_events(parts->context)) {
    events.push_back(heard.span);
    mentions[heard.asked].last_length = static_cast<int>(heard.span.end - heard.span.start) - static_cast<int>(heard.asked.size());
    std::erase(standing, heard.asked);
    if (heard.asks) {
      standing.push_back(heard.asked);
      std::erase(ever, heard.asked);
      ever.push_back(heard.asked);
      ++mentions[heard.asked].askings;
    } else {
      ++mentions[heard.asked].withdrawals;
      withdrawals.emplace_back(heard.asked, parts->context.substr(heard.span.start, heard.span.end - heard.span.start));
    }
  }
  // What the answers are is the user's: no program reads it off the text. Which of them count, and in which order, it does.
  const auto answer_to = [&](const std::string& question) {
    const auto found = std::find(asked.begin(), asked.end(), question);
    const auto i = static_cast<std::size_t>(found - asked.begin());
    if (found != asked.end() && i < answers.size()) return answers[i];
    reading.problem = concat("a question in the text is not stored: ", question.substr(0, 80));
    return std::string("?");
  };
  std::vector<std::string> lines, steps;
  std::vector<std::vector<std::string>> choices;
  std::vector<QueryMentions> heard_of;
  for (const std::string& question : standing) lines.push_back(answer_to(question));
  for (const std::string& question : ever) {
    heard_of.push_back(mentions.at(question));
    heard_of.back().answer = answer_to(question);
    choices.push_back({heard_of.back().answer});
  }
  const Json* stored = item.difficulty.find("paragraphs");
  const std::int64_t num_paragraphs = stored != nullptr && stored->is_integer() ? stored->as_integer() : 0;
  std::string evidence;
  for (std::size_t i = 0; i < item.gold_chain.size() && static_cast<std::int64_t>(i) < num_paragraphs; ++i) {
    const auto place = only_place(parts->context, item.gold_chain[i]);
    if (!place) {
      reading.problem = concat("expected the text to hold once: ", item.gold_chain[i].substr(0, 80));
      return reading;
    }
    reading.evidence.push_back(*place);
    reading.gold_chain.push_back(item.gold_chain[i]);
    evidence += item.gold_chain[i] + "\n";
  }
  reading.evidence.insert(reading.evidence.end(), events.begin(), events.end());
  const std::vector<std::string> settling = settling_withdrawals(withdrawals, standing);
  reading.gold_chain.insert(reading.gold_chain.end(), settling.begin(), settling.end());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    reading.gold_chain.push_back(answer_line(i + 1, lines[i]));
    QaItem one;
    one.answers = {lines[i]};
    if (!is_yes_no(one) && !holds_phrase(evidence, lines[i])) reading.problem = concat("the answer ", lines[i], " is not in its evidence");
  }
  for (const std::string& step : item.gold_chain) {
    if (const std::string head = answer_line(steps.size() + 1, ""); step.starts_with(head)) steps.push_back(step.substr(head.size()));
  }
  reading.oracle_answer = numbered_lines(steps);
  if (!lines.empty()) reading.answers = {numbered_lines(lines)};
  reading.guesses = all_lists(choices, lines.size(), kMaxQueryGuesses);
  reading.shortcuts = query_shortcuts(heard_of, lines.size());
  return reading;
}

}  // namespace longbow::data
