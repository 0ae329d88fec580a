// FP32 and FP64 arithmetic that PTX rounds exactly: add sub mul fma mad div rcp sqrt in four roundings, with .ftz and
// .sat; min max abs neg copysign.
#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

constexpr auto DIV = [](auto a, auto b) { return a / b; };
constexpr auto SQRT = [](auto a) { return std::sqrt(a); };
constexpr auto RCP = [](auto a) { return decltype(a){1} / a; };

template <class T>
std::vector<T> few() {
    std::vector<T> values = edges<T>();
    for (T value : randomBits<T>(10, 3)) values.push_back(value);
    return values;
}

template <class T>
std::vector<T> fewest() {
    const std::vector<T> all = few<T>();
    std::vector<T> values;
    for (std::size_t i = 0; i < all.size(); i += 2) values.push_back(i % 4 == 0 ? all[i] : -all[i]);
    return values;
}

template <class T, class F, class... Operands>
void expectRounded(const std::string& operation, const std::string& registers, F f, bool defaultToo,
                   const Operands&... operands) {
    for (const Rounding& rounding : ROUNDINGS) {
        expectEach<T>(
            operation + "." + rounding.name + "." + typeName<T>() + registers,
            [&](auto... values) { return under(rounding.mode, f, values...); }, operands...);
    }
    if (!defaultToo) return;
    expectEach<T>(
        operation + "." + typeName<T>() + registers,
        [&](auto... values) { return under(FE_TONEAREST, f, values...); }, operands...);
}

TEST(Float, AddSubMul) {
    forTypes<float, double>([](auto zero) {
        using T = decltype(zero);
        expectRounded<T>("add", " %d, %a, %b;", ADD, true, few<T>(), few<T>());
        expectRounded<T>("sub", " %d, %a, %b;", SUB, true, few<T>(), few<T>());
        expectRounded<T>("mul", " %d, %a, %b;", MUL, true, few<T>(), few<T>());
    });
}

TEST(Float, FmaAndMad) {
    forTypes<float, double>([](auto zero) {
        using T = decltype(zero);
        expectRounded<T>("fma", " %d, %a, %b, %c;", FMA, false, fewest<T>(), fewest<T>(), fewest<T>());
        expectRounded<T>("mad", " %d, %a, %b, %c;", FMA, false, fewest<T>(), fewest<T>(), fewest<T>());
    });
}

// Products whose low half decides the rounding of the sum: a fused operation keeps it, two roundings lose it.
TEST(Float, FmaRoundsOnce) {
    std::vector<std::tuple<float, float, float>> rows;
    const std::vector<float> values = randomBits<float>(4000, 11);
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
        const float a = std::ldexp(1 + std::abs(std::remainder(values[i], 1.0f)), 3);
        const float b = 1 + std::abs(std::remainder(values[i + 1], 1.0f));
        if (std::isnan(a) || std::isnan(b)) continue;
        rows.emplace_back(a, b, -(a * b));
        rows.emplace_back(a, b, -(a * b) * 0x1p-20f);
    }
    for (const Rounding& rounding : ROUNDINGS) {
        expectRows<float>(
            std::string("fma.") + rounding.name + ".f32 %d, %a, %b, %c;",
            [&](float a, float b, float c) { return under(rounding.mode, FMA, a, b, c); }, rows);
    }
}

TEST(Float, DivRcpSqrt) {
    forTypes<float, double>([](auto zero) {
        using T = decltype(zero);
        expectRounded<T>("div", " %d, %a, %b;", DIV, false, few<T>(), few<T>());
        expectRounded<T>("rcp", " %d, %a;", RCP, false, manyValues<T>());
        expectRounded<T>("sqrt", " %d, %a;", SQRT, false, manyValues<T>());
    });
}

TEST(Float, FlushesSubnormalInputsAndResults) {
    const auto expectFlushed = [](const std::string& operation, auto f, const auto&... operands) {
        expectEach<float>(
            operation,
            [&](auto... values) { return flushedResult(under(FE_TONEAREST, f, flushed(values)...)); },
            operands...);
    };
    expectFlushed("add.ftz.f32 %d, %a, %b;", ADD, few<float>(), few<float>());
    expectFlushed("sub.rn.ftz.f32 %d, %a, %b;", SUB, few<float>(), few<float>());
    expectFlushed("mul.ftz.f32 %d, %a, %b;", MUL, few<float>(), few<float>());
    expectFlushed("fma.rn.ftz.f32 %d, %a, %b, %c;", FMA, fewest<float>(), fewest<float>(), fewest<float>());
    expectFlushed("div.rn.ftz.f32 %d, %a, %b;", DIV, few<float>(), few<float>());
    expectFlushed("rcp.rn.ftz.f32 %d, %a;", RCP, manyValues<float>());
    expectFlushed("sqrt.rn.ftz.f32 %d, %a;", SQRT, manyValues<float>());
    expectFlushed(
        "abs.ftz.f32 %d, %a;", [](float a) { return std::abs(a); }, manyValues<float>());
    expectFlushed(
        "neg.ftz.f32 %d, %a;", [](float a) { return -a; }, manyValues<float>());
}

TEST(Float, Saturates) {
    const auto expectSaturated = [](const std::string& operation, auto f, const auto&... operands) {
        expectEach<float>(
            operation, [&](auto... values) { return saturated(under(FE_TONEAREST, f, values...)); },
            operands...);
    };
    std::vector<float> values = few<float>();
    values.insert(values.end(), {0.25f, -0.25f, 0.75f, 0.999f});
    expectSaturated("add.sat.f32 %d, %a, %b;", ADD, values, values);
    expectSaturated("sub.sat.f32 %d, %a, %b;", SUB, values, values);
    expectSaturated("mul.sat.f32 %d, %a, %b;", MUL, values, values);
    expectSaturated("fma.rn.sat.f32 %d, %a, %b, %c;", FMA, values, fewest<float>(), fewest<float>());
    expectEach<float>(
        "add.rz.ftz.sat.f32 %d, %a, %b;",
        [](float a, float b) {
            return saturated(flushed(under(FE_TOWARDZERO, ADD, flushed(a), flushed(b))));
        },
        std::vector<float>{0.25f, -0.25f, 0.3f, 7, 0x1p-140f, NAN, INFINITY},
        std::vector<float>{0.5f, 0.1f, 0x1p-140f, -0.5f, -8});
}

// Where one operand is NaN the other is the result; -0 is less than +0. With .NaN any NaN gives the canonical one.
template <class T>
T least(T a, T b) {
    if (isNan(a)) return b;
    if (isNan(b)) return a;
    if (toDouble(a) == toDouble(b)) return std::signbit(toDouble(a)) ? a : b;
    return toDouble(a) < toDouble(b) ? a : b;
}

template <class T>
T greatest(T a, T b) {
    if (isNan(a)) return b;
    if (isNan(b)) return a;
    if (toDouble(a) == toDouble(b)) return std::signbit(toDouble(a)) ? b : a;
    return toDouble(a) > toDouble(b) ? a : b;
}

TEST(Float, MinAndMax) {
    forTypes<float, double>([](auto zero) {
        using T = decltype(zero);
        expectEach<T>("min." + typeName<T>() + " %d, %a, %b;", least<T>, few<T>(), few<T>());
        expectEach<T>("max." + typeName<T>() + " %d, %a, %b;", greatest<T>, few<T>(), few<T>());
    });
    expectEach<float>(
        "min.ftz.f32 %d, %a, %b;", [](float a, float b) { return least(flushed(a), flushed(b)); },
        few<float>(), few<float>());
    expectEach<float>(
        "max.ftz.f32 %d, %a, %b;", [](float a, float b) { return greatest(flushed(a), flushed(b)); },
        few<float>(), few<float>());
}

TEST(Float, MinAndMaxGiveTheCanonicalNan) {
    constexpr u32 CANONICAL = 0x7fffffff;
    const std::vector<float> values = few<float>();
    const auto unlessNan = [](float a, float b, float result) {
        return std::isnan(a) || std::isnan(b) ? CANONICAL : std::bit_cast<u32>(result);
    };
    expectEach<u32>(
        "min.NaN.f32 %d, %a, %b;", [&](float a, float b) { return unlessNan(a, b, least(a, b)); }, values,
        values);
    expectEach<u32>(
        "max.NaN.f32 %d, %a, %b;", [&](float a, float b) { return unlessNan(a, b, greatest(a, b)); }, values,
        values);
    expectEach<u32>(
        "max.ftz.NaN.f32 %d, %a, %b;",
        [&](float a, float b) { return unlessNan(a, b, greatest(flushed(a), flushed(b))); }, values, values);
}

TEST(Float, AbsNegCopysign) {
    forTypes<float, double>([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "abs." + typeName<T>() + " %d, %a;", [](T a) { return std::abs(a); }, manyValues<T>());
        expectEach<T>(
            "neg." + typeName<T>() + " %d, %a;", [](T a) { return -a; }, manyValues<T>());
        // "Copy sign bit of a into value of b": bits, NaN included.
        using U = std::conditional_t<sizeof(T) == 4, u32, u64>;
        expectEach<U>(
            "copysign." + typeName<T>() + " %d, %a, %b;",
            [](T a, T b) { return std::bit_cast<U>(std::copysign(b, a)); }, few<T>(), few<T>());
    });
}

TEST(Float, ImmediatesOfEverySpelling) {
    expectEach<float>(
        "add.f32 %d, %a, 0f3FC00000;", [](float a) { return a + 1.5f; }, few<float>());
    expectEach<float>(
        "add.f32 %d, %a, 0.1;", [](float a) { return a + 0.1f; }, few<float>());
    expectEach<float>(
        "mul.f32 %d, %a, -0.0025;", [](float a) { return a * -2.5e-3f; }, few<float>());
    expectEach<double>(
        "add.f64 %d, %a, 0d3FB999999999999A;", [](double a) { return a + 0.1; }, few<double>());
    expectEach<double>(
        "fma.rn.f64 %d, %a, 0dBFF0000000000000, 0d7FF0000000000000;",
        [](double a) { return std::fma(a, -1.0, HUGE_VAL); }, few<double>());
}

}  // namespace
}  // namespace quern::emulator
