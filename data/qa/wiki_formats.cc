// HotpotQA, 2WikiMultihopQA and MuSiQue: questions over paragraphs of Wikipedia, with the ones that matter marked.
#include <algorithm>
#include <map>
#include <utility>

#include "core/errors.h"
#include "data/corpus/sentences.h"
#include "data/qa/question_formats.h"
#include "data/qa/row.h"

namespace longbow::data {
namespace {

// The field, or what it spells: some releases as Parquet keep nested fields as the text of their JSON, which `parsed` then holds.
const Json& decoded(const Row& row, std::string_view name, Json& parsed) {
  const Json& value = row.any(name);
  if (!value.is_string()) return value;
  try {
    return parsed = parse_json(value.as_string(), name);
  } catch (const UserError&) {
    row.fail(name, "a list, or the text of one", &value);
  }
}

// [["title", x], …], [{"title", COLUMN: x}, …] or {"title": ["title", …], COLUMN: [x, …]}: the pairs (title, x) of `value`.
std::vector<std::pair<std::string, const Json*>> titled_pairs(const Row& row, std::string_view name, const Json& value,
                                                              const std::vector<std::string_view>& columns) {
  std::vector<std::pair<std::string, const Json*>> pairs;
  if (value.is_object()) {
    const Row table(value, std::string(name));
    const auto column = std::find_if(columns.begin(), columns.end(), [&](std::string_view one) { return table.find(one) != nullptr; });
    const std::vector<std::string> titles = table.texts("title");
    const Json::Array& values = table.array(column == columns.end() ? columns.front() : *column);
    if (titles.size() != values.size()) {
      throw UserError(concat("expected \"", name, "\" to have columns of equal length, got ", titles.size(), " and ", values.size()));
    }
    for (std::size_t i = 0; i < titles.size(); ++i) pairs.emplace_back(titles[i], &values[i]);
    return pairs;
  }
  if (!value.is_array()) row.fail(name, "a list", &value);
  for (const Json& pair : value.as_array()) {
    const auto column = std::find_if(columns.begin(), columns.end(), [&](std::string_view one) { return pair.find(one) != nullptr; });
    if (const Json* title = pair.find("title"); title != nullptr && title->is_string() && column != columns.end()) {
      pairs.emplace_back(title->as_string(), pair.find(*column));
      continue;
    }
    const bool is_pair = pair.is_array() && pair.size() == 2 && pair.as_array()[0].is_string();
    if (!is_pair) row.fail(name, "a list of pairs [title, …]", &pair);
    pairs.emplace_back(pair.as_array()[0].as_string(), &pair.as_array()[1]);
  }
  return pairs;
}

void read_context(const Row& row, QaItem& item) {
  Json parsed;
  const Json& context = decoded(row, "context", parsed);
  for (const auto& [title, sentences] : titled_pairs(row, "context", context, {"sentences", "content"})) {
    QaParagraph paragraph;
    paragraph.title = title;
    if (!sentences->is_array()) row.fail("context", "titles with lists of sentences", sentences);
    for (const Json& sentence : sentences->as_array()) {
      if (!sentence.is_string()) row.fail("context", "titles with lists of sentences", &sentence);
      std::string text = sentence.as_string();  // HotpotQA's later sentences begin with a space
      text.erase(0, std::min(text.find_first_not_of(" \t\n"), text.size()));
      paragraph.sentences.push_back(std::move(text));  // blank ones stay: supporting facts count them
    }
    item.paragraphs.push_back(std::move(paragraph));
  }
}

// False where a title is none of the context's: HotpotQA's "fullwiki" files bring what a search found, and not always what is needed.
bool read_supporting_facts(const Row& row, QaItem& item) {
  bool has_all = true;
  Json parsed;
  const Json& facts = decoded(row, "supporting_facts", parsed);
  for (const auto& [title, sentence] : titled_pairs(row, "supporting_facts", facts, {"sent_id"})) {
    if (!sentence->is_integer()) row.fail("supporting_facts", "titles with numbers of sentences", sentence);
    const auto paragraph = std::find_if(item.paragraphs.begin(), item.paragraphs.end(),
                                        [&, &title = title](const QaParagraph& one) { return one.title == title; });
    if (paragraph == item.paragraphs.end()) {
      has_all = false;
      continue;
    }
    paragraph->supporting = true;
    const std::int64_t index = sentence->as_integer();
    // Some of HotpotQA's numbers lie behind the paragraph's end: the paragraph still counts.
    if (index >= 0 && index < static_cast<std::int64_t>(paragraph->sentences.size())) {
      paragraph->supporting_sentences.push_back(static_cast<std::size_t>(index));
    }
  }
  return has_all;
}

// [[subject, relation, object], …] or columns of the same.
void read_evidences(const Row& row, QaItem& item) {
  if (row.find("evidences") == nullptr) return;
  Json parsed;
  const Json& evidences = decoded(row, "evidences", parsed);
  if (evidences.is_object()) {
    const Row table(evidences, "evidences");
    const std::vector<std::string> facts = table.texts("fact"), relations = table.texts("relation"), entities = table.texts("entity");
    if (facts.size() != relations.size() || facts.size() != entities.size()) row.fail("evidences", "columns of equal length", &evidences);
    for (std::size_t i = 0; i < facts.size(); ++i) item.evidence.push_back({facts[i], relations[i], entities[i]});
    return;
  }
  if (!evidences.is_array()) row.fail("evidences", "a list", &evidences);
  for (const Json& triple : evidences.as_array()) {
    const auto is_text = [](const Json& part) { return part.is_string(); };
    const bool is_triple =
        triple.is_array() && triple.size() == 3 && std::all_of(triple.as_array().begin(), triple.as_array().end(), is_text);
    if (!is_triple) row.fail("evidences", "a list of [subject, relation, object]", &triple);
    const Json::Array& parts = triple.as_array();
    item.evidence.push_back({parts[0].as_string(), parts[1].as_string(), parts[2].as_string()});
  }
}

void keep(const Row& row, std::initializer_list<const char*> names, QaItem& item) {
  for (const char* name : names) {
    if (const Json* value = row.find(name)) item.metadata[name] = *value;
  }
}

// "#2 >> spouse" with the second step's answer in place of "#2".
std::string resolved(std::string text, const std::vector<QaStep>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string mark = concat("#", i + 1);
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + steps[i].answer.size())) {
      text.replace(at, mark.size(), steps[i].answer);
    }
  }
  return text;
}

void read_decomposition(const Row& row, const std::map<std::int64_t, std::size_t>& paragraph_at, QaItem& item) {
  if (row.find("question_decomposition") == nullptr) return;
  for (const Row& step : row.rows("question_decomposition")) {
    QaStep one;
    one.question = step.text("question");
    one.answer = step.answer_text("answer");
    if (const Json* idx = step.find("paragraph_support_idx")) {
      const auto found = idx->is_integer() ? paragraph_at.find(idx->as_integer()) : paragraph_at.end();
      if (found == paragraph_at.end()) step.fail("paragraph_support_idx", "the idx of a paragraph", idx);
      one.paragraph = found->second;
    }
    constexpr std::string_view kRelation = " >> ";
    const std::string question = resolved(one.question, item.steps);
    if (const std::size_t at = question.find(kRelation); at != std::string::npos) {
      item.evidence.push_back({question.substr(0, at), question.substr(at + kRelation.size()), one.answer});
    }
    item.steps.push_back(std::move(one));
  }
}

}  // namespace

std::optional<QaItem> question_from_wiki_row(const Json& json) {
  const Row row(json);
  QaItem item;
  item.id = row.text(row.find("_id") != nullptr ? "_id" : "id");
  item.question = row.text("question");
  item.answers = row.answers("answer");
  if (row.find("type") != nullptr) item.type = row.text("type");
  read_context(row, item);
  if (!read_supporting_facts(row, item)) return std::nullopt;
  read_evidences(row, item);
  keep(row, {"level", "entity_ids", "evidences_id", "answer_id"}, item);
  return item;
}

std::optional<QaItem> question_from_musique_row(const Json& json) {
  const Row row(json);
  if (row.find("answerable") != nullptr && !row.flag("answerable")) return std::nullopt;
  QaItem item;
  item.id = row.text("id");
  item.question = row.text("question");
  item.answers = {row.answer_text("answer")};
  if (const Json* aliases = row.find("answer_aliases"); aliases != nullptr && !(aliases->is_array() && aliases->size() == 0)) {
    for (std::string& alias : row.answers("answer_aliases")) item.answers.push_back(std::move(alias));
  }
  item.type = item.id.substr(0, item.id.find("__"));  // "2hop__482757_12019" is a question of two hops
  if (item.type == item.id) item.type.clear();
  std::map<std::int64_t, std::size_t> paragraph_at;
  for (const Row& one : row.rows("paragraphs")) {
    QaParagraph paragraph;
    paragraph.title = one.text("title");
    paragraph.sentences = split_prose(one.text("paragraph_text"));
    paragraph.supporting = one.flag("is_supporting");
    const Json* idx = one.find("idx");
    if (idx == nullptr || !idx->is_integer()) one.fail("idx", "an integer", idx);
    if (!paragraph_at.emplace(idx->as_integer(), item.paragraphs.size()).second) one.fail("idx", "a number of its own", idx);
    item.paragraphs.push_back(std::move(paragraph));
  }
  read_decomposition(row, paragraph_at, item);
  return item;
}

}  // namespace longbow::data
