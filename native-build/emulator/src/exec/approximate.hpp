// From a function's value and the error that PTX documents to what an instruction gives (approximation.hpp).
#pragma once

#include "exec/rounding.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

/// The distance of FP32 numbers around x, which is not subnormal in FP64.
inline double ulp(double x) {
    const std::uint64_t exponent = std::bit_cast<std::uint64_t>(x) & 0x7ff0000000000000;
    return std::bit_cast<double>(exponent) * 0x1p-23;
}

/// FP32, and what is common with the formats of half.cpp.
struct Fp32 {
    static float nearest(double x) { return static_cast<float>(x); }
    /// The least number that is not below x.
    static float above(double x) {
        const float near = nearest(x);
        return static_cast<double>(near) < x ? next(near, 1) : near;
    }
    /// The largest that is not above x.
    static float below(double x) {
        const float near = nearest(x);
        return static_cast<double>(near) > x ? next(near, -1) : near;
    }
    static double wide(float x) { return static_cast<double>(x); }

  private:
    static float next(float x, int direction) {
        if (x == 0) return direction > 0 ? 0x1p-149F : -0x1p-149F;
        const int away = (x > 0) == (direction > 0) ? 1 : -1;
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) + static_cast<std::uint32_t>(away));
    }
};

template <Approximation WHERE, class FORMAT>
auto placed(double value, double error) {
    const auto nearest = FORMAT::nearest(value);
    if (WHERE == Approximation::EXACT || !(error > 0)) return nearest;
    const auto end =
        WHERE == Approximation::LOW ? FORMAT::above(value - error) : FORMAT::below(value + error);
    // Between subnormal numbers there may be none within the error; and PTX says where results are infinite.
    const double distance = FORMAT::wide(end) - value;
    return distance <= error && distance >= -error ? end : nearest;
}

/// What PTX fixes: results of zeros, infinities and NaN, and results that are one of them.
inline bool isFixed(double value) { return value == 0 || !(__builtin_fabs(value) <= 0x1.fffffffffffffp1023); }

template <class F, bool FTZ, Approximation WHERE>
struct Approximate {
    template <typename... A>
    static float of(A... a) {
        const double value = F::value((FTZ ? flush(a) : a)...);
        const bool fixed = isFixed(value) || (isFixed(static_cast<double>(FTZ ? flush(a) : a)) || ...);
        const double error =
            WHERE == Approximation::EXACT || fixed ? 0 : F::error(value, (FTZ ? flush(a) : a)...);
        const float x = canonical(placed<WHERE, Fp32>(value, error));
        return FTZ ? flush(x) : x;
    }
};

/// One of three handlers, as the launch's options say.
template <Handler EXACT, Handler LOW, Handler HIGH>
void approximated(Warp& warp, const Op& op) {
    switch (warp.worker->approximation) {
        case Approximation::LOW: return LOW(warp, op);
        case Approximation::HIGH: return HIGH(warp, op);
        default: return EXACT(warp, op);
    }
}

template <class F, bool FTZ, typename... A>
constexpr Handler approximately =
    approximated<lanes<&Approximate<F, FTZ, Approximation::EXACT>::template of<A...>>,
                 lanes<&Approximate<F, FTZ, Approximation::LOW>::template of<A...>>,
                 lanes<&Approximate<F, FTZ, Approximation::HIGH>::template of<A...>>>;

}  // namespace

}  // namespace quern::emulator::QUERN_LEVEL
