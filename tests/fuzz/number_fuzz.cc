// libFuzzer target for the readers of numbers, LaTeX and answers: cmake -DLONGBOW_FUZZ=ON with clang, then number_fuzz -max_total_time=60.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/number_properties.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  longbow::rewards::check_number_properties({reinterpret_cast<const char*>(data), size});
  return 0;
}
