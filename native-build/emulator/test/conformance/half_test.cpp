// FP16 and BF16 arithmetic, alone and in pairs: add sub mul fma neg abs min max, .ftz .sat .relu .NaN. A pair is
// computed half by half, so that each pair test also says which half is which.
#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

/// Two halves in one register, the first in the low bits.
template <class T>
struct Pair {
    T low;
    T high;
};

template <class T>
std::vector<Pair<T>> pairs(u64 seed, int count = 600) {
    std::vector<T> values = edges<T>();
    for (T value : randomBits<T>(60, seed)) values.push_back(value);
    std::mt19937 random(static_cast<u32>(seed));
    std::vector<Pair<T>> all;
    for (int i = 0; i < count; i++)
        all.push_back({values[random() % values.size()], values[random() % values.size()]});
    return all;
}

template <class T, class F>
void expectPairs(const std::string& body, F ofHalf, int operands, int target = 80) {
    Mismatches mismatches(body);
    const std::vector<Pair<T>> a = pairs<T>(1), b = pairs<T>(2), c = pairs<T>(3);
    std::vector<Column> columns(operands);
    for (int i = 0; i < operands; i++) {
        columns[i].bytes = 4;
        for (const Pair<T>& pair : i == 0 ? a : i == 1 ? b : c) {
            columns[i].rows.push_back(pair.low.bits | u32{pair.high.bits} << 16);
        }
    }
    const std::vector<u64> actual = evaluate(body, 4, columns, target);
    for (std::size_t i = 0; i < actual.size(); i++) {
        const auto half = [&](T x, T y, T z) {
            if constexpr (std::is_invocable_v<F, T>)
                return ofHalf(x);
            else if constexpr (std::is_invocable_v<F, T, T>)
                return ofHalf(x, y);
            else
                return ofHalf(x, y, z);
        };
        mismatches.compare(T{static_cast<u16>(actual[i])}, half(a[i].low, b[i].low, c[i].low), a[i].low,
                           b[i].low, c[i].low);
        mismatches.compare(T{static_cast<u16>(actual[i] >> 16)}, half(a[i].high, b[i].high, c[i].high),
                           a[i].high, b[i].high, c[i].high);
    }
}

/// The scalar and the pair form of one operation.
template <class T, class F, class... Operands>
void expectBoth(const std::string& operation, const std::string& registers, F f, int target,
                const Operands&... operands) {
    expectEachOn<T>(target, operation + "." + typeName<T>() + registers, f, operands...);
    expectPairs<T>(operation + "." + typeName<T>() + "x2" + registers, f, sizeof...(Operands), target);
}

template <class T>
T rounding(auto f, T a, T b) {
    return rounded<T>(FE_TONEAREST, f, a, b);
}

TEST(Half, AddSubMul) {
    const auto values = edges<f16>();
    for (const std::string mode : {"", ".rn"}) {
        expectBoth<f16>(
            "add" + mode, " %d, %a, %b;", [](f16 a, f16 b) { return rounding(ADD, a, b); }, 80, values,
            values);
        expectBoth<f16>(
            "sub" + mode, " %d, %a, %b;", [](f16 a, f16 b) { return rounding(SUB, a, b); }, 80, values,
            values);
        expectBoth<f16>(
            "mul" + mode, " %d, %a, %b;", [](f16 a, f16 b) { return rounding(MUL, a, b); }, 80, values,
            values);
    }
    const auto many = manyValues<f16>(60);
    expectEach<f16>(
        "add.f16 %d, %a, %b;", [](f16 a, f16 b) { return rounding(ADD, a, b); }, many, many);
    expectEach<f16>(
        "mul.f16 %d, %a, %b;", [](f16 a, f16 b) { return rounding(MUL, a, b); }, many, many);
}

TEST(Half, AddSubMulOfBf16) {
    const auto values = manyValues<bf16>(20);
    expectBoth<bf16>(
        "add", " %d, %a, %b;", [](bf16 a, bf16 b) { return rounding(ADD, a, b); }, 90, values, values);
    expectBoth<bf16>(
        "sub.rn", " %d, %a, %b;", [](bf16 a, bf16 b) { return rounding(SUB, a, b); }, 90, values, values);
    expectBoth<bf16>(
        "mul", " %d, %a, %b;", [](bf16 a, bf16 b) { return rounding(MUL, a, b); }, 90, values, values);
}

template <class T>
T fused(T a, T b, T c) {
    return rounded<T>(FE_TONEAREST, FMA, a, b, c);
}

/// Negative results and -0 become +0, NaN the canonical one.
template <class T>
T rectified(T value) {
    return isNan(value) || toDouble(value) > 0 ? value : T{0};
}

TEST(Half, Fma) {
    const auto f16s = edges<f16>();
    const auto bf16s = edges<bf16>();
    expectBoth<f16>("fma.rn", " %d, %a, %b, %c;", fused<f16>, 80, f16s, f16s, f16s);
    expectBoth<bf16>("fma.rn", " %d, %a, %b, %c;", fused<bf16>, 80, bf16s, bf16s, bf16s);
    expectBoth<f16>(
        "fma.rn.relu", " %d, %a, %b, %c;", [](f16 a, f16 b, f16 c) { return rectified(fused(a, b, c)); }, 80,
        f16s, f16s, f16s);
    expectBoth<bf16>(
        "fma.rn.relu", " %d, %a, %b, %c;", [](bf16 a, bf16 b, bf16 c) { return rectified(fused(a, b, c)); },
        80, bf16s, bf16s, bf16s);
    const auto random = randomBits<f16>(30);
    expectEach<f16>("fma.rn.f16 %d, %a, %b, %c;", fused<f16>, random, random, random);
}

TEST(Half, ReluGivesTheCanonicalNan) {
    expectEach<u16>(
        "fma.rn.relu.f16 %d, %a, %a, %a;",
        [](f16 a) { return isNan(a) ? u16{0x7fff} : rectified(fused(a, a, a)).bits; }, edges<f16>());
}

TEST(Half, FlushesAndSaturates) {
    const auto values = edges<f16>();
    expectBoth<f16>(
        "add.ftz", " %d, %a, %b;",
        [](f16 a, f16 b) { return flushedResult(rounding(ADD, flushed(a), flushed(b))); }, 80, values,
        values);
    expectBoth<f16>(
        "mul.ftz", " %d, %a, %b;",
        [](f16 a, f16 b) { return flushedResult(rounding(MUL, flushed(a), flushed(b))); }, 80, values,
        values);
    expectBoth<f16>(
        "fma.rn.ftz", " %d, %a, %b, %c;",
        [](f16 a, f16 b, f16 c) { return flushedResult(fused(flushed(a), flushed(b), flushed(c))); }, 80,
        values, values, values);
    expectBoth<f16>(
        "add.sat", " %d, %a, %b;", [](f16 a, f16 b) { return saturated(rounding(ADD, a, b)); }, 80, values,
        values);
    expectBoth<f16>(
        "sub.sat", " %d, %a, %b;", [](f16 a, f16 b) { return saturated(rounding(SUB, a, b)); }, 80, values,
        values);
    expectBoth<f16>(
        "mul.sat", " %d, %a, %b;", [](f16 a, f16 b) { return saturated(rounding(MUL, a, b)); }, 80, values,
        values);
    expectBoth<f16>(
        "fma.rn.sat", " %d, %a, %b, %c;", [](f16 a, f16 b, f16 c) { return saturated(fused(a, b, c)); }, 80,
        values, values, values);
}

TEST(Half, NegAndAbs) {
    const auto neg = [](auto a) { return decltype(a){static_cast<u16>(a.bits ^ 0x8000)}; };
    const auto abs = [](auto a) { return decltype(a){static_cast<u16>(a.bits & 0x7fff)}; };
    expectBoth<f16>(
        "neg", " %d, %a;", [&](f16 a) { return neg(a); }, 80, manyValues<f16>());
    expectBoth<f16>(
        "abs", " %d, %a;", [&](f16 a) { return abs(a); }, 80, manyValues<f16>());
    expectBoth<bf16>(
        "neg", " %d, %a;", [&](bf16 a) { return neg(a); }, 80, manyValues<bf16>());
    expectBoth<bf16>(
        "abs", " %d, %a;", [&](bf16 a) { return abs(a); }, 80, manyValues<bf16>());
    expectBoth<f16>(
        "neg.ftz", " %d, %a;", [&](f16 a) { return neg(flushed(a)); }, 80, manyValues<f16>());
    expectBoth<f16>(
        "abs.ftz", " %d, %a;", [&](f16 a) { return abs(flushed(a)); }, 80, manyValues<f16>());
}

template <class T>
T lesser(T a, T b) {
    if (isNan(a)) return b;
    if (isNan(b)) return a;
    if (toDouble(a) == toDouble(b)) return a.bits & 0x8000 ? a : b;
    return toDouble(a) < toDouble(b) ? a : b;
}

template <class T>
T greater(T a, T b) {
    if (isNan(a)) return b;
    if (isNan(b)) return a;
    if (toDouble(a) == toDouble(b)) return a.bits & 0x8000 ? b : a;
    return toDouble(a) > toDouble(b) ? a : b;
}

TEST(Half, MinAndMax) {
    forTypes<f16, bf16>([](auto zero) {
        using T = decltype(zero);
        const auto values = edges<T>();
        const T nan{T::NAN_BITS};
        expectBoth<T>("min", " %d, %a, %b;", lesser<T>, 80, values, values);
        expectBoth<T>("max", " %d, %a, %b;", greater<T>, 80, values, values);
        expectBoth<T>(
            "min.NaN", " %d, %a, %b;", [&](T a, T b) { return isNan(a) || isNan(b) ? nan : lesser(a, b); },
            80, values, values);
        expectBoth<T>(
            "max.NaN", " %d, %a, %b;", [&](T a, T b) { return isNan(a) || isNan(b) ? nan : greater(a, b); },
            80, values, values);
    });
    const auto values = edges<f16>();
    expectBoth<f16>(
        "max.ftz", " %d, %a, %b;", [](f16 a, f16 b) { return greater(flushed(a), flushed(b)); }, 80, values,
        values);
    expectEach<u16>(
        "max.NaN.f16 %d, %a, %b;",
        [](f16 a, f16 b) { return isNan(a) || isNan(b) ? u16{0x7fff} : greater(a, b).bits; }, values, values);
}

}  // namespace
}  // namespace quern::emulator
