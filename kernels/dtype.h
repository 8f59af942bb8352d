// Element types of stored tensors, and the 64-byte aligned buffer that kernels read and write.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace longbow::kernels {

enum class DType { f32, bf16 };

/// A bfloat16 as stored; arithmetic happens in float.
struct bf16 {
  std::uint16_t bits = 0;
};

inline float to_float(bf16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }
inline float to_float(float value) { return value; }

/// Rounds to nearest, ties to even; NaN stays NaN.
inline bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

constexpr std::int64_t size_of(DType dtype) { return dtype == DType::f32 ? 4 : 2; }
constexpr std::string_view name_of(DType dtype) { return dtype == DType::f32 ? "float32" : "bfloat16"; }

/// Owns `size` zero-initialised elements, 64-byte aligned. Movable (what was moved from is empty), not copyable.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t size);
  Buffer(Buffer&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }
  T& operator[](std::int64_t i) { return data_.get()[i]; }
  const T& operator[](std::int64_t i) const { return data_.get()[i]; }
  /// Grows to at least `size` elements; contents are unspecified afterwards. Never shrinks.
  void reserve(std::int64_t size);

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  std::int64_t size_ = 0;
};

/// Allocation behind Buffer: zeroed, 64-byte aligned (huge pages where large); throws UserError naming the size when memory is out.
void* allocate_zeroed(std::int64_t bytes);

template <class T>
Buffer<T>::Buffer(std::int64_t size) : data_(static_cast<T*>(allocate_zeroed(size * static_cast<std::int64_t>(sizeof(T))))), size_(size) {}

template <class T>
void Buffer<T>::reserve(std::int64_t size) {
  if (size <= size_) return;
  *this = Buffer<T>();  // first, so that old and new memory are never held together
  *this = Buffer<T>(size);
}

}  // namespace longbow::kernels
