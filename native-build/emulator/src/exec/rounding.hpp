// Rounding: directed modes of the processor, NaN and subnormal numbers as PTX has them, narrow formats.
#pragma once

#include <bit>
#include <cstdint>

#include "exec/lanes.hpp"
#include "exec/rounding_flags.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

/// Sets the processor's rounding for a scope. What is to be rounded so must be in a function that is not inlined.
class RoundingScope {
  public:
    explicit RoundingScope(unsigned mode) {
        asm volatile("stmxcsr %0" : "=m"(before_) : : "memory");
        const std::uint32_t changed = (before_ & ~0x6000U) | mode << 13;
        asm volatile("ldmxcsr %0" : : "m"(changed) : "memory");
    }
    ~RoundingScope() { asm volatile("ldmxcsr %0" : : "m"(before_) : "memory"); }
    RoundingScope(const RoundingScope&) = delete;
    RoundingScope& operator=(const RoundingScope&) = delete;

  private:
    std::uint32_t before_;
};

constexpr std::uint32_t NAN_F32 = 0x7fffffff;  // the one NaN that FP32 arithmetic gives
constexpr std::uint16_t NAN_16 = 0x7fff;       // and that of FP16 and BF16

QUERN_INLINE float canonical(float x) { return x != x ? std::bit_cast<float>(NAN_F32) : x; }

/// Subnormal numbers to zero, sign kept.
QUERN_INLINE float flush(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    return std::bit_cast<float>((bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits);
}
QUERN_INLINE float saturate(float x) { return x > 0 ? (x < 1 ? x : 1.0F) : 0.0F; }  // NaN to 0
QUERN_INLINE double saturate(double x) { return x > 0 ? (x < 1 ? x : 1.0) : 0.0; }

/// x to a format of 1 + EXPONENT + MANTISSA = 16 bits, rounded once.
template <int EXPONENT, int MANTISSA>
inline std::uint16_t narrow(double x, unsigned mode) {
    constexpr int EMIN = 2 - (1 << (EXPONENT - 1));  // exponent of the smallest normal number
    constexpr std::uint32_t INFINITE = ((1U << EXPONENT) - 1) << MANTISSA;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
    const std::uint32_t sign = static_cast<std::uint32_t>(bits >> 63);
    const int biased = static_cast<int>(bits >> 52 & 0x7ff);
    std::uint64_t significand = bits & ((std::uint64_t{1} << 52) - 1);
    std::uint32_t magnitude;
    if (biased == 0x7ff) {
        if (significand != 0) return NAN_16;
        magnitude = INFINITE;
    } else {
        const int exponent = biased == 0 ? -1022 : biased - 1023;
        if (biased != 0) significand |= std::uint64_t{1} << 52;
        const int beyond = exponent < EMIN ? EMIN - exponent : 0;  // places lost to a subnormal result
        const int shift = 52 - MANTISSA + (beyond > 13 ? 13 : beyond);
        std::uint64_t rest = significand & ((std::uint64_t{1} << shift) - 1);
        std::uint64_t kept = significand >> shift;
        if (beyond > 13) {  // far below the smallest number: only that it is not zero matters
            rest = significand != 0 ? 1 : 0;
            kept = 0;
        }
        const std::uint64_t half = std::uint64_t{1} << (shift - 1);
        bool up = false;
        switch (mode) {
            case ROUND_NEAREST: up = rest > half || (rest == half && (kept & 1) != 0); break;
            case ROUND_DOWN: up = sign != 0 && rest != 0; break;
            case ROUND_UP: up = sign == 0 && rest != 0; break;
            default: break;
        }
        kept += up ? 1 : 0;
        const std::int64_t step =
            exponent < EMIN ? 0 : static_cast<std::int64_t>(exponent - EMIN) << MANTISSA;
        const std::int64_t encoded = step + static_cast<std::int64_t>(kept);
        magnitude = encoded >= INFINITE ? INFINITE : static_cast<std::uint32_t>(encoded);
        if (magnitude == INFINITE) {
            const bool finite =
                mode == ROUND_ZERO || (mode == ROUND_DOWN && sign == 0) || (mode == ROUND_UP && sign != 0);
            if (finite) magnitude = INFINITE - 1;
        }
    }
    return static_cast<std::uint16_t>(sign << 15 | magnitude);
}

inline std::uint16_t toF16(double x, unsigned mode = ROUND_NEAREST) { return narrow<5, 10>(x, mode); }
inline std::uint16_t toBf16(double x, unsigned mode = ROUND_NEAREST) { return narrow<8, 7>(x, mode); }

QUERN_INLINE float fromF16(std::uint16_t h) {
    // The exponent's bias changes by a multiplication, which makes subnormal numbers normal too.
    const std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7fff) << 13;
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
    const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
    const std::uint32_t special = magnitude | 0x7f800000;
    return std::bit_cast<float>(sign | ((h & 0x7c00) == 0x7c00 ? special : finite));
}
QUERN_INLINE float fromBf16(std::uint16_t h) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16);
}

/// The nearest BF16, ties to even, from FP32 without a detour.
QUERN_INLINE std::uint16_t nearestBf16(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return static_cast<std::uint16_t>(x != x ? NAN_16 : rounded);
}

/// The nearest FP16, ties to even, from FP32 without a detour.
QUERN_INLINE std::uint16_t nearestF16(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t sign = bits >> 16 & 0x8000;
    const std::uint32_t magnitude = bits & 0x7fffffff;
    // Subnormal results: adding 0.5 puts the last place of FP16's smallest numbers at that of 0.5.
    const std::uint32_t small =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000;
    const std::uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    std::uint32_t result = magnitude < 0x38800000 ? small : normal;
    result = magnitude >= 0x47800000 ? 0x7c00 : result;
    result = magnitude > 0x7f800000 ? static_cast<std::uint32_t>(NAN_16) : (sign | result);
    return static_cast<std::uint16_t>(result);
}

}  // namespace

}  // namespace quern::emulator::QUERN_LEVEL
