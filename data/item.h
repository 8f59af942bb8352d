// One item of a data set, as docs and the command line's contract fix it: a conversation whose last user message holds the
// context, the reward that scores an answer, and everything a gate needs to check the item again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace longbow::data {

struct Message {
  std::string role;  // system, user, assistant
  std::string content;
};

struct Answer {
  std::string reward;                // a reward's name: exact_match, sub_em, math, …
  std::vector<std::string> answers;  // gold answer first, then aliases; never empty
  Json params = Json::object();      // parameters of the reward
};

/// Bytes [start, end) of the last user message.
struct EvidenceSpan {
  std::int64_t start = 0;
  std::int64_t end = 0;
};

struct Item {
  std::string id;
  std::string task;
  std::string family;  // retrieval, multi_evidence, reasoning
  std::vector<Message> messages;
  Answer answer;
  std::vector<EvidenceSpan> evidence;
  std::vector<std::string> gold_chain;  // the steps that lead to the answer, in order
  std::string question;                 // the question alone
  std::int64_t num_tokens = 0;          // of the templated prompt, by the training tokenizer; 0 when unknown
  std::uint64_t seed = 0;
  std::string builder;               // name@version
  Json difficulty = Json::object();  // holds num_candidates
  std::string length_bin;            // "1k", "2k", "4k" …: the smallest power of two that holds num_tokens
};

/// Throws UserError naming the missing or mistyped field.
Item item_from_json(const Json& json);
Json item_to_json(const Item& item);

}  // namespace longbow::data
