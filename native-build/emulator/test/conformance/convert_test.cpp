// cvt between every pair of types, its roundings, saturation, NaN and numbers out of range.
#include <algorithm>

#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

template <class T>
constexpr s128 leastValue() {
    return std::numeric_limits<T>::min();
}
template <class T>
constexpr s128 greatestValue() {
    return std::numeric_limits<T>::max();
}

template <class D>
D clamped(s128 value) {
    return static_cast<D>(std::clamp(value, leastValue<D>(), greatestValue<D>()));
}

#define FOR_INTEGERS(...) forTypes<u8, s8, u16, s16, u32, s32, u64, s64>(__VA_ARGS__)

// There is no conversion between bytes and bf16.
template <class I, class F>
constexpr bool CONVERTIBLE = !(sizeof(I) == 1 && std::is_same_v<F, bf16>);

TEST(Convert, IntegerToInteger) {
    FOR_INTEGERS([](auto source) {
        FOR_INTEGERS([](auto destination) {
            using S = decltype(source);
            using D = decltype(destination);
            const std::string types = typeName<D>() + "." + typeName<S>() + " %d, %a;";
            expectEach<D>(
                "cvt." + types, [](S a) { return static_cast<D>(a); }, edges<S>());
            // ".sat: clamped to the range of the destination type", allowed where a source can be outside of it.
            if constexpr (leastValue<S>() < leastValue<D>() || greatestValue<S>() > greatestValue<D>()) {
                expectEach<D>(
                    "cvt.sat." + types, [](S a) { return clamped<D>(a); }, edges<S>());
            }
        });
    });
}

// "If the destination register is wider than the type, the value is extended as its signedness says"; of a wider
// source register the low bits are taken.
TEST(Convert, BetweenWiderRegisters) {
    expectEach<u32>(
        "cvt.s8.s32 %d, %a;", [](u32 a) { return static_cast<u32>(s32{static_cast<s8>(a)}); }, edges<u32>());
    expectEach<u32>(
        "cvt.u8.u32 %d, %a;", [](u32 a) { return a & 0xff; }, edges<u32>());
    expectEach<u32>(
        "cvt.s16.s32 %d, %a;", [](u32 a) { return static_cast<u32>(s32{static_cast<s16>(a)}); },
        edges<u32>());
    expectEach<u64>(
        "cvt.s16.u64 %d, %a;", [](u64 a) { return static_cast<u64>(s64{static_cast<s16>(a)}); },
        edges<u64>());
    expectEach<u64>(
        "cvt.u64.u8 %d, %a;", [](u64 a) { return a & 0xff; }, edges<u64>());
    expectEach<s64>(
        "cvt.s64.s8 %d, %a;", [](u32 a) { return s64{static_cast<s8>(a)}; }, edges<u32>());
    expectEach<float>(
        "cvt.rn.f32.s8 %d, %a;", [](u32 a) { return static_cast<float>(static_cast<s8>(a)); }, edges<u32>());
    expectEach<float>(
        "cvt.rn.f32.u16 %d, %a;", [](u32 a) { return static_cast<float>(static_cast<u16>(a)); },
        edges<u32>());
    expectEach<u32>(
        "cvt.rzi.s8.f32 %d, %a;",
        [](float a) { return static_cast<u32>(s32{clamped<s8>(static_cast<s128>(a))}); },
        std::vector<float>{0, -1, -3.5f, 127, 128, -128, -129, 1000, -1000});
    expectEach<u64>(
        "cvt.u32.u64 %r0, %a; cvt.u64.u32 %d, %r0;", [](u64 a) { return a & 0xffffffff; }, edges<u64>());
}

struct Integral {
    const char* name;
    int mode;
};
const Integral INTEGRALS[] = {
    {"rni", FE_TONEAREST}, {"rzi", FE_TOWARDZERO}, {"rmi", FE_DOWNWARD}, {"rpi", FE_UPWARD}};

/// Around every integer limit and every half, and patternless.
template <class S>
std::vector<S> toBeIntegers() {
    std::vector<double> wide;
    for (double value : {0.25,    0.5,     0.75,    1.0,     1.5,     2.0,     2.5,    3.5,   0.49999997,
                         126.5,   127.0,   127.5,   128.0,   254.5,   255.0,   255.5,  256.0, 32766.5,
                         32767.0, 32767.5, 32768.0, 65534.0, 65535.0, 65535.5, 65536.0}) {
        wide.push_back(value);
    }
    for (int power : {31, 32, 63, 64}) {
        const double at = std::ldexp(1.0, power);
        for (double value : {at, std::nextafter(at, 0), double{std::nextafter(static_cast<float>(at), 0.0f)},
                             at - 0.5, at * (1 + 0x1p-23), at - 1}) {
            wide.push_back(value);
        }
    }
    std::vector<S> values = manyValues<S>(60);
    for (double value : wide) {
        for (double each : {value, -value}) {
            if constexpr (NARROW<S>)
                values.push_back(narrow<S>(each));
            else
                values.push_back(static_cast<S>(each));
        }
    }
    return values;
}

// "NaN becomes zero if the source is not .f64 and the destination is not .s64 or .u64; otherwise
// 1 << (BitWidth(dst) - 1)". Infinities and numbers out of range become the nearest limit.
template <class D, class S>
D toInteger(S a, int mode) {
    if (isNan(a)) {
        if (!std::is_same_v<S, double> && sizeof(D) < 8) return 0;
        return static_cast<D>(u64{1} << (8 * sizeof(D) - 1));
    }
    const double integral = under(
        mode, [](double x) { return std::nearbyint(x); }, toDouble(a));
    if (integral >= 0x1p100) return clamped<D>(greatestValue<s64>() * 4);
    if (integral <= -0x1p100) return clamped<D>(leastValue<s64>() * 4);
    return clamped<D>(static_cast<s128>(integral));
}

template <class S>
void expectToIntegers(int target = 80) {
    FOR_INTEGERS([&](auto destination) {
        using D = decltype(destination);
        if (!CONVERTIBLE<D, S>) return;
        for (const Integral& rounding : INTEGRALS) {
            expectEachOn<D>(
                target,
                std::string("cvt.") + rounding.name + "." + typeName<D>() + "." + typeName<S>() + " %d, %a;",
                [&](S a) { return toInteger<D>(a, rounding.mode); }, toBeIntegers<S>());
        }
    });
}

TEST(Convert, Fp32ToInteger) { expectToIntegers<float>(); }
TEST(Convert, Fp64ToInteger) { expectToIntegers<double>(); }
TEST(Convert, Fp16ToInteger) { expectToIntegers<f16>(); }
TEST(Convert, Bf16ToInteger) { expectToIntegers<bf16>(90); }

TEST(Convert, FlushesBeforeRoundingToInteger) {
    for (const Integral& rounding : INTEGRALS) {
        expectEach<s32>(
            std::string("cvt.") + rounding.name + ".ftz.s32.f32 %d, %a;",
            [&](float a) { return toInteger<s32>(flushed(a), rounding.mode); }, manyValues<float>());
    }
}

template <class D, class S>
D fromInteger(S a, int mode) {
    if constexpr (NARROW<D>) {
        // More than 53 bits do not fit a double: the lowest of them are gathered in one, as rounding to odd does.
        const u64 magnitude = a < 0 ? u64{0} - static_cast<u64>(a) : static_cast<u64>(a);
        const bool tooLong = magnitude > u64{1} << 50;
        const u64 kept = tooLong ? (magnitude & ~u64{0xfff}) | (magnitude & 0xfff ? 0x1000 : 0) : magnitude;
        return narrow<D>(a < 0 ? -static_cast<double>(kept) : static_cast<double>(kept), mode);
    } else {
        return under(
            mode, [](S operand) { return static_cast<D>(operand); }, a);
    }
}

template <class D>
void expectFromIntegers(int target = 80) {
    FOR_INTEGERS([&](auto source) {
        using S = decltype(source);
        if (!CONVERTIBLE<S, D>) return;
        for (const Rounding& rounding : ROUNDINGS) {
            expectEachOn<D>(
                target,
                std::string("cvt.") + rounding.name + "." + typeName<D>() + "." + typeName<S>() + " %d, %a;",
                [&](S a) { return fromInteger<D>(a, rounding.mode); }, manyValues<S>(100));
        }
    });
}

TEST(Convert, IntegerToFp32) { expectFromIntegers<float>(); }
TEST(Convert, IntegerToFp64) { expectFromIntegers<double>(); }
TEST(Convert, IntegerToFp16) { expectFromIntegers<f16>(); }
TEST(Convert, IntegerToBf16) { expectFromIntegers<bf16>(90); }

TEST(Convert, BetweenFp32AndFp64) {
    std::vector<double> doubles = manyValues<double>();
    for (float value : manyValues<float>()) {
        doubles.insert(doubles.end(), {double{value}, double{value} * (1 + 0x1p-30),
                                       double{value} * (1 + 0x1p-24), std::ldexp(double{value}, -20)});
    }
    for (const Rounding& rounding : ROUNDINGS) {
        const auto narrowed = [&](double a) {
            return under(
                rounding.mode, [](double x) { return static_cast<float>(x); }, a);
        };
        expectEach<float>(std::string("cvt.") + rounding.name + ".f32.f64 %d, %a;", narrowed, doubles);
        expectEach<float>(
            std::string("cvt.") + rounding.name + ".sat.f32.f64 %d, %a;",
            [&](double a) { return saturated(narrowed(a)); }, doubles);
    }
    expectEach<float>(
        "cvt.rz.ftz.f32.f64 %d, %a;",
        [](double a) {
            return flushed(under(
                FE_TOWARDZERO, [](double x) { return static_cast<float>(x); }, a));
        },
        doubles);
    expectEach<double>(
        "cvt.f64.f32 %d, %a;", [](float a) { return double{a}; }, manyValues<float>());
    expectEach<double>(
        "cvt.ftz.f64.f32 %d, %a;", [](float a) { return double{flushed(a)}; }, manyValues<float>());
}

template <class T>
std::vector<T> allHalves() {
    std::vector<T> values;
    for (u32 bits = 0; bits < 0x10000; bits++) values.push_back(T{static_cast<u16>(bits)});
    return values;
}

/// Each value of H, both its neighbours and the middle between it and the next.
template <class H, class S>
std::vector<S> nearHalves() {
    std::vector<S> values = manyValues<S>();
    const std::vector<H> all = allHalves<H>();
    for (std::size_t i = 0; i + 1 < all.size(); i += 211) {
        const double one = toDouble(all[i]), next = toDouble(all[i + 1]);
        if (!std::isfinite(one) || !std::isfinite(next)) continue;
        const S middle = static_cast<S>((one + next) / 2);
        for (S value :
             {static_cast<S>(one), middle, std::nextafter(middle, S(INFINITY)),
              std::nextafter(middle, -S(INFINITY)), std::nextafter(static_cast<S>(one), S(INFINITY))}) {
            values.push_back(value);
        }
    }
    const S most = static_cast<S>(toDouble(H{static_cast<u16>(H::INFINITY_BITS - 1)}));
    for (double factor : {1.0001, 1.0005, 1.002, 1.004, 1.01})
        values.push_back(static_cast<S>(most * factor));
    return values;
}

TEST(Convert, WidensFp16AndBf16Exactly) {
    expectEach<float>(
        "cvt.f32.f16 %d, %a;", [](f16 a) { return static_cast<float>(toDouble(a)); }, allHalves<f16>());
    expectEach<double>("cvt.f64.f16 %d, %a;", toDouble<f16>, allHalves<f16>());
    expectEach<float>(
        "cvt.ftz.f32.f16 %d, %a;", [](f16 a) { return static_cast<float>(toDouble(a)); }, allHalves<f16>());
    expectEachOn<float>(
        90, "cvt.f32.bf16 %d, %a;", [](bf16 a) { return static_cast<float>(toDouble(a)); },
        allHalves<bf16>());
}

TEST(Convert, NarrowsToFp16) {
    for (const Rounding& rounding : ROUNDINGS) {
        const std::string name = std::string("cvt.") + rounding.name;
        expectEach<f16>(
            name + ".f16.f32 %d, %a;", [&](float a) { return narrow<f16>(a, rounding.mode); },
            nearHalves<f16, float>());
        expectEach<f16>(
            name + ".f16.f64 %d, %a;", [&](double a) { return narrow<f16>(a, rounding.mode); },
            nearHalves<f16, double>());
    }
    expectEach<f16>(
        "cvt.rn.sat.f16.f32 %d, %a;", [](float a) { return saturated(narrow<f16>(a)); },
        nearHalves<f16, float>());
}

TEST(Convert, NarrowsToBf16) {
    const auto values = nearHalves<bf16, float>();
    // "Clamps negative results to 0": whether -0 is one is left open.
    const auto relu = [](bf16 value) {
        if (isNan(value) || toDouble(value) > 0) return Either<bf16>{value, value};
        return Either<bf16>{bf16{0}, toDouble(value) == 0 ? value : bf16{0}};
    };
    expectEach<bf16>(
        "cvt.rn.bf16.f32 %d, %a;", [](float a) { return narrow<bf16>(a); }, values);
    expectEach<bf16>(
        "cvt.rz.bf16.f32 %d, %a;", [](float a) { return narrow<bf16>(a, FE_TOWARDZERO); }, values);
    expectEach<bf16>(
        "cvt.rn.relu.bf16.f32 %d, %a;", [&](float a) { return relu(narrow<bf16>(a)); }, values);
    expectEach<u16>(
        "cvt.rn.bf16.f32 %d, %a;", [](float) { return u16{0x7fff}; },
        std::vector<float>{NAN, -NAN, std::bit_cast<float>(0x7f800001u), std::bit_cast<float>(0xffffffffu)});
}

// "For .f16x2/.bf16x2 from two .f32: the converted a goes to the upper half of d, b to the lower."
/// x to a multiple of 2^(exponent - 10), in FP64, whose rounding to whole numbers is known to be right.
float tf32(float x, double (*round)(double)) {
    if (!std::isfinite(x) || x == 0) return x;
    const int exponent = std::max(std::ilogb(x), -126) - 10;
    const double result = std::ldexp(round(std::ldexp(double{x}, -exponent)), exponent);
    return std::abs(result) < 0x1p128 ? static_cast<float>(result) : std::copysign(INFINITY, x);
}

// ".rna: round to nearest, ties away from zero"; TF32 has 10 bits of fraction, and what is below them is zero.
TEST(Convert, NarrowsToTf32) {
    auto values = manyValues<float>(2000);
    for (u32 tie :
         {0x3f801000U, 0x3f803000U, 0xbf801000U, 0x3f800fffU, 0x00001000U, 0x7f7fefffU, 0x7f7ff000U})
        values.push_back(std::bit_cast<float>(tie));
    const auto bits = [](float x) { return std::isnan(x) ? 0x7fffffff : std::bit_cast<u32>(x); };
    const auto relu = [&](float x) { return std::isnan(x) ? bits(x) : std::signbit(x) ? 0 : bits(x); };
    expectEach<u32>(
        "cvt.rna.tf32.f32 %d, %a;", [&](float a) { return bits(tf32(a, std::round)); }, values);
    expectEach<u32>(
        "cvt.rna.satfinite.tf32.f32 %d, %a;",
        [&](float a) {
            const float result = tf32(a, std::round);
            return std::isinf(result) ? (std::signbit(a) ? 0xff7fe000 : 0x7f7fe000) : bits(result);
        },
        values);
    expectEachOn<u32>(
        90, "cvt.rn.tf32.f32 %d, %a;", [&](float a) { return bits(tf32(a, std::nearbyint)); }, values);
    expectEachOn<u32>(
        90, "cvt.rn.relu.tf32.f32 %d, %a;", [&](float a) { return relu(tf32(a, std::nearbyint)); }, values);
    expectEachOn<u32>(
        90, "cvt.rz.tf32.f32 %d, %a;", [&](float a) { return bits(tf32(a, std::trunc)); }, values);
    expectEachOn<u32>(
        90, "cvt.rz.relu.tf32.f32 %d, %a;", [&](float a) { return relu(tf32(a, std::trunc)); }, values);
}

TEST(Convert, PacksTwo) {
    const auto some = [](auto values) {
        decltype(values) chosen;
        for (std::size_t i = 0; i < values.size(); i += 17) chosen.push_back(values[i]);
        return chosen;
    };
    const auto f16s = some(nearHalves<f16, float>());
    const auto bf16s = some(nearHalves<bf16, float>());
    const auto noNan = [](float a, float b) { return !std::isnan(a) && !std::isnan(b); };
    std::vector<std::tuple<float, float>> f16Rows, bf16Rows;
    for (const auto& [a, b] : product(f16s, f16s)) {
        if (noNan(a, b)) f16Rows.emplace_back(a, b);
    }
    for (const auto& [a, b] : product(bf16s, bf16s)) {
        if (noNan(a, b)) bf16Rows.emplace_back(a, b);
    }
    const auto packed = [](auto a, auto b) { return u32{a.bits} << 16 | b.bits; };
    const auto relu = [](auto value) { return toDouble(value) > 0 ? value : decltype(value){0}; };
    for (const Rounding& rounding : {ROUNDINGS[0], ROUNDINGS[1]}) {
        const std::string name = std::string("cvt.") + rounding.name;
        const int mode = rounding.mode;
        expectRows<u32>(
            name + ".f16x2.f32 %d, %a, %b;",
            [&](float a, float b) { return packed(narrow<f16>(a, mode), narrow<f16>(b, mode)); }, f16Rows);
        expectRows<u32>(
            name + ".bf16x2.f32 %d, %a, %b;",
            [&](float a, float b) { return packed(narrow<bf16>(a, mode), narrow<bf16>(b, mode)); }, bf16Rows);
    }
    expectRows<u32>(
        "cvt.rn.relu.f16x2.f32 %d, %a, %b;",
        [&](float a, float b) { return packed(relu(narrow<f16>(a)), relu(narrow<f16>(b))); }, f16Rows);
}

// "d = integral value of a", of the same type; zeros keep the sign of a.
TEST(Convert, RoundsToIntegralFloats) {
    forTypes<float, double, f16>([](auto zero) {
        using T = decltype(zero);
        for (const Integral& rounding : INTEGRALS) {
            expectEach<T>(
                std::string("cvt.") + rounding.name + "." + typeName<T>() + "." + typeName<T>() + " %d, %a;",
                [&](T a) {
                    const double integral = under(
                        rounding.mode, [](double x) { return std::nearbyint(x); }, toDouble(a));
                    if constexpr (NARROW<T>)
                        return narrow<T>(integral);
                    else
                        return static_cast<T>(integral);
                },
                toBeIntegers<T>());
        }
    });
    expectEach<float>(
        "cvt.sat.f32.f32 %d, %a;", [](float a) { return saturated(a); }, manyValues<float>());
    expectEach<float>(
        "cvt.rpi.ftz.sat.f32.f32 %d, %a;", [](float a) { return saturated(std::ceil(flushed(a))); },
        toBeIntegers<float>());
    expectEach<float>(
        "cvt.ftz.f32.f32 %d, %a;", [](float a) { return flushed(a); }, manyValues<float>());
}

}  // namespace
}  // namespace quern::emulator
