// Forward attention against the float64 reference, and the promise that every way of computing a token gives the same bits.
#include "kernels/attention.h"

#include "core/errors.h"
#include "kernels/attention_plan.h"
#include "tests/kernels/attention_cases.h"

namespace longbow::kernels {
namespace {

void expect_output_near(const AttentionShape& shape, const std::vector<float>& actual, const reference::AttentionResult& expected,
                        const std::string& what) {
  const double rounding = rounds_probabilities(shape.kv_dtype) ? kBf16Rounding : 0;
  expect_near(actual, expected.out, kAttentionTolerance, expected.magnitude, rounding, what + ", out");
  if (rounding > 0) expect_within_one_rounding(actual, expected.out, kAttentionTolerance, what + ", out");
}

/// On every instruction set.
void expect_matches_reference(const AttentionBatch& batch, const std::string& what) {
  ThreadPool pool(2);
  const reference::AttentionResult expected = reference::attention(reference_problem(batch));
  for_each_isa([&](const std::string& isa) {
    const ForwardResult actual = run_forward(pool, batch);
    const std::string where = concat(isa, ", ", what, ", ", name_of(batch.shape.kv_dtype));
    expect_output_near(batch.shape, actual.out, expected, where);
    expect_near(actual.lse, expected.lse, kAttentionTolerance, {}, 0, where + ", lse");
  });
}

TEST(AttentionForward, MatchesReferenceAtWindowEdges) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int window : {0, 1, 16, 128}) {
      for (const int length : {1, 7, 127, 128, 129, 300}) {
        const AttentionBatch batch = random_batch(make_shape(2, 1, 32, window, dtype), one_sequence(length));
        expect_matches_reference(batch, concat("window ", window, ", length ", length));
      }
    }
  }
}

TEST(AttentionForward, MatchesReferenceForEveryHeadLayout) {
  struct Case {
    int num_heads, num_kv_heads, head_dim;
  };
  for (const Case& c :
       {Case{2, 2, 16}, Case{4, 2, 64}, Case{4, 1, 80}, Case{8, 2, 48}, Case{3, 3, 112}, Case{2, 1, 128}, Case{1, 1, 256}}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const AttentionShape shape = make_shape(c.num_heads, c.num_kv_heads, c.head_dim, 50, dtype);
      expect_matches_reference(random_batch(shape, prompt_and_completions(100, {3, 70})),
                               concat(c.num_heads, ":", c.num_kv_heads, " x ", c.head_dim));
    }
  }
}

TEST(AttentionForward, LargeScoresStayFinite) {
  for_each_isa([](const std::string& isa) {
    AttentionBatch batch = random_batch(make_shape(1, 1, 16, 0), one_sequence(150));
    for (std::int64_t row = 0; row < batch.num_rows; ++row) {
      for (int i = 0; i < 32; ++i) batch.qkv[row * batch.stride + i] *= 30;  // q and k: scores of several thousands
    }
    ThreadPool pool(1);
    const ForwardResult actual = run_forward(pool, batch);
    const reference::AttentionResult expected = reference::attention(reference_problem(batch));
    expect_near(actual.lse, expected.lse, kAttentionTolerance, {}, 0, isa);
    for (const float value : actual.out) ASSERT_TRUE(std::isfinite(value)) << isa;
  });
}

TEST(AttentionForward, CompletionsMatchTheConcatenatedSequence) {
  for_each_isa([](const std::string& isa) {
    for (const int window : {0, 40}) {
      const AttentionBatch batch = random_batch(make_shape(2, 1, 32, window), prompt_and_completions(77, {90, 5}));
      ThreadPool pool(2);
      const ForwardResult actual = run_forward(pool, batch);
      for (const TrainSegment& completion : {batch.segments[1], batch.segments[2]}) {
        AttentionBatch whole{.shape = batch.shape, .segments = one_sequence(77 + completion.num_rows), .stride = batch.stride};
        whole.num_rows = 77 + completion.num_rows;
        whole.qkv.assign(batch.q(), batch.q(77));
        whole.qkv.insert(whole.qkv.end(), batch.q(completion.first_row),
                         batch.q(completion.first_row) + completion.num_rows * batch.stride);
        const reference::AttentionResult expected = reference::attention(reference_problem(whole));
        const std::int64_t width = batch.shape.num_heads * batch.shape.head_dim;
        const std::vector<float> rows(actual.out.begin() + completion.first_row * width,
                                      actual.out.begin() + (completion.first_row + completion.num_rows) * width);
        expect_near(rows, {expected.out.begin() + 77 * width, expected.out.end()}, kAttentionTolerance, {}, 0,
                    concat(isa, ", window ", window));
      }
    }
  });
}

TEST(AttentionForward, ThreadsDoNotChangeBits) {
  for_each_isa([](const std::string& isa) {
    const AttentionBatch batch = random_batch(make_shape(4, 2, 64, 0), prompt_and_completions(200, {65, 130, 1}));
    ThreadPool one(1), two(2), five(5);
    const ForwardResult expected = run_forward(one, batch);
    for (ThreadPool* pool : {&two, &five}) {
      const ForwardResult actual = run_forward(*pool, batch);
      expect_same_bits(actual.out, expected.out, isa);
      expect_same_bits(actual.lse, expected.lse, isa);
    }
  });
}

TEST(AttentionForward, AGroupHasTheBitsOfItsMembersAlone) {
  for_each_isa([](const std::string& isa) {
    for (const int window : {0, 24}) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        const AttentionBatch batch = random_batch(make_shape(3, 3, 32, window, dtype), prompt_and_completions(130, {9, 66, 1, 40}));
        ThreadPool pool(2);
        const ForwardResult together = run_forward(pool, batch);
        ForwardResult alone{std::vector<float>(together.out.size()), std::vector<float>(together.lse.size())};
        const KvBlocks prompt = blocks_of(pool, batch, batch.segments[0]);
        for (const TrainSegment& segment : batch.segments) {
          const KvBlocks own = blocks_of(pool, batch, segment);
          const QuerySegment query{segment.first_row, segment.num_rows, segment.prefix < 0 ? nullptr : &prompt, &own, 0};
          attention_forward(pool, batch.shape, batch.q(), batch.stride, {&query, 1}, alone.out.data(), alone.lse.data());
        }
        expect_same_bits(together.out, alone.out, concat(isa, ", window ", window));
        expect_same_bits(together.lse, alone.lse, concat(isa, ", window ", window));
      }
    }
  });
}

// A prompt of several parts (1,024 keys each), which threads share when a step has few rows, and continuations that grow into their
// second part: the whole batch, group steps on any number of threads, and each completion alone have the same bits.
TEST(AttentionForward, PartsOfLongKeysDoNotShow) {
  for (const int window : {0, 1050}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const AttentionBatch batch = random_batch(make_shape(1, 1, 16, window, dtype), prompt_and_completions(1030, {1027, 3}));
      const reference::AttentionResult expected = reference::attention(reference_problem(batch));
      for_each_isa([&](const std::string& isa) {
        const std::string what = concat(isa, ", window ", window, ", ", name_of(dtype));
        ThreadPool one(1), two(2), five(5);
        const ForwardResult whole = run_forward(one, batch);
        expect_output_near(batch.shape, whole.out, expected, what);
        expect_near(whole.lse, expected.lse, kAttentionTolerance, {}, 0, what + ", lse");
        const KvBlocks prompt = blocks_of(one, batch, batch.segments[0]);
        const KvBlocks own[] = {blocks_of(one, batch, batch.segments[1]), blocks_of(one, batch, batch.segments[2])};
        for (ThreadPool* pool : {&one, &two, &five}) {
          for (const std::size_t at_once : {1u, 2u}) {
            ForwardResult step = whole;
            std::vector<QuerySegment> queries;  // the last row of each completion, as decode has it
            for (const std::size_t s : {1u, 2u}) {
              const TrainSegment& segment = batch.segments[s];
              const std::int64_t row = segment.first_row + segment.num_rows - 1;
              queries.push_back({row, 1, &prompt, &own[s - 1], segment.num_rows - 1});
              std::fill_n(step.out.begin() + row * 16, 16, 0.0f);
              step.lse[row] = 0;
            }
            for (std::size_t i = 0; i < queries.size(); i += at_once) {
              attention_forward(*pool, batch.shape, batch.q(), batch.stride, {&queries[i], at_once}, step.out.data(), step.lse.data());
            }
            expect_same_bits(step.out, whole.out, concat(what, ", ", pool->num_threads(), " threads"));
            expect_same_bits(step.lse, whole.lse, concat(what, ", ", pool->num_threads(), " threads"));
          }
        }
      });
    }
  }
}

// Rows of segment `s` computed `step` at a time, as a server does it, with keys in `slots` blocks.
void run_in_steps(ThreadPool& pool, const AttentionBatch& batch, std::size_t s, const KvBlocks* prefix, std::int64_t step,
                  std::int64_t slots, ForwardResult& result) {
  const TrainSegment& segment = batch.segments[s];
  KvBlocks own(batch.shape, slots, segment.first_position);
  for (std::int64_t row = 0; row < segment.num_rows; row += step) {
    const std::int64_t count = std::min(step, segment.num_rows - row);
    append_rows(pool, batch, segment, row, row + count, own);
    const QuerySegment query{segment.first_row + row, count, prefix, &own, row};
    attention_forward(pool, batch.shape, batch.q(), batch.stride, {&query, 1}, result.out.data(), result.lse.data());
  }
}

TEST(AttentionForward, ChunksAndSingleStepsAndRingsHaveTheBitsOfTheWhole) {
  for_each_isa([](const std::string& isa) {
    for (const int window : {0, 1, 16, 100, 128}) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        const AttentionBatch batch = random_batch(make_shape(4, 2, 32, window, dtype), prompt_and_completions(140, {300}));
        ThreadPool pool(2);
        const ForwardResult whole = run_forward(pool, batch);
        const KvBlocks prompt = blocks_of(pool, batch, batch.segments[0]);
        for (const int step : {1, 7, 64, 100}) {
          const std::int64_t slots = window == 0 ? 5 : KvBlocks::ring_slots(window, step);
          ForwardResult steps{std::vector<float>(whole.out.size()), std::vector<float>(whole.lse.size())};
          run_in_steps(pool, batch, 0, nullptr, step, slots, steps);
          run_in_steps(pool, batch, 1, &prompt, step, slots, steps);
          const std::string what = concat(isa, ", window ", window, ", step ", step, ", slots ", slots, ", ", name_of(dtype));
          expect_same_bits(steps.out, whole.out, what);
          expect_same_bits(steps.lse, whole.lse, what);
        }
      }
    }
  });
}

// The prefix itself may be a ring that kept only what the window of the next token can reach.
TEST(AttentionForward, ARingPrefixHasTheBitsOfAFullPrefix) {
  for_each_isa([](const std::string& isa) {
    const AttentionBatch batch = random_batch(make_shape(2, 2, 32, 70), prompt_and_completions(333, {12, 80}));
    ThreadPool pool(2);
    const ForwardResult expected = run_forward(pool, batch);
    KvBlocks prompt(batch.shape, KvBlocks::ring_slots(70, 1), 0);
    append_rows(pool, batch, batch.segments[0], 0, 200, prompt);
    append_rows(pool, batch, batch.segments[0], 200, 333, prompt);
    ForwardResult actual = expected;
    for (const std::size_t s : {1u, 2u}) {
      const TrainSegment& segment = batch.segments[s];
      const KvBlocks own = blocks_of(pool, batch, segment);
      const std::int64_t width = batch.shape.num_heads * batch.shape.head_dim;
      std::fill_n(actual.out.begin() + segment.first_row * width, segment.num_rows * width, -1.0f);
      const QuerySegment query{segment.first_row, segment.num_rows, &prompt, &own, 0};
      attention_forward(pool, batch.shape, batch.q(), batch.stride, {&query, 1}, actual.out.data(), nullptr);
    }
    expect_same_bits(actual.out, expected.out, isa);
  });
}

TEST(AttentionForward, KeysBeyondARowAndHiddenSlotsDoNotShow) {
  for_each_isa([](const std::string& isa) {
    const AttentionBatch batch = random_batch(make_shape(2, 1, 16, 20), one_sequence(90));
    ThreadPool pool(1);
    const ForwardResult expected = run_forward(pool, batch);
    KvBlocks own(batch.shape, 2, 0);
    append_rows(pool, batch, batch.segments[0], 0, 90, own);
    append_rows(pool, batch, batch.segments[0], 0, 30, own);  // later keys stand in the same block as row 70's
    const QuerySegment query{70, 20, nullptr, &own, 70};
    ForwardResult actual = expected;
    std::fill(actual.out.begin() + 70 * 32, actual.out.end(), -1.0f);
    attention_forward(pool, batch.shape, batch.q(), batch.stride, {&query, 1}, actual.out.data(), actual.lse.data());
    expect_same_bits(actual.out, expected.out, isa);
  });
}

// Half a million rows and keys: every row once, its keys to its own, and a plan that grows with the rows, not with their square.
TEST(AttentionPlan, OfALongPromptIsLinear) {
  constexpr std::int64_t kRows = 1 << 19;
  const AttentionShape shape = make_shape(8, 1, 16, 0, DType::bf16);
  ThreadPool pool(1);
  const std::vector<float> row(32);
  KvBlocks keys(shape, kRows / kKeyBlock, 0);
  keys.append(pool, row.data(), row.data() + 16, kRows, 0);
  const QuerySegment segment{0, kRows, nullptr, &keys, 0};
  AttentionPlan plan;
  plan.make(shape, {&segment, 1}, 2);
  std::int64_t next_row = 0;
  for (std::int64_t i = 0; i < plan.num_tiles(); ++i) {
    const PlannedTile tile = plan.tile(i);
    ASSERT_EQ(tile.keys.size(), 1u);
    std::int64_t next_block = 0, parts = 0;
    tile.for_each_part([&](const PlannedPart& part) {
      ASSERT_EQ(part.first_block, next_block);
      ASSERT_EQ(part.first, next_block == 0);
      next_block = part.end_block;
      ++parts;
    });
    for (const PlannedRow& planned : tile.rows) ASSERT_EQ(planned.row, next_row++);
    ASSERT_EQ(next_block, (next_row + kKeyBlock - 1) / kKeyBlock);
    ASSERT_EQ(parts, (next_row + kPartKeys - 1) / kPartKeys);
    ASSERT_EQ(parts, tile.num_parts());
  }
  EXPECT_EQ(next_row, kRows);
}

TEST(AttentionForward, RefusesKeysThatTheRingHasLost) {
  const AttentionBatch batch = random_batch(make_shape(1, 1, 16, 64), one_sequence(200));
  ThreadPool pool(1);
  std::vector<float> out(200 * 16);
  KvBlocks ring(batch.shape, 2, 0);
  append_rows(pool, batch, batch.segments[0], 0, 150, ring);  // blocks 1 and 2 remain: keys 64 and later
  const auto attend = [&](std::int64_t row, const KvBlocks* prefix, const KvBlocks& own) {
    const QuerySegment query{row, 1, prefix, &own, row};
    attention_forward(pool, batch.shape, batch.q(), batch.stride, {&query, 1}, out.data(), nullptr);
  };
  EXPECT_NO_THROW(attend(127, nullptr, ring));              // sees 64 and later
  EXPECT_THROW(attend(126, nullptr, ring), InternalError);  // wants 63
  EXPECT_THROW(attend(150, nullptr, ring), InternalError);  // not appended yet
  KvBlocks next(batch.shape, 1, 150);
  append_rows(pool, batch, batch.segments[0], 150, 160, next);
  EXPECT_NO_THROW(attend(3, &ring, next));
  KvBlocks overlapping(batch.shape, 1, 149);
  append_rows(pool, batch, batch.segments[0], 150, 160, overlapping);
  EXPECT_THROW(attend(3, &ring, overlapping), InternalError);
}

}  // namespace
}  // namespace longbow::kernels
