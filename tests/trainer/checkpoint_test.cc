// Checkpoints: whole or not there, the newest by number, and damage named with what to do about it.
#include "trainer/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <type_traits>
#include <variant>

#include "core/errors.h"
#include "core/line_reader.h"
#include "trainer/lm_recipe.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

model::ModelConfig tiny_config() {
  ArchitectureSection section;
  section.num_layers = 2;
  section.hidden_size = 32;
  section.intermediate_size = 64;
  section.num_heads = 2;
  section.num_kv_heads = 1;
  section.head_dim = 16;
  section.window = 8;
  return make_model_config(section, 64, 1, 2);
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    folder_ = fs::temp_directory_path() /
              concat("longbow-checkpoint-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (std::int64_t i = 0; i < layout_.total; ++i) moments_.first[i] = static_cast<float>(i % 7);
  }
  ~CheckpointTest() override { fs::remove_all(folder_); }

  std::string save(std::int64_t step, std::int64_t keep = 9) {
    TrainerState state;
    state.step = step;
    state.optimizer_steps = step + 1;
    state.extra["note"] = "kept";
    return save_checkpoint({folder_.string(), "", kernels::DType::bf16}, state, config_, layout_, weights_, optimizer_, keep);
  }
  TrainerState load(const std::string& dir) { return load_checkpoint(dir, layout_, weights_, optimizer_); }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const UserError& error) {
      return concat(error.what(), " | ", error.hint());
    }
    return "";
  }

  fs::path folder_;
  ThreadPool pool_{1};
  model::ModelConfig config_ = tiny_config();
  model::ParameterLayout layout_{config_};
  model::Weights weights_ = model::init_weights(config_, layout_, model::InitScheme::fan_in, 3);
  Optimizer optimizer_{pool_, {}, layout_};
  MomentPair<float>& moments_ = std::get<MomentPair<float>>(optimizer_.moments());
};

TEST_F(CheckpointTest, RoundTripsToTheBit) {
  const std::string dir = save(12);
  std::vector<float> weights(weights_.values.data(), weights_.values.data() + layout_.total);
  for (std::int64_t i = 0; i < layout_.total; ++i) weights_.values[i] = moments_.first[i] = moments_.second[i] = -1;
  const TrainerState state = load(dir);
  EXPECT_EQ(state.step, 12);
  EXPECT_EQ(state.optimizer_steps, 13);
  EXPECT_EQ(optimizer_.steps_taken(), 13);
  EXPECT_EQ(state.extra.at("note").as_string(), "kept");
  EXPECT_EQ(std::vector<float>(weights_.values.data(), weights_.values.data() + layout_.total), weights);
  EXPECT_EQ(moments_.first[6], 6.0f);
  EXPECT_EQ(moments_.second[6], 0.0f);
}

// A copy of the optimizer that goes on from a checkpoint, beside the one that was not interrupted.
TEST_F(CheckpointTest, MomentsOfEitherTypeGoOnToTheSameBits) {
  for (const kernels::DType dtype : {kernels::DType::f32, kernels::DType::bf16}) {
    SCOPED_TRACE(kernels::name_of(dtype));
    OptimizerConfig config;
    config.learning_rate = 0.01;
    config.moment_dtype = dtype;
    Optimizer optimizer(pool_, config, layout_), resumed(pool_, config, layout_);
    std::vector<float> gradient(layout_.total);
    const auto train = [&](Optimizer& by, model::Weights& weights, int first, int end) {
      for (int step = first; step < end; ++step) {
        for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = std::sin(0.37f * static_cast<float>(i) + static_cast<float>(step));
        by.step(gradient.data(), weights.values.data(), config.learning_rate);
      }
    };
    train(optimizer, weights_, 0, 3);
    const std::string dir = save_checkpoint({folder_.string(), "", dtype}, {.step = static_cast<std::int64_t>(dtype), .optimizer_steps = 3},
                                            config_, layout_, weights_, optimizer, 1);
    const auto stored_bytes = layout_.total * (4 + 2 * kernels::size_of(dtype));
    EXPECT_NEAR(static_cast<double>(fs::file_size(dir + "/trainer_state.safetensors")), static_cast<double>(stored_bytes), 512);
    train(optimizer, weights_, 3, 6);
    model::Weights other = model::init_weights(config_, layout_, model::InitScheme::fan_in, 4);
    load_checkpoint(dir, layout_, other, resumed);
    train(resumed, other, 3, 6);
    EXPECT_EQ(std::memcmp(weights_.values.data(), other.values.data(), layout_.total * sizeof(float)), 0);
    std::visit(
        [&](const auto& moments) {
          const auto& others = std::get<std::decay_t<decltype(moments)>>(resumed.moments());
          EXPECT_EQ(std::memcmp(moments.first.data(), others.first.data(), layout_.total * kernels::size_of(dtype)), 0);
          EXPECT_EQ(std::memcmp(moments.second.data(), others.second.data(), layout_.total * kernels::size_of(dtype)), 0);
        },
        optimizer.moments());
  }
}

TEST_F(CheckpointTest, MomentsOfTheOtherTypeAreRefused) {
  OptimizerConfig config;
  config.moment_dtype = kernels::DType::bf16;
  Optimizer in_bfloat16(pool_, config, layout_);
  const std::string of_float32 = save(1);
  const std::string of_bfloat16 =
      save_checkpoint({folder_.string(), "", kernels::DType::bf16}, {.step = 2}, config_, layout_, weights_, in_bfloat16, 9);
  const char* hint = " | moments are stored as /optimizer/moment_dtype said when the run began";
  EXPECT_THAT(error_of([&] { load_checkpoint(of_float32, layout_, weights_, in_bfloat16); }),
              testing::AllOf(HasSubstr("expected 'moment1' in BF16, got F32"), testing::EndsWith(hint)));
  EXPECT_THAT(error_of([&] { load(of_bfloat16); }),
              testing::AllOf(HasSubstr("expected 'moment1' in F32, got BF16"), testing::EndsWith(hint)));
}

TEST_F(CheckpointTest, TheNewestIsTheOneOfTheHighestStep) {
  EXPECT_EQ(latest_checkpoint(folder_.string()), "");
  EXPECT_EQ(latest_checkpoint((folder_ / "none").string()), "");
  save(99'999'999);
  const std::string newest = save(100'000'000);  // nine digits: before the other by name
  for (const char* other : {"step_", "step_backup", "step_00000007.partial", "step_7x", "final", "step_-1"})
    fs::create_directory(folder_ / other);
  EXPECT_EQ(latest_checkpoint(folder_.string()), newest);
}

TEST_F(CheckpointTest, KeepsTheNewestAndRemovesWhatWasHalfWritten) {
  fs::create_directory(folder_ / "step_00000001.partial");  // of a run that was killed
  for (std::int64_t step = 2; step < 6; ++step) save(step, 2);
  EXPECT_THAT(entries(), testing::ElementsAre("step_00000004", "step_00000005"));
}

TEST_F(CheckpointTest, WithoutRoomIsOneErrorAndTakesNone) {
  const std::string first = save(1);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{static_cast<rlim_t>(layout_.total * 4), before.rlim_max};  // the model fits, its moments do not
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of([&] { save(2); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, HasSubstr("File too large"));
  EXPECT_THAT(error, HasSubstr("step_00000002.partial/trainer_state.safetensors"));
  EXPECT_THAT(entries(), testing::ElementsAre("step_00000001"));
  EXPECT_EQ(load(first).step, 1);
}

TEST_F(CheckpointTest, DamageIsNamedWithWhatToDo) {
  struct Case {
    const char* file;
    std::function<void(const std::string&)> damage;
    const char* message;
  };
  const auto halve = [](const std::string& path) { fs::resize_file(path, fs::file_size(path) / 2); };
  const auto replace = [](const std::string& text) {
    return [text](const std::string& path) { std::ofstream(path, std::ios::trunc) << text; };
  };
  const auto remove = [](const std::string& path) { fs::remove(path); };
  const auto make_folder = [](const std::string& path) { fs::remove(path), fs::create_directory(path); };
  const Case cases[] = {
      {"trainer_state.json", halve, "trainer_state.json:"},
      {"trainer_state.json", replace(""), "trainer_state.json"},
      {"trainer_state.json", replace("{}"), "version"},
      {"trainer_state.json", replace(R"({"version": 99})"), "expected version 1, got 99"},
      {"trainer_state.json", remove, "trainer_state.json"},
      {"trainer_state.json", make_folder, "trainer_state.json"},
      {"trainer_state.safetensors", halve, "trainer_state.safetensors"},
      {"trainer_state.safetensors", replace(""), "expected at least 8 bytes, got 0"},
      {"trainer_state.safetensors", remove, "No such file"},
      {"trainer_state.safetensors", make_folder, "regular file"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.message);
    const std::string dir = save(1);
    test.damage(dir + "/" + test.file);
    const std::string error = error_of([&] { load(dir); });
    EXPECT_THAT(error, HasSubstr(test.message));
    EXPECT_THAT(error, HasSubstr("checkpoint: expected a whole one of this run, got: "));
    EXPECT_THAT(error, HasSubstr("| remove that folder to resume from the checkpoint before it"));
    EXPECT_EQ(error.find('\n'), std::string::npos);
    fs::remove_all(dir);
  }
}

}  // namespace
}  // namespace longbow::trainer
