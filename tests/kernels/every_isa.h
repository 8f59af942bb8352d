// What the tests of single operations share: runs under every instruction set, and random rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"
#include "kernels/dtype.h"
#include "kernels/isa.h"

namespace longbow::kernels {

/// Runs `body(name)` under every instruction set of this machine, then restores the one that was in use.
template <class Body>
void under_every_isa(const Body& body) {
  const Isa before = active_isa();
  for (const Isa isa : available_isas()) {
    set_active_isa(isa);
    body(name_of(isa));
  }
  set_active_isa(before);
}

inline std::vector<float> random_values(std::int64_t size, std::uint64_t seed, double scale = 1) {
  Rng rng(seed, {stable_hash("kernel test")});
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(rng.normal() * scale);
  return values;
}

inline std::vector<double> widen(const std::vector<float>& values) { return {values.begin(), values.end()}; }

inline std::vector<double> rounded_to(DType dtype, const std::vector<float>& values) {
  std::vector<double> rounded;
  for (const float value : values) rounded.push_back(dtype == DType::f32 ? value : to_float(to_bf16(value)));
  return rounded;
}

}  // namespace longbow::kernels
