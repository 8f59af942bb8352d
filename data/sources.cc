#include "data/sources.h"

#include <utility>

#include "core/errors.h"
#include "core/line_reader.h"
#include "core/log.h"
#include "data/bad_lines.h"
#include "data/qa/row.h"
#include "data/row_ids.h"

namespace longbow::data {
namespace {

/// A gold answer: text, or a number as it is written.
std::string gold_text(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_number()) return value.dump();
  throw UserError(
      concat("verl row: expected \"reward_model.ground_truth\" to be a string, a number or a list of them, got ", value.type_name()));
}

const Json& member(const Json& object, const char* key, const char* name) {
  const Json* found = object.find(key);
  if (found == nullptr) throw UserError(concat("verl row: expected \"", name, "\", got no such field"));
  return *found;
}

bool is_verl_row(const Json& row) { return row.find("data_source") != nullptr && row.find("reward_model") != nullptr; }

}  // namespace

Item item_from_verl_row(const Json& row, const std::string& reward) {
  if (reward.empty()) {
    throw UserError("verl row: expected a reward for rows that name none, got an empty one", "set /data/verl_reward to a reward's name");
  }
  Item item;
  item.task = member(row, "data_source", "data_source").as_string();
  const Json& prompt = member(row, "prompt", "prompt");
  if (!prompt.is_array() || prompt.size() == 0) throw UserError("verl row: expected \"prompt\" to be a list of messages");
  for (const Json& message : prompt.as_array()) {
    item.messages.push_back({member(message, "role", "prompt.role").as_string(), member(message, "content", "prompt.content").as_string()});
  }
  const Json& truth = member(member(row, "reward_model", "reward_model"), "ground_truth", "reward_model.ground_truth");
  const Json* target = truth.find("target");  // where search tasks keep the accepted answers
  const Json& gold = target != nullptr ? *target : truth;
  if (gold.is_array()) {
    for (const Json& answer : gold.as_array()) item.answer.answers.push_back(gold_text(answer));
  } else {
    item.answer.answers.push_back(gold_text(gold));
  }
  if (item.answer.answers.empty()) throw UserError("verl row: expected \"reward_model.ground_truth\" to hold an answer, got none");
  item.answer.reward = reward;
  item.builder = "verl";
  if (const Json* extra = row.find("extra_info"); extra != nullptr) {
    if (const Json* index = extra->find("index"); index != nullptr && !index->is_null()) {  // counted in each split anew
      const Json* split = extra->find("split");
      item.id = concat(item.task, "/", split != nullptr && split->is_string() ? split->as_string() + "/" : "",
                       index->is_string() ? index->as_string() : index->dump());
    }
    if (const Json* question = extra->find("question"); question != nullptr && question->is_string()) item.question = question->as_string();
  }
  return item;
}

std::vector<Item> load_items(const std::vector<std::string>& paths, const SourceOptions& options, std::int64_t* num_skipped) {
  std::vector<Item> items;
  RowIds ids;
  BadLines bad_lines(options.skip_bad_lines);
  for (const std::string& path : paths) {
    LineReader reader(path);
    const auto take = [&](const std::string& line) {
      if (line.find_first_not_of(" \t") == std::string::npos) return;
      const Json json = parse_row(line);
      Item item = is_verl_row(json) ? item_from_verl_row(json, options.verl_reward) : item_from_json(json);
      if (options.check) options.check(item);
      item.id = ids.take(std::move(item.id), reader.where());
      items.push_back(std::move(item));
    };
    while (next_good_line(reader, bad_lines, take)) {
    }
  }
  const std::int64_t skipped = bad_lines.num_skipped();
  if (skipped > 0) log_warning(concat("data: skipped ", skipped, " bad lines, kept ", items.size(), " items"));
  if (num_skipped != nullptr) *num_skipped = skipped;
  if (items.empty()) throw UserError(concat("data: expected at least one item, got none (", paths.empty() ? "no files" : paths[0], ")"));
  return items;
}

}  // namespace longbow::data
