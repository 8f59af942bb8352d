// Rewards of answers that are lists: in order, as a set, as a ranking, as the rows of a table.
#pragma once

#include "rewards/reward.h"

namespace longbow::rewards {

/// 1 when the answer's lines are numbered 1, 2, … n and each equals the gold list's line (as exact_match compares), with no line more or
/// less; an introduction may stand before line 1, nothing else between or after. Otherwise 0, or params.prefix_credit (at least 0, below
/// 1) times the share of lines that are right before the first wrong one.
RewardResult ordered_list(const RewardInput& input);

/// F1 of the answer's elements as a set. The answer is the last line, "Final Answer: [a, b]", else a box, tag or phrase that holds
/// "[a, b]"; anything else scores 0. Two empty sets score 1, one empty set 0.
/// Source: GraphWalks (openai/graphwalks), whose definition it is; repeated elements count once.
RewardResult set_f1(const RewardInput& input);

/// DCG of the first params.k elements (all by default) over that of the gold order. The gain of a gold element is n - rank, n for the
/// first; an element that was named before, or is not in the gold list, gains nothing and takes its place. Source: Järvelin & Kekäläinen,
/// "Cumulated gain-based evaluation of IR techniques", 2002.
RewardResult ndcg(const RewardInput& input);

/// The share of the gold list's C(n, 2) pairs that stand in the gold order. The answer must hold each element once and no other, else
/// it scores 0: dividing by the answer's own pairs would let two elements of ten score 1.
RewardResult pairwise(const RewardInput& input);

/// Multiset Jaccard of table rows: rows in common over rows in either, each as often as it stands there. Rows are lines with cells
/// between "|", tabs or commas; the header above a Markdown rule and code fences are no rows; text around a "|" table is ignored.
/// Gold answers with line breaks are whole tables, others the rows of one.
RewardResult table_rows(const RewardInput& input);

}  // namespace longbow::rewards
