// Functions that hardware approximates: ex2, lg2, sin, cos, tanh, reciprocals and roots.
//
// PTX bounds their error and leaves their bits to the device. Here they are the exact values, computed in FP64 and
// rounded once (sin and cos, whose bound is absolute, too), with the results that PTX fixes for special operands.
#include <cmath>
#include <limits>

#include "exec/rounding.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

// libm may be slow and may set flags; it neither traps nor depends on the rounding mode being changed here.
float base2Exponential(float a) { return static_cast<float>(std::exp2(static_cast<double>(a))); }
float base2Logarithm(float a) { return static_cast<float>(std::log2(static_cast<double>(a))); }
float sine(float a) { return static_cast<float>(std::sin(static_cast<double>(a))); }
float cosine(float a) { return static_cast<float>(std::cos(static_cast<double>(a))); }
float hyperbolicTangent(float a) { return static_cast<float>(std::tanh(static_cast<double>(a))); }
float reciprocal(float a) { return 1.0F / a; }
float reciprocalRoot(float a) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(a))); }
float squareRoot(float a) { return std::sqrt(a); }

/// div.approx is a * (1 / b), and gives 0 where the divisor is so large (2^126 to 2^128) that its reciprocal is flushed.
float quotientApproximate(float a, float b) {
    const float magnitude = std::fabs(b);
    if (magnitude > 0x1p126F && magnitude <= std::numeric_limits<float>::max()) {
        return std::isinf(a) ? std::numeric_limits<float>::quiet_NaN()
                             : std::copysign(0.0F, a) * std::copysign(1.0F, b);
    }
    return a / b;
}
float quotientFull(float a, float b) { return a / b; }

/// F of FP32 operands, NaN made canonical.
template <auto F, bool FTZ>
struct Function;
template <typename... A, float (*F)(A...), bool FTZ>
struct Function<F, FTZ> {
    static float apply(A... a) {
        const float x = canonical(FTZ ? F(flush(a)...) : F(a...));
        return FTZ ? flush(x) : x;
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
double reciprocalRoot64(double a) { return canonical64(1.0 / std::sqrt(upperHalf(a))); }

constexpr InstructionClass SPECIAL = InstructionClass::SPECIAL;

#define BOTH(name, type, signature, F)                                          \
    {name type, signature, lanes<&Function<&F, false>::apply>, SPECIAL}, {      \
        name ".ftz" type, signature, lanes<&Function<&F, true>::apply>, SPECIAL \
    }

constexpr Entry TABLE[] = {
    BOTH("ex2.approx", ".f32", "f=f", base2Exponential),
    BOTH("lg2.approx", ".f32", "f=f", base2Logarithm),
    BOTH("sin.approx", ".f32", "f=f", sine),
    BOTH("cos.approx", ".f32", "f=f", cosine),
    BOTH("rcp.approx", ".f32", "f=f", reciprocal),
    BOTH("rsqrt.approx", ".f32", "f=f", reciprocalRoot),
    BOTH("sqrt.approx", ".f32", "f=f", squareRoot),
    BOTH("div.approx", ".f32", "f=ff", quotientApproximate),
    BOTH("div.full", ".f32", "f=ff", quotientFull),
    {"tanh.approx.f32", "f=f", lanes<&Function<&hyperbolicTangent, false>::apply>, SPECIAL},
    {"rcp.approx.ftz.f64", "F=F", lanes<reciprocal64>, SPECIAL},
    {"rsqrt.approx.f64", "F=F", lanes<reciprocalRoot64>, SPECIAL},
    {"rsqrt.approx.ftz.f64", "F=F", lanes<reciprocalRoot64>, SPECIAL},
};

}  // namespace

Entries specialTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
