// The matrix product's tiles for AMX; f32 products and packing are AVX-512's.
//
// Instructions are written out because GCC 12's intrinsics for them name no memory: it may then move a store past the load that
// reads it, and drop the configuration.
#include "kernels/cpu/gemm_amx_tiles.h"

namespace longbow::kernels {
namespace {

struct AmxTiles {
  static void configure(const TileConfig& config) { asm volatile("ldtilecfg %0" : : "m"(config) : "memory"); }
  static void release() { asm volatile("tilerelease" : : : "memory"); }
  template <int t>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(t));
  }
  template <int t>
  static void load(const void* from, std::int64_t row_distance) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(row_distance), "i"(t) : "memory");
  }
  template <int t>
  static void store(void* to, std::int64_t row_distance) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(row_distance), "i"(t) : "memory");
  }
  template <int c, int a, int b>
  static void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
  }
};

}  // namespace

GemmKernels gemm_kernels_amx() { return with_tiles<AmxTiles>(gemm_kernels_avx512bf16()); }

}  // namespace longbow::kernels
