// KvBlocks: packs rows of keys and values into the block layout that the attention kernels read. See attention.h.
#include <algorithm>
#include <cstring>

#include "core/errors.h"
#include "kernels/attention.h"
#include "kernels/cpu/attention_kernels.h"

namespace longbow::kernels {
namespace {

// Fewer elements than this are packed by the calling thread: waking the others would cost more.
constexpr std::int64_t kParallelElements = 1 << 15;

std::int64_t head_elements(const AttentionShape& shape) { return 2 * std::int64_t{kKeyBlock} * shape.head_dim; }
std::int64_t slot_bytes(const AttentionShape& shape) { return shape.num_kv_heads * head_elements(shape) * size_of(shape.kv_dtype); }

}  // namespace

KvBlocks::KvBlocks(const AttentionShape& shape, std::int64_t num_slots, std::int64_t first_position)
    : shape_(shape), num_slots_(num_slots), first_position_(first_position), storage_(num_slots * slot_bytes(shape)) {
  LONGBOW_CHECK_GT(num_slots, 0);
}

void KvBlocks::append(ThreadPool& pool, const float* k, const float* v, std::int64_t n, std::int64_t row_stride) {
  LONGBOW_CHECK_GT(num_slots_, 0);
  LONGBOW_CHECK_GE(n, 0);
  if (n == 0) return;
  const std::int64_t old_keys = num_keys_;
  const std::int64_t new_keys = num_keys_ + n;
  const std::int64_t last_block = (new_keys - 1) / kKeyBlock;
  // Blocks that this very call would overwrite again are never written, so no two blocks meet in a slot.
  const std::int64_t first_block = std::max(old_keys / kKeyBlock, last_block - num_slots_ + 1);
  const AttentionKernels kernels = attention_kernels();
  const auto store_keys = shape_.kv_dtype == DType::f32 ? kernels.forward_f32.store_keys : kernels.forward_bf16.store_keys;
  const auto pack = [&](std::int64_t item, int) {
    const std::int64_t block = first_block + item / shape_.num_kv_heads;
    const std::int64_t head = item % shape_.num_kv_heads;
    const std::int64_t begin = std::max(old_keys, block * kKeyBlock);
    const std::int64_t end = std::min(new_keys, (block + 1) * kKeyBlock);
    const std::int64_t from = (begin - old_keys) * row_stride + head * shape_.head_dim;
    const std::int64_t to = (block % num_slots_) * slot_bytes(shape_) + head * head_elements(shape_) * size_of(shape_.kv_dtype);
    const int first = static_cast<int>(begin - block * kKeyBlock);
    const int last = static_cast<int>(end - block * kKeyBlock);
    std::uint8_t* key = storage_.data() + to;
    store_keys(k + from, v + from, row_stride, first, last, shape_.head_dim, key,
               key + head_elements(shape_) / 2 * size_of(shape_.kv_dtype));
  };
  const std::int64_t items = (last_block - first_block + 1) * shape_.num_kv_heads;
  if (n * shape_.num_kv_heads * shape_.head_dim < kParallelElements) {
    for (std::int64_t item = 0; item < items; ++item) pack(item, 0);
  } else {
    pool.parallel_for(items, pack);
  }
  num_keys_ = new_keys;
}

void KvBlocks::reserve_keys(std::int64_t num_keys) {
  const std::int64_t needed = (num_keys + kKeyBlock - 1) / kKeyBlock;
  if (needed <= num_slots_) return;
  LONGBOW_CHECK_LE(num_keys_, num_slots_ * kKeyBlock);  // a ring that has wrapped cannot grow: its old keys are gone
  const std::int64_t slots = std::max(needed, num_slots_ + num_slots_ / 2);
  Buffer<std::uint8_t> grown(slots * slot_bytes(shape_));
  if (storage_.size() > 0) std::memcpy(grown.data(), storage_.data(), static_cast<std::size_t>(storage_.size()));
  storage_ = std::move(grown);
  num_slots_ = slots;
}

}  // namespace longbow::kernels
