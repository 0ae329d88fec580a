// Op::flags of barriers.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum BarrierFlags : std::uint16_t {
    BARRIER_POPC = 1,
    BARRIER_AND = 2,
    BARRIER_OR = 3,
    BARRIER_REDUCTION = 3,
    BARRIER_ALIGNED = 4,  // all threads of a warp come together
};

}  // namespace quern::emulator
