// Counter-based random numbers (Philox4x32-10): every choice is a pure function of a seed and a key such as
// (step, prompt, sample, position), so the order in which work arrives never matters.
// Source: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace longbow {

/// One Philox4x32-10 block: 128 random bits for a 128-bit counter under a 64-bit key. Matches Random123's known answers.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stable 64-bit hash of text (FNV-1a, then a finaliser), to key streams by name.
std::uint64_t stable_hash(std::string_view text);

/// A stream of random numbers that is named, not seeded by history: equal (seed, key) give equal streams on every machine.
class Rng {
 public:
  /// `key`: any number of words that name the stream, for instance {stable_hash("sampler"), step, prompt, sample}.
  Rng(std::uint64_t seed, std::initializer_list<std::uint64_t> key);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform integer in [0, bound), unbiased; bound >= 1.
  std::uint64_t below(std::uint64_t bound);
  /// Uniform integer in [low, high], both included.
  std::int64_t between(std::int64_t low, std::int64_t high);
  /// Standard normal (Box-Muller).
  double normal();

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }
  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::array<std::uint32_t, 2> key_{};
  std::uint64_t stream_ = 0;   // upper half of the counter
  std::uint64_t counter_ = 0;  // lower half
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace longbow
