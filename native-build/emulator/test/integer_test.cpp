// Integer arithmetic and bit operations against values computed another way, mostly in 128 bits.
#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <limits>
#include <random>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

using u128 = unsigned __int128;
using s128 = __int128;

template <typename T>
std::vector<T> interestingIntegers() {
    std::vector<T> values{0,
                          1,
                          2,
                          3,
                          7,
                          31,
                          T(-1),
                          T(-2),
                          std::numeric_limits<T>::max(),
                          std::numeric_limits<T>::min(),
                          T(std::numeric_limits<T>::max() / 2 + 1),
                          T(0x5555555555555555)};
    std::mt19937_64 random(1);
    for (int i = 0; i < 8; i++) values.push_back(static_cast<T>(random()));
    return values;
}

template <typename T, typename D = T>
void binary(const std::string& opcode, const std::type_identity_t<std::function<D(T, T)>>& expected) {
    const auto [a, b] = pairs(interestingIntegers<T>());
    const auto d = Instruction(opcode + "." + typeName<T>()).of<D>(a, b);
    for (std::size_t i = 0; i < a.size(); i++) {
        ASSERT_EQ(d[i], expected(a[i], b[i]))
            << opcode << "." << typeName<T>() << " of " << +a[i] << ", " << +b[i];
    }
}

template <typename T>
class IntegerOf : public testing::Test {};
using IntegerTypes =
    testing::Types<std::uint16_t, std::int16_t, std::uint32_t, std::int32_t, std::uint64_t, std::int64_t>;
TYPED_TEST_SUITE(IntegerOf, IntegerTypes);

TYPED_TEST(IntegerOf, SumsAndProductsWrapAround) {
    using T = TypeParam;
    binary<T>("add", [](T a, T b) { return T(u128(s128(a)) + u128(s128(b))); });
    binary<T>("sub", [](T a, T b) { return T(u128(s128(a)) - u128(s128(b))); });
    binary<T>("mul.lo", [](T a, T b) { return T(u128(s128(a)) * u128(s128(b))); });
    binary<T>("mul.hi", [](T a, T b) {
        const u128 product = std::is_signed_v<T> ? u128(s128(a) * s128(b)) : u128(a) * u128(b);
        return T(product >> (8 * sizeof(T)));
    });
}

TYPED_TEST(IntegerOf, QuotientsRoundToZeroAndDivisionByZeroSetsAllBits) {
    using T = TypeParam;
    binary<T>("div", [](T a, T b) { return b == 0 ? T(-1) : T(s128(a) / s128(b)); });
    binary<T>("rem", [](T a, T b) { return b == 0 ? a : T(s128(a) % s128(b)); });
}

TYPED_TEST(IntegerOf, MinimumAndMaximum) {
    using T = TypeParam;
    binary<T>("min", [](T a, T b) { return std::min(a, b); });
    binary<T>("max", [](T a, T b) { return std::max(a, b); });
}

TYPED_TEST(IntegerOf, ShiftsByTheWidthAndMoreLeaveNothingOrTheSign) {
    using T = TypeParam;
    std::vector<T> a;
    std::vector<std::uint32_t> by;
    for (T value : interestingIntegers<T>()) {
        for (std::uint32_t n : {0U, 1U, 7U, 15U, 16U, 31U, 32U, 33U, 63U, 64U, 65U, 255U, 0xffffffffU}) {
            a.push_back(value);
            by.push_back(n);
        }
    }
    const auto right = Instruction("shr." + typeName<T>()).of<T>(a, by);
    const auto left = Instruction("shl.b" + std::to_string(8 * sizeof(T))).of<T>(a, by);
    for (std::size_t i = 0; i < a.size(); i++) {
        const int n = by[i] > 100 ? 100 : static_cast<int>(by[i]);
        EXPECT_EQ(right[i], T(s128(a[i]) >> n)) << +a[i] << " >> " << by[i];
        EXPECT_EQ(left[i], T(n > 64 ? u128(0) : u128(s128(a[i])) << n)) << +a[i] << " << " << by[i];
    }
}

TEST(Integer, WideProducts) {
    binary<std::uint32_t, std::uint64_t>(
        "mul.wide", [](std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} * b; });
    binary<std::int32_t, std::int64_t>("mul.wide",
                                       [](std::int32_t a, std::int32_t b) { return std::int64_t{a} * b; });
    binary<std::int16_t, std::int32_t>("mul.wide",
                                       [](std::int16_t a, std::int16_t b) { return std::int32_t{a} * b; });
}

TEST(Integer, MultiplyAndAdd) {
    const auto [a, b] = pairs(interestingIntegers<std::int32_t>());
    std::vector<std::int32_t> c(a.rbegin(), a.rend());
    std::vector<std::int64_t> wide(c.begin(), c.end());
    const auto low = Instruction("mad.lo.s32").of<std::int32_t>(a, b, c);
    const auto high = Instruction("mad.hi.s32").of<std::int32_t>(a, b, c);
    const auto full = Instruction("mad.wide.s32").of<std::int64_t>(a, b, wide);
    const auto saturated = Instruction("mad.hi.sat.s32").of<std::int32_t>(a, b, c);
    for (std::size_t i = 0; i < a.size(); i++) {
        const std::int64_t product = std::int64_t{a[i]} * b[i];
        EXPECT_EQ(low[i], std::int32_t(std::uint64_t(product) + std::uint64_t(c[i])));
        EXPECT_EQ(high[i], std::int32_t(std::uint32_t(product >> 32) + std::uint32_t(c[i])));
        EXPECT_EQ(full[i], std::int64_t(std::uint64_t(product) + std::uint64_t(wide[i])));
        const s128 sum = s128(product >> 32) + c[i];
        EXPECT_EQ(saturated[i], std::int32_t(std::clamp<s128>(sum, INT32_MIN, INT32_MAX)));
    }
}

TEST(Integer, CarryChainsAddAndMultiply128Bits) {
    Bench bench;
    bench.load(R"(
.visible .entry k(.param .u64 out, .param .u64 in) {
    .reg .b64 %rd<12>;
    .reg .b32 %r<4>;
    ld.param.u64 %rd0, [out]; ld.param.u64 %rd1, [in];
    mov.u32 %r0, %tid.x;
    mad.wide.u32 %rd1, %r0, 32, %rd1; mad.wide.u32 %rd0, %r0, 48, %rd0;
    ld.global.v2.u64 {%rd2, %rd3}, [%rd1]; ld.global.v2.u64 {%rd4, %rd5}, [%rd1+16];
    add.cc.u64 %rd6, %rd2, %rd4; addc.cc.u64 %rd7, %rd3, %rd5; addc.u64 %rd8, 0, 0;
    st.global.v2.u64 [%rd0], {%rd6, %rd7};
    sub.cc.u64 %rd6, %rd2, %rd4; subc.u64 %rd7, %rd3, %rd5;
    st.global.v2.u64 [%rd0+16], {%rd6, %rd7};
    mul.lo.u64 %rd6, %rd2, %rd4; mul.hi.u64 %rd7, %rd2, %rd4;
    mad.lo.u64 %rd7, %rd2, %rd5, %rd7; mad.lo.u64 %rd7, %rd3, %rd4, %rd7;
    st.global.v2.u64 [%rd0+32], {%rd6, %rd7};
    ret;
})");
    std::mt19937_64 random(3);
    std::vector<std::uint64_t> in;
    for (int i = 0; i < 32 * 4; i++) in.push_back(i % 5 == 0 ? ~std::uint64_t{0} : random());
    // Two words of a thread begin at a multiple of 16.
    const std::uint64_t out = bench.memory.allocate(32 * 48);
    ASSERT_TRUE(bench.run("k", {}, {32, 1, 1}, 0, out, bench.upload(in)).ok());
    const auto d = bench.download<std::uint64_t>(out, 32 * 6);
    const auto join = [](std::uint64_t low, std::uint64_t high) { return u128(high) << 64 | low; };
    for (int i = 0; i < 32; i++) {
        const u128 a = join(in[4 * i], in[4 * i + 1]);
        const u128 b = join(in[4 * i + 2], in[4 * i + 3]);
        EXPECT_TRUE(join(d[6 * i], d[6 * i + 1]) == a + b) << i;
        EXPECT_TRUE(join(d[6 * i + 2], d[6 * i + 3]) == a - b) << i;
        EXPECT_TRUE(join(d[6 * i + 4], d[6 * i + 5]) == a * b) << i;
    }
}

TEST(Integer, CountsBits) {
    const auto words = interestingIntegers<std::uint32_t>();
    const auto longs = interestingIntegers<std::uint64_t>();
    const auto popc = Instruction("popc.b64").of<std::uint32_t>(longs);
    const auto clz = Instruction("clz.b64").of<std::uint32_t>(longs);
    for (std::size_t i = 0; i < longs.size(); i++) {
        EXPECT_EQ(popc[i], static_cast<unsigned>(std::popcount(longs[i])));
        EXPECT_EQ(clz[i], static_cast<unsigned>(std::countl_zero(longs[i])));
    }
    const auto clz32 = Instruction("clz.b32").of<std::uint32_t>(words);
    const auto find = Instruction("bfind.s32").of<std::uint32_t>(words);
    const auto reversed = Instruction("brev.b32").of<std::uint32_t>(words);
    for (std::size_t i = 0; i < words.size(); i++) {
        EXPECT_EQ(clz32[i], static_cast<unsigned>(std::countl_zero(words[i])));
        const auto signedWord = static_cast<std::int32_t>(words[i]);
        const std::uint32_t bits = signedWord < 0 ? ~words[i] : words[i];
        EXPECT_EQ(find[i], bits == 0 ? ~0U : static_cast<unsigned>(31 - std::countl_zero(bits)));
        std::uint32_t mirror = 0;
        for (int k = 0; k < 32; k++) mirror |= (words[i] >> k & 1) << (31 - k);
        EXPECT_EQ(reversed[i], mirror);
    }
}

TEST(Integer, ExtractsAndInsertsFields) {
    std::vector<std::uint32_t> a;
    std::vector<std::uint32_t> position;
    std::vector<std::uint32_t> length;
    for (std::uint32_t value : {0xdeadbeefU, 0x80000000U, 0x7fffffffU, 0U}) {
        for (std::uint32_t p : {0U, 1U, 8U, 31U, 32U, 40U, 255U, 256U}) {
            for (std::uint32_t n : {0U, 1U, 5U, 31U, 32U, 33U, 255U}) {
                a.push_back(value);
                position.push_back(p);
                length.push_back(n);
            }
        }
    }
    const std::vector<std::uint32_t> base(a.size(), 0x12345678);
    const auto plain = Instruction("bfe.u32").of<std::uint32_t>(a, position, length);
    const auto extended = Instruction("bfe.s32").of<std::uint32_t>(a, position, length);
    const auto inserted = Instruction("bfi.b32").of<std::uint32_t>(a, base, position, length);
    for (std::size_t i = 0; i < a.size(); i++) {
        const std::uint32_t p = position[i] & 255;
        const std::uint32_t n = length[i] & 255;
        // The pseudo-code of the PTX manual, bit by bit.
        std::uint32_t field = 0;
        std::uint32_t merged = base[i];
        const bool sign = n != 0 && (a[i] >> std::min(p + n - 1, 31U) & 1) != 0;
        std::uint32_t signExtended = 0;
        for (std::uint32_t k = 0; k < 32; k++) {
            const bool inside = k < n && p + k < 32;
            const std::uint32_t bit = inside ? a[i] >> (p + k) & 1 : 0;
            field |= bit << k;
            signExtended |= (inside ? bit : std::uint32_t{sign}) << k;
            if (k < n && p + k < 32) merged = (merged & ~(1U << (p + k))) | (a[i] >> k & 1) << (p + k);
        }
        EXPECT_EQ(plain[i], field) << a[i] << " " << p << " " << n;
        EXPECT_EQ(extended[i], signExtended) << a[i] << " " << p << " " << n;
        EXPECT_EQ(inserted[i], merged) << a[i] << " " << p << " " << n;
    }
}

TEST(Integer, PermutesBytes) {
    const std::vector<std::uint32_t> a{0x33221180, 0x33221180, 0x33221180};
    const std::vector<std::uint32_t> b{0x77665544, 0x77665544, 0x77665544};
    const std::vector<std::uint32_t> selector{0x7531, 0x0008, 0x3210};
    EXPECT_EQ(Instruction("prmt.b32").of<std::uint32_t>(a, b, selector),
              (std::vector<std::uint32_t>{0x77553311, 0x808080ff, 0x33221180}));
    const std::vector<std::uint32_t> by{1, 1, 1};
    EXPECT_EQ(Instruction("prmt.b32.f4e").of<std::uint32_t>(a, b, by)[0], 0x44332211U);
    EXPECT_EQ(Instruction("prmt.b32.rc8").of<std::uint32_t>(a, b, by)[0], 0x11111111U);
}

TEST(Integer, LooksUpThreeInputs) {
    const std::vector<std::uint32_t> a{0xf0f0f0f0};
    const std::vector<std::uint32_t> b{0xcccccccc};
    const std::vector<std::uint32_t> c{0xaaaaaaaa};
    for (int table : {0x00, 0x80, 0x96, 0xe8, 0xca, 0xff}) {
        // These operands spell out the truth table itself.
        const std::uint32_t byte = static_cast<std::uint32_t>(table);
        EXPECT_EQ(Instruction("lop3.b32", ", " + std::to_string(table)).of<std::uint32_t>(a, b, c)[0],
                  byte * 0x01010101U);
    }
}

TEST(Integer, FunnelShifts) {
    const std::vector<std::uint32_t> low(4, 0x89abcdef);
    const std::vector<std::uint32_t> high(4, 0x01234567);
    const std::vector<std::uint32_t> by{0, 4, 32, 36};
    EXPECT_EQ(Instruction("shf.l.wrap.b32").of<std::uint32_t>(low, high, by),
              (std::vector<std::uint32_t>{0x01234567, 0x12345678, 0x01234567, 0x12345678}));
    EXPECT_EQ(Instruction("shf.r.clamp.b32").of<std::uint32_t>(low, high, by),
              (std::vector<std::uint32_t>{0x89abcdef, 0x789abcde, 0x01234567, 0x01234567}));
}

TEST(Integer, DotProductsOfBytes) {
    const std::vector<std::int32_t> a{0x01ff7f80};
    const std::vector<std::int32_t> b{0x02fe7f80};
    const std::vector<std::int32_t> c{1000};
    EXPECT_EQ(Instruction("dp4a.s32.s32").of<std::int32_t>(a, b, c)[0],
              1000 + 1 * 2 + -1 * -2 + 127 * 127 + -128 * -128);
    EXPECT_EQ(Instruction("dp4a.u32.u32").of<std::int32_t>(a, b, c)[0],
              1000 + 1 * 2 + 255 * 254 + 127 * 127 + 128 * 128);
}

TEST(Integer, SaturatesSums) {
    EXPECT_EQ(Instruction("add.sat.s32")
                  .of<std::int32_t>(std::vector{INT32_MAX, INT32_MIN, 5}, std::vector{1, -1, 6}),
              (std::vector{INT32_MAX, INT32_MIN, 11}));
}

}  // namespace
}  // namespace quern::emulator::test
