// Conversions between all kinds of numbers.
#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <random>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

std::vector<double> reals() {
    std::vector<double> values{
        0,       -0.0,    0.5,        1.5,          2.5,          -0.5,         -1.5,   127.5,   255.5,
        32767.5, 65535.5, 2147483647, 2147483648.0, 4294967295.0, 4294967296.0, 9.3e18, -9.3e18, 1.9e19,
        1e30,    -1e30,   INFINITY,   -INFINITY,    NAN,          1e-40,        3.7,    -3.7};
    return values;
}

template <typename D, typename S>
void toInteger() {
    std::vector<S> a;
    for (double value : reals()) a.push_back(static_cast<S>(value));
    const std::pair<const char*, int> modes[] = {
        {"rni", FE_TONEAREST}, {"rzi", FE_TOWARDZERO}, {"rmi", FE_DOWNWARD}, {"rpi", FE_UPWARD}};
    for (const auto& [name, mode] : modes) {
        const auto d =
            Instruction(std::string("cvt.") + name + "." + typeName<D>() + "." + typeName<S>()).of<D>(a);
        for (std::size_t i = 0; i < a.size(); i++) {
            std::fesetround(mode);
            const long double whole = std::nearbyint(static_cast<long double>(a[i]));
            std::fesetround(FE_TONEAREST);
            // NaN: 0, but the top bit where either side has 64 bits.
            const bool wide = std::is_same_v<S, double> || sizeof(D) == 8;
            D expected = wide ? static_cast<D>(std::uint64_t{1} << (8 * sizeof(D) - 1)) : D{0};
            if (whole >= static_cast<long double>(std::numeric_limits<D>::max())) {
                expected = std::numeric_limits<D>::max();
            } else if (whole <= static_cast<long double>(std::numeric_limits<D>::min())) {
                expected = std::numeric_limits<D>::min();
            } else if (!std::isnan(whole)) {
                expected = static_cast<D>(whole);
            }
            EXPECT_EQ(d[i], expected) << name << " " << typeName<D>() << " of " << a[i];
        }
    }
}

TEST(Convert, FloatsToIntegersRoundAndSaturate) {
    toInteger<std::int32_t, float>();
    toInteger<std::uint32_t, float>();
    toInteger<std::int64_t, float>();
    toInteger<std::uint64_t, double>();
    toInteger<std::int64_t, double>();
    toInteger<std::int32_t, double>();
    toInteger<std::uint16_t, float>();
}

template <typename D, typename S>
void fromInteger() {
    std::vector<S> a{0,
                     1,
                     S(-1),
                     16777217,
                     33554435,
                     std::numeric_limits<S>::max(),
                     std::numeric_limits<S>::min(),
                     S(0x7fffffbfffffffff),
                     S(0x0020000000000001)};
    std::mt19937_64 random(2);
    for (int i = 0; i < 20; i++) a.push_back(static_cast<S>(random() >> (3 * i)));
    const std::pair<const char*, int> modes[] = {
        {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};
    for (const auto& [name, mode] : modes) {
        const auto d = Instruction(std::string("cvt.") + name + "." + typeName<D>() + "." + typeName<S>())
                           .template of<D>(a);
        for (std::size_t i = 0; i < a.size(); i++) {
            std::fesetround(mode);
            volatile long double exact = a[i];
            volatile D expected = static_cast<D>(exact);
            std::fesetround(FE_TONEAREST);
            EXPECT_EQ(d[i], expected) << name << " " << typeName<D>() << " of " << a[i];
        }
    }
}

TEST(Convert, IntegersToFloatsInAllModes) {
    fromInteger<float, std::int32_t>();
    fromInteger<float, std::uint32_t>();
    fromInteger<float, std::int64_t>();
    fromInteger<float, std::uint64_t>();
    fromInteger<double, std::int64_t>();
    fromInteger<double, std::uint64_t>();
}

TEST(Convert, BetweenFloats) {
    const std::vector<double> a{1.0 + 0x1p-24, 1.0 + 0x1.8p-24, 1e300, 0x1p-149, 0x1p-150, -0x1.000001p-150};
    EXPECT_EQ(Instruction("cvt.rn.f32.f64").of<float>(a),
              (std::vector<float>{1, 1 + 0x1p-23F, INFINITY, 0x1p-149F, 0, -0x1p-149F}));
    EXPECT_EQ(Instruction("cvt.rz.f32.f64").of<float>(a)[2], std::numeric_limits<float>::max());
    EXPECT_EQ(Instruction("cvt.rp.f32.f64").of<float>(a)[0], 1 + 0x1p-23F);
    EXPECT_EQ(Instruction("cvt.f64.f32").of<double>(std::vector<float>{0.1F}), (std::vector<double>{0.1F}));
    EXPECT_EQ(Instruction("cvt.rni.f32.f32").of<float>(std::vector<float>{2.5F, -0.4F, 3.5F}),
              (std::vector<float>{2, -0.0F, 4}));
    EXPECT_EQ(Instruction("cvt.sat.f32.f32").of<float>(std::vector<float>{2, -1, 0.5F, NAN}),
              (std::vector<float>{1, 0, 0.5F, 0}));
    EXPECT_EQ(Instruction("cvt.ftz.f64.f32").of<double>(std::vector<float>{1e-40F})[0], 0);
}

/// Every 16-bit pattern comes back from FP32, and FP32 halfway between two goes to the even one.
void roundTrip(const std::string& type, int mantissaBits, std::uint16_t infinite) {
    std::vector<std::uint16_t> all;
    for (int i = 0; i < 65536; i++) all.push_back(static_cast<std::uint16_t>(i));
    const auto wide = Instruction("cvt.f32." + type).of<float>(all);
    const auto back = Instruction("cvt.rn." + type + ".f32").of<std::uint16_t>(wide);
    std::vector<float> halfway;
    std::vector<std::uint16_t> expected;
    for (int i = 0; i < 65536; i++) {
        const bool isNan = (i & 0x7fff) > infinite;
        ASSERT_EQ(back[static_cast<std::size_t>(i)], isNan ? 0x7fff : i) << type;
        if ((i & 0x7fff) >= infinite - 1) continue;
        const auto at = static_cast<std::size_t>(i);
        halfway.push_back(static_cast<float>((double{wide[at]} + wide[at + 1]) / 2));  // exact in FP32
        expected.push_back(static_cast<std::uint16_t>((i & 1) != 0 ? i + 1 : i));
    }
    EXPECT_EQ(Instruction("cvt.rn." + type + ".f32").of<std::uint16_t>(halfway), expected) << mantissaBits;
}

TEST(Convert, EveryHalfThereAndBack) { roundTrip("f16", 10, 0x7c00); }
TEST(Convert, EveryBFloatThereAndBack) { roundTrip("bf16", 7, 0x7f80); }

TEST(Convert, GeneralAndQuickWaysToHalfAgree) {
    // A source in a wider register takes the general way; these values are rounded by both.
    std::vector<float> a;
    std::mt19937 random(4);
    for (int i = 0; i < 4000; i++) a.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
    for (float edge : {65504.0F, 65519.99F, 65520.0F, 6.1e-5F, 5.96e-8F, 2.98e-8F, 2.99e-8F, 3.39e38F})
        a.push_back(edge);
    std::vector<double> wide(a.begin(), a.end());
    for (const std::string type : {"f16", "bf16"}) {
        const auto quick = Instruction("cvt.rn." + type + ".f32").of<std::uint16_t>(a);
        const auto general = Instruction("cvt.rn." + type + ".f64").of<std::uint16_t>(wide);
        for (std::size_t i = 0; i < a.size(); i++) EXPECT_EQ(quick[i], general[i]) << type << " of " << a[i];
    }
}

TEST(Convert, PairsPutTheFirstOperandAbove) {
    EXPECT_EQ(
        Instruction("cvt.rn.f16x2.f32").of<std::uint32_t>(std::vector<float>{1}, std::vector<float>{2})[0],
        0x3c004000U);
    EXPECT_EQ(
        Instruction("cvt.rn.bf16x2.f32").of<std::uint32_t>(std::vector<float>{1}, std::vector<float>{2})[0],
        0x3f804000U);
    EXPECT_EQ(Instruction("cvt.rn.relu.f16x2.f32")
                  .of<std::uint32_t>(std::vector<float>{-1}, std::vector<float>{2})[0],
              0x4000U);
}

TEST(Convert, IntegersExtendTruncateAndSaturate) {
    const std::vector<std::int32_t> a{-1, 300, -300, 127};
    EXPECT_EQ(Instruction("cvt.s64.s32").of<std::int64_t>(a),
              (std::vector<std::int64_t>{-1, 300, -300, 127}));
    EXPECT_EQ(Instruction("cvt.u64.u32").of<std::uint64_t>(a)[0], 0xffffffffU);
    EXPECT_EQ(Instruction("cvt.u16.u32").of<std::uint16_t>(a)[0], 0xffffU);
    // The result of an 8-bit type is extended to its register; a source may be wider than its type.
    EXPECT_EQ(Instruction("cvt.s8.s32").of<std::int32_t>(a), (std::vector<std::int32_t>{-1, 44, -44, 127}));
    EXPECT_EQ(Instruction("cvt.u8.u32").of<std::uint32_t>(a),
              (std::vector<std::uint32_t>{255, 44, 212, 127}));
    EXPECT_EQ(Instruction("cvt.sat.s8.s32").of<std::int32_t>(a),
              (std::vector<std::int32_t>{-1, 127, -128, 127}));
    EXPECT_EQ(Instruction("cvt.sat.u8.s32").of<std::int32_t>(a), (std::vector<std::int32_t>{0, 255, 0, 127}));
    EXPECT_EQ(Instruction("cvt.u32.u16").of<std::uint32_t>(std::vector<std::uint64_t>{0xabcd1234ffff})[0],
              0xffffU);
    EXPECT_EQ(Instruction("cvt.sat.u32.s64").of<std::uint32_t>(std::vector<std::int64_t>{-5, 1LL << 40}),
              (std::vector<std::uint32_t>{0, 0xffffffff}));
}

}  // namespace
}  // namespace quern::emulator::test
