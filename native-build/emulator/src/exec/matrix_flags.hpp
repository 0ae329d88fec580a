// What the decoder tells the handlers of mma, in Op::flags and Op::imm.
#pragma once

#include <cstdint>

namespace quern::emulator {

// Op::flags
constexpr std::uint16_t MMA_SATFINITE = 1;  // integers: clamped, else wrapped
constexpr std::uint16_t MMA_AND = 2;        // bits: and, else exclusive or
constexpr std::uint16_t MMA_A_COLUMNS = 1;  // m8n8k4 of FP16: A is .col
constexpr std::uint16_t MMA_B_ROWS = 2;     // and B is .row
constexpr std::uint16_t MMA_A_SIGNED = 16;  // integers
constexpr std::uint16_t MMA_B_SIGNED = 32;

/// The shape of an integer product, in Op::imm.
struct IntegerShape {
    std::uint8_t m = 8;
    std::uint8_t n = 8;
    std::uint16_t k = 16;
    std::uint8_t bits = 8;  // of an element

    std::int64_t pack() const {
        return m | n << 8 | static_cast<std::int64_t>(k) << 16 | static_cast<std::int64_t>(bits) << 32;
    }
    static IntegerShape of(std::int64_t packed) {
        return {static_cast<std::uint8_t>(packed), static_cast<std::uint8_t>(packed >> 8),
                static_cast<std::uint16_t>(packed >> 16), static_cast<std::uint8_t>(packed >> 32)};
    }
};

}  // namespace quern::emulator
