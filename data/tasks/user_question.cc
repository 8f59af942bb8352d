#include "data/tasks/user_question.h"

#include <algorithm>
#include <cctype>

namespace longbow::data {
namespace {

constexpr std::string_view kMode = "questions";
constexpr std::string_view kAnswerHead = "Its answer is ";

bool is_yes_no_text(std::string_view text) {
  QaItem item;
  item.answers = {std::string(text)};
  return is_yes_no(item);
}

// The context without the evidence; a line end stands where some was, so that no phrase arises across the gap.
std::string outside(std::string_view context, std::vector<EvidenceSpan> evidence) {
  std::sort(evidence.begin(), evidence.end(), [](const EvidenceSpan& a, const EvidenceSpan& b) { return a.start < b.start; });
  std::string rest;
  std::int64_t at = 0;
  for (const EvidenceSpan& span : evidence) {
    if (span.start > at) rest += context.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(span.start - at));
    rest += '\n';
    at = std::max(at, span.end);
  }
  return rest += context.substr(static_cast<std::size_t>(at));
}

}  // namespace

void note_question(Draft& draft, const QaItem& question, std::size_t num_paragraphs) {
  draft.difficulty["mode"] = kMode;
  draft.difficulty["question_id"] = question.id;
  draft.difficulty["paragraphs"] = static_cast<std::int64_t>(num_paragraphs);
}

bool asks_user_question(const Item& item) {
  const Json* mode = item.difficulty.find("mode");
  return mode != nullptr && *mode == Json(kMode);
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool is_space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (is_space && (line.empty() || line.back() == ' ')) continue;
    line += is_space ? ' ' : c;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string quotable(std::string_view text) {
  std::string line = one_line(text);
  std::replace(line.begin(), line.end(), '"', '\'');
  return line;
}

std::string answer_step(std::string_view answer) { return concat(kAnswerHead, answer, "."); }

std::string answer_of_step(std::string_view step) {
  if (!step.starts_with(kAnswerHead) || !step.ends_with('.')) return "";
  return std::string(step.substr(kAnswerHead.size(), step.size() - kAnswerHead.size() - 1));
}

std::vector<std::string> quoted_evidence(const QaItem& question) {
  const auto is_marked = [](const QaParagraph& paragraph) { return paragraph.supporting; };
  const bool any_marked = std::any_of(question.paragraphs.begin(), question.paragraphs.end(), is_marked);
  std::vector<std::string> texts;
  for (const QaParagraph& paragraph : question.paragraphs) {
    if (any_marked && !paragraph.supporting) continue;
    std::string text = one_line(paragraph.text());
    if (text.empty()) continue;
    if (text.back() != '.' && text.back() != '?') text += '.';  // so that the next sentence is seen to begin
    texts.push_back(paragraph.title.empty() ? text : concat(one_line(paragraph.title), ": ", text));
  }
  return texts;
}

bool holds_answer(const std::vector<std::string>& texts, const QaItem& question) {
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
    return std::any_of(question.answers.begin(), question.answers.end(),
                       [&](const std::string& answer) { return holds_phrase(text, answer); });
  });
}

bool is_confusable(std::string_view one, std::string_view other) {
  return one == other || holds_phrase(one, other) || holds_phrase(other, one);
}

std::optional<EvidenceSpan> only_place(std::string_view context, std::string_view text) {
  const std::size_t at = text.empty() ? std::string_view::npos : context.find(text);
  if (at == std::string_view::npos || context.find(text, at + 1) != std::string_view::npos) return std::nullopt;
  return EvidenceSpan{static_cast<std::int64_t>(at), static_cast<std::int64_t>(at + text.size())};
}

void read_quoted(const Item& item, std::string_view context, const std::vector<std::string>& chain, Reading& reading) {
  reading.oracle_answer = answer_of_step(item.gold_chain.back());
  for (const std::string& step : chain) {
    const auto place = only_place(context, step);
    if (!place) {
      reading.problem = concat("expected the text to hold once: ", step.substr(0, 80));
      return;
    }
    reading.evidence.push_back(*place);
    reading.gold_chain.push_back(step);
  }
  reading.gold_chain.push_back(answer_step(item.answer.answers.front()));

  std::string evidence;
  for (const EvidenceSpan& span : reading.evidence) {
    evidence += concat(context.substr(static_cast<std::size_t>(span.start), static_cast<std::size_t>(span.end - span.start)), "\n");
  }
  const std::string rest = outside(context, reading.evidence);
  const Json* paragraphs = item.difficulty.find("paragraphs");
  const bool is_quoted = paragraphs != nullptr && paragraphs->is_integer() && paragraphs->as_integer() > 0;
  bool is_supported = !is_quoted || is_yes_no_text(item.answer.answers.front());
  for (const std::string& answer : item.answer.answers) {
    is_supported = is_supported || holds_phrase(evidence, answer);
    if (!is_yes_no_text(answer) && holds_phrase(rest, answer))
      reading.problem = concat("the answer ", answer, " stands outside its evidence");
  }
  if (!is_supported) reading.problem = concat("the answer ", item.answer.answers.front(), " is not in its evidence");
  reading.answers = {item.answer.answers.front()};
}

std::vector<std::string> stored_texts(const Item& item, std::string_view key) {
  std::vector<std::string> texts;
  const Json* list = item.difficulty.find(key);
  if (list == nullptr || !list->is_array()) return texts;
  for (const Json& one : list->as_array()) {
    if (one.is_string()) texts.push_back(one.as_string());
  }
  return texts;
}

Json texts_as_json(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

}  // namespace longbow::data
