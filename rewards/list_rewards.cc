#include "rewards/list_rewards.h"

#include <cmath>
#include <map>
#include <unordered_map>

#include "core/checksum.h"
#include "core/errors.h"
#include "rewards/lists.h"
#include "rewards/unicode.h"
#include "rewards/word_rewards.h"

namespace longbow::rewards {
namespace {

double prefix_credit(const Json& params) {
  const Json* value = params.find("prefix_credit");
  if (value == nullptr) return 0;
  if (!value->is_number() || !(value->as_number() >= 0 && value->as_number() < 1)) {
    throw UserError(concat("reward ordered_list: expected params.prefix_credit of at least 0 and below 1, got ", value->dump()));
  }
  return value->as_number();
}

std::size_t cutoff(const Json& params, std::size_t all) {
  const Json* value = params.find("k");
  if (value == nullptr) return all;
  if (!value->is_integer() || value->as_integer() < 1) {
    throw UserError(concat("reward ndcg: expected params.k to be a whole number from 1 on, got ", value->dump()));
  }
  return static_cast<std::size_t>(value->as_integer());
}

// The elements of lines numbered 1, 2, …, and where that breaks off, if it does.
struct NumberedList {
  List elements;
  std::string problem;
};

NumberedList numbered_list(const Extraction& extraction) {
  NumberedList list;
  List& elements = list.elements;
  for (const std::string_view line : content_lines(extraction.text)) {
    const auto entry = numbered_line(line);
    if (!entry && elements.empty()) continue;
    if (!entry || entry->number != static_cast<int>(elements.size()) + 1) {
      list.problem = concat("expected line ", elements.size() + 1, " or the end");
      return list;
    }
    elements.emplace_back(entry->element);
  }
  if (elements.empty()) list.problem = "no numbered lines";
  return list;
}

// What stands in the brackets of "Final Answer: [a, b]".
std::optional<List> final_answer(std::string_view text) {
  const std::vector<std::string_view> lines = content_lines(text);
  if (lines.empty()) return std::nullopt;
  std::string plain;
  for (const char c : lines.back()) {
    if (c != '*' && c != '$') plain += c;
  }
  constexpr std::string_view kPhrase = "final answer:";
  const std::size_t phrase = ascii_lower(plain).rfind(kPhrase);
  if (phrase == std::string::npos) return std::nullopt;
  std::string_view list = trim(std::string_view(plain).substr(phrase + kPhrase.size()));
  if (list.ends_with('.')) list = trim(list.substr(0, list.size() - 1));
  if (const auto box = last_box(list)) return bracketed_list(*box);
  return bracketed_list(list);
}

List answered_list(const Extraction& extraction) { return read_list(extraction.text); }

double discount(std::size_t position) { return 1 / std::log2(static_cast<double>(position) + 2); }

bool is_rule(std::string_view line) {
  return line.find('-') != std::string_view::npos && line.find_first_not_of("|-:+= \t") == std::string_view::npos;
}

std::string row_key(std::string_view line, char separator) {
  std::string key;
  bool content = false;
  if (separator == '|') {
    if (line.starts_with('|')) line.remove_prefix(1);
    if (line.ends_with('|')) line.remove_suffix(1);
  }
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(separator, begin), line.size());
    const std::string cell = element_key(line.substr(begin, end - begin));
    content = content || !cell.empty();
    key.append(cell) += '\t';
    begin = end + 1;
  }
  return content ? key : "";
}

// One key a row, doubled rows too.
List rows_of(const std::vector<std::string_view>& lines) {
  const auto any = [&](char c) {
    return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) { return line.find(c) != std::string_view::npos; });
  };
  const char separator = any('|') ? '|' : any('\t') ? '\t' : ',';
  List rows;
  rows.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (is_rule(lines[i]) || (i + 1 < lines.size() && is_rule(lines[i + 1]))) continue;
    if (separator == '|' && lines[i].find('|') == std::string_view::npos) continue;
    std::string key = row_key(lines[i], separator);
    if (!key.empty()) rows.push_back(std::move(key));
  }
  return rows;
}

std::vector<List> gold_tables(const std::vector<std::string>& answers) {
  const bool whole = std::any_of(answers.begin(), answers.end(),
                                 [](const std::string& answer) { return trim(answer).find('\n') != std::string_view::npos; });
  if (!whole) return {rows_of({answers.begin(), answers.end()})};
  std::vector<List> tables;
  for (const std::string& answer : answers) tables.push_back(rows_of(content_lines(answer)));
  return tables;
}

}  // namespace

RewardResult ordered_list(const RewardInput& input) {
  const double credit = prefix_credit(input.params);
  return best_over_lists(input, numbered_list, [&](const NumberedList& answer, const List& gold) -> Comparison {
    const List& list = answer.elements;
    std::size_t right = 0;
    while (right < std::min(list.size(), gold.size()) && compare_exactly(list[right], gold[right]).score == 1) ++right;
    std::string problem = answer.problem;
    if (problem.empty() && right == gold.size() && list.size() == gold.size()) return {1, "every line"};
    if (problem.empty()) problem = right < gold.size() ? concat("line ", right + 1) : concat(list.size(), " lines for ", gold.size());
    return {credit * static_cast<double>(right) / static_cast<double>(std::max<std::size_t>(gold.size(), 1)), "wrong: " + problem};
  });
}

RewardResult set_f1(const RewardInput& input) {
  std::string failure;
  const std::optional<std::string_view> text = after_thinking(input.prediction, failure);
  if (!text) return {0.0, "", failure};
  std::optional<List> list = final_answer(*text);
  if (!list) {
    const Extraction extraction = extract_answer(input.prediction);
    if (extraction.place != AnswerPlace::everything) list = bracketed_list(extraction.text);
    if (!list) return {0.0, shown(extraction.text), "expected a last line \"Final Answer: [a, b]\""};
  }
  // As sorted hashes: a list of 10^5 elements takes a fraction of the time that a set of strings would.
  const auto as_set = [](const List& elements) {
    std::vector<std::uint64_t> set;
    set.reserve(elements.size());
    for (const std::string& element : elements) {
      if (const std::string key = element_key(element); !key.empty()) set.push_back(hash64(key));
    }
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    return set;
  };
  const std::vector<std::uint64_t> answer = as_set(*list);
  double best = 0;
  for (const List& elements : gold_lists(input.answers)) {
    const std::vector<std::uint64_t> gold = as_set(elements);
    const auto common = static_cast<double>(
        std::count_if(gold.begin(), gold.end(), [&](std::uint64_t key) { return std::binary_search(answer.begin(), answer.end(), key); }));
    const bool both_empty = gold.empty() && answer.empty();
    best = std::max(best, both_empty ? 1.0 : 2 * common / static_cast<double>(gold.size() + answer.size()));
  }
  std::string joined;
  for (std::size_t i = 0; i < list->size() && joined.size() <= kMaxShownBytes; ++i) joined += (i > 0 ? ", " : "") + (*list)[i];
  return {best, shown(joined), concat(answer.size(), " elements answered")};
}

RewardResult ndcg(const RewardInput& input) {
  return best_over_lists(input, answered_list, [&](const List& answer, const List& gold) -> Comparison {
    const List keys = element_keys(gold);
    const std::size_t k = cutoff(input.params, keys.size());
    std::map<std::string_view, double> gains;
    double ideal = 0, gained = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto gain = static_cast<double>(keys.size() - i);
      if (!keys[i].empty()) gains.emplace(keys[i], gain);
      if (i < k) ideal += gain * discount(i);
    }
    for (std::size_t i = 0; i < std::min(answer.size(), k); ++i) {
      const auto found = gains.extract(element_key(answer[i]));
      if (!found.empty()) gained += found.mapped() * discount(i);
    }
    if (gains.empty() && gained == 0) return {0, "the gold list is empty"};
    return {gained / ideal, concat(answer.size(), " elements ranked, ", keys.size(), " gold")};
  });
}

RewardResult pairwise(const RewardInput& input) {
  return best_over_lists(input, answered_list, [](const List& answer, const List& gold) -> Comparison {
    const List keys = element_keys(gold);
    std::map<std::string_view, std::size_t> ranks;
    for (std::size_t i = 0; i < keys.size(); ++i) ranks.emplace(keys[i], i);
    if (ranks.size() != keys.size() || ranks.contains("")) return {0, "the gold list repeats an element or holds an empty one"};
    if (answer.size() != keys.size()) return {0, concat("expected each of ", keys.size(), " elements once, got ", answer.size())};
    std::vector<std::size_t> before;  // ranks seen so far, sorted
    double ordered = 0;
    for (const std::string& element : answer) {
      const auto found = ranks.find(element_key(element));
      if (found == ranks.end()) return {0, "an element that is not in the gold list, or twice"};
      const auto at = std::lower_bound(before.begin(), before.end(), found->second);
      ordered += static_cast<double>(at - before.begin());
      before.insert(at, found->second);
      ranks.erase(found);
    }
    const auto n = static_cast<double>(keys.size());
    if (keys.size() == 1) return {1, "the only element"};
    return {ordered / (n * (n - 1) / 2), concat(static_cast<std::int64_t>(ordered), " pairs in order")};
  });
}

RewardResult table_rows(const RewardInput& input) {
  const auto read = [](const Extraction& extraction) { return rows_of(content_lines(extraction.text)); };
  return best_over(input, gold_tables(input.answers), read, [](const List& answer, const List& gold) -> Comparison {
    if (answer.empty()) return {0, "no rows"};
    std::unordered_map<std::string_view, std::size_t> left;  // of the gold's rows
    for (const std::string& row : gold) ++left[row];
    std::size_t common = 0;
    for (const std::string& row : answer) {
      const auto found = left.find(row);
      if (found == left.end() || found->second == 0) continue;
      --found->second;
      ++common;
    }
    const std::size_t either = answer.size() + gold.size() - common;
    return {static_cast<double>(common) / static_cast<double>(either), concat(common, " rows in common of ", answer.size(), " answered")};
  });
}

}  // namespace longbow::rewards
