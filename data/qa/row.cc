#include "data/qa/row.h"

#include <utility>

#include "core/errors.h"

namespace longbow::data {
namespace {

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

Json parse_row(const std::string& text) {
  try {
    return parse_json(text, "row");
  } catch (const UserError& error) {
    throw UserError(concat("expected a row of JSON, got ", error.what()));
  }
}

Row::Row(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
  if (!json.is_object()) throw UserError(concat("expected ", path_.empty() ? "a row" : path_, " to be an object, got ", json.type_name()));
  if (!path_.empty()) path_ += '.';
}

const Json* Row::find(std::string_view name) const {
  const Json* at = json_.find(name);
  if (at == nullptr) {
    at = &json_;
    for (std::string_view rest = name; at != nullptr && !rest.empty();) {
      const std::size_t dot = rest.find('.');
      at = at->find(rest.substr(0, dot));
      rest = dot == std::string_view::npos ? "" : rest.substr(dot + 1);
    }
  }
  return at != nullptr && at->is_null() ? nullptr : at;
}

const Json& Row::any(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr) fail(name, "present", nullptr);
  return *found;
}

const std::string& Row::text(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr || !found->is_string()) fail(name, "a string", found);
  if (is_blank(found->as_string())) fail(name, "a string that says something", found);
  return found->as_string();
}

std::string Row::answer_text(std::string_view name) const {
  const Json* found = find(name);
  if (found != nullptr && found->is_number()) return found->dump();
  if (found != nullptr && !found->is_string()) fail(name, "a string or a number", found);
  return text(name);
}

std::vector<std::string> Row::answers(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr || !found->is_array()) return {answer_text(name)};
  if (found->size() == 0) fail(name, "an answer or a list of them", found);
  std::vector<std::string> result;
  for (const Json& element : found->as_array()) {
    if (element.is_number()) {
      result.push_back(element.dump());
    } else if (element.is_string() && !is_blank(element.as_string())) {
      result.push_back(element.as_string());
    } else {
      fail(name, "a list of strings or numbers", &element);
    }
  }
  return result;
}

const Json::Array& Row::array(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr || !found->is_array()) fail(name, "a list", found);
  return found->as_array();
}

bool Row::flag(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr || !found->is_bool()) fail(name, "true or false", found);
  return found->as_bool();
}

Row Row::row(std::string_view name) const { return Row(any(name), concat(path_, name)); }

std::vector<Row> Row::rows(std::string_view name) const {
  std::vector<Row> result;
  for (const Json& element : array(name)) result.emplace_back(element, concat(path_, name, ".", result.size()));
  return result;
}

std::vector<std::string> Row::texts(std::string_view name) const {
  std::vector<std::string> result;
  for (const Json& element : array(name)) {
    if (!element.is_string()) fail(name, "a list of strings", &element);
    result.push_back(element.as_string());
  }
  return result;
}

void Row::fail(std::string_view name, std::string_view expected, const Json* got) const {
  constexpr std::size_t kShown = 40;
  std::string shown = got == nullptr ? "nothing" : got->type_name();
  if (got != nullptr && (got->is_string() || (got->is_array() && got->size() == 0))) shown = got->dump().substr(0, kShown);
  throw UserError(concat("expected \"", path_, name, "\" to be ", expected, ", got ", shown));
}

}  // namespace longbow::data
