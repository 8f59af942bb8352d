// Row-wise arithmetic, compiled once per instruction set: the including source defines LONGBOW_ROW_ISA, a namespace of its own.
#include <cmath>
#include <cstring>

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/vector.h"

namespace longbow::kernels::LONGBOW_ROW_ISA {
namespace {

// Calls body(index, load, store) for whole vectors and once for the tail, with loads and stores that respect it.
template <class Body>
inline void for_each_vector(std::int64_t size, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    body([i](const float* p, float = 0) { return load(p + i); }, [i](float* p, Vec v) { store(p + i, v); });
  }
  if (i < size) {
    const int count = static_cast<int>(size - i);
    body([i, count](const float* p, float rest = 0) { return load_part(p + i, count, rest); },
         [i, count](float* p, Vec v) { store_part(p + i, count, v); });
  }
}

float rmsnorm(const float* x, std::int64_t dim, const float* weight, float eps, float* y) {
  Vec squares = {};
  for_each_vector(dim, [&](auto get, auto) {
    const Vec v = get(x);
    squares = fma(v, v, squares);
  });
  const float rstd = 1.0f / std::sqrt(reduce_add(squares) / static_cast<float>(dim) + eps);
  for_each_vector(dim, [&](auto get, auto put) { put(y, get(x) * broadcast(rstd) * get(weight)); });
  return rstd;
}

void rmsnorm_backward(const float* dy, const float* x, float rstd, const float* weight, std::int64_t dim, float* dx) {
  Vec dot = {};
  for_each_vector(dim, [&](auto get, auto) { dot = fma(get(dy) * get(weight), get(x), dot); });
  const Vec scale = broadcast(reduce_add(dot) * rstd * rstd / static_cast<float>(dim));
  for_each_vector(dim, [&](auto get, auto put) { put(dx, get(dx) + broadcast(rstd) * (get(dy) * get(weight) - get(x) * scale)); });
}

void rmsnorm_weight_gradient(const float* dy, const float* x, const float* rstd, std::int64_t rows, std::int64_t stride, std::int64_t columns,
                             float* sum) {
  for_each_vector(columns, [&](auto get, auto put) {
    Vec total = get(sum);
    for (std::int64_t r = 0; r < rows; ++r) total = fma(get(dy + r * stride) * get(x + r * stride), broadcast(rstd[r]), total);
    put(sum, total);
  });
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

constexpr float kLowest = -3.0e38f;

float row_max(const float* x, std::int64_t size, float scale) {
  Vec best = broadcast(kLowest);
  for_each_vector(size, [&](auto get, auto) { best = max(best, get(x, kLowest / 2) * broadcast(scale)); });
  return reduce_max(best);
}

float exp_sum(const float* x, std::int64_t size, float scale, float shift) {
  Vec sum = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) sum = sum + exp(load(x + i) * broadcast(scale) - broadcast(shift));
  if (i < size) {
    float tail[kLanes];
    store(tail, exp(load_part(x + i, static_cast<int>(size - i), 0) * broadcast(scale) - broadcast(shift)));
    sum = sum + load_part(tail, static_cast<int>(size - i), 0);
  }
  return reduce_add(sum);
}

float expected_logit(const float* x, std::int64_t size, float scale, float lse) {
  Vec sum = {};
  for_each_vector(size, [&](auto get, auto) {  // a tail's fill of 0 adds p * 0
    const Vec logit = get(x) * broadcast(scale);
    sum = fma(exp(logit - broadcast(lse)), logit, sum);
  });
  return reduce_add(sum);
}

void softmax_scaled(float* x, std::int64_t size, float scale, float lse, float factor, float entropy_factor, float mean) {
  for_each_vector(size, [&](auto get, auto put) {
    const Vec logit = get(x) * broadcast(scale);
    const Vec p = exp(logit - broadcast(lse));
    put(x, p * (broadcast(factor) + broadcast(entropy_factor) * (logit - broadcast(mean))));
  });
}

inline Vec square_root(Vec v) {
  float x[kLanes];
  store(x, v);
  for (float& value : x) value = __builtin_sqrtf(value);
  return load(x);
}

void adamw(const AdamWStep& options, float correction1, float correction2, std::int64_t size, const float* gradient, float* weight,
           float* moment1, float* moment2) {
  const float decay = 1.0f - options.learning_rate * options.weight_decay;
  for_each_vector(size, [&](auto get, auto put) {
    const Vec g = get(gradient) * broadcast(options.gradient_scale);
    const Vec m = get(moment1) * broadcast(options.beta1) + g * broadcast(1.0f - options.beta1);
    const Vec v = get(moment2) * broadcast(options.beta2) + g * g * broadcast(1.0f - options.beta2);
    put(moment1, m);
    put(moment2, v);
    const Vec step = m * broadcast(correction1) / (square_root(v * broadcast(correction2)) + broadcast(options.eps));
    put(weight, get(weight) * broadcast(decay) - broadcast(options.learning_rate) * step);
  });
}

double sum_of_squares(const float* values, std::int64_t size) {
  double lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += static_cast<double>(values[i + lane]) * values[i + lane];
  }
  for (; i < size; ++i) lanes[i % kLanes] += static_cast<double>(values[i]) * values[i];
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

void add(const float* x, std::int64_t size, float* sum) {
  for_each_vector(size, [&](auto get, auto put) { put(sum, get(sum) + get(x)); });
}

RowKernels kernels() {
  return {rmsnorm, rmsnorm_backward, rmsnorm_weight_gradient, rotate, swiglu, swiglu_backward, row_max, exp_sum, expected_logit, softmax_scaled, adamw,
          sum_of_squares, add};
}

}  // namespace
}  // namespace longbow::kernels::LONGBOW_ROW_ISA
