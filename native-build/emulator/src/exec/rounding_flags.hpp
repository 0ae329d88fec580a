// Op::flags of floating point handlers.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum FloatFlags : std::uint16_t {
    // Rounding, numbered as in bits 13 and 14 of the processor's MXCSR.
    ROUND_NEAREST = 0,
    ROUND_DOWN = 1,
    ROUND_UP = 2,
    ROUND_ZERO = 3,
    ROUND_MASK = 3,
    FLAG_FTZ = 4,
    FLAG_SAT = 8,
    FLAG_RELU = 16,
};

}  // namespace quern::emulator
