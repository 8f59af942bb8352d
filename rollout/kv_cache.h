// Keys and values of one group: a prefix that its completions share, written once by prefill, and a suffix for each
// completion. Full layers keep every key; sliding layers keep a ring that holds what a window can still see.
// StepContext hands the caches of a mixed step (prefill chunks and decode rows) to the model as its AttentionContext.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/attention.h"
#include "model/transformer.h"

namespace longbow::rollout {

/// What decides the size of a group's cache.
struct GroupCacheShape {
  std::int64_t prompt_tokens = 0;
  std::int64_t group_size = 0;
  std::int64_t max_completion_tokens = 0;
  std::int64_t prefill_chunk = 0;  // most prompt rows written at once
};

/// Upper bound of what a group's cache holds at its largest, in bytes: the prompt once with its logits, and group_size completions of full
/// length. Suffixes of full layers grow by halves, so they count for one and a half times their keys. Admission and `plan` use it.
std::int64_t group_cache_bytes(const model::ModelConfig& config, kernels::DType kv_dtype, const GroupCacheShape& shape);

/// A prompt's keys and values, and the logits of its last row: all that its completions need to begin. Groups with the same prompt share
/// one, and it may outlive them for as long as the weights that made it stand.
struct PromptPrefix {
  std::vector<kernels::KvBlocks> layers;
  std::vector<float> logits;  // [vocab]; empty until the prompt is prefilled

  bool is_complete() const { return !logits.empty(); }
  std::int64_t bytes() const;
};

class GroupCache {
 public:
  /// Allocates the prefix, or takes `prefix`, which is complete and was made for the same shape; suffixes come with their first key.
  GroupCache(const model::ModelConfig& config, kernels::DType kv_dtype, const GroupCacheShape& shape,
             std::shared_ptr<PromptPrefix> prefix = nullptr);

  kernels::KvBlocks& prefix(int layer) { return prefix_->layers[layer]; }
  const std::shared_ptr<PromptPrefix>& shared_prefix() const { return prefix_; }
  /// The suffix of completion `sample_idx` in `layer`, with room for one more key.
  kernels::KvBlocks& suffix(int layer, std::int64_t sample_idx);
  /// Frees the keys of a completion that has finished.
  void release_suffix(std::int64_t sample_idx) { suffix_[sample_idx].clear(); }

  const kernels::AttentionShape& attention(int layer) const { return attention_[layer]; }
  int num_layers() const { return static_cast<int>(attention_.size()); }
  std::int64_t bytes() const;

 private:
  GroupCacheShape shape_;
  std::vector<kernels::AttentionShape> attention_;  // [layers]
  std::shared_ptr<PromptPrefix> prefix_;
  std::vector<std::vector<kernels::KvBlocks>> suffix_;  // [group_size][layers]
};

/// The rows of one forward pass and the caches they write to. Rows are numbered in the order in which they are added.
class StepContext : public model::AttentionContext {
 public:
  explicit StepContext(ThreadPool& pool) : pool_(pool) {}

  void clear();
  /// The next `num_rows` prompt rows of a group. The last `num_wanted` of them are wanted: in the last layer the others give keys and
  /// values and no more.
  void add_prefill(GroupCache& cache, std::int64_t num_rows, std::int64_t num_wanted);
  /// One decode row of a completion.
  void add_decode(GroupCache& cache, std::int64_t sample_idx);
  std::int64_t num_rows() const { return num_rows_; }

  void attend(int layer, const float* qkv, std::int64_t rows, float* out, float* lse) override;

 private:
  struct Piece {
    GroupCache* cache;
    std::int64_t sample_idx;  // -1: prefill
    std::int64_t first_row;
    std::int64_t num_rows;
    std::int64_t num_wanted;  // of its last rows
  };
  ThreadPool& pool_;
  std::int64_t num_rows_ = 0;
  std::vector<Piece> pieces_;
  std::vector<kernels::QuerySegment> segments_;
};

}  // namespace longbow::rollout
