// Which instruction sets this processor offers, and which one the kernels use.
#pragma once

#include <string>
#include <vector>

namespace longbow::kernels {

/// `amx` stands for avx512_bf16 with the tile registers' products in linear layers.
enum class Isa { scalar, avx2, avx512, avx512_bf16, amx };

/// All instruction sets this machine can run, slowest first; always starts with scalar.
std::vector<Isa> available_isas();

/// The one in use: the fastest available, or the environment's LONGBOW_ISA (scalar, avx2, avx512, avx512_bf16, amx); a name that
/// is unknown or not available throws UserError.
Isa active_isa();

/// For tests and benchmarks: use `isa` from now on. Throws UserError when the machine lacks it.
void set_active_isa(Isa isa);

std::string name_of(Isa isa);

}  // namespace longbow::kernels
