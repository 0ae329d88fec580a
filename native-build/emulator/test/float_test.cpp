// FP32, FP64, FP16 and BF16 arithmetic, against the host's in each rounding mode, or against wider types.
#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

struct Mode {
    const char* name;
    int host;
};
constexpr Mode MODES[] = {
    {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

template <typename T>
std::vector<T> interestingFloats() {
    using Limits = std::numeric_limits<T>;
    std::vector<T> values{0,
                          T(-0.0),
                          1,
                          -1,
                          T(1.5),
                          T(1) + Limits::epsilon(),
                          T(1) - Limits::epsilon() / 2,
                          Limits::max(),
                          Limits::lowest(),
                          Limits::min(),
                          Limits::denorm_min(),
                          -Limits::denorm_min(),
                          Limits::min() - Limits::denorm_min(),
                          Limits::infinity(),
                          -Limits::infinity(),
                          Limits::quiet_NaN(),
                          T(0.1),
                          T(3e7)};
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    for (int i = 0; i < 8; i++) values.push_back(static_cast<T>(normal(random) * std::pow(2.0, i * 5 - 20)));
    return values;
}

/// f at the host in a rounding mode; volatile, so that it is not computed when this is compiled.
template <typename T>
T rounded(int mode, const std::function<T()>& f) {
    std::fesetround(mode);
    volatile T result = f();
    std::fesetround(FE_TONEAREST);
    return result;
}

void expectSame(float actual, float expected, const std::string& what) {
    const auto bits = std::bit_cast<std::uint32_t>(actual);
    if (std::isnan(expected)) {
        EXPECT_EQ(bits, 0x7fffffffU) << what << ": FP32's only NaN";
    } else {
        EXPECT_EQ(bits, std::bit_cast<std::uint32_t>(expected))
            << what << ": " << actual << " for " << expected;
    }
}
void expectSame(double actual, double expected, const std::string& what) {
    if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(actual)) << what;
    } else {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(actual), std::bit_cast<std::uint64_t>(expected)) << what;
    }
}

template <typename T>
void binaryInAllModes(const std::string& opcode, T (*f)(T, T)) {
    const auto [a, b] = pairs(interestingFloats<T>());
    for (const Mode& mode : MODES) {
        const std::string full = opcode + "." + mode.name + (sizeof(T) == 4 ? ".f32" : ".f64");
        const auto d = Instruction(full).template of<T>(a, b);
        for (std::size_t i = 0; i < a.size(); i++) {
            volatile T x = a[i];
            volatile T y = b[i];
            const T expected = rounded<T>(mode.host, [&] { return f(x, y); });
            expectSame(d[i], expected, full + " of " + std::to_string(x) + ", " + std::to_string(y));
        }
    }
}

template <typename T>
class FloatOf : public testing::Test {};
using FloatTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(FloatOf, FloatTypes);

TYPED_TEST(FloatOf, ArithmeticInAllRoundingModes) {
    using T = TypeParam;
    binaryInAllModes<T>("add", [](T a, T b) -> T { return a + b; });
    binaryInAllModes<T>("sub", [](T a, T b) -> T { return a - b; });
    binaryInAllModes<T>("mul", [](T a, T b) -> T { return a * b; });
    binaryInAllModes<T>("div", [](T a, T b) -> T { return a / b; });
}

TYPED_TEST(FloatOf, FusedMultiplyAddRoundsOnce) {
    using T = TypeParam;
    const auto [a, b] = pairs(interestingFloats<T>());
    std::vector<T> c;
    for (std::size_t i = 0; i < a.size(); i++) c.push_back(i % 3 == 0 ? -a[i] * b[i] : a[(i * 7) % a.size()]);
    for (const Mode& mode : MODES) {
        const auto d = Instruction(std::string("fma.") + mode.name + (sizeof(T) == 4 ? ".f32" : ".f64"))
                           .template of<T>(a, b, c);
        for (std::size_t i = 0; i < a.size(); i++) {
            expectSame(d[i], rounded<T>(mode.host, [&] { return std::fma(a[i], b[i], c[i]); }), mode.name);
        }
    }
}

TYPED_TEST(FloatOf, RootsAndReciprocals) {
    using T = TypeParam;
    const auto a = interestingFloats<T>();
    const std::string type = sizeof(T) == 4 ? ".f32" : ".f64";
    for (const Mode& mode : MODES) {
        const auto root = Instruction(std::string("sqrt.") + mode.name + type).template of<T>(a);
        const auto inverse = Instruction(std::string("rcp.") + mode.name + type).template of<T>(a);
        for (std::size_t i = 0; i < a.size(); i++) {
            volatile T x = a[i];
            expectSame(root[i], rounded<T>(mode.host, [&] { return std::sqrt(T(x)); }), "sqrt");
            expectSame(inverse[i], rounded<T>(mode.host, [&] { return T(1) / x; }), "rcp");
        }
    }
}

TYPED_TEST(FloatOf, MinimumAndMaximumPreferNumbersAndOrderZeros) {
    using T = TypeParam;
    const auto [a, b] = pairs(interestingFloats<T>());
    const std::string type = sizeof(T) == 4 ? ".f32" : ".f64";
    const auto least = Instruction("min" + type).template of<T>(a, b);
    const auto most = Instruction("max" + type).template of<T>(a, b);
    for (std::size_t i = 0; i < a.size(); i++) {
        T low = std::fmin(a[i], b[i]);
        T high = std::fmax(a[i], b[i]);
        if (a[i] == 0 && b[i] == 0) {
            low = std::signbit(a[i]) || std::signbit(b[i]) ? T(-0.0) : T(0);
            high = std::signbit(a[i]) && std::signbit(b[i]) ? T(-0.0) : T(0);
        }
        expectSame(least[i], low, "min");
        expectSame(most[i], high, "max");
    }
}

TEST(Float, FlushesSubnormalOperandsAndResults) {
    const float tiny = std::numeric_limits<float>::denorm_min();
    const float least = std::numeric_limits<float>::min();
    const std::vector<float> a{tiny, -tiny, least, -least, 1};
    const std::vector<float> b{1, 1, 0.5F, 0.5F, tiny};
    const auto product = Instruction("mul.rn.ftz.f32").of<float>(a, b);
    const std::vector<float> expected{0, -0.0F, 0, -0.0F, 0};
    for (std::size_t i = 0; i < a.size(); i++) expectSame(product[i], expected[i], "mul.ftz");
    expectSame(Instruction("mul.rn.f32").of<float>(a, b)[0], tiny, "without .ftz");
}

TEST(Float, SaturatesToTheUnitInterval) {
    const std::vector<float> a{-1, 0.25F, 2, std::nanf("")};
    const auto d = Instruction("add.sat.f32").of<float>(a, std::vector<float>(4, 0));
    EXPECT_EQ(d, (std::vector<float>{0, 0.25F, 1, 0}));
}

TEST(Float, SignsAndMagnitudes) {
    const std::vector<float> a{1, -2, 0, -0.0F};
    EXPECT_EQ(Instruction("abs.f32").of<float>(a), (std::vector<float>{1, 2, 0, 0}));
    EXPECT_TRUE(std::signbit(Instruction("neg.f32").of<float>(a)[2]));
    // copysign d, a, b: the sign of a, the magnitude of b.
    EXPECT_EQ(Instruction("copysign.f32").of<float>(a, std::vector<float>{-3, 3, -3, 3}),
              (std::vector<float>{3, -3, 3, -3}));
}

TEST(Float, ApproximationsKeepTheirDocumentedErrors) {
    std::vector<float> a;
    for (int i = -300; i <= 300; i++) a.push_back(static_cast<float>(i) / 100);
    const auto exp2 = Instruction("ex2.approx.f32").of<float>(a);
    const auto sine = Instruction("sin.approx.f32").of<float>(a);
    const auto cosine = Instruction("cos.approx.f32").of<float>(a);
    const auto tanh = Instruction("tanh.approx.f32").of<float>(a);
    for (std::size_t i = 0; i < a.size(); i++) {
        EXPECT_NEAR(exp2[i], std::exp2(double{a[i]}), std::exp2(double{a[i]}) * 0x1p-22);
        EXPECT_NEAR(sine[i], std::sin(double{a[i]}), 0x1p-20);
        EXPECT_NEAR(cosine[i], std::cos(double{a[i]}), 0x1p-20);
        EXPECT_NEAR(tanh[i], std::tanh(double{a[i]}), 0x1p-11);
    }
    const std::vector<float> edges{0, -0.0F, INFINITY, 1e-42F};
    EXPECT_EQ(Instruction("rcp.approx.ftz.f32").of<float>(edges),
              (std::vector<float>{INFINITY, -INFINITY, 0, INFINITY}));
    EXPECT_EQ(Instruction("rsqrt.approx.f32").of<float>(std::vector<float>{4, INFINITY, 0})[0], 0.5F);
    EXPECT_EQ(Instruction("lg2.approx.f32").of<float>(std::vector<float>{8})[0], 3);
}

// Half precision.

double fromF16(std::uint16_t h) {
    const int exponent = h >> 10 & 31;
    const int mantissa = h & 1023;
    const double sign = (h & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
    return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}
double fromBf16(std::uint16_t h) { return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16); }

/// The nearest of all 65,536 values, ties to the even one: slow and obvious. `exact` has as many digits as it takes.
std::uint16_t nearest(long double exact, double (*widen)(std::uint16_t), std::uint16_t infinite) {
    if (std::isnan(exact)) return 0x7fff;
    const std::uint16_t sign = std::signbit(exact) ? 0x8000 : 0;
    const long double magnitude = std::fabs(exact);
    std::uint16_t low = 0;
    std::uint16_t high = infinite;
    while (high - low > 1) {
        const auto middle = static_cast<std::uint16_t>((low + high) / 2);
        (static_cast<long double>(widen(middle)) <= magnitude ? low : high) = middle;
    }
    if (std::isinf(magnitude)) return sign | infinite;
    // Beyond the largest, the next step would be as far again.
    const long double below = widen(low);
    const long double above =
        high == infinite ? 2 * below - static_cast<long double>(widen(static_cast<std::uint16_t>(low - 1)))
                         : static_cast<long double>(widen(high));
    const long double down = magnitude - below;
    const long double up = above - magnitude;
    const bool takeHigh = up < down || (up == down && (low & 1) != 0);
    return sign | (takeHigh ? high : low);
}

std::vector<std::uint16_t> halves() {
    std::vector<std::uint16_t> values{0,      0x8000, 1,      0x8001, 0x03ff, 0x0400, 0x3c00,
                                      0x3c01, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00,
                                      0x3f80, 0x3f81, 0x7f7f, 0x0080, 0x007f, 0x7f80, 0x4248};
    std::mt19937 random(5);
    for (int i = 0; i < 12; i++) values.push_back(static_cast<std::uint16_t>(random()));
    return values;
}

void halfArithmetic(const std::string& type, double (*widen)(std::uint16_t), std::uint16_t infinite) {
    const auto [a, b] = pairs(halves());
    std::vector<std::uint16_t> c;
    for (std::size_t i = 0; i < a.size(); i++) c.push_back(b[(5 * i + 3) % b.size()]);
    const auto sum = Instruction("add.rn." + type).of<std::uint16_t>(a, b);
    const auto difference = Instruction("sub.rn." + type).of<std::uint16_t>(a, b);
    const auto product = Instruction("mul.rn." + type).of<std::uint16_t>(a, b);
    const auto fused = Instruction("fma.rn." + type).of<std::uint16_t>(a, b, c);
    for (std::size_t i = 0; i < a.size(); i++) {
        const long double x = widen(a[i]);
        const long double y = widen(b[i]);
        const long double z = widen(c[i]);
        EXPECT_EQ(sum[i], nearest(x + y, widen, infinite)) << type << " " << a[i] << " + " << b[i];
        EXPECT_EQ(difference[i], nearest(x - y, widen, infinite)) << type << " " << a[i] << " - " << b[i];
        EXPECT_EQ(product[i], nearest(x * y, widen, infinite)) << type << " " << a[i] << " * " << b[i];
        // 128 bits hold the product and, but for what cannot change the rounding, the sum.
        const auto wide = static_cast<__float128>(x) * y + z;
        long double exact = static_cast<long double>(wide);
        if (std::isfinite(exact) && static_cast<__float128>(exact) != wide) {
            exact = std::nextafter(exact, static_cast<__float128>(exact) < wide ? INFINITY : -INFINITY);
        }
        EXPECT_EQ(fused[i], nearest(exact, widen, infinite))
            << type << " " << a[i] << " * " << b[i] << " + " << c[i];
    }
}

TEST(Half, ArithmeticRoundsOnce) { halfArithmetic("f16", fromF16, 0x7c00); }
TEST(BFloat, ArithmeticRoundsOnce) { halfArithmetic("bf16", fromBf16, 0x7f80); }

TEST(Half, PairsAreTwoScalars) {
    const auto [a, b] = pairs(halves());
    std::vector<std::uint32_t> x;
    std::vector<std::uint32_t> y;
    for (std::size_t i = 0; i < a.size(); i++) {
        x.push_back(std::uint32_t{a[i]} << 16 | b[i]);
        y.push_back(std::uint32_t{b[i]} << 16 | a[(3 * i) % a.size()]);
    }
    for (const char* opcode : {"add.f16", "mul.bf16", "max.f16", "min.bf16"}) {
        std::vector<std::uint16_t> low[2];
        std::vector<std::uint16_t> high[2];
        for (std::size_t i = 0; i < x.size(); i++) {
            low[0].push_back(static_cast<std::uint16_t>(x[i]));
            low[1].push_back(static_cast<std::uint16_t>(y[i]));
            high[0].push_back(static_cast<std::uint16_t>(x[i] >> 16));
            high[1].push_back(static_cast<std::uint16_t>(y[i] >> 16));
        }
        const auto both = Instruction(std::string(opcode) + "x2").of<std::uint32_t>(x, y);
        const auto lows = Instruction(opcode).of<std::uint16_t>(low[0], low[1]);
        const auto highs = Instruction(opcode).of<std::uint16_t>(high[0], high[1]);
        for (std::size_t i = 0; i < x.size(); i++)
            EXPECT_EQ(both[i], std::uint32_t{highs[i]} << 16 | lows[i]) << opcode;
    }
}

TEST(Half, MaximumOrdersZerosAndPrefersNumbers) {
    const std::vector<std::uint16_t> a{0x0000, 0x7e00, 0x7e00, 0xbc00};
    const std::vector<std::uint16_t> b{0x8000, 0x3c00, 0x7e00, 0xfc00};
    EXPECT_EQ(Instruction("max.f16").of<std::uint16_t>(a, b),
              (std::vector<std::uint16_t>{0, 0x3c00, 0x7fff, 0xbc00}));
    EXPECT_EQ(Instruction("min.f16").of<std::uint16_t>(a, b),
              (std::vector<std::uint16_t>{0x8000, 0x3c00, 0x7fff, 0xfc00}));
    EXPECT_EQ(Instruction("max.NaN.f16").of<std::uint16_t>(a, b)[1], 0x7fff);
}

TEST(Compare, FloatsWithAndWithoutNan) {
    const std::vector<float> a{1, 2, 2, NAN};
    const std::vector<float> b{2, 1, 2, 1};
    EXPECT_EQ(Instruction("setp.lt.f32").of<bool>(a, b), (std::vector<bool>{true, false, false, false}));
    EXPECT_EQ(Instruction("setp.geu.f32").of<bool>(a, b), (std::vector<bool>{false, true, true, true}));
    EXPECT_EQ(Instruction("setp.ne.f32").of<bool>(a, b), (std::vector<bool>{true, true, false, false}));
    EXPECT_EQ(Instruction("setp.neu.f32").of<bool>(a, b), (std::vector<bool>{true, true, false, true}));
    EXPECT_EQ(Instruction("setp.num.f32").of<bool>(a, b), (std::vector<bool>{true, true, true, false}));
    EXPECT_EQ(Instruction("setp.nan.f32").of<bool>(a, b), (std::vector<bool>{false, false, false, true}));
}

TEST(Compare, IntegersBySign) {
    const std::vector<std::int32_t> a{-1, 5};
    const std::vector<std::int32_t> b{1, 5};
    EXPECT_EQ(Instruction("setp.lt.s32").of<bool>(a, b), (std::vector<bool>{true, false}));
    EXPECT_EQ(Instruction("setp.lt.u32").of<bool>(a, b), (std::vector<bool>{false, false}));
    EXPECT_EQ(Instruction("setp.hs.u32").of<bool>(a, b), (std::vector<bool>{true, true}));
    EXPECT_EQ(Instruction("set.lt.u32.s32").of<std::uint32_t>(a, b),
              (std::vector<std::uint32_t>{0xffffffff, 0}));
    EXPECT_EQ(Instruction("set.lt.f32.s32").of<float>(a, b), (std::vector<float>{1, 0}));
    EXPECT_EQ(Instruction("slct.s32.s32").of<std::int32_t>(a, b, std::vector<std::int32_t>{-7, 7}),
              (std::vector<std::int32_t>{1, 5}));
}

}  // namespace
}  // namespace quern::emulator::test
