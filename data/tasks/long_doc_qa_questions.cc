// LongDocQA over the user's questions: what a question rests on, the distractors that its file brought along and other questions'
// paragraphs are pages of one prompt. A question that a shortcut bot answers is dropped: files of real questions hold many.
#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "data/tasks/foreign_item.h"
#include "data/tasks/long_doc_qa.h"
#include "data/tasks/other_paragraphs.h"
#include "data/tasks/phrase.h"
#include "data/tasks/shortcut_bots.h"
#include "data/tasks/user_question.h"

namespace longbow::data {
namespace {

constexpr double kBytesPerToken = 2.5;  // fewer than tokenizers need, so that what is planned fits
constexpr double kShareOfOwn = 0.6;     // of the limit, for the question's own pages

std::string page_of(std::string_view title, std::string_view text) {
  return title.empty() ? one_line(text) : concat(one_line(title), "\n", one_line(text));
}
std::string page_of(const QaParagraph& paragraph) { return page_of(paragraph.title, paragraph.text()); }

// The marked paragraphs; where none is, those with the answer.
std::vector<const QaParagraph*> evidence_of(const QaItem& question) {
  std::vector<const QaParagraph*> marked, holding;
  for (const QaParagraph& paragraph : question.paragraphs) {
    if (paragraph.supporting) marked.push_back(&paragraph);
    if (holds_answer({page_of(paragraph)}, question)) holding.push_back(&paragraph);
  }
  return marked.empty() ? holding : marked;
}

std::vector<std::string> pages_of(const std::vector<const QaParagraph*>& paragraphs) {
  std::vector<std::string> pages;
  for (const QaParagraph* paragraph : paragraphs) pages.push_back(page_of(*paragraph));
  return pages;
}

// What a guesser chooses from who has found the evidence: in it, what looks like the answer; else as many words in a row as it has.
std::vector<std::string> guesses_in(const std::vector<std::string>& pages, const std::vector<std::string>& answers) {
  std::set<std::string> guesses = {answers.front()};
  const std::vector<std::string> wanted = lower_words(answers.front());
  if (wanted == std::vector<std::string>{"yes"} || wanted == std::vector<std::string>{"no"}) return {"no", "yes"};
  for (const std::string& page : pages) {
    for (const Candidate& candidate : candidates_like(answers.front(), page)) guesses.insert(candidate.text);
  }
  const std::string& gold = answers.front();
  if (guesses.size() == 1) {
    for (const std::string& page : pages) {
      const std::vector<std::string> words = lower_words(page);
      for (std::size_t i = 0; !wanted.empty() && i + wanted.size() <= words.size(); ++i) {
        std::string run = words[i];
        for (std::size_t k = 1; k < wanted.size(); ++k) run += " " + words[i + k];
        if (!holds_phrase(gold, run)) guesses.insert(run);
      }
    }
  }
  return {guesses.begin(), guesses.end()};
}

std::string shortcut_problem(const Item& item, const Reading& reading) {
  const BotAnswers bots = run_bots(item, reading);
  for (std::size_t bot = 0; bot < item_bot_names().size(); ++bot) {
    const std::string& name = item_bot_names()[bot];
    if (name != "random" && name != "id" && bots.right[bot]) return concat("the bot \"", name, "\" finds the answer");
  }
  return "";
}

}  // namespace

bool suits_long_doc_qa(const QaItem& question) {
  const std::vector<std::string> pages = pages_of(evidence_of(question));
  return !pages.empty() && (is_yes_no(question) || (holds_answer(pages, question) && !holds_answer({question.question}, question)));
}

std::optional<Draft> draft_long_doc_qa_of_question(const LongDocQaConfig& config, const QaItem& question,
                                                   const std::vector<const QaItem*>& questions, Rng& rng, std::int64_t limit_tokens) {
  const bool yes_no = is_yes_no(question);
  const std::vector<const QaParagraph*> evidence = evidence_of(question);
  const std::vector<std::string> pages = pages_of(evidence);
  if (!suits_long_doc_qa(question)) return std::nullopt;
  const std::vector<std::string> guesses = guesses_in(pages, question.answers);
  if (guesses.size() < 2) return std::nullopt;

  Draft draft;
  draft.separator = kPageBreak;
  draft.sentences = pages;
  std::size_t bytes = 0;
  std::set<std::string> own_titles;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    draft.evidence.push_back(i);
    draft.gold_chain.push_back(pages[i]);
    bytes += pages[i].size();
    own_titles.insert(one_line(evidence[i]->title));
  }
  const auto may_stand_beside = [&question, yes_no](const std::string& page) { return yes_no || !holds_answer({page}, question); };
  const double budget = kShareOfOwn * kBytesPerToken * static_cast<double>(limit_tokens);
  std::vector<const QaParagraph*> own;
  for (const QaParagraph& paragraph : question.paragraphs) own.push_back(&paragraph);
  rng.shuffle(own);  // a short prompt has room for any of them
  for (const QaParagraph* paragraph : own) {
    std::string page = page_of(*paragraph);
    if (std::find(pages.begin(), pages.end(), page) != pages.end() || !may_stand_beside(page)) continue;
    if (static_cast<double>(bytes + page.size()) > budget) continue;
    bytes += page.size();
    own_titles.insert(one_line(paragraph->title));
    draft.sentences.push_back(std::move(page));
  }
  const auto others = std::make_shared<OtherParagraphs>(questions, [may_stand_beside, own_titles](const QaParagraph& paragraph) {
    return own_titles.count(one_line(paragraph.title)) == 0 && may_stand_beside(page_of(paragraph));
  });
  draft.filler_unit = [others](const FillerDealer& deal, std::size_t room, Rng& rng) -> std::string {
    if (const auto other = others->deal(room, rng)) return page_of(other->title, other->text);
    const std::string* sentence = deal();  // a small file runs out of paragraphs
    return sentence == nullptr ? "" : *sentence;
  };
  if (!yes_no) draft.keep_out = question.answers;
  draft.gold_chain.push_back(answer_step(question.answer()));
  draft.question = one_line(question.question);
  const char* reward = yes_no ? "exact_match" : config.reward == DocReward::sub_em ? "sub_em" : "f1";
  draft.answer = {reward, question.answers};
  note_question(draft, question, pages.size());
  draft.difficulty["num_candidates"] = static_cast<std::int64_t>(guesses.size());
  draft.difficulty["form"] = yes_no ? "yes_no" : question.type.empty() ? "question" : question.type;
  draft.difficulty["own_pages"] = static_cast<std::int64_t>(draft.sentences.size());
  return draft;
}

Reading read_long_doc_qa_of_question(const Item& item) {
  Reading reading;
  const auto parts = split_message(item.messages.back().content);
  if (!parts || item.gold_chain.size() < 2) {
    reading.problem = "the message asks nothing, or the chain quotes nothing";
    return reading;
  }
  const std::vector<std::string> pages(item.gold_chain.begin(), item.gold_chain.end() - 1);
  read_quoted(item, parts->context, pages, reading);
  reading.guesses = guesses_in(pages, item.answer.answers);
  if (!reading.problem.empty()) return reading;
  // Bots look at all of the text; who has found the evidence would guess from that alone.
  reading.candidates = candidates_like(item.answer.answers.front(), parts->context);
  reading.shortcuts.assign(task_bot_names(item.task).size(), "");  // there are no ties to follow: those bots guess
  const bool is_choice = reading.guesses == std::vector<std::string>{"no", "yes"};
  for (const std::string& answer : item.answer.answers) {
    if (!is_choice && holds_phrase(parts->question, answer)) reading.problem = "the question holds the answer";
  }
  if (reading.problem.empty()) reading.problem = shortcut_problem(item, reading);
  return reading;
}

}  // namespace longbow::data
