#include "data/tasks/reading.h"

#include "core/did_you_mean.h"
#include "data/tasks/task_builder.h"

namespace longbow::data {

Reading read_item(const Item& item, const Corpus& corpus) {
  if (item.messages.empty() || item.gold_chain.empty() || item.answer.answers.empty()) {
    Reading reading;
    reading.problem = "it lacks a message, a gold chain or an answer";
    return reading;
  }
  if (item.task == "cross_entity") return read_cross_entity(item, corpus);
  if (item.task == "fuzzy_needle") return read_fuzzy_needle(item, corpus);
  if (item.task == "key_chain") return read_key_chain(item, corpus);
  if (item.task == "long_doc_qa") return read_long_doc_qa(item, corpus);
  if (item.task == "long_math") return read_long_math(item, corpus);
  if (item.task == "web_search") return read_web_search(item, corpus);
  if (item.task == "multi_needle") return read_multi_needle(item, corpus);
  if (item.task == "multi_query") return read_multi_query(item, corpus);
  throw UserError(
      concat("item ", item.id, ": expected a task that can be checked, got \"", item.task, "\"", did_you_mean(item.task, task_names())));
}

}  // namespace longbow::data
