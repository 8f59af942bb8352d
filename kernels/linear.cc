#include "kernels/linear.h"

#include <algorithm>

#include "core/errors.h"
#include "kernels/cpu/gemm.h"
#include "kernels/isa.h"

namespace longbow::kernels {

GemmKernels gemm_kernels() {
  switch (active_isa()) {
    case Isa::scalar: return gemm_kernels_scalar();
    case Isa::avx2: return gemm_kernels_avx2();
    case Isa::avx512: return gemm_kernels_avx512();
    case Isa::avx512_bf16:
    case Isa::amx: return gemm_kernels_avx512bf16();
  }
  return gemm_kernels_scalar();
}

namespace {

constexpr std::int64_t kRowBlock = 192;    // rows of A that stay in a core's second-level cache
constexpr std::int64_t kDepthBlock = 512;  // rows of a batch that one pass of a weight gradient sums over
constexpr std::int64_t kTasksPerThread = 4;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A as its owner stores it: element (row, d) = data[row * row_stride + d * depth_stride].
struct StridedRows {
  const float* data;
  std::int64_t row_stride;
  std::int64_t depth_stride;
};

/// B as panels, and where the product goes.
struct Panels {
  const std::uint8_t* data;
  std::int64_t columns;
  std::int64_t depth;
  DType dtype;
  const std::uint8_t* panel(std::int64_t i) const { return data + i * panel_bytes(depth, dtype); }
};

/// Scratch that a thread keeps between calls, so that decoding does not allocate.
std::uint8_t* thread_scratch(std::int64_t bytes) {
  thread_local Buffer<std::uint8_t> scratch;
  scratch.reserve(bytes);
  return scratch.data();
}

/// c [rows, columns] (+)= a · b. Work is split by row blocks and panels; an element never depends on the split.
void multiply(ThreadPool& pool, StridedRows a, std::int64_t rows, const Panels& b, float* c, std::int64_t c_stride, bool accumulate) {
  const GemmKernels kernels = gemm_kernels();
  const std::int64_t num_panels = ceil_div(b.columns, kPanelWidth);
  const std::int64_t row_blocks = ceil_div(rows, kRowBlock);
  const std::int64_t groups = std::clamp<std::int64_t>(ceil_div(kTasksPerThread * pool.num_threads(), row_blocks), 1, num_panels);
  const bool in_place = b.dtype == DType::f32 && a.depth_stride == 1;
  const std::int64_t packed_stride = padded_depth(b.depth, b.dtype);
  pool.parallel_for(row_blocks * groups, [&](std::int64_t task, int) {
    const std::int64_t first_row = task / groups * kRowBlock;
    const std::int64_t block_rows = std::min(kRowBlock, rows - first_row);
    const float* source = a.data + first_row * a.row_stride;
    void* packed = nullptr;
    if (!in_place) {
      packed = thread_scratch((block_rows + kRowPadding) * packed_stride * size_of(b.dtype));
      (b.dtype == DType::f32 ? kernels.pack_rows_f32 : kernels.pack_rows_bf16)(source, block_rows, a.row_stride, b.depth, a.depth_stride, packed);
    }
    const std::int64_t group = task % groups;
    for (std::int64_t p = num_panels * group / groups; p < num_panels * (group + 1) / groups; ++p) {
      float* out = c + first_row * c_stride + p * kPanelWidth;
      const std::int64_t columns = std::min<std::int64_t>(kPanelWidth, b.columns - p * kPanelWidth);
      if (b.dtype == DType::f32) {
        kernels.multiply_f32(in_place ? source : static_cast<const float*>(packed), in_place ? a.row_stride : packed_stride, block_rows,
                             b.panel(p), b.depth, out, c_stride, columns, accumulate);
      } else {
        kernels.multiply_bf16(static_cast<const bf16*>(packed), packed_stride, block_rows, b.panel(p), b.depth, out, c_stride, columns, accumulate);
      }
    }
  });
}

/// Packs a row-major [depth, columns] matrix for one product into scratch of the calling thread.
Panels pack_transient(ThreadPool& pool, const float* matrix, std::int64_t depth, std::int64_t columns, DType dtype) {
  thread_local Buffer<std::uint8_t> scratch;
  const GemmKernels kernels = gemm_kernels();
  const std::int64_t num_panels = ceil_div(columns, kPanelWidth);
  scratch.reserve(num_panels * panel_bytes(depth, dtype));
  std::uint8_t* panels = scratch.data();
  pool.parallel_for(num_panels, [&](std::int64_t p, int) {
    const std::int64_t width = std::min<std::int64_t>(kPanelWidth, columns - p * kPanelWidth);
    (dtype == DType::f32 ? kernels.pack_panel_f32 : kernels.pack_panel_bf16)(matrix + p * kPanelWidth, depth, columns, width, 1,
                                                                             panels + p * panel_bytes(depth, dtype));
  });
  return {panels, columns, depth, dtype};
}

std::int64_t total_outputs(std::span<const WeightBlock> blocks) {
  std::int64_t n = 0;
  for (const WeightBlock& block : blocks) n += block.n;
  return n;
}

}  // namespace

PackedMatrix make_packed(std::int64_t n, std::int64_t k, DType dtype) {
  PackedMatrix packed;
  packed.n_ = n;
  packed.k_ = k;
  packed.dtype_ = dtype;
  packed.panels_ = Buffer<std::uint8_t>(ceil_div(n, kPanelWidth) * panel_bytes(k, dtype));
  return packed;
}

void pack_rows(ThreadPool& pool, const float* weight, std::int64_t rows, std::int64_t first_n, PackedMatrix& out) {
  LONGBOW_CHECK_LE(first_n + rows, out.n());
  LONGBOW_CHECK_EQ(first_n % 16, 0);
  const GemmKernels kernels = gemm_kernels();
  const std::int64_t k = out.k();
  const DType dtype = out.dtype();
  const std::int64_t bytes = panel_bytes(k, dtype);
  auto* panels = static_cast<std::uint8_t*>(out.panels());
  pool.parallel_for(ceil_div(first_n + rows, kPanelWidth) - first_n / kPanelWidth, [&](std::int64_t task, int) {
    const std::int64_t p = first_n / kPanelWidth + task;
    const std::int64_t begin = std::max(first_n, p * kPanelWidth);
    const std::int64_t end = std::min(first_n + rows, (p + 1) * kPanelWidth);
    std::uint8_t* panel = panels + p * bytes;
    if (end - begin == kPanelWidth) {
      (dtype == DType::f32 ? kernels.pack_panel_f32 : kernels.pack_panel_bf16)(weight + (begin - first_n) * k, k, 1, kPanelWidth, k, panel);
      return;
    }
    for (std::int64_t n = begin; n < end; ++n) {  // a panel that two matrices share: only these columns may change
      const float* row = weight + (n - first_n) * k;
      const std::int64_t column = n - p * kPanelWidth;
      for (std::int64_t d = 0; d < k; ++d) {
        if (dtype == DType::f32) {
          reinterpret_cast<float*>(panel)[d * kPanelWidth + column] = row[d];
        } else {
          reinterpret_cast<bf16*>(panel)[d / 2 * 2 * kPanelWidth + 2 * column + d % 2] = to_bf16(row[d]);
        }
      }
    }
  });
}

void linear_forward(ThreadPool& pool, const float* x, std::int64_t m, const PackedMatrix& b, float* y, bool accumulate) {
  if (m == 0) return;
  multiply(pool, {x, b.k(), 1}, m, {static_cast<const std::uint8_t*>(b.panels()), b.n(), b.k(), b.dtype()}, y, b.n(), accumulate);
}

void linear_backward_input(ThreadPool& pool, const float* dy, std::int64_t m, std::int64_t k, std::span<const WeightBlock> blocks, DType dtype,
                           float* dx, bool accumulate) {
  if (m == 0) return;
  const std::int64_t stride = total_outputs(blocks);
  std::int64_t offset = 0;
  for (const WeightBlock& block : blocks) {
    const Panels panels = pack_transient(pool, block.weight, block.n, k, dtype);
    multiply(pool, {dy + offset, stride, 1}, m, panels, dx, k, accumulate || offset > 0);
    offset += block.n;
  }
}

void linear_backward_weight(ThreadPool& pool, const float* dy, const float* x, std::int64_t m, std::int64_t k, std::span<const WeightBlock> blocks,
                            DType dtype) {
  const std::int64_t stride = total_outputs(blocks);
  for (std::int64_t first = 0; first < m; first += kDepthBlock) {
    const std::int64_t depth = std::min(kDepthBlock, m - first);
    const Panels panels = pack_transient(pool, x + first * k, depth, k, dtype);
    std::int64_t offset = 0;
    for (const WeightBlock& block : blocks) {
      multiply(pool, {dy + first * stride + offset, 1, stride}, block.n, panels, block.weight_grad, k, true);
      offset += block.n;
    }
  }
}

}  // namespace longbow::kernels
