#include "rollout/kv_cache.h"

#include <algorithm>
#include <utility>

#include "core/errors.h"

namespace longbow::rollout {
namespace {

using kernels::KvBlocks;

std::int64_t blocks_of(std::int64_t keys) { return (keys + kernels::kKeyBlock - 1) / kernels::kKeyBlock; }

std::int64_t block_bytes(const kernels::AttentionShape& shape) {
  return 2 * std::int64_t{kernels::kKeyBlock} * shape.num_kv_heads * shape.head_dim * kernels::size_of(shape.kv_dtype);
}

std::int64_t prefix_slots(const kernels::AttentionShape& attention, const GroupCacheShape& shape) {
  const std::int64_t all = std::max<std::int64_t>(blocks_of(shape.prompt_tokens), 1);
  return attention.window == 0 ? all
                               : std::min(all, KvBlocks::ring_slots(attention.window, std::min(shape.prefill_chunk, shape.prompt_tokens)));
}

// The last token of a completion is never fed back, so a suffix holds one key less than the completion has tokens.
std::int64_t suffix_blocks(const GroupCacheShape& shape) { return std::max<std::int64_t>(blocks_of(shape.max_completion_tokens - 1), 1); }

bool suffix_is_ring(const kernels::AttentionShape& attention, const GroupCacheShape& shape) {
  return attention.window > 0 && KvBlocks::ring_slots(attention.window, 1) < suffix_blocks(shape);
}

}  // namespace

std::int64_t group_cache_bytes(const model::ModelConfig& config, kernels::DType kv_dtype, const GroupCacheShape& shape) {
  std::int64_t bytes = config.vocab_size * static_cast<std::int64_t>(sizeof(float));
  for (int layer = 0; layer < static_cast<int>(config.layers.size()); ++layer) {
    const auto attention = model::attention_shape(config, layer, kv_dtype);
    const std::int64_t whole = suffix_blocks(shape);
    const std::int64_t suffix = suffix_is_ring(attention, shape) ? KvBlocks::ring_slots(attention.window, 1) : whole + whole / 2;
    bytes += (prefix_slots(attention, shape) + shape.group_size * suffix) * block_bytes(attention);
  }
  return bytes;
}

std::int64_t PromptPrefix::bytes() const {
  auto bytes = static_cast<std::int64_t>(logits.size() * sizeof(float));
  for (const KvBlocks& blocks : layers) bytes += blocks.bytes();
  return bytes;
}

GroupCache::GroupCache(const model::ModelConfig& config, kernels::DType kv_dtype, const GroupCacheShape& shape,
                       std::shared_ptr<PromptPrefix> prefix)
    : shape_(shape), prefix_(std::move(prefix)), suffix_(shape.group_size) {
  const bool is_new = prefix_ == nullptr;
  if (is_new) prefix_ = std::make_shared<PromptPrefix>();
  for (int layer = 0; layer < static_cast<int>(config.layers.size()); ++layer) {
    attention_.push_back(model::attention_shape(config, layer, kv_dtype));
    if (is_new) prefix_->layers.emplace_back(attention_.back(), prefix_slots(attention_.back(), shape), 0);
  }
}

KvBlocks& GroupCache::suffix(int layer, std::int64_t sample_idx) {
  std::vector<KvBlocks>& layers = suffix_[sample_idx];
  if (layers.empty()) {
    for (const kernels::AttentionShape& attention : attention_) {
      const std::int64_t slots = suffix_is_ring(attention, shape_) ? KvBlocks::ring_slots(attention.window, 1) : 1;
      layers.emplace_back(attention, slots, shape_.prompt_tokens);
    }
  }
  KvBlocks& blocks = layers[layer];
  if (!suffix_is_ring(attention_[layer], shape_)) blocks.reserve_keys(blocks.num_keys() + 1);
  return blocks;
}

std::int64_t GroupCache::bytes() const {
  std::int64_t bytes = prefix_->bytes();
  for (const auto& layers : suffix_) {
    for (const KvBlocks& blocks : layers) bytes += blocks.bytes();
  }
  return bytes;
}

void StepContext::clear() {
  num_rows_ = 0;
  pieces_.clear();
}

void StepContext::add_prefill(GroupCache& cache, std::int64_t num_rows, std::int64_t num_wanted) {
  pieces_.push_back({&cache, -1, num_rows_, num_rows, num_wanted});
  num_rows_ += num_rows;
}

void StepContext::add_decode(GroupCache& cache, std::int64_t sample_idx) { pieces_.push_back({&cache, sample_idx, num_rows_++, 1, 1}); }

void StepContext::attend(int layer, const float* qkv, std::int64_t rows, float* out, float* lse) {
  LONGBOW_CHECK_EQ(rows, num_rows_);
  const kernels::AttentionShape& shape = pieces_.front().cache->attention(layer);
  const bool last = layer + 1 == pieces_.front().cache->num_layers();
  const std::int64_t stride = (shape.num_heads + 2 * shape.num_kv_heads) * std::int64_t{shape.head_dim};
  const std::int64_t key_offset = shape.num_heads * std::int64_t{shape.head_dim};
  const std::int64_t value_offset = key_offset + shape.num_kv_heads * std::int64_t{shape.head_dim};
  segments_.clear();
  for (const Piece& piece : pieces_) {
    const bool decode = piece.sample_idx >= 0;
    const KvBlocks* prefix = decode ? &piece.cache->prefix(layer) : nullptr;
    KvBlocks& own = decode ? piece.cache->suffix(layer, piece.sample_idx) : piece.cache->prefix(layer);
    const std::int64_t own_offset = own.num_keys();
    const float* row = qkv + piece.first_row * stride;
    own.append(pool_, row + key_offset, row + value_offset, piece.num_rows, stride);
    const std::int64_t skipped = last ? piece.num_rows - piece.num_wanted : 0;
    if (skipped < piece.num_rows) {
      segments_.push_back({piece.first_row + skipped, piece.num_rows - skipped, prefix, &own, own_offset + skipped});
    }
  }
  if (!segments_.empty()) kernels::attention_forward(pool_, shape, qkv, stride, segments_, out, lse);
}

}  // namespace longbow::rollout
