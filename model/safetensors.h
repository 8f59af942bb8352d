// The safetensors format: a strict, memory-mapped reader and an atomic writer.
// A file is a little-endian u64 header length, a JSON header {name: {dtype, shape, data_offsets}}, and the tensors' bytes.
// Source: huggingface/safetensors, "Format"; we follow its rules: no holes, no overlap, no duplicate names.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/dtype.h"

namespace longbow::model {

enum class StoredType { f32, bf16, f16 };

std::string_view name_of(StoredType type);  // as the format writes it: "F32", "BF16", "F16"
std::int64_t size_of(StoredType type);      // bytes an element

struct StoredTensor {
  std::string name;
  StoredType dtype;
  std::vector<std::int64_t> shape;
  std::int64_t size;         // elements
  const std::uint8_t* data;  // into the mapped file, alignment 1
};

/// One file, verified whole when opened and mapped until destroyed.
class SafetensorsFile {
 public:
  /// Throws UserError naming file and tensor for anything truncated, out of bounds, overlapping or of another element type.
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile(const SafetensorsFile&) = delete;

  const std::string& path() const;
  const std::vector<StoredTensor>& tensors() const;  // in file order

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Opens `dir`/model.safetensors or, when there is none, all shards that model.safetensors.index.json names: the order of transformers.
/// Throws UserError when neither exists, a shard leaves the directory, or the index and the shards disagree.
std::vector<SafetensorsFile> open_checkpoint(const std::string& dir);

/// Converts a stored tensor to `out` [tensor.size]; exact, as every stored type is a subset of f32.
void read_tensor(const StoredTensor& tensor, float* out);

struct TensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  std::variant<const float*, const kernels::bf16*> values;
};

/// Writes the tensors in the given order, float values as f32 or rounded to bf16, bfloat16 ones as they are, with metadata {"format":
/// "pt"}, as one atomic replacement of `path`.
void write_safetensors(const std::string& path, std::span<const TensorToWrite> tensors, kernels::DType dtype);

}  // namespace longbow::model
