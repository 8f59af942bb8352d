// What the builders' tests share: one corpus a process, a byte-based token counter, and entries written as JSON.
#pragma once

#include <memory>
#include <string>

#include "data/tasks/task_builder.h"

namespace longbow::data {

inline const Corpus& test_corpus() {
  static const Corpus corpus(WordNet::load());
  return corpus;
}

inline std::int64_t count_quarter_bytes(std::string_view text) { return static_cast<std::int64_t>((text.size() + 3) / 4); }

inline std::unique_ptr<TaskBuilder> builder_of(const std::string& entry) {
  return make_builder(parse_json(entry, "test"), test_corpus(), "test");
}

inline Item item_of(const std::string& entry, std::uint64_t seed = 1, std::int64_t index = 0) {
  for (;; ++index) {
    if (auto item = builder_of(entry)->build(seed, index, count_quarter_bytes)) return *item;
  }
}

}  // namespace longbow::data
