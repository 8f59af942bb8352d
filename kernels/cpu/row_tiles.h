// Row-wise arithmetic, compiled once per instruction set: the including source defines LONGBOW_ROW_ISA, a namespace of its own.
#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/vector.h"

namespace longbow::kernels::LONGBOW_ROW_ISA {
namespace {

// Calls body(index, load, store) for whole vectors and once for the tail, with loads and stores that respect it.
template <class Body>
inline void for_each_vector(std::int64_t size, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    body([i](const auto* p, auto...) { return load(p + i); }, [i](auto* p, auto v) { store(p + i, v); });
  }
  if (i < size) {
    const int count = static_cast<int>(size - i);
    body([i, count](const auto* p, auto... rest) { return load_part(p + i, count, rest...); },
         [i, count](auto* p, auto v) { store_part(p + i, count, v); });
  }
}

float rmsnorm(const float* x, std::int64_t dim, const float* weight, float eps, float* y) {
  Vec squares = {};
  for_each_vector(dim, [&](auto get, auto) {
    const Vec v = get(x);
    squares = fma(v, v, squares);
  });
  const float rstd = 1.0f / __builtin_sqrtf(reduce_add(squares) / static_cast<float>(dim) + eps);
  for_each_vector(dim, [&](auto get, auto put) { put(y, get(x) * broadcast(rstd) * get(weight)); });
  return rstd;
}

void rmsnorm_backward(const float* dy, const float* x, float rstd, const float* weight, std::int64_t dim, float* dx) {
  Vec dot = {};
  for_each_vector(dim, [&](auto get, auto) { dot = fma(get(dy) * get(weight), get(x), dot); });
  const Vec scale = broadcast(reduce_add(dot) * rstd * rstd / static_cast<float>(dim));
  for_each_vector(dim, [&](auto get, auto put) { put(dx, get(dx) + broadcast(rstd) * (get(dy) * get(weight) - get(x) * scale)); });
}

// Rows in blocks, each summed on its own: the error then grows with the number of blocks, not of rows.
void rmsnorm_weight_gradient(const float* dy, const float* x, const float* rstd, std::int64_t rows, std::int64_t stride,
                             std::int64_t columns, float* sum) {
  constexpr std::int64_t kBlock = 64;
  for (std::int64_t first = 0; first < rows; first += kBlock) {
    const std::int64_t end = first + kBlock < rows ? first + kBlock : rows;
    for_each_vector(columns, [&](auto get, auto put) {
      Vec total = {};
      for (std::int64_t r = first; r < end; ++r) total = fma(get(dy + r * stride) * get(x + r * stride), broadcast(rstd[r]), total);
      put(sum, get(sum) + total);
    });
  }
}

// The angle is reduced to turns in double, so that positions of millions keep all their digits; what is left of it is small enough
// for float polynomials (S. Moshier's Cephes, sinf and cosf, on [-pi/4, pi/4]).
void rope_angles(std::int32_t position, const float* __restrict inv_freq, std::int64_t half, float* __restrict cosine,
                 float* __restrict sine) {
  constexpr double kTurnsPerRadian = 0.15915494309189533577;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  for (std::int64_t i = 0; i < half; ++i) {
    const double quarters = position * kTurnsPerRadian * 4 * inv_freq[i];
    const double nearest = (quarters + kRound) - kRound;
    const double fours = (nearest * 0.25 + kRound) - kRound;
    const auto quadrant = static_cast<int>(nearest - 4 * fours);  // -2 .. 2
    const auto y = static_cast<float>((quarters - nearest) * 1.57079632679489661923);
    const float yy = y * y;
    const float s = y + y * yy * (-1.6666654611e-1f + yy * (8.3321608736e-3f + yy * -1.9515295891e-4f));
    const float c = 1.0f - 0.5f * yy + yy * yy * (4.166664568298827e-2f + yy * (-1.388731625493765e-3f + yy * 2.443315711809948e-5f));
    const bool odd = (quadrant & 1) != 0;
    const float sine_sign = (quadrant & 2) != 0 ? -1.0f : 1.0f;
    const float cosine_sign = ((quadrant + 1) & 2) != 0 ? -1.0f : 1.0f;
    sine[i] = sine_sign * (odd ? c : s);
    cosine[i] = cosine_sign * (odd ? s : c);
  }
}

void rotate(float* head, const float* cosine, const float* sine, std::int64_t half) {
  for_each_vector(half, [&](auto get, auto put) {
    const Vec a = get(head);
    const Vec b = get(head + half);
    put(head, a * get(cosine) - b * get(sine));
    put(head + half, b * get(cosine) + a * get(sine));
  });
}

inline Vec sigmoid(Vec x) { return broadcast(1.0f) / (broadcast(1.0f) + exp(-x)); }

void swiglu(const float* gate, const float* up, std::int64_t dim, float* act) {
  for_each_vector(dim, [&](auto get, auto put) {
    const Vec g = get(gate);
    put(act, g * sigmoid(g) * get(up));
  });
}

void swiglu_backward(const float* dact, const float* gate, const float* up, std::int64_t dim, float* dgate, float* dup) {
  for_each_vector(dim, [&](auto get, auto put) {
    const Vec g = get(gate);
    const Vec u = get(up);
    const Vec d = get(dact);
    const Vec s = sigmoid(g);
    put(dup, d * g * s);
    put(dgate, d * u * s * (broadcast(1.0f) + g * (broadcast(1.0f) - s)));
  });
}

constexpr float kLowest = -3.4028234e38f;

float row_max(const float* x, std::int64_t size) {
  Vec best = broadcast(kLowest);
  for_each_vector(size, [&](auto get, auto) { best = max(best, get(x, kLowest)); });
  return reduce_max(best);
}

// Sums term(x's vector) over a row: blocks of 64 vectors in float, the blocks in double. `rest` fills a tail whose term is then 0.
template <class Term>
inline double block_sum(const float* x, std::int64_t size, float rest, const Term& term) {
  constexpr std::int64_t kBlock = 64 * kLanes;
  double total = 0;
  for (std::int64_t first = 0; first < size; first += kBlock) {
    Vec sum = {};
    for_each_vector(size - first < kBlock ? size - first : kBlock, [&](auto get, auto) { sum = sum + term(get(x + first, rest)); });
    total += reduce_add(sum);
  }
  return total;
}

double exp_sum(const float* x, std::int64_t size, float largest, float scale) {
  return block_sum(x, size, kLowest, [&](Vec v) { return exp((v - broadcast(largest)) * broadcast(scale)); });
}

double weighted_exp_sum(const float* x, std::int64_t size, float largest, float scale) {
  return block_sum(x, size, largest, [&](Vec v) {
    const Vec z = (v - broadcast(largest)) * broadcast(scale);
    return exp(z) * z;
  });
}

void softmax_gradient(float* x, std::int64_t size, float largest, float scale, float log_sum, float factor, float entropy_factor,
                      float mean) {
  for_each_vector(size, [&](auto get, auto put) {
    const Vec z = (get(x) - broadcast(largest)) * broadcast(scale);
    const Vec p = exp(z - broadcast(log_sum));
    put(x, p * (broadcast(factor) + broadcast(entropy_factor) * (z - broadcast(mean))));
  });
}

inline Vec square_root(Vec v) {
  float x[kLanes];
  store(x, v);
  for (float& value : x) value = __builtin_sqrtf(value);
  return load(x);
}

// 32 random bits for each of the elements `index`, by two multiplications and shifts that spread every bit of it (the finaliser
// "lowbias32" by C. Wellons), with the second half of the key between them: steps then are not permutations of one another.
inline BitVec random_bits(BitVec index, const RoundingKey& key) {
  BitVec x = index ^ key.before;
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = ((x ^ (x >> 15)) + key.between) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// v as it is stored: to bf16, up with the probability that makes its mean v, decided by 16 random bits. NaN stays NaN.
template <class Stored>
inline auto rounded(Vec v, BitVec random) {
  if constexpr (sizeof(Stored) == sizeof(float)) {
    return v;
  } else {
    const BitVec bits = v == v ? (BitVec)v + random : (BitVec)v | 0x400000u;
    return __builtin_convertvector(bits >> 16, HalfVec);
  }
}

template <class Moment>
void adamw(const AdamWStep& options, const AdamWBlock& block, std::int64_t size, const float* gradient, float* weight, Moment* moment1,
           Moment* moment2) {
  const float decay = 1.0f - options.learning_rate * options.weight_decay;
  BitVec index;
  for (int lane = 0; lane < kLanes; ++lane) index[lane] = block.first_element + static_cast<unsigned>(lane);
  for_each_vector(size, [&](auto get, auto put) {
    const Vec g = get(gradient) * broadcast(options.gradient_scale);
    const Vec m = get(moment1) * broadcast(options.beta1) + g * broadcast(1.0f - options.beta1);
    const Vec v = get(moment2) * broadcast(options.beta2) + g * g * broadcast(1.0f - options.beta2);
    const BitVec random = random_bits(index, block.key);
    put(moment1, rounded<Moment>(m, random & 0xffffu));
    put(moment2, rounded<Moment>(v, random >> 16));
    index += static_cast<unsigned>(kLanes);
    const Vec step = m * broadcast(block.correction1) / (square_root(v * broadcast(block.correction2)) + broadcast(options.eps));
    put(weight, get(weight) * broadcast(decay) - broadcast(options.learning_rate) * step);
  });
}

double sum_of_squares(const float* values, std::int64_t size) {
  constexpr std::int64_t kSums = 16;
  double sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= size; i += kSums) {
    for (std::int64_t lane = 0; lane < kSums; ++lane) sums[lane] += static_cast<double>(values[i + lane]) * values[i + lane];
  }
  for (; i < size; ++i) sums[i % kSums] += static_cast<double>(values[i]) * values[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

void add(const float* x, std::int64_t size, float* sum) {
  for_each_vector(size, [&](auto get, auto put) { put(sum, get(sum) + get(x)); });
}

RowKernels kernels() {
  return {.rmsnorm = rmsnorm,
          .rmsnorm_backward = rmsnorm_backward,
          .rmsnorm_weight_gradient = rmsnorm_weight_gradient,
          .rope_angles = rope_angles,
          .rotate = rotate,
          .swiglu = swiglu,
          .swiglu_backward = swiglu_backward,
          .row_max = row_max,
          .exp_sum = exp_sum,
          .weighted_exp_sum = weighted_exp_sum,
          .softmax_gradient = softmax_gradient,
          .adamw = adamw<float>,
          .adamw_bf16 = adamw<bf16>,
          .sum_of_squares = sum_of_squares,
          .add = add};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ROW_ISA
