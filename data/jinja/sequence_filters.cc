#include "data/jinja/sequence_filters.h"

#include <algorithm>
#include <unordered_map>

#include "core/errors.h"
#include "data/jinja/arithmetic.h"
#include "data/jinja/builtins.h"
#include "data/jinja/text.h"

namespace longbow::data::jinja {
namespace {

/// "a.b.0": members by name, elements by number.
Value member_path(Value value, const std::string& path) {
  const std::string dot = ".";
  for (const std::string& step : split(path, &dot, -1)) {
    const bool is_index = !step.empty() && step.size() < 10 && step.find_first_not_of("0123456789") == std::string::npos;
    value = is_index ? element(value, Value(std::int64_t{std::stol(step)})) : element(value, Value(step));
  }
  return value;
}

/// What sort, min, max and unique compare: a member if one is named, and lower case unless case matters.
Value comparison_key(const Value& item, const Arguments& arguments, std::size_t case_index, std::size_t attribute_index) {
  const Value* path = arguments.find(attribute_index, "attribute");
  Value key = path != nullptr && !path->is_none() ? member_path(item, to_text(*path)) : item;
  if (const auto* text = key.get<std::string>(); text != nullptr && !arguments.truth(case_index, "case_sensitive", false))
    return lower(*text);
  return key;
}

Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, rest.positional.size())));
  return rest;
}

/// select, reject, selectattr and rejectattr: items whose test (truth when none is named) comes out as `wanted`.
template <bool of_member, bool wanted>
Value select(const Value& subject, const Arguments& arguments) {
  constexpr std::size_t kTestAt = of_member ? 1 : 0;
  if (of_member && arguments.positional.empty()) throw Failure("selectattr: expected the name of a member");
  std::vector<Value> kept;
  const auto items = iterate(subject);
  for (const Value& item : items->items) {
    const Value tested = of_member ? member_path(item, to_text(arguments.positional[0])) : item;
    const bool holds = arguments.positional.size() > kTestAt
                           ? apply_test(arguments.text(kTestAt, "", ""), tested, without_first(arguments, kTestAt + 1))
                           : truth(tested);
    if (holds == wanted) kept.push_back(item);
  }
  return Value::list(std::move(kept), ListKind::generator);
}

Value map(const Value& subject, const Arguments& arguments) {
  std::vector<Value> mapped;
  const auto items = iterate(subject);
  const Value* path = arguments.positional.empty() ? arguments.find(0, "attribute") : nullptr;
  const Value* otherwise = path != nullptr ? arguments.find(1, "default") : nullptr;
  if (path == nullptr && arguments.positional.empty()) throw Failure("map: expected the name of a filter, or attribute=");
  for (const Value& item : items->items) {
    if (path == nullptr) {
      mapped.push_back(apply_filter(arguments.text(0, "", ""), item, without_first(arguments, 1)));
      continue;
    }
    Value member = member_path(item, to_text(*path));
    if (member.is_undefined() && otherwise != nullptr) member = *otherwise;
    mapped.push_back(std::move(member));
  }
  return Value::list(std::move(mapped), ListKind::generator);
}

Value sort(const Value& subject, const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> keyed;
  const auto items = iterate(subject);
  for (const Value& item : items->items) keyed.emplace_back(comparison_key(item, arguments, 1, 2), item);
  const bool reverse = arguments.truth(0, "reverse", false);
  std::stable_sort(keyed.begin(), keyed.end(),
                   [&](const auto& a, const auto& b) { return reverse ? less(b.first, a.first) : less(a.first, b.first); });
  std::vector<Value> sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return Value::list(std::move(sorted));
}

template <bool largest>
Value extreme(const Value& subject, const Arguments& arguments) {
  const auto items = iterate(subject);
  if (items->items.empty()) return Undefined{"the extreme of an empty sequence"};
  const Value* best = &items->items[0];
  for (const Value& item : items->items) {
    const Value key = comparison_key(item, arguments, 0, 1);
    const Value best_key = comparison_key(*best, arguments, 0, 1);
    if (largest ? less(best_key, key) : less(key, best_key)) best = &item;
  }
  return *best;
}

Value unique(const Value& subject, const Arguments& arguments) {
  std::vector<Value> keys, kept;
  const auto items = iterate(subject);
  for (const Value& item : items->items) {
    const Value key = comparison_key(item, arguments, 0, 1);
    if (std::any_of(keys.begin(), keys.end(), [&](const Value& known) { return equal(known, key); })) continue;
    keys.push_back(key);
    kept.push_back(item);
  }
  return Value::list(std::move(kept), ListKind::generator);
}

Value join(const Value& subject, const Arguments& arguments) {
  const Value* separator = arguments.find(0, "d");
  const Value* path = arguments.find(1, "attribute");
  std::string out;
  bool first = true;
  const auto items = iterate(subject);
  for (const Value& item : items->items) {
    if (!first && separator != nullptr) out += to_text(*separator);
    out += to_text(path != nullptr && !path->is_none() ? member_path(item, to_text(*path)) : item);
    first = false;
  }
  return out;
}

Value members(const Value& subject) {
  std::vector<Value> pairs;
  if (!subject.is_undefined()) {
    const Map* map = subject.as_map();
    if (map == nullptr || map->is_namespace) throw Failure(concat("items: expected a mapping, got ", type_name(subject)));
    for (const auto& [key, value] : map->members) pairs.push_back(Value::list({Value(key), value}, ListKind::tuple));
  }
  return Value::list(std::move(pairs), ListKind::generator);
}

Value dictsort(const Value& subject, const Arguments& arguments) {
  const bool case_sensitive = arguments.truth(0, "case_sensitive", false);
  const std::string by = arguments.text(1, "by", "key");
  if (by != "key" && by != "value") throw Failure("dictsort: expected by='key' or by='value'");
  const bool reverse = arguments.truth(2, "reverse", false);
  std::vector<Value> pairs = members(subject).as_list()->items;
  const auto key = [&](const Value& pair) {
    const Value& part = pair.as_list()->items[by == "key" ? 0 : 1];
    const auto* text = part.get<std::string>();
    return text != nullptr && !case_sensitive ? Value(lower(*text)) : part;
  };
  std::stable_sort(pairs.begin(), pairs.end(),
                   [&](const Value& a, const Value& b) { return reverse ? less(key(b), key(a)) : less(key(a), key(b)); });
  return Value::list(std::move(pairs));
}

template <bool from_end>
Value edge(const Value& subject, const Arguments&) {
  const auto items = iterate(subject);
  if (items->items.empty()) return Undefined{"an element of an empty sequence"};
  return from_end ? items->items.back() : items->items.front();
}

Value reverse(const Value& subject, const Arguments&) {
  const auto items = iterate(subject);
  std::vector<Value> reversed(items->items.rbegin(), items->items.rend());
  if (!subject.is_string()) return Value::list(std::move(reversed), ListKind::generator);
  std::string text;
  for (const Value& character : reversed) text += *character.get<std::string>();
  return text;
}

Value sum(const Value& subject, const Arguments& arguments) {
  const Value* path = arguments.find(0, "attribute");
  Value total(0);
  const auto add = [&](const Value& number) {
    if (!number.is_number()) throw Failure(concat("sum: expected numbers, got ", type_name(number)));
    total = arithmetic("+", total, number);
  };
  if (const Value* start = arguments.find(1, "start")) add(*start);
  const auto items = iterate(subject);
  for (const Value& item : items->items) add(path != nullptr && !path->is_none() ? member_path(item, to_text(*path)) : item);
  return total;
}

}  // namespace

SequenceFilter find_sequence_filter(const std::string& name) {
  static const std::unordered_map<std::string, SequenceFilter> table = {
      {"select", select<false, true>},
      {"reject", select<false, false>},
      {"selectattr", select<true, true>},
      {"rejectattr", select<true, false>},
      {"map", map},
      {"sort", sort},
      {"min", extreme<false>},
      {"max", extreme<true>},
      {"unique", unique},
      {"join", join},
      {"dictsort", dictsort},
      {"first", edge<false>},
      {"last", edge<true>},
      {"reverse", reverse},
      {"sum", sum},
      {"items", [](const Value& v, const Arguments&) { return members(v); }},
      {"list", [](const Value& v, const Arguments&) { return Value::list(iterate(v)->items); }},
  };
  const auto found = table.find(name);
  return found != table.end() ? found->second : nullptr;
}

}  // namespace longbow::data::jinja
