// How wmma.load and wmma.store go through the registers of a fragment, in Op::c.
#pragma once

#include <cstdint>

namespace quern::emulator {

struct FragmentWalk {
    std::uint32_t step = 1;   // elements from one lane of a row to the next
    std::uint32_t each = 1;   // elements of a lane in one register
    std::uint32_t bits = 32;  // of an element
    std::uint32_t count = 1;  // registers
    bool contiguous = true;   // elements of a lane lie side by side in memory, else a stride apart

    std::uint32_t pack() const {
        return step | each << 6 | bits << 12 | count << 19 | (contiguous ? 1U : 0U) << 25;
    }
    static FragmentWalk of(std::uint32_t packed) {
        return {packed & 63, packed >> 6 & 63, packed >> 12 & 127, packed >> 19 & 63,
                (packed >> 25 & 1) != 0};
    }
};

}  // namespace quern::emulator
