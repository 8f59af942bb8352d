// Typed access to one row's fields, with errors that name the field: `expected "paragraphs.3.title" to be a string, got integer`.
// The caller puts FILE:LINE before them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace longbow::data {

/// One line of JSON. Throws UserError "expected a row of JSON, got …" with the column.
Json parse_row(const std::string& text);

class Row {
 public:
  /// `json` must outlive the row; `path` leads to it from the row's top, empty at the top. Throws UserError when it is no object.
  explicit Row(const Json& json, std::string path = "");

  /// The field, or nullptr where it is absent or null. A dotted name goes into nested objects unless a field is spelled so.
  const Json* find(std::string_view name) const;
  const Json& any(std::string_view name) const;
  /// A string that is not blank.
  const std::string& text(std::string_view name) const;
  /// A string, or a number as it is written.
  std::string answer_text(std::string_view name) const;
  /// answer_text of each element, or of the value itself where it is no list; never empty.
  std::vector<std::string> answers(std::string_view name) const;
  const Json::Array& array(std::string_view name) const;
  bool flag(std::string_view name) const;
  Row row(std::string_view name) const;
  std::vector<Row> rows(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

  /// Refuses the field.
  [[noreturn]] void fail(std::string_view name, std::string_view expected, const Json* got) const;

 private:
  const Json& json_;
  std::string path_;  // empty, or ends in a dot
};

}  // namespace longbow::data
