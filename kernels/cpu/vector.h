// A vector of floats as wide as the instruction set that the including source is compiled for: 16, 8 or 4 lanes.
// Everything is in an unnamed namespace on purpose: sources compiled for different instruction sets must not share functions, or
// the linker might keep the copy that this processor cannot run. For the same reason such sources use no inline function of other
// headers (to_bf16, Buffer, std containers). Include it only in sources that are compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace longbow::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef std::uint32_t BitVec __attribute__((vector_size(4 * kLanes)));  // a NaN's bits may overflow when the exponent is added
typedef std::uint16_t HalfVec __attribute__((vector_size(2 * kLanes)));

inline Vec broadcast(float x) { return x - Vec{}; }

inline Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

inline Vec widened(HalfVec half) { return (Vec)(__builtin_convertvector(half, BitVec) << 16); }

inline Vec load(const bf16* p) {
  HalfVec half;
  __builtin_memcpy(&half, p, sizeof half);
  return widened(half);
}

inline void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }
inline void store(bf16* p, HalfVec v) { __builtin_memcpy(&p->bits, &v, sizeof v); }

/// The first n values of p; the other lanes are `rest`.
inline Vec load_part(const float* p, int n, float rest = 0) {
  Vec v = broadcast(rest);
  __builtin_memcpy(&v, p, static_cast<unsigned>(n) * sizeof(float));
  return v;
}

/// The same with zeros beyond.
inline Vec load_part(const bf16* p, int n) {
  HalfVec half = {};
  __builtin_memcpy(&half, p, static_cast<unsigned>(n) * sizeof(bf16));
  return widened(half);
}

inline void store_part(float* p, int n, Vec v) { __builtin_memcpy(p, &v, static_cast<unsigned>(n) * sizeof(float)); }
inline void store_part(bf16* p, int n, HalfVec v) { __builtin_memcpy(&p->bits, &v, static_cast<unsigned>(n) * sizeof(bf16)); }

/// a * b + c; one rounding wherever the instruction set fuses it.
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }

/// Folds the lanes by halves.
template <class Op>
inline float reduce(Vec v, const Op& op) {
  typedef float Vec4 __attribute__((vector_size(16)));
#if defined(__AVX512F__)
  typedef float Vec8 __attribute__((vector_size(32)));
  const Vec8 eight = op(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
#else
  const Vec eight = v;
#endif
#if defined(__AVX2__)
  const Vec4 four = op(__builtin_shufflevector(eight, eight, 0, 1, 2, 3), __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#else
  const Vec4 four = eight;
#endif
  const Vec4 two = op(four, __builtin_shufflevector(four, four, 2, 3, 2, 3));
  return op(two, __builtin_shufflevector(two, two, 1, 1, 1, 1))[0];
}

inline float reduce_max(Vec v) {
  return reduce(v, [](auto a, auto b) -> decltype(a) { return a > b ? a : b; });
}

inline float reduce_add(Vec v) {
  return reduce(v, [](auto a, auto b) -> decltype(a) { return a + b; });
}

/// e^x within 2 units in the last place; exactly 1 at 0; 0 below -87.3; x above 88.7 counts as 88.7. NaN stays NaN.
inline Vec exp(Vec x) {
  const Vec clamped = x > 88.7f ? broadcast(88.7f) : (x < -87.3f ? broadcast(-87.3f) : x);
  // e^x = 2^n e^r with |r| <= ln(2)/2; adding 1.5 * 2^23 leaves the rounded n in the low bits.
  const Vec shift = broadcast(12582912.0f);
  const Vec t = clamped * 1.44269504f + shift;
  const Vec n = t - shift;
  const Vec r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec y = broadcast(1.9875691500e-4f);
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * (r * r) + r + 1.0f;
  y = (Vec)((BitVec)y + ((BitVec)t << 23));
  return x < -87.3f ? Vec{} : x == x ? y : x;  // the addition may have made a number of a NaN
}

/// 2^x for x <= 0 (softmax's case) within 2 units in the last place; exactly 1 at 0; 0 below -126. NaN stays NaN.
inline Vec exp2_nonpositive(Vec x) {
#if defined(__AVX512F__)
  const Vec n = (Vec)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0);
  const Vec r = x - n;
#else
  const Vec clamped = x < -126.5f ? broadcast(-126.5f) : x;
  const Vec t = clamped + 12582912.0f;  // 1.5 * 2^23 leaves the rounded n in the low bits
  const Vec r = clamped - (t - 12582912.0f);
#endif
  Vec y = broadcast(1.535336188319500e-4f);  // S. Moshier's Cephes, exp2f, on [-1/2, 1/2]
  y = y * r + 1.339887440266574e-3f;
  y = y * r + 9.618437357674640e-3f;
  y = y * r + 5.550332471162809e-2f;
  y = y * r + 2.402264791363012e-1f;
  y = y * r + 6.931472028550421e-1f;
  y = y * r + 1.0f;
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ), (__m512)y, (__m512)n);
#else
  y = (Vec)((BitVec)y + ((BitVec)t << 23));
  return x < -126.0f ? Vec{} : x == x ? y : x;  // the addition may have made a number of a NaN
#endif
}

}  // namespace
}  // namespace longbow::kernels
