// Functions that hardware approximates: ex2, lg2, sin, cos, tanh, reciprocals and roots.
//
// PTX bounds their error and leaves their bits to the device. Here they are the exact values, computed in FP64 and
// rounded once, or one of the ends of what PTX documents (approximation.hpp), with the results that PTX fixes for special
// operands. Each function states its value and its error as "Floating Point Instructions" of the PTX ISA has it.
#include <limits>

#include "exec/approximate.hpp"
#include "exec/elementary.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using Limits = std::numeric_limits<float>;

struct Base2Exponential {
    static double value(float a) { return exp2Exactly(static_cast<double>(a)); }
    // Powers of whole numbers are exact: CUDA's tanh of doubles scales with them, and is documented to 2 ulp.
    static double error(double value, float a) { return a == __builtin_truncf(a) ? 0 : 2 * ulp(value); }
};
struct Base2Logarithm {
    static double value(float a) {
        if (a == 0) return -Limits::infinity();
        if (!(a > 0)) return Limits::quiet_NaN();
        return a > Limits::max() ? Limits::infinity() : log2Exactly(static_cast<double>(a));
    }
    static double error(double value, float a) {
        return (a > 0.5F && a < 2 ? 1 : __builtin_fabs(value)) * 0x1p-22;
    }
};
constexpr float HUNDRED_PI = 314.159265F;
double errorOfAngle(float a) {
    constexpr float TWO_PI = 6.2831853F;
    const float magnitude = __builtin_fabsf(a);
    // 2^-20.5, 2^-14.7
    return magnitude <= TWO_PI ? 0x1.6a09e6p-21 : magnitude <= HUNDRED_PI ? 0x1.3b2c47p-15 : 0;
}
struct Sine {
    static double value(float a) { return sinExactly(a); }
    static double error(double, float a) { return errorOfAngle(a); }
};
struct Cosine {
    static double value(float a) { return cosExactly(a); }
    static double error(double, float a) { return errorOfAngle(a); }
};
struct HyperbolicTangent {
    static double value(float a) { return tanhExactly(static_cast<double>(a)); }
    static double error(double value, float) { return __builtin_fabs(value) * 0x1p-11; }
};
struct Reciprocal {
    static double value(float a) { return 1.0 / static_cast<double>(a); }
    static double error(double value, float) { return ulp(value); }
};
struct ReciprocalRoot {
    static double value(float a) { return 1.0 / __builtin_sqrt(static_cast<double>(a)); }
    static double error(double value, float) { return __builtin_fabs(value) * 0x1.125fbep-23; }  // 2^-22.9
};
struct SquareRoot {
    static double value(float a) { return __builtin_sqrt(static_cast<double>(a)); }
    static double error(double value, float) { return __builtin_fabs(value) * 0x1p-23; }
};
struct QuotientFull {
    static double value(float a, float b) { return static_cast<double>(a) / static_cast<double>(b); }
    static double error(double value, float, float) { return 2 * ulp(value); }
};
/// div.approx is a * (1 / b), and gives 0 where the divisor is so large (2^126 to 2^128) that its reciprocal is flushed.
struct Quotient : QuotientFull {
    static double value(float a, float b) {
        const float magnitude = __builtin_fabsf(b);
        if (magnitude > 0x1p126F && magnitude <= Limits::max()) {
            return __builtin_fabsf(a) > Limits::max() ? Limits::quiet_NaN()
                                                      : __builtin_copysign(0.0, static_cast<double>(a)) *
                                                            __builtin_copysign(1.0, static_cast<double>(b));
        }
        return QuotientFull::value(a, b);
    }
};

// FP64: hardware looks at the upper 32 bits and gives a result whose lower 32 are zero; subnormal operands count as zero,
// subnormal results become it.
double upperHalf(double x) {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(x) & 0xffffffff00000000;
    return std::bit_cast<double>((bits & 0x7ff0000000000000) == 0 ? bits & 0x8000000000000000 : bits);
}
double canonical64(double x) {
    return x != x ? std::bit_cast<double>(std::uint64_t{0x7fffffff00000000}) : upperHalf(x);
}
double reciprocal64(double a) { return canonical64(1.0 / upperHalf(a)); }
double reciprocalRoot64(double a) { return canonical64(1.0 / __builtin_sqrt(upperHalf(a))); }

constexpr InstructionClass SPECIAL = InstructionClass::SPECIAL;

#define BOTH(name, type, signature, F, ...)                                       \
    {name type, signature, approximately<F, false, __VA_ARGS__>, SPECIAL}, {      \
        name ".ftz" type, signature, approximately<F, true, __VA_ARGS__>, SPECIAL \
    }

constexpr Entry TABLE[] = {
    BOTH("ex2.approx", ".f32", "f=f", Base2Exponential, float),
    BOTH("lg2.approx", ".f32", "f=f", Base2Logarithm, float),
    BOTH("sin.approx", ".f32", "f=f", Sine, float),
    BOTH("cos.approx", ".f32", "f=f", Cosine, float),
    BOTH("rcp.approx", ".f32", "f=f", Reciprocal, float),
    BOTH("rsqrt.approx", ".f32", "f=f", ReciprocalRoot, float),
    BOTH("sqrt.approx", ".f32", "f=f", SquareRoot, float),
    BOTH("div.approx", ".f32", "f=ff", Quotient, float, float),
    BOTH("div.full", ".f32", "f=ff", QuotientFull, float, float),
    {"tanh.approx.f32", "f=f", approximately<HyperbolicTangent, false, float>, SPECIAL},
    {"rcp.approx.ftz.f64", "F=F", lanes<reciprocal64>, SPECIAL},
    {"rsqrt.approx.f64", "F=F", lanes<reciprocalRoot64>, SPECIAL},
    {"rsqrt.approx.ftz.f64", "F=F", lanes<reciprocalRoot64>, SPECIAL},
};

}  // namespace

Entries specialTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
