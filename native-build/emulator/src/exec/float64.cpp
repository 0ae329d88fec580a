// FP64 arithmetic. NaN payloads pass through as the host's do: PTX leaves them open.
#include "exec/rounding.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

QUERN_INLINE double add(double a, double b) { return a + b; }
QUERN_INLINE double sub(double a, double b) { return a - b; }
QUERN_INLINE double mul(double a, double b) { return a * b; }
QUERN_INLINE double quotient(double a, double b) { return a / b; }
QUERN_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
QUERN_INLINE double reciprocal(double a) { return 1.0 / a; }
QUERN_INLINE double squareRoot(double a) { return __builtin_sqrt(a); }

template <auto F>
struct Directed {
    __attribute__((noinline)) static void all(Warp& warp, const Op& op) { Apply<F>::run(warp, op); }
    static void run(Warp& warp, const Op& op) {
        const RoundingScope scope(op.flags & ROUND_MASK);
        all(warp, op);
    }
};

// Of two zeros, -0 is the smaller; a number wins over a NaN.
QUERN_INLINE double least(double a, double b) {
    const double equal =
        std::bit_cast<double>(std::bit_cast<std::uint64_t>(a) | std::bit_cast<std::uint64_t>(b));
    return a < b ? a : a > b ? b : a == b ? equal : a != a ? b : a;
}
QUERN_INLINE double greatest(double a, double b) {
    const double equal =
        std::bit_cast<double>(std::bit_cast<std::uint64_t>(a) & std::bit_cast<std::uint64_t>(b));
    return a > b ? a : a < b ? b : a == b ? equal : a != a ? b : a;
}
QUERN_INLINE double magnitude(double a) { return __builtin_fabs(a); }
QUERN_INLINE double opposite(double a) { return -a; }
QUERN_INLINE double withSign(double sign, double magnitudeOf) {
    return __builtin_copysign(magnitudeOf, sign);
}

template <bool (*TEST)(double)>
void testProperty(Warp& warp, const Op& op) {
    const double* a = lanesOf<double>(warp, op.a);
    writePredicate(warp, op.dst, maskWhere<std::uint64_t>([=](int i) { return TEST(a[i]); }));
}
constexpr std::uint64_t INFINITE = 0x7ff0000000000000;
constexpr std::uint64_t SMALLEST_NORMAL = 0x0010000000000000;
QUERN_INLINE std::uint64_t magnitudeBits(double a) {
    return std::bit_cast<std::uint64_t>(a) & 0x7fffffffffffffff;
}
QUERN_INLINE bool isFinite(double a) { return magnitudeBits(a) < INFINITE; }
QUERN_INLINE bool isInfinite(double a) { return magnitudeBits(a) == INFINITE; }
QUERN_INLINE bool isNumber(double a) { return a == a; }
QUERN_INLINE bool isNotNumber(double a) { return a != a; }
QUERN_INLINE bool isSubnormal(double a) {
    return magnitudeBits(a) < SMALLEST_NORMAL && magnitudeBits(a) != 0;
}
QUERN_INLINE bool isNormal(double a) { return isFinite(a) && !isSubnormal(a); }  // PTX counts zeros as normal

constexpr InstructionClass FP64 = InstructionClass::FP64;

#define ROUNDED(name, sig, F)                                                                           \
    {name ".rn.f64", sig, lanes<F>, FP64}, {name ".rz.f64", sig, &Directed<&F>::run, FP64, ROUND_ZERO}, \
        {name ".rm.f64", sig, &Directed<&F>::run, FP64, ROUND_DOWN}, {                                  \
        name ".rp.f64", sig, &Directed<&F>::run, FP64, ROUND_UP                                         \
    }

constexpr Entry TABLE[] = {
    {"add.f64", "F=FF", lanes<add>, FP64},
    {"sub.f64", "F=FF", lanes<sub>, FP64},
    {"mul.f64", "F=FF", lanes<mul>, FP64},
    ROUNDED("add", "F=FF", add),
    ROUNDED("sub", "F=FF", sub),
    ROUNDED("mul", "F=FF", mul),
    ROUNDED("fma", "F=FFF", fma),
    ROUNDED("mad", "F=FFF", fma),
    ROUNDED("div", "F=FF", quotient),
    ROUNDED("rcp", "F=F", reciprocal),
    ROUNDED("sqrt", "F=F", squareRoot),
    {"min.f64", "F=FF", lanes<least>, FP64},
    {"max.f64", "F=FF", lanes<greatest>, FP64},
    {"abs.f64", "F=F", lanes<magnitude>, FP64},
    {"neg.f64", "F=F", lanes<opposite>, FP64},
    {"copysign.f64", "F=FF", lanes<withSign>, FP64},
    {"testp.finite.f64", "p=F", testProperty<isFinite>, FP64},
    {"testp.infinite.f64", "p=F", testProperty<isInfinite>, FP64},
    {"testp.number.f64", "p=F", testProperty<isNumber>, FP64},
    {"testp.notanumber.f64", "p=F", testProperty<isNotNumber>, FP64},
    {"testp.normal.f64", "p=F", testProperty<isNormal>, FP64},
    {"testp.subnormal.f64", "p=F", testProperty<isSubnormal>, FP64},
};

}  // namespace

Entries float64Table() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
