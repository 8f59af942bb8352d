// Detection and choice of the instruction set. The choice is process-wide; kernels read it once a call.
#include "kernels/isa.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "core/errors.h"

namespace longbow::kernels {
namespace {

constexpr Isa kAllIsas[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx};

bool is_available(Isa isa) {
  const std::vector<Isa> available = available_isas();
  return std::find(available.begin(), available.end(), isa) != available.end();
}

std::string names_of(const std::vector<Isa>& isas) {
  std::string names;
  for (const Isa isa : isas) names += (names.empty() ? "" : ", ") + name_of(isa);
  return names;
}

Isa initial_isa() {
  const char* wanted = std::getenv("LONGBOW_ISA");
  if (wanted == nullptr || *wanted == '\0') return available_isas().back();
  for (const Isa isa : kAllIsas) {
    if (name_of(isa) == wanted && is_available(isa)) return isa;
  }
  throw UserError(concat("instruction set: expected one of ", names_of(available_isas()), ", got '", wanted, "' (LONGBOW_ISA)"));
}

#if defined(__x86_64__)
// The processor has AMX with bf16 products, and Linux keeps the tile registers of this process: it does so for those that ask.
bool ask_for_tiles() {
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;        // CPUID leaf 7, EDX
  constexpr long kRequestPermission = 0x1023, kTileDataFeature = 18;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h, XFEATURE_XTILEDATA
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & kAmxBf16) == 0 || (edx & kAmxTile) == 0) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileDataFeature) == 0;
}

bool has_tiles() {
  static const bool granted = ask_for_tiles();
  return granted;
}
#endif

std::atomic<Isa>& active() {
  static std::atomic<Isa> isa = initial_isa();
  return isa;
}

}  // namespace

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {Isa::scalar};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isas.push_back(Isa::avx2);
  if (isas.back() == Isa::avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    isas.push_back(Isa::avx512);
    if (__builtin_cpu_supports("avx512bf16")) {
      // AMD multiplies bf16 at twice the f32 rate, Intel (outside AMX) at half of it.
      isas.insert(__builtin_cpu_is("intel") ? isas.end() - 1 : isas.end(), Isa::avx512_bf16);
      if (has_tiles()) isas.push_back(Isa::amx);
    }
  }
#endif
  return isas;
}

Isa active_isa() { return active().load(std::memory_order_relaxed); }

void set_active_isa(Isa isa) {
  if (!is_available(isa)) {
    throw UserError(concat("instruction set: expected one of ", names_of(available_isas()), ", got '", name_of(isa), "' (this processor)"));
  }
  active().store(isa, std::memory_order_relaxed);
}

std::string name_of(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512_bf16:
      return "avx512_bf16";
    case Isa::amx:
      return "amx";
  }
  LONGBOW_CHECK(false);
}

}  // namespace longbow::kernels
