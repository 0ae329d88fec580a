// FP32 arithmetic. Every result that is not a number is 0x7fffffff; .ftz flushes subnormal operands and results.
#include <cmath>

#include "exec/rounding.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

QUERN_INLINE float add(float a, float b) { return a + b; }
QUERN_INLINE float sub(float a, float b) { return a - b; }
QUERN_INLINE float mul(float a, float b) { return a * b; }
QUERN_INLINE float quotient(float a, float b) { return a / b; }
QUERN_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
QUERN_INLINE float reciprocal(float a) { return 1.0F / a; }
QUERN_INLINE float squareRoot(float a) { return __builtin_sqrtf(a); }

/// F rounded to nearest, with its modifiers settled when it is decoded.
template <auto F, bool FTZ, bool SAT>
struct Nearest;
template <typename... A, float (*F)(A...), bool FTZ, bool SAT>
struct Nearest<F, FTZ, SAT> {
    QUERN_INLINE float apply(A... a) {
        float x = canonical(FTZ ? F(flush(a)...) : F(a...));
        if (FTZ) x = flush(x);
        return SAT ? saturate(x) : x;
    }
};

/// F rounded as op.flags say: for the modes that compilers rarely emit.
template <auto F>
struct Directed;
template <typename... A, float (*F)(A...)>
struct Directed<F> {
    template <bool FTZ, bool SAT>
    __attribute__((noinline)) static void all(Warp& warp, const Op& op) {
        Apply<&Nearest<F, FTZ, SAT>::apply>::run(warp, op);
    }
    static void run(Warp& warp, const Op& op) {
        const RoundingScope scope(op.flags & ROUND_MASK);
        switch (op.flags & (FLAG_FTZ | FLAG_SAT)) {
            case 0: return all<false, false>(warp, op);
            case FLAG_FTZ: return all<true, false>(warp, op);
            case FLAG_SAT: return all<false, true>(warp, op);
            default: return all<true, true>(warp, op);
        }
    }
};

// Of two zeros, -0 is the smaller; a number wins over a NaN.
QUERN_INLINE float least(float a, float b) {
    const float equal =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) | std::bit_cast<std::uint32_t>(b));
    return a < b ? a : a > b ? b : a == b ? equal : canonical(a != a ? b : a);
}
QUERN_INLINE float greatest(float a, float b) {
    const float equal =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) & std::bit_cast<std::uint32_t>(b));
    return a > b ? a : a < b ? b : a == b ? equal : canonical(a != a ? b : a);
}
QUERN_INLINE float leastOrNan(float a, float b) { return canonical(a != a ? a : b != b ? b : least(a, b)); }
QUERN_INLINE float greatestOrNan(float a, float b) {
    return canonical(a != a ? a : b != b ? b : greatest(a, b));
}
template <float (*F)(float, float)>
QUERN_INLINE float ofMagnitudes(float a, float b) {
    const std::uint32_t sign =
        (std::bit_cast<std::uint32_t>(a) ^ std::bit_cast<std::uint32_t>(b)) & 0x80000000;
    const float x = F(__builtin_fabsf(a), __builtin_fabsf(b));
    return x != x ? x : std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) & 0x7fffffff) | sign);
}
template <float (*F)(float, float)>
QUERN_INLINE float flushed(float a, float b) {
    return F(flush(a), flush(b));
}

QUERN_INLINE float magnitude(float a) { return __builtin_fabsf(a); }
QUERN_INLINE float magnitudeFlushed(float a) { return __builtin_fabsf(flush(a)); }
QUERN_INLINE float opposite(float a) { return -a; }
QUERN_INLINE float oppositeFlushed(float a) { return -flush(a); }
QUERN_INLINE float withSign(float sign, float magnitudeOf) { return __builtin_copysignf(magnitudeOf, sign); }

template <bool (*TEST)(float)>
void testProperty(Warp& warp, const Op& op) {
    const float* a = lanesOf<float>(warp, op.a);
    writePredicate(warp, op.dst, maskWhere<std::uint32_t>([=](int i) { return TEST(a[i]); }));
}
QUERN_INLINE std::uint32_t magnitudeBits(float a) { return std::bit_cast<std::uint32_t>(a) & 0x7fffffff; }
QUERN_INLINE bool isFinite(float a) { return magnitudeBits(a) < 0x7f800000; }
QUERN_INLINE bool isInfinite(float a) { return magnitudeBits(a) == 0x7f800000; }
QUERN_INLINE bool isNumber(float a) { return a == a; }
QUERN_INLINE bool isNotNumber(float a) { return a != a; }
QUERN_INLINE bool isSubnormal(float a) { return magnitudeBits(a) < 0x00800000 && magnitudeBits(a) != 0; }
QUERN_INLINE bool isNormal(float a) { return isFinite(a) && !isSubnormal(a); }  // PTX counts zeros as normal

constexpr InstructionClass FP32 = InstructionClass::FP32;

#define NEAREST(name, sig, F)                                                    \
    {name ".f32", sig, lanes<&Nearest<&F, false, false>::apply>, FP32},          \
        {name ".ftz.f32", sig, lanes<&Nearest<&F, true, false>::apply>, FP32},   \
        {name ".sat.f32", sig, lanes<&Nearest<&F, false, true>::apply>, FP32}, { \
        name ".ftz.sat.f32", sig, lanes<&Nearest<&F, true, true>::apply>, FP32   \
    }
#define DIRECTED(name, sig, F, mode)                                                   \
    {name ".f32", sig, &Directed<&F>::run, FP32, mode},                                \
        {name ".ftz.f32", sig, &Directed<&F>::run, FP32, mode | FLAG_FTZ},             \
        {name ".sat.f32", sig, &Directed<&F>::run, FP32, mode | FLAG_SAT}, {           \
        name ".ftz.sat.f32", sig, &Directed<&F>::run, FP32, mode | FLAG_FTZ | FLAG_SAT \
    }
#define DIRECTIONS(name, sig, F)                                                        \
    DIRECTED(name ".rz", sig, F, ROUND_ZERO), DIRECTED(name ".rm", sig, F, ROUND_DOWN), \
        DIRECTED(name ".rp", sig, F, ROUND_UP)
// Without .sat.
#define UNSATURATED(name, sig, F)                                                     \
    {name ".rn.f32", sig, lanes<&Nearest<&F, false, false>::apply>, FP32},            \
        {name ".rn.ftz.f32", sig, lanes<&Nearest<&F, true, false>::apply>, FP32},     \
        {name ".rz.f32", sig, &Directed<&F>::run, FP32, ROUND_ZERO},                  \
        {name ".rm.f32", sig, &Directed<&F>::run, FP32, ROUND_DOWN},                  \
        {name ".rp.f32", sig, &Directed<&F>::run, FP32, ROUND_UP},                    \
        {name ".rz.ftz.f32", sig, &Directed<&F>::run, FP32, ROUND_ZERO | FLAG_FTZ},   \
        {name ".rm.ftz.f32", sig, &Directed<&F>::run, FP32, ROUND_DOWN | FLAG_FTZ}, { \
        name ".rp.ftz.f32", sig, &Directed<&F>::run, FP32, ROUND_UP | FLAG_FTZ        \
    }
#define EXTREME(name, F, G)                                                                                \
    {name ".f32", "f=ff", lanes<F>, FP32}, {name ".ftz.f32", "f=ff", lanes<flushed<F>>, FP32},             \
        {name ".NaN.f32", "f=ff", lanes<G>, FP32}, {name ".ftz.NaN.f32", "f=ff", lanes<flushed<G>>, FP32}, \
        {name ".xorsign.abs.f32", "f=ff", lanes<ofMagnitudes<F>>, FP32},                                   \
        {name ".ftz.xorsign.abs.f32", "f=ff", lanes<flushed<ofMagnitudes<F>>>, FP32},                      \
        {name ".NaN.xorsign.abs.f32", "f=ff", lanes<ofMagnitudes<G>>, FP32}, {                             \
        name ".ftz.NaN.xorsign.abs.f32", "f=ff", lanes<flushed<ofMagnitudes<G>>>, FP32                     \
    }

constexpr Entry TABLE[] = {
    NEAREST("add", "f=ff", add),
    NEAREST("add.rn", "f=ff", add),
    DIRECTIONS("add", "f=ff", add),
    NEAREST("sub", "f=ff", sub),
    NEAREST("sub.rn", "f=ff", sub),
    DIRECTIONS("sub", "f=ff", sub),
    NEAREST("mul", "f=ff", mul),
    NEAREST("mul.rn", "f=ff", mul),
    DIRECTIONS("mul", "f=ff", mul),
    NEAREST("fma.rn", "f=fff", fma),
    DIRECTIONS("fma", "f=fff", fma),
    NEAREST("mad.rn", "f=fff", fma),
    DIRECTIONS("mad", "f=fff", fma),
    UNSATURATED("div", "f=ff", quotient),
    UNSATURATED("rcp", "f=f", reciprocal),
    UNSATURATED("sqrt", "f=f", squareRoot),
    EXTREME("min", least, leastOrNan),
    EXTREME("max", greatest, greatestOrNan),
    {"abs.f32", "f=f", lanes<magnitude>, FP32},
    {"abs.ftz.f32", "f=f", lanes<magnitudeFlushed>, FP32},
    {"neg.f32", "f=f", lanes<opposite>, FP32},
    {"neg.ftz.f32", "f=f", lanes<oppositeFlushed>, FP32},
    {"copysign.f32", "f=ff", lanes<withSign>, FP32},
    {"testp.finite.f32", "p=f", testProperty<isFinite>, FP32},
    {"testp.infinite.f32", "p=f", testProperty<isInfinite>, FP32},
    {"testp.number.f32", "p=f", testProperty<isNumber>, FP32},
    {"testp.notanumber.f32", "p=f", testProperty<isNotNumber>, FP32},
    {"testp.normal.f32", "p=f", testProperty<isNormal>, FP32},
    {"testp.subnormal.f32", "p=f", testProperty<isSubnormal>, FP32},
};

}  // namespace

Entries float32Table() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
