// + - * / // % ** ~ as Python computes them, overflow and nonsense refused.
#pragma once

#include <string>

#include "data/jinja/value.h"

namespace longbow::data::jinja {

Value arithmetic(const std::string& op, const Value& left, const Value& right);
Value negative(const Value& value);

}  // namespace longbow::data::jinja
