// The decoder: one definition of a layer, run by training, prefill and decode alike. What differs is where keys and
// values go and how queries see them; the caller supplies that as an AttentionContext.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/attention.h"
#include "kernels/linear.h"
#include "model/config.h"
#include "model/weights.h"

namespace longbow::model {

/// Weights prepacked for the forward pass in a compute type; rebuilt (in place) whenever the values change. bf16 rounds all of
/// them, norms and embeddings included, so that weights that travelled as bf16 give the same bits. Keeps references to `config`
/// and `layout`; a sliding layer's window is read from `config` at every pass.
class PackedModel {
 public:
  PackedModel(ThreadPool& pool, const ModelConfig& config, const ParameterLayout& layout, const float* values, kernels::DType dtype);
  /// Packs new values into the same memory.
  void update(ThreadPool& pool, const float* values);
  void update(ThreadPool& pool, const WeightValues& values);

  struct Layer {
    const float* input_norm;  // point into `norms`
    const float* post_attention_norm;
    kernels::PackedMatrix qkv;      // [(heads + 2 kv heads) * head_dim, hidden]
    kernels::PackedMatrix o;        // [hidden, heads * head_dim]
    kernels::PackedMatrix gate_up;  // [2 * intermediate, hidden]
    kernels::PackedMatrix down;     // [hidden, intermediate]
    std::vector<float> inv_freq;    // [head_dim / 2] radians a position; empty: no rotary embedding
  };
  const ModelConfig& config() const { return *config_; }
  kernels::DType dtype() const { return dtype_; }
  const std::vector<Layer>& layers() const { return layers_; }
  /// The tokens' rows of the embedding, rounded to the compute type: out [tokens, hidden].
  void embed(ThreadPool& pool, std::span<const std::int32_t> tokens, float* out) const;
  const float* final_norm() const { return final_norm_; }
  const kernels::PackedMatrix& head() const { return head_; }  // [vocab, hidden]

 private:
  template <class Value>
  void pack(ThreadPool& pool, const Value* values);

  const ModelConfig* config_;
  const ParameterLayout* layout_;
  kernels::DType dtype_;
  std::vector<Layer> layers_;
  std::variant<kernels::Buffer<float>, kernels::Buffer<kernels::bf16>> embedding_;  // [vocab, hidden] in the compute type
  kernels::Buffer<float> norms_;
  const float* final_norm_ = nullptr;
  kernels::PackedMatrix head_;
};

kernels::AttentionShape attention_shape(const ModelConfig& config, int layer, kernels::DType kv_dtype);

/// Supplies attention to a forward pass: receives a layer's rotated qkv rows [rows, (heads + 2 kv heads) * head_dim] and
/// writes out [rows, heads, head_dim] and, when not null, lse [rows, heads]. In the last layer only the wanted rows of the pass have
/// queries and get outputs; all have keys and values.
class AttentionContext {
 public:
  virtual ~AttentionContext() = default;
  virtual void attend(int layer, const float* qkv, std::int64_t rows, float* out, float* lse) = 0;
};

/// What the backward pass needs of a forward pass, per layer. Filled by forward() when given.
struct SavedActivations;

/// A batch of rows in packed (THD) layout.
struct PackedRows {
  std::span<const std::int32_t> tokens;        // [rows]
  std::span<const std::int32_t> position_ids;  // [rows]
  /// Rows whose hidden state is read, rising; absent: all. The others give the last layer keys and values, and nothing more is computed.
  std::optional<std::span<const std::int32_t>> wanted = std::nullopt;
};

/// hidden [wanted rows, hidden_size]: the last layer's output after the final norm. `saved` null: nothing is kept, else it has been
/// reserved for this pass.
/// Numerics: a row's bits depend on its token, its position and what `attention` shows it, not on the other rows, nor on the
/// thread count. bf16: inputs of matrix products are rounded, sums and everything between them are f32.
/// Throws InternalError for a token outside the vocabulary. Scratch grows to the largest call of this thread and is kept.
void forward(ThreadPool& pool, const PackedModel& model, PackedRows rows, AttentionContext& attention, float* hidden,
             SavedActivations* saved);

/// A training batch: segments as in kernels::TrainSegment (prompt-once: the prompt is a segment, completions continue it). A segment's
/// rows before its `first_query` are not wanted: their hidden states are not computed.
struct TrainBatch {
  std::vector<std::int32_t> tokens;        // [rows]
  std::vector<std::int32_t> position_ids;  // [rows]
  std::vector<kernels::TrainSegment> segments;
};

/// The rows of `batch` whose hidden states are computed, rising.
std::vector<std::int32_t> wanted_rows(const TrainBatch& batch);

inline constexpr std::int64_t kActivationBudgetBytes = std::int64_t{2} << 30;

/// Forward and backward over training batches; owns the activations between the two calls.
class TrainingPass {
 public:
  /// Keeps as many activations as fit into `activation_budget_bytes` (saved_activations.h) and computes the others again; neither
  /// hidden states nor gradients show which.
  TrainingPass(ThreadPool& pool, const ModelConfig& config, const ParameterLayout& layout,
               std::int64_t activation_budget_bytes = kActivationBudgetBytes);
  ~TrainingPass();

  /// Returns hidden states [wanted rows, hidden_size], valid until the next call. `keep` false: a scoring pass, nothing is saved.
  const float* forward(const PackedModel& model, const TrainBatch& batch, bool keep);
  /// Adds the gradient of everything below `dhidden` [wanted rows, hidden_size] to `gradient` (flat, layout order). `values` are the
  /// f32 weights of the forward pass.
  void backward(const PackedModel& model, const float* values, const TrainBatch& batch, const float* dhidden, float* gradient);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::model
