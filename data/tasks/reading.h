// Reading an item back: each task's checker finds sentences, candidates, evidence and every answer in the rendered message
// alone, without the generator's state. Gates and shortcut bots stand on these.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/corpus/corpus.h"
#include "data/item.h"

namespace longbow::data {

/// Something in the context that has the answer's form.
struct Candidate {
  std::string text;
  std::int64_t position = 0;  // byte in the context
};

struct Reading {
  std::string problem;                  // why the text is no item of the task; empty when it is one
  std::vector<std::string> answers;     // every answer the text supports, each once; a sound item has one
  std::vector<EvidenceSpan> evidence;   // of the first answer, in the chain's order
  std::vector<std::string> gold_chain;  // the steps as re-derived
  std::string oracle_answer;            // what one reads off the item's own gold_chain without the context
  std::vector<Candidate> candidates;    // in text order
  std::vector<std::string> guesses;     // what a guesser that knows the form would choose from
  std::vector<std::string> entities;    // names in the text
  std::vector<std::string> shortcuts;   // answers of the task's own bots (task_bot_names); an empty one guesses
};

/// Throws UserError for a task it does not know; anything wrong with the item itself is `problem`.
Reading read_item(const Item& item, const Corpus& corpus);

Reading read_cross_entity(const Item& item, const Corpus& corpus);
Reading read_fuzzy_needle(const Item& item, const Corpus& corpus);
Reading read_key_chain(const Item& item, const Corpus& corpus);
Reading read_long_doc_qa(const Item& item, const Corpus& corpus);
Reading read_long_math(const Item& item, const Corpus& corpus);
Reading read_web_search(const Item& item, const Corpus& corpus);
Reading read_multi_needle(const Item& item, const Corpus& corpus);
Reading read_multi_query(const Item& item, const Corpus& corpus);

}  // namespace longbow::data
