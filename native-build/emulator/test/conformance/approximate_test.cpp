// Approximations, held to the error that the PTX ISA documents and to its tables of special values: the nearest results,
// and those at either end of that error.
#include <numeric>

#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

class Approximate : public ::testing::TestWithParam<Approximation> {
  protected:
    void SetUp() override { approximation = GetParam(); }
    void TearDown() override { approximation = Approximation::EXACT; }
};

constexpr const char* NAMES[] = {"Exact", "Low", "High"};
INSTANTIATE_TEST_SUITE_P(Results, Approximate,
                         ::testing::Values(Approximation::EXACT, Approximation::LOW, Approximation::HIGH),
                         [](const auto& info) { return NAMES[static_cast<int>(info.param)]; });

constexpr double INF = std::numeric_limits<double>::infinity();

std::vector<float> between(double low, double high, int count) {
    std::mt19937_64 random(9);
    std::uniform_real_distribution<double> place(low, high);
    std::vector<float> values;
    for (int i = 0; i < count; i++) values.push_back(static_cast<float>(place(random)));
    return values;
}

/// Positive, of every binary magnitude between the two.
std::vector<float> ofMagnitudes(int low, int high, int each = 4) {
    std::mt19937_64 random(10);
    std::uniform_real_distribution<double> mantissa(1, 2);
    std::vector<float> values;
    for (int exponent = low; exponent <= high; exponent++) {
        for (int i = 0; i < each; i++)
            values.push_back(static_cast<float>(std::ldexp(mantissa(random), exponent)));
    }
    return values;
}

template <class... Vectors>
std::vector<float> together(std::vector<float> values, const Vectors&... more) {
    (values.insert(values.end(), more.begin(), more.end()), ...);
    return values;
}

/// Within a relative error of a number that binary32 can hold; beyond its range, what the range ends in. Results that
/// may be flushed may also be zero.
Near relative(double exact, double error, bool flush) {
    if (std::isnan(exact) || std::isinf(exact) || exact == 0) return {exact, 0};
    const double largest = std::numeric_limits<float>::max();
    if (std::abs(exact) > largest * (1 + error)) return {std::copysign(INF, exact), 0};
    const double least = std::numeric_limits<float>::min();
    const double step = std::ldexp(1.0, -149);
    double tolerance = std::max(std::abs(exact) * error, std::abs(exact) < least ? step : 0);
    if (flush && std::abs(exact) < least * (1 + error)) tolerance = std::abs(exact);
    return {exact, tolerance};
}

const std::vector<float> SPECIALS{0.0f,      -0.0f,     INFINITY,   -INFINITY, NAN,      1.0f, -1.0f,
                                  0x1p-149f, 0x1p-127f, -0x1p-127f, 0x1p-126f, 0x1p127f, 2.0f, 0.5f};

// "ex2.approx.ftz.f32: subnormal inputs are flushed; 2^-0 = 2^+0 = 1." Error 2 ulp, so 2^-22 of the result.
TEST_P(Approximate, Ex2) {
    const auto inputs = together(SPECIALS, between(-155, 130, 3000), between(-1, 1, 1000));
    expectEach<float>(
        "ex2.approx.f32 %d, %a;", [](float a) { return relative(std::exp2(double{a}), 0x1p-22, false); },
        inputs);
    expectEach<float>(
        "ex2.approx.ftz.f32 %d, %a;",
        [](float a) { return relative(std::exp2(double{flushed(a)}), 0x1p-22, true); }, inputs);
    std::vector<float> whole(254);
    std::iota(whole.begin(), whole.end(), -126.0f);
    expectEach<float>(
        "ex2.approx.ftz.f32 %d, %a;",
        [](float a) {
            return Near{std::exp2(double{a}), 0};
        },
        whole);
}

// Absolute error 2^-22 for results near zero (inputs in (0.5, 2)), relative beyond.
TEST_P(Approximate, Lg2) {
    const auto inputs = together(SPECIALS, ofMagnitudes(-148, 127), between(0.5, 2, 3000));
    const auto expected = [](double a) {
        const double exact = std::log2(a);
        if (!std::isfinite(exact)) return Near{exact, 0};
        return Near{exact, std::max(1.0, std::abs(exact)) * 0x1p-22};
    };
    expectEach<float>(
        "lg2.approx.f32 %d, %a;", [&](float a) { return expected(a); }, inputs);
    // A flushed input is a zero, and its logarithm -infinity.
    expectEach<float>(
        "lg2.approx.ftz.f32 %d, %a;", [&](float a) { return expected(flushed(a)); }, inputs);
}

// Absolute error 2^-20.5 within [-2 pi, 2 pi], 2^-14.7 within [-100 pi, 100 pi].
TEST_P(Approximate, SinAndCos) {
    const auto inputs = together({0.0f, -0.0f, 1.5707964f, 3.1415927f, -3.1415927f, 6.2831855f},
                                 between(-2 * M_PI, 2 * M_PI, 3000), between(-100 * M_PI, 100 * M_PI, 3000));
    const auto tolerance = [](float a) {
        return std::abs(a) <= 2 * M_PI ? std::exp2(-20.5) : std::exp2(-14.7);
    };
    for (const char* flush : {"", ".ftz"}) {
        const std::string suffix = std::string(".approx") + flush + ".f32 %d, %a;";
        expectEach<float>(
            "sin" + suffix,
            [&](float a) {
                return Near{std::sin(double{a}), tolerance(a)};
            },
            inputs);
        expectEach<float>(
            "cos" + suffix,
            [&](float a) {
                return Near{std::cos(double{a}), tolerance(a)};
            },
            inputs);
        const std::vector<float> infinite{INFINITY, -INFINITY, NAN};
        expectEach<float>(
            "sin" + suffix,
            [](float) {
                return Near{NAN, 0};
            },
            infinite);
        expectEach<float>(
            "cos" + suffix,
            [](float) {
                return Near{NAN, 0};
            },
            infinite);
    }
    // Signed zeros: sin keeps the sign, cos is one.
    expectEach<u32>(
        "sin.approx.ftz.f32 %d, %a;", [](float a) { return std::bit_cast<u32>(flushed(a)); },
        std::vector<float>{0.0f, -0.0f, 0x1p-140f, -0x1p-140f});
    expectEach<float>(
        "cos.approx.ftz.f32 %d, %a;", [](float) { return 1.0f; }, std::vector<float>{0.0f, -0.0f, 0x1p-140f});
}

// 1 ulp of binary32: at most 2^-23 of the result.
TEST_P(Approximate, RcpSqrtRsqrt) {
    auto inputs = together(SPECIALS, ofMagnitudes(-149, 127), between(1, 4, 2000));
    for (const char* flush : {"", ".ftz"}) {
        const bool ftz = *flush != 0;
        const auto in = [&](float a) { return double{ftz ? flushed(a) : a}; };
        const std::string suffix = std::string(".approx") + flush + ".f32 %d, %a;";
        expectEach<float>(
            "rcp" + suffix, [&](float a) { return relative(1 / in(a), 0x1p-23, ftz); }, inputs);
        expectEach<float>(
            "sqrt" + suffix, [&](float a) { return relative(std::sqrt(in(a)), 0x1p-23, ftz); }, inputs);
        expectEach<float>(
            "rsqrt" + suffix, [&](float a) { return relative(1 / std::sqrt(in(a)), std::exp2(-22.9), ftz); },
            inputs);
    }
}

TEST_P(Approximate, ZerosKeepTheirSign) {
    const std::vector<float> zeros{0.0f, -0.0f};
    const auto bits = [](float value) { return std::bit_cast<u32>(value); };
    expectEach<u32>(
        "rcp.approx.ftz.f32 %d, %a;", [&](float a) { return bits(std::copysign(INFINITY, a)); }, zeros);
    expectEach<u32>(
        "rcp.approx.ftz.f32 %d, %a;", [&](float a) { return bits(std::copysign(0.0f, a)); },
        std::vector<float>{INFINITY, -INFINITY});
    expectEach<u32>(
        "sqrt.approx.ftz.f32 %d, %a;", [&](float a) { return bits(a); }, zeros);
    expectEach<u32>(
        "rsqrt.approx.ftz.f32 %d, %a;", [&](float a) { return bits(std::copysign(INFINITY, a)); }, zeros);
    expectEach<u32>(
        "lg2.approx.ftz.f32 %d, %a;", [&](float) { return bits(-INFINITY); }, zeros);
    expectEach<u32>(
        "tanh.approx.f32 %d, %a;", [&](float a) { return bits(a); }, zeros);
}

// "rsqrt.approx.f64 implements an approximation to the reciprocal square root", error 1 ulp in the upper word's 20 bits;
// .ftz.f64 forms give an "extremely gross" approximation: the upper 32 bits, the lower zero.
TEST_P(Approximate, GrossDoubles) {
    std::vector<double> inputs;
    for (float value : ofMagnitudes(-60, 60)) inputs.push_back(value);
    expectEach<double>(
        "rcp.approx.ftz.f64 %d, %a;",
        [](double a) {
            return Near{1 / a, std::abs(1 / a) * 0x1p-19};
        },
        inputs);
    expectEach<double>(
        "rsqrt.approx.ftz.f64 %d, %a;",
        [](double a) {
            return Near{1 / std::sqrt(a), 1 / std::sqrt(a) * 0x1p-19};
        },
        inputs);
    expectEach<u32>(
        "rcp.approx.ftz.f64 %x0, %a; mov.b64 {%d, %r0}, %x0;", [](double) { return 0u; }, inputs);
    const std::vector<double> specials{0.0, -0.0, HUGE_VAL, -HUGE_VAL, 0x1p-1074, -0x1p-1074};
    expectEach<double>(
        "rcp.approx.ftz.f64 %d, %a;", [](double a) { return 1 / flushed(a); }, specials);
}

// "max relative error 2^-11"; results lie within [-1, 1].
TEST_P(Approximate, Tanh) {
    const auto inputs = together(SPECIALS, between(-10, 10, 3000), ofMagnitudes(-149, 127, 1));
    expectEach<float>(
        "tanh.approx.f32 %d, %a;",
        [](float a) {
            const double exact = std::tanh(double{a});
            return std::isnan(exact) ? Near{NAN, 0}
                                     : Near{exact, std::max(std::abs(exact) * 0x1p-11, 0x1p-149)};
        },
        inputs);
}

// 2 ulp: .approx where the divisor lies in [2^-126, 2^126], .full everywhere.
TEST_P(Approximate, Div) {
    const auto numbers = together({0.0f, 1.0f, -3.0f}, ofMagnitudes(-126, 127, 1));
    const auto divisors = together({1.0f, -7.0f}, ofMagnitudes(-126, 125, 1));
    const auto quotient = [](float a, float b) { return relative(double{a} / b, 2 * 0x1p-23, false); };
    const auto quotientFtz = [](float a, float b) { return relative(double{a} / b, 2 * 0x1p-23, true); };
    expectEach<float>("div.approx.f32 %d, %a, %b;", quotient, numbers, divisors);
    expectEach<float>("div.approx.ftz.f32 %d, %a, %b;", quotientFtz, numbers, divisors);
    const auto large = together(divisors, ofMagnitudes(126, 127));
    expectEach<float>("div.full.f32 %d, %a, %b;", quotient, numbers, large);
    expectEach<float>("div.full.ftz.f32 %d, %a, %b;", quotientFtz, numbers, large);
    expectEach<float>("div.full.f32 %d, %a, %b;", quotient, SPECIALS,
                      std::vector<float>{0.0f, -0.0f, INFINITY, NAN, 1});
}

template <class T>
std::vector<T> everyNth(int step) {
    std::vector<T> values;
    for (int bits = 0; bits < 0x10000; bits += step) values.push_back(T{static_cast<u16>(bits)});
    return values;
}

/// `exact` within a tolerance, widened by the half step that rounding to T may add.
template <class T>
Near narrowly(double exact, double tolerance) {
    if (std::isnan(exact)) return {NAN, 0};
    const double largest = toDouble(T{T::INFINITY_BITS - 1});
    if (std::abs(exact) > largest * 1.01) return {std::copysign(INF, exact), 0};
    const int exponent = exact == 0 ? T::MIN_EXPONENT : std::max(std::ilogb(exact), T::MIN_EXPONENT);
    return {exact, tolerance + std::ldexp(1.0, exponent - T::PRECISION)};
}

TEST_P(Approximate, HalvesEx2AndTanh) {
    expectEach<f16>(
        "ex2.approx.f16 %d, %a;",
        [](f16 a) {
            const double exact = std::exp2(toDouble(a));
            return exact > 65504 && exact < 66200 ? Near{INF, 0}
                                                  : narrowly<f16>(exact, exact * std::exp2(-9.9));
        },
        everyNth<f16>(7));
    expectEach<f16>(
        "tanh.approx.f16 %d, %a;",
        [](f16 a) { return narrowly<f16>(std::tanh(toDouble(a)), std::exp2(-10.987)); }, everyNth<f16>(7));
    expectEachOn<bf16>(
        90, "ex2.approx.ftz.bf16 %d, %a;",
        [](bf16 a) {
            const double exact = std::exp2(toDouble(flushed(a)));
            if (exact < 0x1p-126) return Near{0, 0x1p-126};
            return narrowly<bf16>(exact, exact * 0x1p-7);
        },
        everyNth<bf16>(7));
    expectEachOn<bf16>(
        90, "tanh.approx.bf16 %d, %a;", [](bf16 a) { return narrowly<bf16>(std::tanh(toDouble(a)), 0x1p-8); },
        everyNth<bf16>(7));
    // Pairs: each half by itself, so the halves of a pair must give what they give alone.
    const auto halves = everyNth<f16>(301);
    for (const std::string operation : {"ex2.approx", "tanh.approx"}) {
        expectEach<u32>(
            "mov.b32 %r0, {%a, %b}; " + operation + ".f16x2 %r1, %r0; " + operation + ".f16 %h0, %a; " +
                operation + ".f16 %h1, %b; mov.b32 %r2, {%h0, %h1}; xor.b32 %d, %r1, %r2;",
            [](f16, f16) { return 0u; }, halves, halves);
    }
}

template <class T>
std::vector<T> resultsOf(const std::string& body, const std::vector<T>& inputs, Approximation where) {
    Column column{sizeof(T), {}};
    for (T input : inputs) column.rows.push_back(toBits(input));
    approximation = where;
    const std::vector<u64> rows = evaluate(body, sizeof(T), {column}, 90);
    approximation = Approximation::EXACT;
    std::vector<T> results;
    for (u64 row : rows) results.push_back(fromBits<T>(row));
    return results;
}

/// Exact results lie between low and high ones, which the documented errors keep apart.
template <class T>
void expectEnds(const std::string& body, const std::vector<T>& inputs) {
    const auto low = resultsOf(body, inputs, Approximation::LOW);
    const auto exact = resultsOf(body, inputs, Approximation::EXACT);
    const auto high = resultsOf(body, inputs, Approximation::HIGH);
    int apart = 0;
    for (std::size_t i = 0; i < inputs.size(); i++) {
        EXPECT_LE(toDouble(low[i]), toDouble(exact[i])) << body << " of " << show(inputs[i]);
        EXPECT_LE(toDouble(exact[i]), toDouble(high[i])) << body << " of " << show(inputs[i]);
        apart += toDouble(low[i]) < toDouble(high[i]) ? 1 : 0;
    }
    EXPECT_GE(apart, 0.95 * static_cast<double>(inputs.size())) << body;
}

TEST(ApproximateEnds, LieOnBothSides) {
    const auto inputs = between(0.51, 1.99, 500);
    for (const char* function : {"ex2", "lg2", "sin", "cos", "tanh"})
        expectEnds(std::string(function) + ".approx.f32 %d, %a;", inputs);
    for (const char* function : {"rcp", "sqrt", "rsqrt"})
        expectEnds(std::string(function) + ".approx.ftz.f32 %d, %a;", inputs);
    for (const char* quotient : {"div.approx", "div.full"})
        expectEnds(std::string(quotient) + ".f32 %d, %a, 0f40400000;", inputs);
    std::vector<f16> halves;
    for (float input : inputs) halves.push_back(f16{static_cast<u16>(0x3800 + 512 * input)});
    expectEnds("ex2.approx.f16 %d, %a;", halves);
    expectEnds("tanh.approx.f16 %d, %a;", halves);
}

// The bits depend on this code alone; the host's FP64 functions are good enough to say that they are the nearest ones.
TEST(ApproximateExact, IsTheNearest) {
    const auto nearest = [](const std::string& function, double (*value)(double), const auto& inputs) {
        expectEach<float>(
            function + ".approx.f32 %d, %a;",
            [&](float a) {
                const double exact = value(double{a});
                const double half = std::ldexp(0.5, std::max(std::ilogb(exact), -126) - 23);
                return Near{exact, half * (1 + 1e-6)};
            },
            inputs);
    };
    nearest("ex2", std::exp2, between(-140, 127.9, 5000));
    nearest("lg2", std::log2, together(ofMagnitudes(-149, 127), between(0.9, 1.1, 2000)));
    nearest("tanh", std::tanh, together(between(-12, 12, 2000), ofMagnitudes(-30, 3)));
    // Angles of every size: beyond 2^25 they are reduced otherwise.
    const auto angles = together(between(-7, 7, 1000), between(-1000, 1000, 1000), ofMagnitudes(-20, 127, 20),
                                 between(0x1p24, 0x1p26, 500), between(-0x1p30, 0x1p30, 500));
    nearest("sin", std::sin, angles);
    nearest("cos", std::cos, angles);
}

}  // namespace
}  // namespace quern::emulator
