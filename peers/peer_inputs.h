// Inputs that both sides of a comparison make for themselves, so that nothing but results travels between the two programs.
#pragma once

#include <cstdint>

namespace longbow::peers {

/// Element `index` of the tensor named by `salt`: uniform in [-0.5, 0.5), multiples of 2^-7, hence exact in bfloat16.
inline float peer_input(std::uint64_t index, std::uint64_t salt) {
  std::uint64_t bits = (index + 1) * 0x9e3779b97f4a7c15u ^ (salt + 1) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 31)) * 0x94d049bb133111ebu;
  return static_cast<float>(static_cast<std::int64_t>(bits >> 57) - 64) / 128;
}

}  // namespace longbow::peers
