#include "rewards/list_rewards.h"

#include <cmath>
#include <map>
#include <unordered_set>

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

// The elements of lines numbered 1, 2, …, or why there is no such list.
List numbered_list(std::string_view text, std::string& problem) {
  List elements;
  for (const std::string_view line : content_lines(text)) {
    const auto entry = numbered_line(line);
    if (!entry && elements.empty()) continue;
    if (!entry || entry->number != static_cast<int>(elements.size()) + 1) {
      problem = concat("expected line ", elements.size() + 1, " or the end");
      return elements;
    }
    elements.emplace_back(entry->element);
  }
  if (elements.empty()) problem = "no numbered lines";
  return elements;
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

double discount(std::size_t position) { return 1 / std::log2(static_cast<double>(position) + 2); }

using Rows = std::map<std::string, std::size_t>;

bool is_rule(std::string_view line) {
  return line.find('-') != std::string_view::npos && line.find_first_not_of("|-:+= \t") == std::string_view::npos;
}

std::string row_key(std::string_view line, char separator) {
  std::string key, cell;
  bool content = false;
  if (separator == '|') {
    if (line.starts_with('|')) line.remove_prefix(1);
    if (line.ends_with('|')) line.remove_suffix(1);
  }
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(separator, begin), line.size());
    cell = element_key(line.substr(begin, end - begin));
    content = content || !cell.empty();
    key += cell + '\t';
    begin = end + 1;
  }
  return content ? key : "";
}

Rows rows_of(const std::vector<std::string_view>& lines) {
  const auto any = [&](char c) {
    return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) { return line.find(c) != std::string_view::npos; });
  };
  const char separator = any('|') ? '|' : any('\t') ? '\t' : ',';
  Rows rows;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (is_rule(lines[i]) || (i + 1 < lines.size() && is_rule(lines[i + 1]))) continue;
    if (separator == '|' && lines[i].find('|') == std::string_view::npos) continue;
    std::string key = row_key(lines[i], separator);
    if (!key.empty()) ++rows[std::move(key)];
  }
  return rows;
}

std::vector<Rows> gold_tables(const std::vector<std::string>& answers) {
  const bool whole = std::any_of(answers.begin(), answers.end(),
                                 [](const std::string& answer) { return trim(answer).find('\n') != std::string_view::npos; });
  if (!whole) return {rows_of({answers.begin(), answers.end()})};
  std::vector<Rows> tables;
  for (const std::string& answer : answers) tables.push_back(rows_of(content_lines(answer)));
  return tables;
}

}  // namespace

RewardResult ordered_list(const RewardInput& input) {
  const double credit = prefix_credit(input.params);
  return best_over_lists(input, [&](const Extraction& extraction, const List& gold) -> Comparison {
    std::string problem;
    const List list = numbered_list(extraction.text, problem);
    std::size_t right = 0;
    while (right < std::min(list.size(), gold.size()) && compare_exactly(list[right], gold[right]).score == 1) ++right;
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
  const auto as_set = [](const List& elements) {
    std::unordered_set<std::string> set;
    for (const std::string& element : elements) set.insert(element_key(element));
    set.erase("");
    return set;
  };
  const std::unordered_set<std::string> answer = as_set(*list);
  double best = 0;
  for (const List& elements : gold_lists(input.answers)) {
    const std::unordered_set<std::string> gold = as_set(elements);
    const auto common =
        static_cast<double>(std::count_if(gold.begin(), gold.end(), [&](const std::string& key) { return answer.contains(key); }));
    const bool both_empty = gold.empty() && answer.empty();
    best = std::max(best, both_empty ? 1.0 : 2 * common / static_cast<double>(gold.size() + answer.size()));
  }
  std::string joined;
  for (std::size_t i = 0; i < list->size() && joined.size() <= kMaxShownBytes; ++i) joined += (i > 0 ? ", " : "") + (*list)[i];
  return {best, shown(joined), concat(answer.size(), " elements answered")};
}

RewardResult ndcg(const RewardInput& input) {
  return best_over_lists(input, [&](const Extraction& extraction, const List& gold) -> Comparison {
    const List keys = element_keys(gold);
    const std::size_t k = cutoff(input.params, keys.size());
    List answer = read_list(extraction.text);
    const std::size_t num_ranked = answer.size();
    answer.resize(std::min(num_ranked, k));
    std::map<std::string_view, double> gains;
    double ideal = 0, gained = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto gain = static_cast<double>(keys.size() - i);
      if (!keys[i].empty()) gains.emplace(keys[i], gain);
      if (i < k) ideal += gain * discount(i);
    }
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const auto found = gains.extract(element_key(answer[i]));
      if (!found.empty()) gained += found.mapped() * discount(i);
    }
    if (gains.empty() && gained == 0) return {0, "the gold list is empty"};
    return {gained / ideal, concat(num_ranked, " elements ranked, ", keys.size(), " gold")};
  });
}

RewardResult pairwise(const RewardInput& input) {
  return best_over_lists(input, [](const Extraction& extraction, const List& gold) -> Comparison {
    const List answer = read_list(extraction.text), keys = element_keys(gold);
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
  const Extraction extraction = extract_answer(input.prediction);
  if (!extraction.failure.empty()) return {0.0, "", extraction.failure};
  const Rows answer = rows_of(content_lines(extraction.text));
  if (answer.empty()) return {0.0, shown(extraction.text), "no rows"};
  double best = 0;
  for (const Rows& gold : gold_tables(input.answers)) {
    std::size_t common = 0, total = 0;
    for (const auto& [row, count] : gold) total += count;
    for (const auto& [row, count] : answer) {
      const auto found = gold.find(row);
      const std::size_t shared = found == gold.end() ? 0 : std::min(count, found->second);
      common += shared;
      total += count - shared;
    }
    best = std::max(best, static_cast<double>(common) / static_cast<double>(total));
  }
  return {best, shown(extraction.text), concat(answer.size(), " different rows answered")};
}

}  // namespace longbow::rewards
