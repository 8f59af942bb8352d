// Sixteen floats as one value, for attention_tiles.h; included inside its namespace.
#pragma GCC diagnostic ignored "-Wpsabi"  // these functions never cross a source file, so how they pass vectors is no one's affair
typedef float Vec __attribute__((vector_size(64)));
typedef std::int32_t IntVec __attribute__((vector_size(64)));
typedef std::uint16_t HalfVec __attribute__((vector_size(32)));

inline Vec broadcast(float x) { return Vec{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
inline Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline Vec load(const bf16* p) {
  HalfVec h;
  __builtin_memcpy(&h, p, sizeof h);
  return (Vec)(__builtin_convertvector(h, IntVec) << 16);
}
inline void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec keep_lanes(Vec value, int begin, int end, float hidden) {
  const IntVec lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return ((lane >= begin) & (lane < end)) ? value : broadcast(hidden);
}
inline float reduce_max(Vec v) {
  float x[16];
  store(x, v);
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) x[i] = x[i] > x[i + half] ? x[i] : x[i + half];
  return x[0];
}
inline float reduce_add(Vec v) {
  float x[16];
  store(x, v);
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) x[i] += x[i + half];
  return x[0];
}
inline Vec exp(Vec x) {
  x = max(broadcast(-87.3f), x);
  x = x < 88.7f ? x : broadcast(88.7f);
  const Vec shift = broadcast(12582912.0f);
  const Vec t = x * 1.44269504f + shift;
  const Vec n = t - shift;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec y = broadcast(1.9875691500e-4f);
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  return (Vec)((IntVec)y + ((IntVec)t << 23));
}
