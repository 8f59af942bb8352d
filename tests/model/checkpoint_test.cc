// Files: safetensors (written, read, sharded, corrupt) and checkpoint directories; fresh weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/line_reader.h"
#include "model/checkpoint_dir.h"
#include "model/safetensors.h"
#include "tests/model/tiny_model.h"

namespace longbow::model {
namespace {

namespace fs = std::filesystem;
using kernels::DType;

/// A fresh folder for each test.
class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "longbow_" + std::to_string(::getpid()) + testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string path(const std::string& name) const { return dir_ + "/" + name; }
  void write(const std::string& name, const std::string& bytes) const { std::ofstream(path(name), std::ios::binary) << bytes; }

  std::string dir_;
};

std::string rounded_to(const Weights& weights, DType dtype) {
  std::string bytes;
  for (std::int64_t i = 0; i < weights.values.size(); ++i) {
    const float value = dtype == DType::f32 ? weights.values[i] : kernels::to_float(kernels::to_bf16(weights.values[i]));
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

std::string safetensors_bytes(const std::string& header, std::int64_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  return bytes + header + std::string(data_bytes, '\1');
}

/// Expects a UserError whose message holds all of `parts`.
template <class Action>
void expect_refused(const Action& action, std::initializer_list<std::string> parts) {
  try {
    action();
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    for (const std::string& part : parts) EXPECT_THAT(error.what(), testing::HasSubstr(part));
  }
}

TEST_F(Checkpoint, WeightsRoundTrip) {
  for (const bool tied : {true, false}) {
    const TinyModel model(tiny_config(8, tied));
    for (const DType dtype : {DType::f32, DType::bf16}) {
      save_weights(dir_, model.layout, model.weights, dtype);
      EXPECT_EQ(rounded_to(load_weights(dir_, model.config, model.layout), DType::f32), rounded_to(model.weights, dtype));
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 1);  // no temporary file is left
}

TEST_F(Checkpoint, ReadsHalfPrecisionExactly) {
  // 1.0, -2.5, smallest subnormal, largest finite, infinity, -0 as IEEE binary16.
  const std::uint16_t halves[] = {0x3c00, 0xc100, 0x0001, 0x7bff, 0x7c00, 0x8000};
  const float expected[] = {1.0f, -2.5f, 0x1p-24f, 65504.0f, INFINITY, -0.0f};
  std::string bytes = safetensors_bytes(R"({"x":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}})", 0);
  bytes.append(reinterpret_cast<const char*>(halves), sizeof(halves));
  write("half.safetensors", bytes);
  const SafetensorsFile file(path("half.safetensors"));
  float values[6];
  read_tensor(file.tensors().at(0), values);
  EXPECT_EQ(std::memcmp(values, expected, sizeof(expected)), 0);
}

TEST_F(Checkpoint, RefusesCorruptSafetensors) {
  struct Case {
    const char* header;
    std::int64_t data_bytes;
    const char* message;
  };
  const Case cases[] = {
      {"{", 0, "header"},
      {"[]", 0, "expected an object"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x)", 8, "header"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8, "a"},
      {R"({"a":3})", 0, "tensor 'a'"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}})", 16, "expected dtype F32, BF16 or F16, got \"I64\""},
      {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8, "got nothing"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8, "'shape'"},
      {R"({"a":{"dtype":"F32","shape":[2]}})", 8, "'data_offsets'"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "shape"},
      {R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "shape"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8, "shape"},
      {R"({"a":{"dtype":"F32","shape":[8,8,8],"data_offsets":[0,8]}})", 8, "larger than the file"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "span 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 8, "span 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}})", 8, "span 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 12, "expected 8 bytes of tensors, got 12"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "a hole"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "overlap"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.header);
    write("bad.safetensors", safetensors_bytes(test.header, test.data_bytes));
    expect_refused([&] { SafetensorsFile file(path("bad.safetensors")); }, {test.message, "bad.safetensors"});
  }
  write("bad.safetensors", std::string(8, '\xff'));  // a header of 2^64 - 1 bytes
  expect_refused([&] { SafetensorsFile file(path("bad.safetensors")); }, {"truncated"});
  write("bad.safetensors", "");
  expect_refused([&] { SafetensorsFile file(path("bad.safetensors")); }, {"expected at least 8 bytes, got 0"});
  expect_refused([&] { SafetensorsFile file(path("missing.safetensors")); }, {"No such file", "missing.safetensors"});
  expect_refused([&] { SafetensorsFile file(dir_); }, {"regular file"});
}

TEST_F(Checkpoint, RefusesEveryTruncation) {
  const float values[] = {1, 2, 3};
  const TensorToWrite tensors[] = {{"a", {3}, values}};
  write_safetensors(path("whole"), tensors, DType::f32);
  const std::string bytes = read_file(path("whole"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write("cut", bytes.substr(0, size));
    EXPECT_THROW(SafetensorsFile file(path("cut")), UserError) << size;
  }
}

TEST_F(Checkpoint, NamesTheTensorThatDoesNotFit) {
  const TinyModel model(tiny_config(8));
  std::vector<TensorToWrite> tensors;
  for (const ParameterInfo& parameter : model.layout.parameters) {
    tensors.push_back({parameter.name, parameter.shape, model.weights.values.data() + parameter.offset});
  }
  const auto load = [&] { load_weights(dir_, model.config, model.layout); };
  const auto save = [&](const std::vector<TensorToWrite>& list) { write_safetensors(path("model.safetensors"), list, DType::f32); };

  std::vector<TensorToWrite> missing(tensors.begin(), tensors.end() - 1);
  save(missing);
  expect_refused(load, {"'model.norm.weight'", "expected shape [32], got no such tensor"});
  std::vector<TensorToWrite> reshaped = tensors;
  reshaped[2].shape = {32, 64};
  save(reshaped);
  expect_refused(load, {"'model.layers.0.self_attn.q_proj.weight'", "expected shape [64, 32], got [32, 64]", "model.safetensors"});
  std::vector<TensorToWrite> extra = tensors;
  extra.push_back({"model.layers.0.self_attn.q_proj.bias", {64}, model.weights.values.data()});
  save(extra);
  expect_refused(load, {"'model.layers.0.self_attn.q_proj.bias'", "unexpected"});

  // A tied checkpoint may repeat its embedding as the head, and nothing else; old constants are passed over.
  std::vector<TensorToWrite> repeated = tensors;
  repeated.push_back({"lm_head.weight", {61, 32}, model.weights.values.data()});
  repeated.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {8}, model.weights.values.data()});
  save(repeated);
  EXPECT_NO_THROW(load());
  repeated[repeated.size() - 2].values = model.weights.values.data() + 1;
  save(repeated);
  expect_refused(load, {"lm_head.weight", "copy of the embedding"});
}

TEST_F(Checkpoint, ReadsShards) {
  const TinyModel model(tiny_config(8));
  std::vector<TensorToWrite> shards[2];
  Json index;
  for (std::size_t i = 0; i < model.layout.parameters.size(); ++i) {
    const ParameterInfo& parameter = model.layout.parameters[i];
    shards[i % 2].push_back({parameter.name, parameter.shape, model.weights.values.data() + parameter.offset});
    index["weight_map"][parameter.name] = i % 2 ? "b.safetensors" : "a.safetensors";
  }
  write_safetensors(path("a.safetensors"), shards[0], DType::f32);
  write_safetensors(path("b.safetensors"), shards[1], DType::f32);
  const auto load = [&](const Json& json) {
    write("model.safetensors.index.json", json.dump());
    return load_weights(dir_, model.config, model.layout);
  };
  EXPECT_EQ(rounded_to(load(index), DType::f32), rounded_to(model.weights, DType::f32));

  Json elsewhere = index;
  elsewhere["weight_map"]["model.norm.weight"] = "../b.safetensors";
  expect_refused([&] { load(elsewhere); }, {"model.norm.weight", "expected a file name"});
  Json swapped = index;
  swapped["weight_map"]["model.norm.weight"] =
      index.at("weight_map").at("model.norm.weight") == Json("a.safetensors") ? "b.safetensors" : "a.safetensors";
  expect_refused([&] { load(swapped); }, {"model.norm.weight", "index"});
  expect_refused([&] { load(Json::object()); }, {"weight_map"});
}

// A model saved over a sharded one leaves the old index behind: what was saved counts, as in transformers.
TEST_F(Checkpoint, OneWholeFileWinsOverAnIndex) {
  const TinyModel model(tiny_config(8));
  write("model.safetensors.index.json", R"({"weight_map": {"model.norm.weight": "a.safetensors"}})");
  save_weights(dir_, model.layout, model.weights, DType::f32);
  EXPECT_EQ(rounded_to(load_weights(dir_, model.config, model.layout), DType::f32), rounded_to(model.weights, DType::f32));
}

TEST_F(Checkpoint, DirectoryIsWholeAndReadsBack) {
  const TinyModel model(tiny_config(8));
  fs::create_directories(path("source"));
  write("source/tokenizer.model", "pieces");
  write("source/chat_template.jinja", "{{ messages }}");
  write("source/unrelated.txt", "stays");
  save_checkpoint_dir(path("deep/out"), model.config, model.layout, model.weights, DType::bf16, path("source"));
  EXPECT_EQ(read_file(path("deep/out/tokenizer.model")), "pieces");
  EXPECT_EQ(read_file(path("deep/out/chat_template.jinja")), "{{ messages }}");
  EXPECT_FALSE(fs::exists(path("deep/out/unrelated.txt")));
  EXPECT_TRUE(fs::exists(path("deep/out/generation_config.json")));
  const ModelConfig config = read_model_config(path("deep/out"));
  EXPECT_EQ(config.num_parameters(), model.config.num_parameters());
  EXPECT_EQ(rounded_to(load_weights(path("deep/out"), config, model.layout), DType::f32), rounded_to(model.weights, DType::bf16));
  write("file", "");
  EXPECT_THROW(save_checkpoint_dir(path("file/out"), model.config, model.layout, model.weights, DType::bf16, ""), UserError);
}

TEST(Init, FollowsItsScheme) {
  const ModelConfig config = tiny_config(8, false);
  const ParameterLayout layout(config);
  const Weights fan_in = init_weights(config, layout, InitScheme::fan_in, 1);
  const Weights normal = init_weights(config, layout, InitScheme::normal, 1);
  const auto deviation = [&](const Weights& weights, const char* name) {
    const ParameterInfo& parameter = layout.find(name);
    double sum = 0;
    for (std::int64_t i = 0; i < parameter.size; ++i) sum += std::pow(weights.values[parameter.offset + i], 2);
    return std::sqrt(sum / static_cast<double>(parameter.size));
  };
  struct Case {
    const char* name;
    double fan_in;
  };
  for (const Case& test : {Case{"model.embed_tokens.weight", 0.0625}, Case{"lm_head.weight", 1 / std::sqrt(32.0)},
                           Case{"model.layers.1.self_attn.q_proj.weight", 1 / std::sqrt(32.0)},
                           Case{"model.layers.1.self_attn.o_proj.weight", 1 / std::sqrt(64.0 * 8)},
                           Case{"model.layers.3.mlp.down_proj.weight", 1 / std::sqrt(48.0 * 8)}}) {
    EXPECT_NEAR(deviation(fan_in, test.name) / test.fan_in, 1, 0.1) << test.name;  // > 1000 draws: 4 sigma is 9%
    EXPECT_NEAR(deviation(normal, test.name) / 0.02, 1, 0.1) << test.name;
  }
  EXPECT_EQ(deviation(fan_in, "model.norm.weight"), 1);
  EXPECT_EQ(rounded_to(fan_in, DType::f32), rounded_to(init_weights(config, layout, InitScheme::fan_in, 1), DType::f32));
  EXPECT_NE(rounded_to(fan_in, DType::f32), rounded_to(init_weights(config, layout, InitScheme::fan_in, 2), DType::f32));
}

}  // namespace
}  // namespace longbow::model
