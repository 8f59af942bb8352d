// KvBlocks: the layout the attention kernels read, whatever pieces the rows arrive in; rings; growth.
#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/kernels/attention_cases.h"

namespace longbow::kernels {
namespace {

float element(const KvBlocks& blocks, const AttentionShape& shape, std::int64_t index) {
  if (shape.kv_dtype == DType::f32) return reinterpret_cast<const float*>(blocks.storage())[index];
  return to_float(reinterpret_cast<const bf16*>(blocks.storage())[index]);
}

// Every key of the blocks that are still held stands where attention.h says, rounded as the dtype says.
void expect_holds(const KvBlocks& blocks, const AttentionBatch& batch, std::int64_t end) {
  const AttentionShape& shape = batch.shape;
  ASSERT_EQ(blocks.num_keys(), end);
  const std::int64_t num_blocks = (end + kKeyBlock - 1) / kKeyBlock;
  for (std::int64_t key = std::max<std::int64_t>(0, num_blocks - blocks.num_slots()) * kKeyBlock; key < end; ++key) {
    for (int head = 0; head < shape.num_kv_heads; ++head) {
      const std::int64_t slot = key / kKeyBlock % blocks.num_slots();
      const std::int64_t at = (slot * shape.num_kv_heads + head) * 2 * kKeyBlock * shape.head_dim;
      const auto place = [&](std::int64_t row, std::int64_t column, std::int64_t width) {
        return shape.kv_dtype == DType::f32 ? row * width + column : (row / 2 * width + column) * 2 + row % 2;
      };
      for (int d = 0; d < shape.head_dim; ++d) {
        const auto stored = [&](float x) { return shape.kv_dtype == DType::f32 ? x : to_float(to_bf16(x)); };
        const std::int64_t j = key % kKeyBlock;
        ASSERT_EQ(element(blocks, shape, at + place(d, j, kKeyBlock)), stored(batch.k(key)[head * shape.head_dim + d])) << key;
        ASSERT_EQ(element(blocks, shape, at + kKeyBlock * shape.head_dim + place(j, d, shape.head_dim)),
                  stored(batch.v(key)[head * shape.head_dim + d]))
            << key;
      }
    }
  }
}

TEST(KvBlocks, HoldsRowsWhateverPiecesTheyCameIn) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    // 700 rows x 2 heads x 32 exceed what one thread packs alone.
    const AttentionBatch batch = random_batch(make_shape(2, 2, 32, 0, dtype), one_sequence(700));
    ThreadPool pool(3);
    for (const std::int64_t slots : {1, 2, 5, 11}) {
      for (const std::int64_t piece : {1, 63, 64, 65, 700}) {
        KvBlocks blocks(batch.shape, slots, 40);
        for (std::int64_t row = 0; row < 700; row += piece)
          append_rows(pool, batch, batch.segments[0], row, std::min<std::int64_t>(700, row + piece), blocks);
        expect_holds(blocks, batch, 700);
        EXPECT_EQ(blocks.first_position(), 40);
        EXPECT_EQ(blocks.bytes(), slots * kKeyBlock * 2 * 2 * 32 * size_of(dtype));
      }
    }
  }
}

TEST(KvBlocks, GrowsWithItsContents) {
  const AttentionBatch batch = random_batch(make_shape(1, 1, 16, 0), one_sequence(300));
  ThreadPool pool(1);
  KvBlocks blocks(batch.shape, 1, 0);
  int growths = 0;
  for (std::int64_t row = 0; row < 300; ++row) {
    const std::int64_t before = blocks.num_slots();
    blocks.reserve_keys(row + 1);
    growths += blocks.num_slots() != before;
    append_rows(pool, batch, batch.segments[0], row, row + 1, blocks);
  }
  expect_holds(blocks, batch, 300);
  EXPECT_GE(blocks.num_slots(), 5);
  EXPECT_LE(growths, 4);
  const std::int64_t slots = blocks.num_slots();
  blocks.reserve_keys(64 * slots);
  EXPECT_EQ(blocks.num_slots(), slots);
  blocks.reserve_keys(64 * slots + 1);
  EXPECT_EQ(blocks.num_slots(), slots + slots / 2);
}

TEST(Buffer, IsEmptyAndUsableOnceMovedFrom) {
  Buffer<float> from(10);
  const float* data = from.data();
  Buffer<float> to = std::move(from);
  EXPECT_EQ(to.data(), data);
  EXPECT_EQ(to.size(), 10);
  EXPECT_EQ(from.size(), 0);
  from.reserve(5);
  ASSERT_NE(from.data(), nullptr);
  EXPECT_EQ(from[4], 0);
  from = std::move(to);
  EXPECT_EQ(from.data(), data);
  EXPECT_EQ(to.size(), 0);
}

TEST(KvBlocks, ARingThatHasWrappedRefusesToGrow) {
  const AttentionBatch batch = random_batch(make_shape(1, 1, 16, 0), one_sequence(65));
  ThreadPool pool(1);
  KvBlocks blocks(batch.shape, 1, 0);
  append_rows(pool, batch, batch.segments[0], 0, 64, blocks);
  EXPECT_NO_THROW(blocks.reserve_keys(64));
  append_rows(pool, batch, batch.segments[0], 64, 65, blocks);
  EXPECT_THROW(blocks.reserve_keys(128), InternalError);
}

TEST(KvBlocks, RingSlotsAreJustEnough) {
  for (const int window : {1, 2, 63, 64, 65, 66, 128, 130}) {
    for (const int rows : {1, 2, 64, 65, 200}) {
      // Rows [s, s + rows) see keys [s - window + 1, s + rows): count the blocks these touch at the worst alignment.
      std::int64_t worst = 0;
      for (std::int64_t first = 0; first < kKeyBlock; ++first) worst = std::max(worst, (first + window - 1 + rows - 1) / kKeyBlock + 1);
      EXPECT_EQ(KvBlocks::ring_slots(window, rows), worst) << window << " " << rows;
    }
  }
}

}  // namespace
}  // namespace longbow::kernels
