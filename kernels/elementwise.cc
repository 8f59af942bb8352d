// Row-wise operations: which rows, or columns, are one task, and which row kernel does them. Sums over rows belong to tasks that own
// columns, so their order is that of the rows whatever the thread count.
#include "kernels/elementwise.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/errors.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/isa.h"

namespace longbow::kernels {

RowKernels row_kernels() {
  switch (active_isa()) {
    case Isa::scalar:
      return row_kernels_scalar();
    case Isa::avx2:
      return row_kernels_avx2();
    case Isa::avx512:
    case Isa::avx512_bf16:
    case Isa::amx:
      return row_kernels_avx512();
  }
  LONGBOW_CHECK(false);
}

namespace {

constexpr std::int64_t kTaskElements = 8192;  // some microseconds of work: less is not worth handing out
constexpr std::int64_t kColumnsPerTask = 64;

/// Calls body(row) for every row of `width` elements, about kTaskElements of them a task.
template <class Body>
void for_each_row(ThreadPool& pool, std::int64_t rows, std::int64_t width, const Body& body) {
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, kTaskElements / width);
  pool.parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](std::int64_t task, int) {
    const std::int64_t end = std::min(rows, (task + 1) * rows_per_task);
    for (std::int64_t r = task * rows_per_task; r < end; ++r) body(r);
  });
}

}  // namespace

void rmsnorm_forward(ThreadPool& pool, const float* x, std::int64_t rows, std::int64_t dim, const float* weight, float eps, float* y,
                     float* rstd) {
  const RowKernels kernels = row_kernels();
  for_each_row(pool, rows, dim, [&](std::int64_t r) {
    const float value = kernels.rmsnorm(x + r * dim, dim, weight, eps, y + r * dim);
    if (rstd != nullptr) rstd[r] = value;
  });
}

void rmsnorm_backward(ThreadPool& pool, const float* dy, const float* x, const float* rstd, const float* weight, std::int64_t rows,
                      std::int64_t dim, float* dx, float* dweight) {
  const RowKernels kernels = row_kernels();
  for_each_row(pool, rows, dim,
               [&](std::int64_t r) { kernels.rmsnorm_backward(dy + r * dim, x + r * dim, rstd[r], weight, dim, dx + r * dim); });
  pool.parallel_for((dim + kColumnsPerTask - 1) / kColumnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t first = task * kColumnsPerTask;
    kernels.rmsnorm_weight_gradient(dy + first, x + first, rstd, rows, dim, std::min(kColumnsPerTask, dim - first), dweight + first);
  });
}

void rope(ThreadPool& pool, float* x, std::int64_t rows, std::int64_t row_stride, int num_heads, int head_dim,
          const std::int32_t* position_ids, std::span<const float> inv_freq, bool inverse) {
  LONGBOW_CHECK_EQ(static_cast<int>(inv_freq.size()), head_dim / 2);
  const RowKernels kernels = row_kernels();
  const std::int64_t half = head_dim / 2;
  for_each_row(pool, rows, std::int64_t{num_heads} * head_dim, [&](std::int64_t r) {
    thread_local std::vector<float> angles;
    angles.resize(head_dim);
    float* cosine = angles.data();
    float* sine = angles.data() + half;
    // Turning back is turning by the negative angle; exactly, since the polynomial for the sine is odd.
    kernels.rope_angles(inverse ? -position_ids[r] : position_ids[r], inv_freq.data(), half, cosine, sine);
    for (int h = 0; h < num_heads; ++h) kernels.rotate(x + r * row_stride + h * head_dim, cosine, sine, half);
  });
}

void swiglu_forward(ThreadPool& pool, const float* gate_up, std::int64_t rows, std::int64_t dim, float* act) {
  const RowKernels kernels = row_kernels();
  for_each_row(pool, rows, dim,
               [&](std::int64_t r) { kernels.swiglu(gate_up + r * 2 * dim, gate_up + r * 2 * dim + dim, dim, act + r * dim); });
}

void swiglu_backward(ThreadPool& pool, const float* dact, const float* gate_up, std::int64_t rows, std::int64_t dim, float* dgate_up) {
  const RowKernels kernels = row_kernels();
  for_each_row(pool, rows, dim, [&](std::int64_t r) {
    const float* gate = gate_up + r * 2 * dim;
    float* dgate = dgate_up + r * 2 * dim;
    kernels.swiglu_backward(dact + r * dim, gate, gate + dim, dim, dgate, dgate + dim);
  });
}

void embed_forward(ThreadPool& pool, const float* table, const std::int32_t* tokens, std::int64_t rows, std::int64_t dim, float* y) {
  for_each_row(pool, rows, dim, [&](std::int64_t r) { std::memcpy(y + r * dim, table + tokens[r] * dim, sizeof(float) * dim); });
}

void embed_forward(ThreadPool& pool, const bf16* table, const std::int32_t* tokens, std::int64_t rows, std::int64_t dim, float* y) {
  for_each_row(pool, rows, dim, [&](std::int64_t r) {
    const bf16* row = table + tokens[r] * dim;
    std::transform(row, row + dim, y + r * dim, [](bf16 value) { return to_float(value); });
  });
}

void embed_backward(ThreadPool& pool, const float* dy, const std::int32_t* tokens, std::int64_t rows, std::int64_t dim, float* dtable) {
  const RowKernels kernels = row_kernels();
  pool.parallel_for((dim + kColumnsPerTask - 1) / kColumnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t first = task * kColumnsPerTask;
    const std::int64_t columns = std::min(kColumnsPerTask, dim - first);
    for (std::int64_t r = 0; r < rows; ++r) kernels.add(dy + r * dim + first, columns, dtable + tokens[r] * dim + first);
  });
}

}  // namespace longbow::kernels
