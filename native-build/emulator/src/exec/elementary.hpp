// Elementary functions of FP32 numbers as FP64: some units in the last place of FP64 off at most, so that rounding to FP32
// gives the nearest number but for one in millions. They use additions, multiplications and divisions only: the bits
// depend on no libm, and not on whether the machine has fma.
#pragma once

#include "exec/lanes.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

constexpr double LN_2 = 0.69314718055994530942;
constexpr double LOG2_E = 1.4426950408889634074;

/// c[0] + c[1] x + c[2] x^2 ...
template <std::size_t N>
QUERN_INLINE double polynomial(const double (&c)[N], double x) {
    double sum = c[N - 1];
    for (std::size_t i = N - 1; i > 0; i--) sum = sum * x + c[i - 1];
    return sum;
}

/// Whole numbers of less than 51 bits: added to this, a number is rounded to one, which is then in the sum's lowest bits.
constexpr double WHOLE = 0x1.8p52;

/// 2^x. What is beyond 2^400 or below 2^-400 is like any FP64 number that FP32 does not reach.
QUERN_INLINE double exp2Exactly(double x) {
    constexpr double L = LN_2;
    // Taylor's series of 2^f, |f| <= 1/2: the first term that is left out is 5e-18.
    constexpr double C[] = {1,
                            L,
                            L * L / 2,
                            L * L * L / 6,
                            L * L * L * L / 24,
                            L * L * L * L * L / 120,
                            L * L * L * L * L * L / 720,
                            L * L * L * L * L * L * L / 5040,
                            L * L * L * L * L * L * L * L / 40320,
                            L * L * L * L * L * L * L * L * L / 362880,
                            L * L * L * L * L * L * L * L * L * L / 3628800,
                            L * L * L * L * L * L * L * L * L * L * L / 39916800,
                            L * L * L * L * L * L * L * L * L * L * L * L / 479001600,
                            L * L * L * L * L * L * L * L * L * L * L * L * L / 6227020800};
    const double within = x > 400 ? 400 : x < -400 ? -400 : x;  // NaN stays
    const double shifted = within + WHOLE;
    const std::uint64_t whole = std::bit_cast<std::uint64_t>(shifted) - std::bit_cast<std::uint64_t>(WHOLE);
    const double scale = std::bit_cast<double>((whole + 1023) << 52);
    return polynomial(C, within - (shifted - WHOLE)) * scale;
}

/// log2 of a positive number of FP64, none subnormal.
QUERN_INLINE double log2Exactly(double x) {
    // 2 / ln 2 * artanh(s), s = (m - 1) / (m + 1), m from sqrt(1/2) to sqrt(2): |s| < 0.172.
    constexpr double T = 2 * LOG2_E;
    constexpr double C[] = {T,      T / 3,  T / 5,  T / 7,  T / 9,  T / 11,
                            T / 13, T / 15, T / 17, T / 19, T / 21, T / 23};
    constexpr double SQRT_HALF = 0.70710678118654752440;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
    const std::int64_t exponent =
        static_cast<std::int64_t>(bits - std::bit_cast<std::uint64_t>(SQRT_HALF)) >> 52;
    const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52));
    const double s = (m - 1) / (m + 1);
    return static_cast<double>(exponent) + s * polynomial(C, s * s);
}

/// An angle as `quarters` of pi / 2, modulo 4, and what is left, -pi / 4 to pi / 4.
struct Angle {
    unsigned quarters;
    double rest;
};

/// |x| from 2^25 to 2^128: the places of 2 / pi that matter (M. Payne, R. Hanek, 1983).
inline Angle reduceLarge(float x) {
    constexpr std::uint32_t TWO_OVER_PI[] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
                                             0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561};
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const int exponent = static_cast<int>(bits >> 23 & 0xff) - 150;  // |x| = significand * 2^exponent
    const std::uint32_t significand = (bits & 0x7fffff) | 0x800000;
    // Places before `first` make multiples of 4, those beyond the 96 that follow no difference.
    const int first = exponent - 2;
    unsigned __int128 window = 0;
    for (int i = 0; i < 4; i++) window = window << 32 | TWO_OVER_PI[first / 32 + i];
    window <<= first % 32;
    window >>= 32;
    const unsigned __int128 product = window * significand;  // in units of 2^-94
    unsigned quarters = static_cast<unsigned>(product >> 94) & 3;
    double fraction = static_cast<double>(static_cast<std::uint64_t>(product >> 30)) * 0x1p-64;
    if (fraction > 0.5) {
        quarters++;
        fraction -= 1;
    }
    if ((bits >> 31) != 0) return {(0 - quarters) & 3, fraction * -1.57079632679489661923};
    return {quarters & 3, fraction * 1.57079632679489661923};
}

/// x finite.
inline Angle reduce(float x) {
    if (__builtin_fabsf(x) >= 0x1p25F) return reduceLarge(x);
    // pi / 2 in three parts, of which the first two have 27 bits: their multiples are exact.
    constexpr double FIRST = 0x1.921fb54p+0, SECOND = 0x1.10b461p-30, THIRD = 0x1.a62633145c06ep-58;
    const double shifted = static_cast<double>(x) * 0.63661977236758134308 + WHOLE;
    const double count = shifted - WHOLE;
    const double rest = ((static_cast<double>(x) - count * FIRST) - count * SECOND) - count * THIRD;
    return {static_cast<unsigned>(std::bit_cast<std::uint64_t>(shifted)) & 3, rest};
}

/// sin(x) for quarter 0, cos(x) for 1; the others are their negatives.
inline double sineOf(Angle angle) {
    constexpr double SIN[] = {1,
                              -1.0 / 6,
                              1.0 / 120,
                              -1.0 / 5040,
                              1.0 / 362880,
                              -1.0 / 39916800,
                              1.0 / 6227020800,
                              -1.0 / 1307674368000,
                              1.0 / 355687428096000};
    constexpr double COS[] = {1,
                              -1.0 / 2,
                              1.0 / 24,
                              -1.0 / 720,
                              1.0 / 40320,
                              -1.0 / 3628800,
                              1.0 / 479001600,
                              -1.0 / 87178291200,
                              1.0 / 20922789888000,
                              -1.0 / 6402373705728000};
    const double square = angle.rest * angle.rest;
    const double value =
        (angle.quarters & 1) == 0 ? angle.rest * polynomial(SIN, square) : polynomial(COS, square);
    return (angle.quarters & 2) == 0 ? value : -value;
}

inline double sinExactly(float x) {
    if (!(__builtin_fabsf(x) <= 0x1.fffffep127F)) return static_cast<double>(x - x);
    return x == 0 ? static_cast<double>(x) : sineOf(reduce(x));
}
inline double cosExactly(float x) {
    if (!(__builtin_fabsf(x) <= 0x1.fffffep127F)) return static_cast<double>(x - x);
    const Angle angle = reduce(x);
    return sineOf({angle.quarters + 1, angle.rest});
}

inline double tanhExactly(double x) {
    constexpr double SERIES[] = {1, -1.0 / 3, 2.0 / 15, -17.0 / 315};
    const double magnitude = __builtin_fabs(x);
    if (magnitude < 0x1p-8) return x * polynomial(SERIES, x * x);
    const double e = exp2Exactly(magnitude * (-2 * LOG2_E));
    return __builtin_copysign((1 - e) / (1 + e), x);
}

}  // namespace

}  // namespace quern::emulator::QUERN_LEVEL
