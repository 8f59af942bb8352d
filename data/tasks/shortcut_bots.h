// Bots that answer without doing the task. A data set on which one of them beats chance teaches the shortcut instead. These answer
// each item by itself; bot_tally.h adds those that need the whole file, and judges them all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/reading.h"

namespace longbow::data {

/// bm25 and keyword: the candidate in, or nearest to, the sentence most like the question; nearest: the one nearest to the
/// question's rarest word; first, last, middle: by place in the text; most_frequent; longest, shortest: of the candidates' texts; id: the
/// one that the number in the item's id points at; random: any of the guesses. Ties go to the first, or by chance where that is a bot too.
const std::vector<std::string>& item_bot_names();
/// A task's own bots, whose answers its reading gives (Reading::shortcuts); empty for most.
std::vector<std::string> task_bot_names(std::string_view task);

/// What one item tells the tally.
struct BotAnswers {
  std::vector<bool> right;         // of the bots above, in their order, then the task's
  std::size_t num_candidates = 0;  // that a guesser who knows the form chooses from
  std::string gold;                // as short_answer() has it
  int num_different = 0;           // candidates, each once, in the order in which they first appear …
  int gold_rank = -1;              // … and the gold one's place among them, from 0; -1 when it is none of them
};

/// Thread-safe. Cost: linear in the message.
BotAnswers run_bots(const Item& item, const Reading& reading);

}  // namespace longbow::data
