// Recipes become plain structs through one visitor: the same `visit` reads, validates, prints and describes a Config.
//
//   struct OptimizerConfig {
//     double learning_rate = 1e-6;
//     template <class Visitor> void visit(Visitor& v) {
//       v.field("learning_rate", learning_rate, {.help = "Peak step size of AdamW.", .min = 0, .max = 1});
//     }
//   };
//
// A visitor offers: field(name, T&, FieldInfo) for bool, int, std::int64_t, double, std::string, std::vector of int,
// double or std::string, and Json (any value, kept as it is); choice(name, E&, {{"text", E::value}, …}, FieldInfo) for enums;
// section(name, nested, help) for nested structs and std::vector of structs; optional_section(name, std::optional<nested>&, help).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/json.h"

namespace longbow {

/// What a reader of a recipe needs to know of one key; the range is inclusive and applies to numbers (and to vector elements).
struct FieldInfo {
  std::string_view help;
  std::string_view unit = "";
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool required = false;
};
