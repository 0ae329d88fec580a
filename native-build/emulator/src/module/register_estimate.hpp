// How many registers a thread of a kernel may need. PTX has as many as it likes; NVIDIA's assembler decides.
#pragma once

#include <cstdint>

#include "ptx/ast.hpp"

namespace quern::emulator {

/// An estimate by linear scan: the most 32-bit values that are alive at one place, a value's life reaching from its first
/// mention to its last, and over every loop it enters. The assembler reorders, rematerialises and keeps uniform values
/// elsewhere, so its count may be lower or higher. Never above 255, the most that a thread has.
std::uint32_t estimateRegisters(const ptx::Function& kernel, const ptx::Module& module);

}  // namespace quern::emulator
