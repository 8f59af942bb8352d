// Items from files of the user's own: Longbow's item schema, or verl's rows; one object a line, plain, .gz or .zst.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/item.h"

namespace longbow::data {

struct SourceOptions {
  bool skip_bad_lines = false;  // count bad lines and go on, instead of stopping at the first
  std::string verl_reward;      // reward for verl rows, which name none
  /// What else makes a line bad, where given: throws UserError for an item that the caller cannot use.
  std::function<void(const Item&)> check = nullptr;
};

/// The items of `paths`, in order. A line with `data_source` and `reward_model` is a verl row: its data_source is the task.
/// Throws UserError "FILE:LINE: …" for a line that is neither or whose id another has, and when no item is left. `num_skipped` takes the
/// bad lines' count.
std::vector<Item> load_items(const std::vector<std::string>& paths, const SourceOptions& options = {}, std::int64_t* num_skipped = nullptr);

/// One verl row: `{"data_source", "prompt": [{"role", "content"}…], "reward_model": {"ground_truth"}, "extra_info"?}`. Its id is
/// "data_source/split/index" by extra_info, empty where that has no index. Throws UserError naming the field.
Item item_from_verl_row(const Json& row, const std::string& reward);

}  // namespace longbow::data
