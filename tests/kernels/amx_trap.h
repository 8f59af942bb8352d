// Runs the compiled AMX kernels on processors without AMX: each of its instructions raises SIGILL there, and the handler carries it out
// in the thread's emulated registers. So the very object code is tested: register numbers, strides, configuration, release.
#pragma once

#if defined(__x86_64__)
#include <ucontext.h>
#include <csignal>

#include "tests/kernels/amx_emulation.h"

namespace longbow::kernels {

/// While it lives, AMX's instructions work in this process; one that it does not know ends the program by SIGILL, as ever.
class AmxTrap {
 public:
  AmxTrap() {
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
  }
  ~AmxTrap() { sigaction(SIGILL, &before_, nullptr); }
  AmxTrap(const AmxTrap&) = delete;
  AmxTrap& operator=(const AmxTrap&) = delete;

  static inline std::atomic<std::int64_t> num_products = 0;

 private:
  // A memory operand, and the bytes from the ModRM byte to the instruction's end.
  struct Operand {
    std::int64_t base;   // with displacement
    std::int64_t index;  // scaled; for a tile the distance between rows
    int bytes;
  };

  static std::int64_t general_register(const greg_t* registers, int number) {
    constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return registers[kOrder[number]];
  }

  // `at` is the ModRM byte; index_high and base_high are the fourth bits of the register numbers.
  static Operand decode(const greg_t* registers, const std::uint8_t* at, int index_high, int base_high) {
    const int mode = at[0] >> 6;
    const int base = at[0] & 7;
    Operand operand = {0, 0, 1};
    int displacement_bytes = mode == 0 ? 0 : mode == 1 ? 1 : 4;
    if (base == 4) {  // base and index in a SIB byte
      const int index = (at[1] >> 3 & 7) | index_high << 3;
      if (index != 4) operand.index = general_register(registers, index) << (at[1] >> 6);
      operand.bytes = 2;
      if (mode == 0 && (at[1] & 7) == 5) {
        displacement_bytes = 4;
      } else {
        operand.base = general_register(registers, (at[1] & 7) | base_high << 3);
      }
    } else if (mode == 0 && base == 5) {  // counted from the next instruction
      displacement_bytes = 4;
      operand.base = reinterpret_cast<std::int64_t>(at) + 5;
    } else {
      operand.base = general_register(registers, base | base_high << 3);
    }
    if (displacement_bytes == 1) {
      operand.base += static_cast<std::int8_t>(at[operand.bytes]);
    } else if (displacement_bytes == 4) {
      std::int32_t displacement;
      std::memcpy(&displacement, at + operand.bytes, 4);
      operand.base += displacement;
    }
    operand.bytes += displacement_bytes;
    return operand;
  }

  // Bytes of the instruction that was carried out; 0: not one of AMX.
  static int execute(const greg_t* registers) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]);
    enum Prefix { none, x66, xf3, xf2 };
    // Three-byte VEX of map 0F38, 128 bits, W 0.
    if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0) return 0;
    const auto prefix = static_cast<Prefix>(at[2] & 3);
    const int reg = at[4] >> 3 & 7;
    if (at[4] >> 6 == 3) {
      if (at[3] == 0x49 && prefix == none && at[4] == 0xc0) {
        tile_unit.release();
      } else if (at[3] == 0x49 && prefix == xf2) {
        tile_unit.zero(reg);
      } else if (at[3] == 0x5c && prefix == xf3) {
        tile_unit.multiply(reg, at[4] & 7, ~at[2] >> 3 & 7);
        ++num_products;
      } else {
        return 0;
      }
      return 5;
    }
    const Operand operand = decode(registers, at + 4, (at[1] >> 6 & 1) ^ 1, (at[1] >> 5 & 1) ^ 1);
    if (at[3] == 0x49 && prefix == none && reg == 0) {
      tile_unit.configure(reinterpret_cast<const void*>(operand.base + operand.index));
    } else if (at[3] == 0x4b && prefix == xf2) {
      tile_unit.load(reg, reinterpret_cast<const void*>(operand.base), operand.index);
    } else if (at[3] == 0x4b && prefix == xf3) {
      tile_unit.store(reg, reinterpret_cast<void*>(operand.base), operand.index);
    } else {
      return 0;
    }
    return 4 + operand.bytes;
  }

  static void handle(int signal, siginfo_t*, void* context) {
    greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    const int bytes = execute(registers);
    if (bytes == 0) std::signal(signal, SIG_DFL);  // and once more, without us
    registers[REG_RIP] += bytes;
  }

  struct sigaction before_;
};

}  // namespace longbow::kernels
#endif
