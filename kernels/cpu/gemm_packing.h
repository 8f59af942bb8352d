// Packs the operands of cpu/gemm.h, in plain loops that are compiled once per instruction set (see cpu/vector.h for the unnamed namespace).
#pragma once

#include "kernels/cpu/gemm.h"

namespace longbow::kernels {
namespace {

// The bits of `value` rounded to bf16, in the upper half.
inline std::uint32_t round_bf16(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return ((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded) & 0xffff0000u;
}

inline std::uint32_t word_f32(const float* p, std::int64_t, bool) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, p, 4);
  return bits;
}
inline std::uint32_t word_rounded(const float* p, std::int64_t, bool) { return round_bf16(*p); }
inline std::uint32_t word_pair(const float* p, std::int64_t next, bool last) {
  return round_bf16(*p) >> 16 | (last ? 0 : round_bf16(p[next]));
}

// Word w of the output row for value i is word(source of value i at that step, distance to the next step, is the last odd step).
// Sixteen words of a value at a time: they are made as vectors, then scattered.
template <int steps_per_word, auto word>
void transpose(const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps, std::uint32_t* out) {
  constexpr int kWords = 16;
  const std::int64_t full = steps / (kWords * steps_per_word) * kWords;
  const std::int64_t words = (steps + steps_per_word - 1) / steps_per_word;
  for (std::int64_t w0 = 0; w0 < full; w0 += kWords) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = source + i * stride + w0 * steps_per_word;
      std::uint32_t made[kWords];
      for (int w = 0; w < kWords; ++w) made[w] = word(row + w * steps_per_word, 1, false);
      for (int w = 0; w < kWords; ++w) out[(w0 + w) * width + i] = made[w];
    }
  }
  for (std::int64_t w = full; w < words; ++w) {
    const std::int64_t k = w * steps_per_word;
    for (std::int64_t i = 0; i < count; ++i) out[w * width + i] = word(source + i * stride + k, 1, k + 1 == steps);
  }
  if (count == width) return;
  for (std::int64_t w = 0; w < words; ++w) {
    for (std::int64_t i = count; i < width; ++i) out[w * width + i] = 0;
  }
}

// Sixteen words at a time where that stays inside the source (it may run into the next step) and inside `out` (the next step's words
// overwrite what is too much).
template <int steps_per_word, auto word>
void gather(const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps, std::uint32_t* out) {
  constexpr int kWords = 16;
  const std::uint32_t* end = out + (steps + steps_per_word - 1) / steps_per_word * width;
  const bool wide = count == width && count + stride >= kWords;
  for (std::int64_t k = 0; k < steps; k += steps_per_word, out += width) {
    const float* row = source + k * stride;
    if (width == kWords ? count == kWords && k + steps_per_word <= steps : wide && k + steps_per_word < steps && out + kWords <= end) {
      for (int i = 0; i < kWords; ++i) out[i] = word(row + i, stride, false);
      continue;
    }
    const bool last = k + 1 == steps;
    for (std::int64_t i = 0; i < count; ++i) out[i] = word(row + i, stride, last);
    for (std::int64_t i = count; i < width; ++i) out[i] = 0;
  }
}

// A for AMX: rows of kTileSteps steps, which are 16 words of a pair each; steps and values that do not exist are zeros.
void tiles_of_rows(const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
                   std::uint32_t* out) {
  constexpr int kWords = kTileSteps / 2;
  for (std::int64_t k = 0; k < steps; k += kTileSteps, out += width * kWords) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = source + i * stride + k;
      std::uint32_t* to = out + i * kWords;
      if (k + kTileSteps <= steps) {
        for (int w = 0; w < kWords; ++w) to[w] = word_pair(row + 2 * w, 1, false);
      } else {
        for (int w = 0; w < kWords; ++w) to[w] = k + 2 * w < steps ? word_pair(row + 2 * w, 1, k + 2 * w + 1 == steps) : 0;
      }
    }
    for (std::int64_t i = count * kWords; i < width * kWords; ++i) out[i] = 0;
  }
}

// The same from steps that are rows: sixteen values of a pair of steps at a time, made as vectors, then scattered.
void tiles_of_columns(const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
                      std::uint32_t* out) {
  constexpr int kWords = kTileSteps / 2;
  for (std::int64_t k = 0; k < steps; k += kTileSteps, out += width * kWords) {
    for (int w = 0; w < kWords; ++w) {
      const std::int64_t step = k + 2 * w;
      std::int64_t i = 0;
      if (step + 1 < steps) {
        for (; i + 16 <= count; i += 16) {
          std::uint32_t made[16];
          for (int j = 0; j < 16; ++j) made[j] = word_pair(source + step * stride + i + j, stride, false);
          for (int j = 0; j < 16; ++j) out[(i + j) * kWords + w] = made[j];
        }
      }
      for (; i < count; ++i) out[i * kWords + w] = step < steps ? word_pair(source + step * stride + i, stride, step + 1 == steps) : 0;
    }
    for (std::int64_t i = count * kWords; i < width * kWords; ++i) out[i] = 0;
  }
}

void pack_rows(Packing packing, const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
               void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  switch (packing) {
    case Packing::f32:
      return transpose<1, word_f32>(source, stride, count, width, steps, words);
    case Packing::bf16_pairs:
      return transpose<2, word_pair>(source, stride, count, width, steps, words);
    case Packing::bf16_as_f32:
      return transpose<1, word_rounded>(source, stride, count, width, steps, words);
    case Packing::bf16_tiles:
      return tiles_of_rows(source, stride, count, width, steps, words);
  }
}

void pack_columns(Packing packing, const float* source, std::int64_t stride, std::int64_t count, std::int64_t width, std::int64_t steps,
                  void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  switch (packing) {
    case Packing::f32:
      return gather<1, word_f32>(source, stride, count, width, steps, words);
    case Packing::bf16_pairs:
      return gather<2, word_pair>(source, stride, count, width, steps, words);
    case Packing::bf16_as_f32:
      return gather<1, word_rounded>(source, stride, count, width, steps, words);
    case Packing::bf16_tiles:
      return tiles_of_columns(source, stride, count, width, steps, words);
  }
}

}  // namespace
}  // namespace longbow::kernels
