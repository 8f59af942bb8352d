// The forward pass against the float64 reference, and the identities between its callers: decode, chunked prefill, whole
// prefill and training give a token the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/errors.h"
#include "tests/model/tiny_model.h"

namespace longbow::model {
namespace {

using kernels::DType;

/// A cache of one sequence: full layers keep every key, sliding layers a ring that holds a window and one chunk.
class CachedAttention : public AttentionContext {
 public:
  CachedAttention(const TinyModel& model, DType dtype, int max_chunk, std::int64_t max_keys) : model_(model), dtype_(dtype) {
    for (std::size_t i = 0; i < model.config.layers.size(); ++i) {
      const kernels::AttentionShape shape = attention_shape(model.config, static_cast<int>(i), dtype);
      const std::int64_t keys = shape.window > 0 ? std::min<std::int64_t>(shape.window + max_chunk, max_keys) : max_keys;
      caches_.emplace_back(shape, keys / kernels::kKeyBlock + 2, 0);
    }
  }

  void attend(int layer, const float* qkv, std::int64_t rows, float* out, float* lse) override {
    const ModelConfig& config = model_.config;
    const std::int64_t q_width = std::int64_t{config.num_heads} * config.head_dim;
    const std::int64_t kv_width = std::int64_t{config.num_kv_heads} * config.head_dim;
    kernels::KvBlocks& cache = caches_[layer];
    const std::int64_t offset = cache.num_keys();
    cache.append(model_.pool, qkv + q_width, qkv + q_width + kv_width, rows, q_width + 2 * kv_width);
    const kernels::QuerySegment segment[] = {{.first_row = 0, .num_rows = rows, .prefix = nullptr, .own = &cache, .own_offset = offset}};
    kernels::attention_forward(model_.pool, attention_shape(config, layer, dtype_), qkv, q_width + 2 * kv_width, segment, out, lse);
  }

 private:
  const TinyModel& model_;
  DType dtype_;
  std::vector<kernels::KvBlocks> caches_;
};

/// Hidden rows of `tokens`, fed through a cache in chunks of `chunk` tokens.
std::vector<float> cached_hidden(const TinyModel& model, const std::vector<std::int32_t>& tokens, int chunk, DType dtype) {
  const PackedModel packed = model.packed(dtype);
  const auto total = static_cast<std::int64_t>(tokens.size());
  CachedAttention attention(model, dtype, chunk, total);
  std::vector<float> hidden(total * model.config.hidden_size);
  for (std::int64_t begin = 0; begin < total; begin += chunk) {
    const std::int64_t count = std::min<std::int64_t>(chunk, total - begin);
    std::vector<std::int32_t> positions;
    for (std::int64_t i = 0; i < count; ++i) positions.push_back(static_cast<std::int32_t>(begin + i));
    forward(model.pool, packed, {{tokens.data() + begin, static_cast<std::size_t>(count)}, positions}, attention,
            hidden.data() + begin * model.config.hidden_size, nullptr);
  }
  return hidden;
}

/// Log-probabilities of every token at every row, [rows][vocab], through the training pass.
reference::Rows all_logprobs(const TinyModel& model, const std::vector<std::int32_t>& tokens) {
  TrainBatch batch;
  append_segment(batch, tokens);
  std::vector<Target> targets;
  for (std::int64_t row = 0; row < static_cast<std::int64_t>(tokens.size()); ++row) {
    for (int token = 0; token < model.config.vocab_size; ++token) targets.push_back({row, token, 0});
  }
  const std::vector<float> flat = model.train(batch, targets).logprobs;
  reference::Rows rows;
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    const auto begin = flat.begin() + static_cast<std::int64_t>(row) * model.config.vocab_size;
    rows.emplace_back(begin, begin + model.config.vocab_size);
  }
  return rows;
}

double largest_difference(const reference::Rows& a, const reference::Rows& b) {
  double largest = 0;
  for (std::size_t row = 0; row < a.size(); ++row) {
    for (std::size_t i = 0; i < a[row].size(); ++i) largest = std::max(largest, std::abs(a[row][i] - b[row][i]));
  }
  return largest;
}

TEST(Forward, MatchesTheFloat64ReferenceAtEveryWindowEdge) {
  for (const int window : {1, 2, 7, 8, 9, 64, 65}) {
    for (const int length : {window - 1, window, window + 1, 2 * window + 3}) {
      if (length < 1) continue;
      SCOPED_TRACE(testing::Message() << "window " << window << ", length " << length);
      const TinyModel model(tiny_config(window, window % 2 == 0));
      const std::vector<std::int32_t> tokens = random_tokens(length, model.config.vocab_size, length);
      const reference::Rows expected = reference::next_token_logprobs(model.config, model.reference_tensors(), tokens);
      EXPECT_LT(largest_difference(all_logprobs(model, tokens), expected), 2e-5);
    }
  }
}

TEST(Forward, TheReferenceSeesTheWindow) {  // or else the test above could not fail
  const TinyModel model(tiny_config(8));
  const std::vector<std::int32_t> tokens = random_tokens(9, model.config.vocab_size, 1);
  ModelConfig wider = model.config;
  for (LayerConfig& layer : wider.layers) layer.window += layer.window > 0 ? 1 : 0;
  const reference::Tensors tensors = model.reference_tensors();
  EXPECT_GT(largest_difference(reference::next_token_logprobs(model.config, tensors, tokens),
                               reference::next_token_logprobs(wider, tensors, tokens)),
            1e-3);
}

TEST(Forward, DecodeChunksPrefillAndTrainingGiveTheSameBits) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int window : {40, 63, 64, 65}) {
      SCOPED_TRACE(testing::Message() << kernels::name_of(dtype) << ", window " << window);
      const TinyModel model(tiny_config(window));
      const std::vector<std::int32_t> tokens = random_tokens(333, model.config.vocab_size, 9);
      TrainBatch batch;
      append_segment(batch, tokens);
      const std::vector<float> trained = model.train(batch, {{0, 0, 0}}, dtype).hidden;
      for (const int chunk : {1, 7, 64, 100, 333}) {
        EXPECT_EQ(cached_hidden(model, tokens, chunk, dtype), trained) << "chunk " << chunk;
      }
    }
  }
}

TEST(Forward, ScoringWithoutKeepingGivesTheSameBits) {
  const TinyModel model(tiny_config(5));
  const auto [batch, targets] = TinyGroup(30, {20, 5}, model.config.vocab_size).pack(true);
  const PackedModel packed = model.packed();
  TrainingPass pass(model.pool, model.config, model.layout);
  const std::size_t size = batch.tokens.size() * model.config.hidden_size;
  const float* kept = pass.forward(packed, batch, true);
  const std::vector<float> with_keep(kept, kept + size);
  const float* scored = pass.forward(packed, batch, false);
  EXPECT_EQ(with_keep, std::vector<float>(scored, scored + size));
}

TEST(Forward, AWindowAsLongAsTheSequenceIsFullAttention) {
  const TinyModel sliding(tiny_config(20));
  ModelConfig full = sliding.config;
  for (LayerConfig& layer : full.layers) layer.attention = AttentionKind::full;
  const TinyModel without(full);
  TrainBatch batch;
  append_segment(batch, random_tokens(20, full.vocab_size, 6));
  EXPECT_EQ(sliding.train(batch, {{0, 0, 1}}).hidden, without.train(batch, {{0, 0, 1}}).hidden);
}

TEST(Forward, UpdateGivesWhatAFreshPackingGives) {
  TinyModel model(tiny_config(5));
  PackedModel updated = model.packed();
  for (std::int64_t i = 0; i < model.layout.total; ++i) model.weights.values[i] *= 1.25f;
  updated.update(model.pool, model.weights.values.data());
  TrainBatch batch;
  append_segment(batch, random_tokens(9, model.config.vocab_size, 6));
  TrainingPass pass(model.pool, model.config, model.layout);
  const float* hidden = pass.forward(updated, batch, false);
  const std::vector<float> after(hidden, hidden + 9 * model.config.hidden_size);
  EXPECT_EQ(after, model.train(batch, {{0, 0, 1}}).hidden);
}

TEST(Forward, RefusesATokenOutsideTheVocabulary) {
  const TinyModel model(tiny_config());
  TrainBatch batch;
  append_segment(batch, {1, 61});
  const PackedModel packed = model.packed();
  TrainingPass pass(model.pool, model.config, model.layout);
  EXPECT_THROW(pass.forward(packed, batch, false), InternalError);
  batch.tokens[1] = -1;
  EXPECT_THROW(pass.forward(packed, batch, false), InternalError);
}

TEST(Backward, RefusesABatchThatWasNotKept) {
  const TinyModel model(tiny_config());
  TrainBatch batch;
  append_segment(batch, {1, 2});
  const PackedModel packed = model.packed();
  TrainingPass pass(model.pool, model.config, model.layout);
  pass.forward(packed, batch, false);
  std::vector<float> gradient(model.layout.total);
  std::vector<float> dhidden(2 * model.config.hidden_size);
  EXPECT_THROW(pass.backward(packed, model.weights.values.data(), batch, dhidden.data(), gradient.data()), InternalError);
}

}  // namespace
}  // namespace longbow::model
