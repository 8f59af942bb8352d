// The rows that a pass's last layer computes in full, because somebody reads their hidden state. The others (a prompt's, but for its
// last) only give keys and values there: no query, no MLP. In every other layer all rows are active.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernels/dtype.h"

namespace longbow::model {

class ActiveRows {
 public:
  /// All of `rows`.
  explicit ActiveRows(std::int64_t rows) : count_(rows), all_(true) {}
  /// Those of `wanted`, which rises, out of `rows`.
  ActiveRows(std::span<const std::int32_t> wanted, std::int64_t rows)
      : count_(static_cast<std::int64_t>(wanted.size())), all_(count_ == rows), wanted_(wanted) {}

  std::int64_t count() const { return count_; }
  bool are_all() const { return all_; }
  /// Whether one of rows [first, first + count) is active.
  bool any_of(std::int64_t first, std::int64_t count) const {
    if (all_) return count > 0;
    const auto found = std::lower_bound(wanted_.begin(), wanted_.end(), first);
    return found != wanted_.end() && *found < first + count;
  }

  /// Active rows [first, first + count) of `full` [rows, width] side by side: where they stand if they are neighbours, else in `scratch`.
  const float* gather(const float* full, std::int64_t width, std::int64_t first, std::int64_t count,
                      kernels::Buffer<float>& scratch) const {
    if (are_neighbours(first, count)) return full + row(first) * width;
    scratch.reserve(count * width);
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(scratch.data() + i * width, full + row(first + i) * width, sizeof(float) * width);
    }
    return scratch.data();
  }
  /// Where to write those rows before scatter().
  float* place(float* full, std::int64_t width, std::int64_t first, std::int64_t count, kernels::Buffer<float>& scratch) const {
    if (are_neighbours(first, count)) return full + row(first) * width;
    scratch.reserve(count * width);
    return scratch.data();
  }
  /// Puts what stands at place() where it belongs in `full`.
  void scatter(const float* rows, std::int64_t width, std::int64_t first, std::int64_t count, float* full) const {
    for (std::int64_t i = 0; i < count; ++i) {
      float* to = full + row(first + i) * width;
      if (to != rows + i * width) std::memcpy(to, rows + i * width, sizeof(float) * width);
    }
  }

 private:
  std::int64_t row(std::int64_t i) const { return all_ ? i : wanted_[i]; }
  bool are_neighbours(std::int64_t first, std::int64_t count) const { return row(first + count - 1) - row(first) == count - 1; }

  std::int64_t count_;
  bool all_;
  std::span<const std::int32_t> wanted_;
};

}  // namespace longbow::model
