// Items in our schema that none of our builders made: what can be said of them without knowing how they came about.
#pragma once

#include "data/tasks/reading.h"

namespace longbow::data {

/// Whether no builder of ours makes such items.
bool is_foreign(const Item& item);

/// Candidates are what looks like the answer: numbers for a number, runs of capitalised words for a name; else there are none. The answer
/// is taken from the item; `problem` names a last message that is not the user's, or evidence outside it.
Reading read_foreign_item(const Item& item);

/// What in `context` looks like `answer`: numbers for a number, runs of capitalised words for a name, else nothing.
std::vector<Candidate> candidates_like(const std::string& answer, std::string_view context);

}  // namespace longbow::data
