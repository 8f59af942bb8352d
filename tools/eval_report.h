// The page of one evaluation: accuracy with its intervals, how answers failed, their lengths, and answers to read beside their items.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "data/item.h"
#include "tools/predictions.h"

namespace longbow::tools {

/// One self-contained page. `report` is report.json; `scores` may come in any order and leave items out.
std::string render_eval_report(const Json& report, const std::vector<ItemScore>& scores, const std::vector<data::Item>& items);

}  // namespace longbow::tools
