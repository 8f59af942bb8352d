// The ids of rows that one reader takes, over all its files: each once, and a name for rows that have none.
#pragma once

#include <string>
#include <unordered_map>

namespace longbow::data {

class RowIds {
 public:
  /// The id of the row at `where` ("FILE:LINE"): `given` or, where that is empty, the file's name and the line; with the file's folders
  /// when a file of the same name in another has come before. Throws UserError naming both lines when another row has it.
  std::string take(std::string given, const std::string& where);

 private:
  std::unordered_map<std::string, std::string> places_;  // id -> where
};

}  // namespace longbow::data
