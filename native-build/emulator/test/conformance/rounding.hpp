// Arithmetic rounded as an instruction says: binary32 and binary64 by this machine's own units under its rounding
// modes, the narrow types from a double that is rounded to odd, from which a second rounding to at most half the digits
// is exact.
#pragma once

#include <cfenv>

#include "conformance/evaluate.hpp"

namespace quern::emulator {

struct Rounding {
    const char* name;  // as PTX writes it
    int mode;          // as <cfenv> does
};

inline const Rounding ROUNDINGS[] = {
    {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

inline constexpr auto ADD = [](auto a, auto b) { return a + b; };
inline constexpr auto SUB = [](auto a, auto b) { return a - b; };
inline constexpr auto MUL = [](auto a, auto b) { return a * b; };
inline constexpr auto FMA = [](auto a, auto b, auto c) { return std::fma(a, b, c); };

/// f(operands...) computed under a rounding mode; what f does with its operands is not folded at compile time.
template <class F, class... T>
auto under(int mode, F f, T... operands) {
    std::fesetround(mode);
    volatile auto result = [&](volatile T... values) { return f(static_cast<T>(values)...); }(operands...);
    std::fesetround(FE_TONEAREST);
    return static_cast<decltype(f(operands...))>(result);
}

/// f(operands...) in double, truncated, and its last bit set where that lost anything.
template <class F, class... T>
double roundedToOdd(F f, T... operands) {
    std::feclearexcept(FE_ALL_EXCEPT);
    const double truncated = under(FE_TOWARDZERO, f, static_cast<double>(operands)...);
    const bool inexact = std::fetestexcept(FE_INEXACT) != 0;
    if (!inexact || !std::isfinite(truncated)) return truncated;
    return std::bit_cast<double>(std::bit_cast<u64>(truncated) | 1);
}

/// The value of T for a double, rounded once.
template <class T>
T narrow(double value, int mode = FE_TONEAREST) {
    static_assert(NARROW<T>);
    const u16 sign = std::signbit(value) ? 0x8000 : 0;
    const auto of = [&](u16 magnitude) { return T{static_cast<u16>(sign | magnitude)}; };
    if (std::isnan(value)) return T{T::NAN_BITS};
    if (std::isinf(value)) return of(T::INFINITY_BITS);
    if (value == 0) return of(0);

    constexpr int LEAST_STEP =
        T::MIN_EXPONENT - (T::PRECISION - 1);  // of the subnormal numbers, a power of two
    const int step = std::max(std::ilogb(value), T::MIN_EXPONENT) - (T::PRECISION - 1);
    const double scaled = std::ldexp(std::abs(value), -step);
    const double floor = std::floor(scaled);
    const double rest = scaled - floor;
    u32 steps = static_cast<u32>(floor);
    bool up = false;
    switch (mode) {
        case FE_TONEAREST: up = rest > 0.5 || (rest == 0.5 && steps % 2 == 1); break;
        case FE_TOWARDZERO: break;
        case FE_DOWNWARD: up = sign != 0 && rest > 0; break;
        case FE_UPWARD: up = sign == 0 && rest > 0; break;
    }
    steps += up;
    const u32 magnitude = (static_cast<u32>(step - LEAST_STEP) << (T::PRECISION - 1)) + steps;
    if (magnitude < T::INFINITY_BITS) return of(static_cast<u16>(magnitude));
    const bool largest =
        mode == FE_TOWARDZERO || (mode == FE_DOWNWARD && !sign) || (mode == FE_UPWARD && sign);
    return of(static_cast<u16>(T::INFINITY_BITS - largest));
}

/// f(operands...), rounded once to T. What f computes must have its result exact within the range of double.
template <class T, class F, class... S>
T rounded(int mode, F f, S... operands) {
    if constexpr (NARROW<T>) {
        return narrow<T>(roundedToOdd(f, toDouble(operands)...), mode);
    } else {
        return under(mode, f, operands...);
    }
}

template <class T>
bool isSubnormal(T value) {
    if constexpr (NARROW<T>) {
        const u16 magnitude = value.bits & 0x7fff;
        return magnitude != 0 && magnitude < (1 << (T::PRECISION - 1));
    } else {
        return std::fpclassify(value) == FP_SUBNORMAL;
    }
}

/// .ftz: a subnormal number becomes the zero of its sign.
template <class T>
T flushed(T value) {
    if (!isSubnormal(value)) return value;
    if constexpr (NARROW<T>)
        return T{static_cast<u16>(value.bits & 0x8000)};
    else
        return std::copysign(T{0}, value);
}

/// .ftz of a result: one that is below the normal numbers until it is rounded to the least of them may count as subnormal
/// or not.
template <class T>
Either<T> flushedResult(T result) {
    bool least;
    if constexpr (NARROW<T>)
        least = (result.bits & 0x7fff) == 1 << (T::PRECISION - 1);
    else
        least = std::abs(result) == std::numeric_limits<T>::min();
    if (!least) return {flushed(result), flushed(result)};
    if constexpr (NARROW<T>)
        return {result, T{static_cast<u16>(result.bits & 0x8000)}};
    else
        return {result, std::copysign(T{0}, result)};
}

/// .sat: clamped to [0, 1], NaN becomes +0.
template <class T>
T saturated(T value) {
    const double wide = toDouble(value);
    const double clamped = !(wide > 0) ? 0.0 : std::min(wide, 1.0);
    if constexpr (NARROW<T>)
        return narrow<T>(clamped);
    else
        return static_cast<T>(clamped);
}

}  // namespace quern::emulator
