#include "model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/json.h"
#include "model/mapped_file.h"

namespace longbow::model {
namespace {

constexpr std::int64_t kLengthBytes = 8;
constexpr std::int64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::int64_t kAlignment = 64;                // of the data's start, padded with spaces
constexpr std::int64_t kChunk = std::int64_t{1} << 20;

static_assert(std::endian::native == std::endian::little, "safetensors and weight snapshots are little-endian");

struct TypeName {
  std::string_view name;
  StoredType type;
  std::int64_t bytes;
};
constexpr TypeName kTypes[] = {  // in the order of StoredType
    {"F32", StoredType::f32, 4},
    {"BF16", StoredType::bf16, 2},
    {"F16", StoredType::f16, 2}};

[[noreturn]] void fail(const std::string& path, std::string_view tensor, const std::string& problem) {
  if (tensor.empty()) throw UserError(concat("safetensors: ", problem, " (", path, ")"));
  throw UserError(concat("safetensors: tensor '", tensor, "': ", problem, " (", path, ")"));
}

const TypeName& stored_type(const std::string& path, const std::string& tensor, const Json& entry) {
  const Json* dtype = entry.find("dtype");
  for (const TypeName& type : kTypes) {
    if (dtype && *dtype == Json(type.name)) return type;
  }
  fail(path, tensor, concat("expected dtype F32, BF16 or F16, got ", dtype ? dtype->dump() : "nothing"));
}

/// A list of integers in [0, limit]; anything else is refused.
std::vector<std::int64_t> integers(const std::string& path, const std::string& tensor, const Json& entry, const char* key,
                                   std::int64_t limit) {
  const Json* list = entry.find(key);
  if (!list || !list->is_array()) fail(path, tensor, concat("expected a list '", key, "'"));
  std::vector<std::int64_t> values;
  for (const Json& value : list->as_array()) {
    if (!value.is_integer() || value.as_integer() < 0 || value.as_integer() > limit) {
      fail(path, tensor, concat("expected ", key, " in [0, ", limit, "], got ", value.dump()));
    }
    values.push_back(value.as_integer());
  }
  return values;
}

StoredTensor read_entry(const std::string& path, const std::string& name, const Json& entry, const std::uint8_t* data,
                        std::int64_t data_bytes) {
  const TypeName& type = stored_type(path, name, entry);
  StoredTensor tensor{name, type.type, integers(path, name, entry, "shape", data_bytes), 1, nullptr};
  for (const std::int64_t extent : tensor.shape) {
    if (extent != 0 && tensor.size > data_bytes / extent) fail(path, name, "shape is larger than the file");
    tensor.size *= extent;
  }
  const std::vector<std::int64_t> offsets = integers(path, name, entry, "data_offsets", data_bytes);
  if (offsets.size() != 2 || offsets[1] - offsets[0] != tensor.size * type.bytes) {
    fail(path, name, concat("expected data_offsets that span ", tensor.size * type.bytes, " bytes, got ", entry.at("data_offsets").dump()));
  }
  tensor.data = data + offsets[0];
  return tensor;
}

kernels::DType stored_dtype(const TensorToWrite& tensor, kernels::DType of_floats) {
  return std::holds_alternative<const float*>(tensor.values) ? of_floats : kernels::DType::bf16;
}

std::string_view view(const void* bytes, std::int64_t size) { return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}; }

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal
  return sign ? -magnitude : magnitude;
}

}  // namespace

std::string_view name_of(StoredType type) { return kTypes[static_cast<int>(type)].name; }
std::int64_t size_of(StoredType type) { return kTypes[static_cast<int>(type)].bytes; }

struct SafetensorsFile::State {
  MappedFile file;
  std::vector<StoredTensor> tensors;
};

SafetensorsFile::SafetensorsFile(const std::string& path) : state_(new State{MappedFile(path), {}}) {
  const MappedFile& file = state_->file;
  if (file.size() < kLengthBytes) fail(path, "", concat("expected at least ", kLengthBytes, " bytes, got ", file.size()));
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  const auto limit = static_cast<std::uint64_t>(std::min(file.size() - kLengthBytes, kMaxHeaderBytes));
  if (header_bytes > limit) fail(path, "", concat("truncated: expected a header of at most ", limit, " bytes, got ", header_bytes));
  const auto* text = reinterpret_cast<const char*>(file.data() + kLengthBytes);
  const std::int64_t data_start = kLengthBytes + static_cast<std::int64_t>(header_bytes);
  const std::int64_t data_bytes = file.size() - data_start;
  const Json header = parse_json({text, header_bytes}, path + " header");
  if (!header.is_object()) fail(path, "", concat("expected an object as header, got a value of type ", header.type_name()));

  for (const auto& [name, entry] : header.as_object()) {
    if (name == "__metadata__") continue;
    if (!entry.is_object()) fail(path, name, "expected an object in the header");
    state_->tensors.push_back(read_entry(path, name, entry, file.data() + data_start, data_bytes));
  }
  std::ranges::sort(state_->tensors,
                    [](const StoredTensor& a, const StoredTensor& b) { return std::pair(a.data, a.size) < std::pair(b.data, b.size); });
  const std::uint8_t* expected = file.data() + data_start;
  for (const StoredTensor& tensor : state_->tensors) {
    if (tensor.data != expected) {
      fail(path, tensor.name,
           concat("expected data at offset ", expected - file.data() - data_start, ", got ", tensor.data - file.data() - data_start,
                  tensor.data < expected ? ": tensors overlap" : ": a hole"));
    }
    expected += tensor.size * size_of(tensor.dtype);
  }
  const std::int64_t used = expected - file.data() - data_start;
  if (used != data_bytes) fail(path, "", concat("expected ", used, " bytes of tensors, got ", data_bytes));
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
const std::string& SafetensorsFile::path() const { return state_->file.path(); }
const std::vector<StoredTensor>& SafetensorsFile::tensors() const { return state_->tensors; }

std::vector<SafetensorsFile> open_checkpoint(const std::string& dir) {
  namespace fs = std::filesystem;
  std::vector<SafetensorsFile> files;
  const std::string index_path = dir + "/model.safetensors.index.json";
  const std::string whole_path = dir + "/model.safetensors";
  if (fs::exists(whole_path) || !fs::exists(index_path)) {
    files.emplace_back(whole_path);
    return files;
  }
  const Json index = read_json_file(index_path);
  const Json* map = index.find("weight_map");
  if (!map || !map->is_object()) throw UserError(concat("safetensors index: expected an object 'weight_map' (", index_path, ")"));
  std::map<std::string, std::set<std::string>> names_by_shard;
  for (const auto& [name, shard] : map->as_object()) {
    const bool plain = shard.is_string() && !shard.as_string().empty() && shard.as_string().find('/') == std::string::npos;
    if (!plain)
      throw UserError(concat("safetensors index: tensor '", name, "': expected a file name, got ", shard.dump(), " (", index_path, ")"));
    names_by_shard[shard.as_string()].insert(name);
  }
  for (const auto& [shard, names] : names_by_shard) {
    const SafetensorsFile& file = files.emplace_back(concat(dir, "/", shard));
    std::set<std::string> found;
    for (const StoredTensor& tensor : file.tensors()) found.insert(tensor.name);
    for (const std::string& name : names) {
      if (!found.contains(name)) fail(file.path(), name, concat("missing, though the index places it here"));
    }
    for (const std::string& name : found) {
      if (!names.contains(name)) fail(file.path(), name, "not placed here by the index");
    }
  }
  return files;
}

void read_tensor(const StoredTensor& tensor, float* out) {
  if (tensor.size == 0) return;
  if (tensor.dtype == StoredType::f32) {
    std::memcpy(out, tensor.data, tensor.size * sizeof(float));
    return;
  }
  for (std::int64_t i = 0; i < tensor.size; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, tensor.data + 2 * i, sizeof(bits));
    out[i] = tensor.dtype == StoredType::bf16 ? kernels::to_float(kernels::bf16{bits}) : half_to_float(bits);
  }
}

void write_safetensors(const std::string& path, std::span<const TensorToWrite> tensors, kernels::DType dtype) {
  Json header;
  header["__metadata__"]["format"] = "pt";
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes;
  for (const TensorToWrite& tensor : tensors) {
    const kernels::DType stored = stored_dtype(tensor, dtype);
    Json& entry = header[tensor.name];
    entry["dtype"] = stored == kernels::DType::f32 ? "F32" : "BF16";
    entry["shape"] = Json::array();
    std::int64_t size = 1;
    for (const std::int64_t extent : tensor.shape) {
      entry["shape"].push_back(extent);
      size *= extent;
    }
    const std::int64_t end = offset + size * kernels::size_of(stored);
    entry["data_offsets"].push_back(offset);
    entry["data_offsets"].push_back(end);
    offset = end;
    sizes.push_back(size);
  }
  std::string text = header.dump();
  while ((text.size() + kLengthBytes) % kAlignment != 0) text += ' ';
  const std::uint64_t header_bytes = text.size();

  AtomicFile file(path);
  file.write(view(&header_bytes, kLengthBytes));
  file.write(text);
  std::vector<kernels::bf16> rounded;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto write_whole = [&](const auto* values) { file.write(view(values, sizes[i] * std::int64_t{sizeof(*values)})); };
    if (const auto* halves = std::get_if<const kernels::bf16*>(&tensors[i].values)) {
      write_whole(*halves);
      continue;
    }
    const float* values = std::get<const float*>(tensors[i].values);
    if (dtype == kernels::DType::f32) {
      write_whole(values);
      continue;
    }
    for (std::int64_t begin = 0; begin < sizes[i]; begin += kChunk) {
      const std::int64_t count = std::min(kChunk, sizes[i] - begin);
      rounded.resize(count);
      std::transform(values + begin, values + begin + count, rounded.begin(), kernels::to_bf16);
      file.write(view(rounded.data(), count * kernels::size_of(dtype)));
    }
  }
  file.commit();
}

}  // namespace longbow::model
