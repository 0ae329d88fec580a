// Values worth feeding to an instruction, the narrow floating types, and names of types as PTX writes them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

namespace quern::emulator {

using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s128 = __int128;
using u128 = unsigned __int128;

/// IEEE binary16.
struct f16 {
    u16 bits = 0;
    static constexpr int PRECISION = 11, MIN_EXPONENT = -14, MAX_EXPONENT = 15;
    static constexpr u16 INFINITY_BITS = 0x7c00, NAN_BITS = 0x7fff;
};

/// The upper half of a binary32.
struct bf16 {
    u16 bits = 0;
    static constexpr int PRECISION = 8, MIN_EXPONENT = -126, MAX_EXPONENT = 127;
    static constexpr u16 INFINITY_BITS = 0x7f80, NAN_BITS = 0x7fff;
};

template <class T>
constexpr bool NARROW = std::is_same_v<T, f16> || std::is_same_v<T, bf16>;
template <class T>
constexpr bool FLOATING = NARROW<T> || std::is_floating_point_v<T>;

/// Exact: every value of T is a double.
template <class T>
double toDouble(T value) {
    if constexpr (NARROW<T>) {
        const u16 magnitude = value.bits & 0x7fff;
        constexpr int FRACTION = T::PRECISION - 1;
        double result;
        if (magnitude > T::INFINITY_BITS) {
            result = std::numeric_limits<double>::quiet_NaN();
        } else if (magnitude == T::INFINITY_BITS) {
            result = std::numeric_limits<double>::infinity();
        } else {
            const int exponent = magnitude >> FRACTION;
            const int fraction = magnitude & ((1 << FRACTION) - 1);
            result = exponent == 0
                         ? std::ldexp(fraction, T::MIN_EXPONENT - FRACTION)
                         : std::ldexp(fraction + (1 << FRACTION), exponent - 1 + T::MIN_EXPONENT - FRACTION);
        }
        return value.bits & 0x8000 ? -result : result;
    } else {
        return static_cast<double>(value);
    }
}

template <class T>
bool isNan(T value) {
    return std::isnan(toDouble(value));
}

template <class T>
std::string typeName() {
    if constexpr (std::is_same_v<T, bf16>) {
        return "bf16";
    } else if constexpr (FLOATING<T>) {
        return "f" + std::to_string(8 * sizeof(T));
    } else {
        return (std::is_signed_v<T> ? "s" : "u") + std::to_string(8 * sizeof(T));
    }
}

/// "b32" for any type of 32 bits.
template <class T>
std::string bitsName() {
    return "b" + std::to_string(8 * sizeof(T));
}

/// Calls f once for each type, with a value of it.
template <class... T, class F>
void forTypes(F f) {
    (f(T{}), ...);
}

/// Numbers without a pattern, the same in every run.
template <class T>
std::vector<T> randomBits(int count, u64 seed = 42) {
    std::mt19937_64 random(seed);
    std::vector<T> values;
    for (int i = 0; i < count; i++) {
        const u64 bits = random();
        T value;
        static_assert(sizeof(T) <= 8);
        std::memcpy(static_cast<void*>(&value), &bits, sizeof(T));
        values.push_back(value);
    }
    return values;
}

template <class T>
std::vector<T> integerEdges() {
    using U = std::make_unsigned_t<T>;
    constexpr int WIDTH = 8 * sizeof(T);
    constexpr U TOP = static_cast<U>(U{1} << (WIDTH - 1));
    std::vector<T> values;
    for (U value : {U{0}, U{1}, U{2}, U{3}, U{7}, U{10}, static_cast<U>(TOP - 1), TOP,
                    static_cast<U>(TOP + 1), static_cast<U>(~U{0}), static_cast<U>(~U{1}),
                    static_cast<U>(~U{6}), static_cast<U>(U(~U{0}) / 3), static_cast<U>(U(~U{0}) / 3 * 2),
                    static_cast<U>(U{1} << (WIDTH / 2)), static_cast<U>((U{1} << (WIDTH / 2)) - 1)}) {
        values.push_back(static_cast<T>(value));
    }
    for (T value : randomBits<T>(8)) values.push_back(value);
    return values;
}

/// Zeros, subnormal, smallest, around one, halves, largest, infinite, NaN; both signs.
template <class T>
std::vector<T> floatEdges() {
    using U = std::conditional_t<sizeof(T) == 2, u16, std::conditional_t<sizeof(T) == 4, u32, u64>>;
    constexpr int WIDTH = 8 * sizeof(T);
    constexpr int PRECISION = [] {
        if constexpr (NARROW<T>)
            return T::PRECISION;
        else
            return std::numeric_limits<T>::digits;
    }();
    constexpr U SIGN = static_cast<U>(U{1} << (WIDTH - 1));
    constexpr U LEAST_NORMAL = static_cast<U>(U{1} << (PRECISION - 1));
    constexpr U INFINITE = static_cast<U>((SIGN - 1) & ~(LEAST_NORMAL - 1));
    constexpr U HALF_STEP = LEAST_NORMAL / 2;  // the top bit of the fraction
    constexpr U ONE = static_cast<U>((INFINITE >> 1) & ~(LEAST_NORMAL - 1));
    std::vector<T> values;
    for (U magnitude : {
             U{0},
             U{1},
             U{2},
             static_cast<U>(LEAST_NORMAL - 1),
             LEAST_NORMAL,
             static_cast<U>(LEAST_NORMAL + 1),
             static_cast<U>(ONE - LEAST_NORMAL),  // 1/2
             static_cast<U>(ONE - 1),
             ONE,
             static_cast<U>(ONE + 1),                                   // one and its neighbours
             static_cast<U>(ONE + HALF_STEP),                           // 3/2
             static_cast<U>(ONE + LEAST_NORMAL),                        // 2
             static_cast<U>(ONE + LEAST_NORMAL + HALF_STEP),            // 3
             static_cast<U>(ONE + LEAST_NORMAL + HALF_STEP / 2),        // 5/2, a tie between integers
             static_cast<U>(ONE + (PRECISION - 1) * LEAST_NORMAL + 1),  // the last odd integers
             static_cast<U>(ONE - 12 * LEAST_NORMAL + LEAST_NORMAL / 3),
             static_cast<U>(INFINITE - 1),
             INFINITE,
             static_cast<U>(INFINITE + HALF_STEP + 1),
         }) {
        for (U sign : {U{0}, SIGN}) values.push_back(std::bit_cast<T>(static_cast<U>(magnitude | sign)));
    }
    return values;
}

template <class T>
std::vector<T> edges() {
    if constexpr (FLOATING<T>) {
        return floatEdges<T>();
    } else {
        return integerEdges<T>();
    }
}

/// Edges and as many patternless values.
template <class T>
std::vector<T> manyValues(int count = 200) {
    std::vector<T> values = edges<T>();
    for (T value : randomBits<T>(count, 7)) values.push_back(value);
    return values;
}

}  // namespace quern::emulator
