// FP16 and BF16 arithmetic, scalar and in pairs. Each result is rounded once, from an exact or oddly rounded value.
#include "exec/approximate.hpp"
#include "exec/elementary.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

struct F16 {
    QUERN_INLINE float widen(u16 h) { return fromF16(h); }
    QUERN_INLINE u16 round(double x) { return toF16(x); }
    QUERN_INLINE u16 roundFloat(float x) { return nearestF16(x); }
    static u16 nearest(double x) { return toF16(x); }
    static u16 above(double x) { return toF16(x, ROUND_UP); }
    static u16 below(double x) { return toF16(x, ROUND_DOWN); }
    static double wide(u16 h) { return static_cast<double>(fromF16(h)); }
    static constexpr u16 INFINITE = 0x7c00;
    static constexpr u16 ONE = 0x3c00;
    static constexpr u16 NORMAL = 0x0400;
};
struct Bf16 {
    QUERN_INLINE float widen(u16 h) { return fromBf16(h); }
    QUERN_INLINE u16 round(double x) { return toBf16(x); }
    QUERN_INLINE u16 roundFloat(float x) { return nearestBf16(x); }
    static u16 nearest(double x) { return toBf16(x); }
    static u16 above(double x) { return toBf16(x, ROUND_UP); }
    static u16 below(double x) { return toBf16(x, ROUND_DOWN); }
    static double wide(u16 h) { return static_cast<double>(fromBf16(h)); }
    static constexpr u16 INFINITE = 0x7f80;
    static constexpr u16 ONE = 0x3f80;
    static constexpr u16 NORMAL = 0x0080;
};

template <typename T>
QUERN_INLINE bool isNan(u16 h) {
    return (h & 0x7fff) > T::INFINITE;
}
template <typename T>
QUERN_INLINE u16 canonicalHalf(u16 h) {
    return isNan<T>(h) ? NAN_16 : h;
}

// What a result passes after it was rounded.
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 finish(u16 h) {
    u16 x = canonicalHalf<T>(h);
    if ((FLAGS & FLAG_FTZ) != 0 && (x & 0x7fff) < T::NORMAL) x &= 0x8000;
    if ((FLAGS & FLAG_SAT) != 0) x = isNan<T>(x) || (x & 0x8000) != 0 ? u16{0} : x > T::ONE ? T::ONE : x;
    if ((FLAGS & FLAG_RELU) != 0) x = !isNan<T>(x) && (x & 0x8000) != 0 ? u16{0} : x;
    return x;
}
template <typename T, unsigned FLAGS>
QUERN_INLINE float operand(u16 h) {
    if ((FLAGS & FLAG_FTZ) != 0 && (h & 0x7fff) < T::NORMAL) h &= 0x8000;
    return T::widen(h);
}

// FP32 has more than twice the digits of both formats: rounding its sum or product again rounds as if once.
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 add(u16 a, u16 b) {
    return finish<T, FLAGS>(T::roundFloat(operand<T, FLAGS>(a) + operand<T, FLAGS>(b)));
}
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 sub(u16 a, u16 b) {
    return finish<T, FLAGS>(T::roundFloat(operand<T, FLAGS>(a) - operand<T, FLAGS>(b)));
}
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 mul(u16 a, u16 b) {
    return finish<T, FLAGS>(T::roundFloat(operand<T, FLAGS>(a) * operand<T, FLAGS>(b)));
}

/// a * b + c in FP64, where the product is exact; where the sum is not, its last bit says so (round to odd).
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 fma(u16 a, u16 b, u16 c) {
    const double product = static_cast<double>(operand<T, FLAGS>(a)) * operand<T, FLAGS>(b);
    const double addend = operand<T, FLAGS>(c);
    const double sum = product + addend;
    const double part = sum - product;
    const double lost = (product - (sum - part)) + (addend - part);
    u64 bits = std::bit_cast<u64>(sum);
    if (lost != 0 && lost == lost && (bits & 1) == 0) {
        const bool away = (lost > 0) == (sum > 0);
        bits = away ? bits + 1 : bits - 1;
    }
    return finish<T, FLAGS>(T::round(std::bit_cast<double>(bits)));
}

template <typename T, bool NANS, bool LARGER>
QUERN_INLINE u16 extreme(u16 a, u16 b) {
    if (isNan<T>(a) || isNan<T>(b)) {
        if (NANS || (isNan<T>(a) && isNan<T>(b))) return NAN_16;
        return isNan<T>(a) ? b : a;
    }
    // As integers with a sign, these order as the numbers do, -0 below +0.
    const int x = (a & 0x8000) != 0 ? -1 - (a & 0x7fff) : a;
    const int y = (b & 0x8000) != 0 ? -1 - (b & 0x7fff) : b;
    return (x > y) == LARGER ? a : b;
}
template <typename T, bool NANS, bool LARGER, unsigned FLAGS>
QUERN_INLINE u16 extremeOf(u16 a, u16 b) {
    if ((FLAGS & FLAG_FTZ) != 0) {
        if ((a & 0x7fff) < T::NORMAL) a &= 0x8000;
        if ((b & 0x7fff) < T::NORMAL) b &= 0x8000;
    }
    return extreme<T, NANS, LARGER>(a, b);
}
template <typename T, bool NANS, bool LARGER>
QUERN_INLINE u16 extremeOfMagnitudes(u16 a, u16 b) {
    const u16 x = extreme<T, NANS, LARGER>(a & 0x7fff, b & 0x7fff);
    return isNan<T>(x) ? x : u16((x & 0x7fff) | ((a ^ b) & 0x8000));
}
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 magnitude(u16 a) {
    return (FLAGS & FLAG_FTZ) != 0 && (a & 0x7fff) < T::NORMAL ? u16{0} : u16(a & 0x7fff);
}
template <typename T, unsigned FLAGS>
QUERN_INLINE u16 opposite(u16 a) {
    return (FLAGS & FLAG_FTZ) != 0 && (a & 0x7fff) < T::NORMAL ? u16(~a & 0x8000) : u16(a ^ 0x8000);
}

// Approximations, with the errors that the PTX ISA has in "Half Precision Floating Point Instructions".

struct Exp2OfF16 {
    static double value(double a) { return exp2Exactly(a); }
    static double error(double value) { return value * 0x1.125fbep-10; }  // 2^-9.9
};
struct Exp2OfBf16 : Exp2OfF16 {
    static double error(double value) { return value * 0x1p-7; }
};
struct TanhOfF16 {
    static double value(double a) { return tanhExactly(a); }
    static double error(double) { return 0x1.02502p-11; }  // 2^-10.987
};
struct TanhOfBf16 : TanhOfF16 {
    static double error(double) { return 0x1p-8; }
};
template <typename T, unsigned FLAGS, class F, Approximation WHERE>
u16 approximate(u16 h) {
    const double a = static_cast<double>(operand<T, FLAGS>(h));
    const double value = F::value(a);
    return finish<T, FLAGS>(placed<WHERE, T>(value, isFixed(a) || isFixed(value) ? 0 : F::error(value)));
}

/// F on both halves of a 32-bit register.
template <auto F>
struct Pair;
template <typename... A, u16 (*F)(A...)>
struct Pair<F> {
    template <typename>
    using Word = u32;
    QUERN_INLINE u32 apply(Word<A>... a) { return u32{F(u16(a)...)} | u32{F(u16(a >> 16)...)} << 16; }
};

constexpr InstructionClass FP16 = InstructionClass::FP16;
constexpr InstructionClass SPECIAL = InstructionClass::SPECIAL;

// A scalar instruction and its form on pairs. QUERN_ARGS keeps commas together.
#define BOTH(name, type, h, w, ...)                                    \
    {name "." #type, h, lanes<__VA_ARGS__>, FP16}, {                   \
        name "." #type "x2", w, lanes<&Pair<__VA_ARGS__>::apply>, FP16 \
    }
#define ARITHMETIC(op, h, w, F)                                                     \
    BOTH(op, f16, h, w, &F<F16, 0>), BOTH(op ".ftz", f16, h, w, &F<F16, FLAG_FTZ>), \
        BOTH(op ".sat", f16, h, w, &F<F16, FLAG_SAT>),                              \
        BOTH(op ".ftz.sat", f16, h, w, &F<F16, FLAG_FTZ | FLAG_SAT>), BOTH(op, bf16, h, w, &F<Bf16, 0>)
#define EXTREME(op, L)                                                                        \
    BOTH(op, f16, "h=hh", "w=ww", &extremeOf<F16, false, L, 0>),                              \
        BOTH(op ".ftz", f16, "h=hh", "w=ww", &extremeOf<F16, false, L, FLAG_FTZ>),            \
        BOTH(op ".NaN", f16, "h=hh", "w=ww", &extremeOf<F16, true, L, 0>),                    \
        BOTH(op ".ftz.NaN", f16, "h=hh", "w=ww", &extremeOf<F16, true, L, FLAG_FTZ>),         \
        BOTH(op ".xorsign.abs", f16, "h=hh", "w=ww", &extremeOfMagnitudes<F16, false, L>),    \
        BOTH(op ".NaN.xorsign.abs", f16, "h=hh", "w=ww", &extremeOfMagnitudes<F16, true, L>), \
        BOTH(op, bf16, "h=hh", "w=ww", &extremeOf<Bf16, false, L, 0>),                        \
        BOTH(op ".NaN", bf16, "h=hh", "w=ww", &extremeOf<Bf16, true, L, 0>),                  \
        BOTH(op ".xorsign.abs", bf16, "h=hh", "w=ww", &extremeOfMagnitudes<Bf16, false, L>),  \
        BOTH(op ".NaN.xorsign.abs", bf16, "h=hh", "w=ww", &extremeOfMagnitudes<Bf16, true, L>)

template <typename T, unsigned FLAGS, class F>
constexpr Handler approximately16 = approximated<lanes<&approximate<T, FLAGS, F, Approximation::EXACT>>,
                                                 lanes<&approximate<T, FLAGS, F, Approximation::LOW>>,
                                                 lanes<&approximate<T, FLAGS, F, Approximation::HIGH>>>;
template <typename T, unsigned FLAGS, class F>
constexpr Handler approximatelyPair =
    approximated<lanes<&Pair<&approximate<T, FLAGS, F, Approximation::EXACT>>::apply>,
                 lanes<&Pair<&approximate<T, FLAGS, F, Approximation::LOW>>::apply>,
                 lanes<&Pair<&approximate<T, FLAGS, F, Approximation::HIGH>>::apply>>;
#define APPROXIMATE(op, type, T, FLAGS, F)                                \
    {op "." #type, "h=h", approximately16<T, FLAGS, F>, SPECIAL}, {       \
        op "." #type "x2", "w=w", approximatelyPair<T, FLAGS, F>, SPECIAL \
    }

constexpr Entry TABLE[] = {
    ARITHMETIC("add", "h=hh", "w=ww", add),
    ARITHMETIC("add.rn", "h=hh", "w=ww", add),
    ARITHMETIC("sub", "h=hh", "w=ww", sub),
    ARITHMETIC("sub.rn", "h=hh", "w=ww", sub),
    ARITHMETIC("mul", "h=hh", "w=ww", mul),
    ARITHMETIC("mul.rn", "h=hh", "w=ww", mul),
    ARITHMETIC("fma.rn", "h=hhh", "w=www", fma),
    BOTH("fma.rn.relu", f16, "h=hhh", "w=www", &fma<F16, FLAG_RELU>),
    BOTH("fma.rn.ftz.relu", f16, "h=hhh", "w=www", &fma<F16, FLAG_FTZ | FLAG_RELU>),
    BOTH("fma.rn.relu", bf16, "h=hhh", "w=www", &fma<Bf16, FLAG_RELU>),
    EXTREME("min", false),
    EXTREME("max", true),
    BOTH("abs", f16, "h=h", "w=w", &magnitude<F16, 0>),
    BOTH("abs.ftz", f16, "h=h", "w=w", &magnitude<F16, FLAG_FTZ>),
    BOTH("neg", f16, "h=h", "w=w", &opposite<F16, 0>),
    BOTH("neg.ftz", f16, "h=h", "w=w", &opposite<F16, FLAG_FTZ>),
    BOTH("abs", bf16, "h=h", "w=w", &magnitude<Bf16, 0>),
    BOTH("neg", bf16, "h=h", "w=w", &opposite<Bf16, 0>),
    APPROXIMATE("ex2.approx", f16, F16, 0, Exp2OfF16),
    APPROXIMATE("ex2.approx.ftz", bf16, Bf16, FLAG_FTZ, Exp2OfBf16),
    APPROXIMATE("tanh.approx", f16, F16, 0, TanhOfF16),
    APPROXIMATE("tanh.approx", bf16, Bf16, 0, TanhOfBf16),
};

}  // namespace

Entries halfTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
