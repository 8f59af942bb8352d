// Cuts a product into work for the pool: chunks of rows whose A is packed once into shared scratch; within a chunk, every panel
// group is one item that runs over the slices in order. B that is not prepacked is packed a slice and panel group at a time, just
// before use, so it passes through memory once a chunk.
#include "kernels/cpu/gemm.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "core/errors.h"
#include "kernels/isa.h"

namespace longbow::kernels {
namespace {

constexpr std::int64_t kChunkRows = 512;         // rows of A whose slice stays in a second-level cache
constexpr std::int64_t kPackedValues = 1 << 20;  // of A at a time
constexpr std::int64_t kGroupPanels = 4;
constexpr std::int64_t kGroupColumns = kGroupPanels * kPanelWidth;
constexpr std::int64_t kPackSteps = 16;      // of B at a time; even, as bf16 packs pairs
constexpr std::int64_t kItemsPerThread = 4;  // so that threads end together
// Up to so many tiles of rows a product waits for memory, and threads take runs of groups, so that a group can fetch the next one.
constexpr std::int64_t kStreamTiles = 2;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

struct Slice {
  std::int64_t first;  // step, counted over all runs
  std::int64_t steps;
  std::int64_t a_first;  // values a row before it in packed A
  Matrix b;              // at the first step, when not prepacked
};

void cut_slices(const Product& p, Packing packing, std::vector<Slice>& slices) {
  slices.clear();
  std::int64_t first = 0;
  std::int64_t a_first = 0;
  const auto cut = [&](std::int64_t steps, Matrix rows) {
    for (std::int64_t begin = 0; begin < steps; begin += kSliceSteps) {
      const std::int64_t size = std::min(kSliceSteps, steps - begin);
      slices.push_back({first, size, a_first, {rows.data == nullptr ? nullptr : rows.data + begin * rows.stride, rows.stride}});
      first += size;
      a_first += packed_steps(size, packing);
    }
  };
  if (p.panels != nullptr) cut(p.k, {nullptr, 0});
  for (const StepRows& run : p.runs) cut(run.steps, run.rows);
}

const GemmKernel& kernel_of(const GemmKernels& kernels, DType dtype) { return dtype == DType::f32 ? kernels.f32 : kernels.bf16; }

// Rows of a chunk in tiles of nearly equal height: 16 rows are two tiles of 8, not 14 and 2.
struct Tiles {
  std::int64_t rows;
  std::int64_t strip;  // rows that stay together
  std::int64_t count;
  std::int64_t strips() const { return ceil_div(rows, strip); }
  std::int64_t begin(std::int64_t tile) const { return std::min(rows, packed_begin(tile)); }
  std::int64_t size(std::int64_t tile) const { return begin(tile + 1) - begin(tile); }
  // The same in packed A, whose strips are all whole.
  std::int64_t packed_begin(std::int64_t tile) const { return strips() * tile / count * strip; }
  std::int64_t packed_size(std::int64_t tile) const { return packed_begin(tile + 1) - packed_begin(tile); }
};

// A thread's registers, set up for the products of its lifetime.
class Registers {
 public:
  Registers(const GemmKernel& kernel, std::int64_t rows) : end_(kernel.end) {
    if (kernel.begin != nullptr) kernel.begin(static_cast<int>(rows));
  }
  ~Registers() {
    if (end_ != nullptr) end_();
  }
  Registers(const Registers&) = delete;
  Registers& operator=(const Registers&) = delete;

 private:
  void (*end_)();
};

// Where runs of groups end that are handed out one after another, each a share of what is left: long ones first, so that a thread
// reads on, and short ones last, so that all end together.
std::span<const std::int64_t> shrinking_runs(std::int64_t groups, std::int64_t threads) {
  thread_local std::vector<std::int64_t> ends;  // decoding takes no memory
  ends.clear();
  for (std::int64_t end = 0; end < groups;) ends.push_back(end += ceil_div(groups - end, 2 * threads));
  return ends;
}

class ChunkProduct {
 public:
  ChunkProduct(const Product& p, const GemmKernels& kernels, std::span<const Slice> slices, std::int64_t first_row, std::int64_t rows)
      : p_(p), kernels_(kernels), kernel_(kernel_of(kernels, p.dtype)), slices_(slices), first_row_(first_row) {
    tiles_ = {rows, std::min<std::int64_t>(kernel_.strip_rows, rows), ceil_div(rows, kernel_.tile_rows)};
    a_bytes_ = size_of(kernel_.rows);
    a_steps_ = slices.back().a_first + packed_steps(slices.back().steps, kernel_.rows) - slices.front().a_first;
  }

  void run(ThreadPool& pool) {
    thread_local Buffer<std::uint8_t> scratch;
    scratch.reserve(tiles_.packed_begin(tiles_.count) * a_steps_ * a_bytes_);
    packed_a_ = scratch.data();
    if (tiles_.count == 1) {
      pack_a(0);
    } else {
      pool.parallel_for(tiles_.count, [this](std::int64_t tile, int) { pack_a(tile); });
    }
    const std::int64_t groups = ceil_div(p_.n, kGroupColumns);
    if (streams()) {  // the rows are few, so nothing is split but the groups
      const std::span<const std::int64_t> ends = shrinking_runs(groups, pool.num_threads());
      return pool.parallel_for(static_cast<std::int64_t>(ends.size()), [&](std::int64_t run, int) {
        const Registers registers(kernel_, tiles_.strip);
        for (std::int64_t group = run == 0 ? 0 : ends[run - 1]; group < ends[run]; ++group) {
          multiply_group(group, 0, tiles_.count, group + 1 < ends[run]);
        }
      });
    }
    const std::int64_t splits = std::clamp<std::int64_t>(kItemsPerThread * pool.num_threads() / groups, 1, tiles_.count);
    pool.parallel_for(groups * splits, [&](std::int64_t item, int) {
      const Registers registers(kernel_, tiles_.strip);
      const std::int64_t split = item % splits;
      multiply_group(item / splits, tiles_.count * split / splits, tiles_.count * (split + 1) / splits, false);
    });
  }

 private:
  bool streams() const { return p_.panels != nullptr && tiles_.count <= kStreamTiles; }
  // The tile's packed rows at the slice's first step.
  std::uint8_t* packed(std::int64_t tile, const Slice& slice) const {
    const std::int64_t before = tiles_.packed_begin(tile) * a_steps_ + tiles_.packed_size(tile) * (slice.a_first - slices_.front().a_first);
    return packed_a_ + before * a_bytes_;
  }

  void pack_a(std::int64_t tile) {
    const std::int64_t row = first_row_ + tiles_.begin(tile);
    const std::int64_t width = tiles_.packed_size(tile);
    for (const Slice& slice : slices_) {
      const float* source = p_.a_transposed ? p_.a.data + slice.first * p_.a.stride + row : p_.a.data + row * p_.a.stride + slice.first;
      const Pack pack = p_.a_transposed ? kernels_.pack_columns : kernels_.pack_rows;
      std::uint8_t* out = packed(tile, slice);
      pack(kernel_.rows, source, p_.a.stride, tiles_.size(tile), width, slice.steps, out);
      // The widened form has no partner for a last odd step; the multiplication takes pairs.
      if (kernel_.rows == Packing::bf16_as_f32 && slice.steps % 2 != 0)
        std::fill_n(reinterpret_cast<float*>(out) + slice.steps * width, width, 0.0f);
    }
  }

  // The panels of a group, a few steps of all of them at a time: rows are walked along, and those met at once are few, since rows that
  // are a power of two apart share the first cache's sets.
  void pack_b(const Slice& slice, std::int64_t column, std::int64_t columns, std::uint8_t* out) {
    const std::int64_t distance = panel_bytes(slice.steps, p_.dtype);
    for (std::int64_t step = 0; step < slice.steps; step += kPackSteps, out += kPackSteps * kPanelWidth * size_of(p_.dtype)) {
      const float* source = slice.b.data + step * slice.b.stride + column;
      for (std::int64_t first = 0; first < columns; first += kPanelWidth) {
        kernels_.pack_columns(panel_packing(p_.dtype), source + first, slice.b.stride, std::min(kPanelWidth, columns - first), kPanelWidth,
                              std::min(kPackSteps, slice.steps - step), out + first / kPanelWidth * distance);
      }
    }
  }

  // `more`: the same thread takes the next group afterwards.
  void multiply_group(std::int64_t group, std::int64_t first_tile, std::int64_t end_tile, bool more) {
    thread_local Buffer<std::uint8_t> scratch;
    const std::int64_t column = group * kGroupColumns;
    const std::int64_t columns = std::min(kGroupColumns, p_.n - column);
    for (const Slice& slice : slices_) {
      const std::uint8_t* b = nullptr;
      std::int64_t distance = 0;
      if (p_.panels != nullptr) {
        distance = panel_bytes(p_.k, p_.dtype);
        b = p_.panels + group * kGroupPanels * distance + slice.first * kPanelWidth * size_of(p_.dtype);
      } else {
        distance = panel_bytes(slice.steps, p_.dtype);
        scratch.reserve(kGroupPanels * panel_bytes(kSliceSteps, p_.dtype));
        b = scratch.data();
        pack_b(slice, column, columns, scratch.data());
      }
      const std::uint8_t* after = nullptr;
      if (&slice != &slices_.back()) {
        after = b + slice.steps * kPanelWidth * size_of(p_.dtype);
      } else if (more) {
        after = p_.panels + (group + 1) * kGroupPanels * distance + slices_.front().first * kPanelWidth * size_of(p_.dtype);
      }
      for (std::int64_t tile = first_tile; tile < end_tile; ++tile) {
        kernel_.multiply({.a = packed(tile, slice),
                          .a_rows = static_cast<int>(tiles_.packed_size(tile)),
                          .rows = static_cast<int>(tiles_.size(tile)),
                          .b = b,
                          .panel_distance = distance,
                          .stream = streams() && tile == first_tile,
                          .after = after,
                          .steps = slice.steps,
                          .c = p_.c + (first_row_ + tiles_.begin(tile)) * p_.c_stride + column,
                          .c_stride = p_.c_stride,
                          .columns = columns,
                          .accumulate = p_.accumulate || slice.first > 0});
      }
    }
  }

  const Product& p_;
  const GemmKernels& kernels_;
  const GemmKernel& kernel_;
  std::span<const Slice> slices_;
  std::int64_t first_row_;
  Tiles tiles_;
  std::int64_t a_bytes_;
  std::int64_t a_steps_;
  std::uint8_t* packed_a_ = nullptr;
};

std::atomic<const GemmKernels*> replacement = nullptr;

}  // namespace

void replace_gemm_kernels(const GemmKernels* kernels) { replacement = kernels; }

GemmKernels gemm_kernels() {
  if (const GemmKernels* kernels = replacement) return *kernels;
  switch (active_isa()) {
    case Isa::scalar:
      return gemm_kernels_scalar();
    case Isa::avx2:
      return gemm_kernels_avx2();
    case Isa::avx512:
      return gemm_kernels_avx512();
    case Isa::avx512_bf16:
      return gemm_kernels_avx512bf16();
    case Isa::amx:
      return gemm_kernels_amx();
  }
  LONGBOW_CHECK(false);
}

void multiply(ThreadPool& pool, const Product& product) {
  const GemmKernels kernels = gemm_kernels();
  thread_local std::vector<Slice> slices;  // decoding takes no memory
  cut_slices(product, kernel_of(kernels, product.dtype).rows, slices);
  const std::int64_t chunks = ceil_div(product.m, kChunkRows);
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t row = product.m * chunk / chunks;
    const std::int64_t rows = product.m * (chunk + 1) / chunks - row;
    const std::int64_t at_once = std::max<std::int64_t>(8, kPackedValues / (rows * kSliceSteps));
    for (std::size_t first = 0; first < slices.size(); first += at_once) {
      const std::size_t count = std::min<std::size_t>(at_once, slices.size() - first);
      ChunkProduct(product, kernels, std::span(slices).subspan(first, count), row, rows).run(pool);
    }
  }
}

}  // namespace longbow::kernels
