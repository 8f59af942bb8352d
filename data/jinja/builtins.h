// What templates find ready-made: filters, tests and global functions.
#pragma once

#include <optional>
#include <string>

#include "data/jinja/value.h"

namespace longbow::data::jinja {

/// Throws Failure for a filter or test that is not known, and for arguments it cannot take.
Value apply_filter(const std::string& name, const Value& subject, const Arguments& arguments);
bool apply_test(const std::string& name, const Value& subject, const Arguments& arguments);

/// namespace, raise_exception, range, dict, strftime_now (of `now`, ISO local time; empty: the clock).
std::optional<Value> find_global(const std::string& name, const std::string& now);

}  // namespace longbow::data::jinja
