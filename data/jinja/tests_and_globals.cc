// `is …` tests and the global functions.
#include <cstdlib>
#include <ctime>
#include <unordered_map>

#include "core/errors.h"
#include "data/jinja/builtins.h"
#include "data/jinja/text.h"

namespace longbow::data::jinja {
namespace {

using Test = bool (*)(const Value&, const Arguments&);

constexpr std::int64_t kMaxRange = 100'000;  // as Jinja's sandbox

const Value& operand(const Arguments& arguments) {
  if (arguments.positional.empty()) throw Failure("the test needs a value to compare with");
  return arguments.positional[0];
}

bool is_integer(const Value& value) { return value.get<std::int64_t>() != nullptr; }
bool is_mapping(const Value& value) { return value.as_map() != nullptr && !value.as_map()->is_namespace; }
bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_string() || value.as_list() != nullptr || is_mapping(value);
}

std::int64_t integer_of(const Value& value) {
  std::int64_t number = 0;
  if (!value.to_integer(number)) throw Failure(concat("expected an integer, got ", type_name(value)));
  return number;
}

const std::unordered_map<std::string, Test>& tests() {
  static const std::unordered_map<std::string, Test> table = {
      {"defined", [](const Value& v, const Arguments&) { return !v.is_undefined(); }},
      {"undefined", [](const Value& v, const Arguments&) { return v.is_undefined(); }},
      {"none", [](const Value& v, const Arguments&) { return v.is_none(); }},
      {"string", [](const Value& v, const Arguments&) { return v.is_string(); }},
      {"boolean", [](const Value& v, const Arguments&) { return v.get<bool>() != nullptr; }},
      {"true", [](const Value& v, const Arguments&) { return v.get<bool>() != nullptr && *v.get<bool>(); }},
      {"false", [](const Value& v, const Arguments&) { return v.get<bool>() != nullptr && !*v.get<bool>(); }},
      {"number", [](const Value& v, const Arguments&) { return v.is_number(); }},
      {"integer", [](const Value& v, const Arguments&) { return is_integer(v); }},
      {"float", [](const Value& v, const Arguments&) { return v.get<double>() != nullptr; }},
      {"mapping", [](const Value& v, const Arguments&) { return is_mapping(v); }},
      {"iterable", [](const Value& v, const Arguments&) { return is_iterable(v); }},
      {"sequence",
       [](const Value& v, const Arguments&) {
         return is_iterable(v) && !(v.as_list() != nullptr && v.as_list()->kind == ListKind::generator);
       }},
      {"callable", [](const Value& v, const Arguments&) { return v.as_callable() != nullptr; }},
      {"odd", [](const Value& v, const Arguments&) { return integer_of(v) % 2 != 0; }},
      {"even", [](const Value& v, const Arguments&) { return integer_of(v) % 2 == 0; }},
      {"divisibleby",
       [](const Value& v, const Arguments& a) {
         const std::int64_t divisor = integer_of(operand(a));
         if (divisor == 0) throw Failure("division by zero");
         return divisor == -1 || integer_of(v) % divisor == 0;
       }},
      {"upper", [](const Value& v, const Arguments&) { return to_text(v) == upper(to_text(v)) && to_text(v) != lower(to_text(v)); }},
      {"lower", [](const Value& v, const Arguments&) { return to_text(v) == lower(to_text(v)) && to_text(v) != upper(to_text(v)); }},
      {"eq", [](const Value& v, const Arguments& a) { return equal(v, operand(a)); }},
      {"equalto", [](const Value& v, const Arguments& a) { return equal(v, operand(a)); }},
      {"ne", [](const Value& v, const Arguments& a) { return !equal(v, operand(a)); }},
      {"lt", [](const Value& v, const Arguments& a) { return less(v, operand(a)); }},
      {"lessthan", [](const Value& v, const Arguments& a) { return less(v, operand(a)); }},
      {"gt", [](const Value& v, const Arguments& a) { return less(operand(a), v); }},
      {"greaterthan", [](const Value& v, const Arguments& a) { return less(operand(a), v); }},
      {"le", [](const Value& v, const Arguments& a) { return !less(operand(a), v); }},
      {"ge", [](const Value& v, const Arguments& a) { return !less(v, operand(a)); }},
      {"in", [](const Value& v, const Arguments& a) { return contains(operand(a), v); }},
      {"sameas",
       [](const Value& v, const Arguments& a) { return v.variant().index() == operand(a).variant().index() && equal(v, operand(a)); }},
  };
  return table;
}

Value make_namespace(const Arguments& arguments) {
  Map map;
  map.is_namespace = true;
  for (const Value& source : arguments.positional) {
    const Map* given = source.as_map();
    if (given == nullptr) throw Failure(concat("namespace: expected a mapping, got ", type_name(source)));
    for (const auto& [key, value] : given->members) map.set(key, value);
  }
  for (const auto& [key, value] : arguments.keywords) map.set(key, value);
  return map;
}

Value range(const Arguments& arguments) {
  if (arguments.positional.empty() || arguments.positional.size() > 3) throw Failure("range: expected one to three integers");
  const bool has_start = arguments.positional.size() > 1;
  const std::int64_t start = has_start ? integer_of(arguments.positional[0]) : 0;
  const std::int64_t stop = integer_of(arguments.positional[has_start ? 1 : 0]);
  const std::int64_t step = arguments.positional.size() > 2 ? integer_of(arguments.positional[2]) : 1;
  if (step == 0) throw Failure("range: expected a step other than 0");
  constexpr std::int64_t kHuge = std::int64_t{1} << 61;
  for (const std::int64_t bound : {start, stop, step}) {
    if (bound > kHuge || bound < -kHuge) throw Failure("range: expected smaller numbers");
  }
  std::vector<Value> numbers;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop; i += step) {
    if (static_cast<std::int64_t>(numbers.size()) == kMaxRange) throw Failure(concat("range: expected at most ", kMaxRange, " numbers"));
    numbers.emplace_back(i);
  }
  return Value::list(std::move(numbers));
}

Value strftime_now(const Arguments& arguments, const std::string& now) {
  std::tm time{};
  if (now.empty()) {
    const std::time_t clock = std::time(nullptr);
    localtime_r(&clock, &time);
  } else {
    const char* end = strptime(now.c_str(), now.find('T') != std::string::npos ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &time);
    if (end == nullptr) {
      time = {};
      end = strptime(now.c_str(), "%Y-%m-%d", &time);
    }
    if (end == nullptr) throw Failure(concat("now: expected a time like 2026-01-31T12:00:00, got '", now, "'"));
  }
  const std::string format = arguments.text(0, "format", "%Y-%m-%d");
  if (format.empty()) return "";
  std::string text(format.size() * 8 + 256, '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &time));
  return text;
}

}  // namespace

bool apply_test(const std::string& name, const Value& subject, const Arguments& arguments) {
  const auto symbol = [&]() -> std::string {
    static const std::unordered_map<std::string, std::string> names = {{"==", "eq"}, {"!=", "ne"}, {"<", "lt"},
                                                                       {"<=", "le"}, {">", "gt"},  {">=", "ge"}};
    const auto found = names.find(name);
    return found != names.end() ? found->second : name;
  };
  const auto found = tests().find(symbol());
  if (found == tests().end()) throw Failure(concat("the test '", name, "' is not supported"));
  return found->second(subject, arguments);
}

std::optional<Value> find_global(const std::string& name, const std::string& now) {
  if (name == "namespace") return Callable{name, make_namespace};
  if (name == "range") return Callable{name, range};
  if (name == "raise_exception") {
    return Callable{name, [](const Arguments& arguments) -> Value { throw Failure(to_text(operand(arguments))); }};
  }
  if (name == "strftime_now") return Callable{name, [now](const Arguments& arguments) { return strftime_now(arguments, now); }};
  if (name == "dict") {
    return Callable{name, [](const Arguments& arguments) -> Value {
                      Map map;
                      map.members = arguments.keywords;
                      return map;
                    }};
  }
  return std::nullopt;
}

}  // namespace longbow::data::jinja
