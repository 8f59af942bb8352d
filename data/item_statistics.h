// What people and scripts want to know of a file of items, gathered item by item so that a file of any size fits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/item.h"

namespace longbow::data {

class ItemStatistics {
 public:
  void add(const Item& item);
  /// {"items", "tokens" | "bytes" | "num_candidates": {"min","median","mean","max","histogram"}, "length_bins", "evidence_depth": tenths
  /// of the message, "answers": {"different","most_common","most_common_share","top": [[answer, items]…]}}.
  Json to_json() const;

 private:
  std::int64_t items_ = 0;
  std::vector<double> tokens_, bytes_, candidates_;  // 24 bytes an item
  std::vector<std::int64_t> depths_ = std::vector<std::int64_t>(10, 0);
  std::map<std::string, std::int64_t> answers_, bins_;
};

/// An answer as a key or a label: whole when it is short, else its beginning and a hash of it all.
std::string short_answer(const std::string& answer);

}  // namespace longbow::data
