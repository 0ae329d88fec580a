// mov in all its forms: immediates, packing and unpacking, addresses of variables, WARP_SZ.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

template <class T>
T moved(const std::string& body) {
    return runThreads<T>(body, 1).front();
}

TEST(Move, Immediates) {
    EXPECT_EQ(moved<u16>("mov.u16 %d, 65535;"), 65535);
    EXPECT_EQ(moved<u16>("mov.b16 %d, -2;"), 0xfffe);
    EXPECT_EQ(moved<u16>("mov.b16 %d, 0x7FFF;"), 0x7fff);
    EXPECT_EQ(moved<u32>("mov.b32 %d, -2147483648;"), 0x80000000u);
    EXPECT_EQ(moved<u32>("mov.u32 %d, 4294967295;"), 0xffffffffu);
    EXPECT_EQ(moved<u32>("mov.b32 %d, 0xDEADBEEF;"), 0xdeadbeefu);
    EXPECT_EQ(moved<u32>("mov.s32 %d, -1;"), 0xffffffffu);
    EXPECT_EQ(moved<u32>("mov.f32 %d, 0f3F800000;"), 0x3f800000u);
    EXPECT_EQ(moved<u32>("mov.b32 %d, 0f80000000;"), 0x80000000u);
    EXPECT_EQ(moved<u32>("mov.f32 %d, 1.5;"), 0x3fc00000u);
    EXPECT_EQ(moved<u64>("mov.b64 %d, -1;"), ~u64{0});
    EXPECT_EQ(moved<u64>("mov.u64 %d, 0x123456789abcdef0;"), 0x123456789abcdef0u);
    EXPECT_EQ(moved<u64>("mov.u64 %d, 18446744073709551615U;"), ~u64{0});
    EXPECT_EQ(moved<u64>("mov.s64 %d, -9223372036854775808;"), u64{1} << 63);
    EXPECT_EQ(moved<u64>("mov.f64 %d, 0d7FF0000000000000;"), 0x7ff0000000000000u);
    EXPECT_EQ(moved<u64>("mov.f64 %d, -0.25;"), 0xbfd0000000000000u);
    EXPECT_EQ(moved<u32>("mov.u32 %d, WARP_SZ;"), 32u);
    EXPECT_EQ(moved<u32>("mov.u32 %r0, 7; add.u32 %d, %r0, WARP_SZ;"), 39u);
}

TEST(Move, BetweenRegisters) {
    forTypes<u16, u32, u64>([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "mov." + bitsName<T>() + " %d, %a;", [](T a) { return a; }, edges<T>());
    });
    // Floats are moved as bits: a signalling NaN stays one.
    expectEach<u32>(
        "mov.f32 %d, %a;", [](u32 a) { return a; }, std::vector<u32>{0x7f800001, 0xffffffff, 0x80000000, 1});
    expectEach<u64>(
        "mov.f64 %d, %a;", [](u64 a) { return a; }, std::vector<u64>{0x7ff0000000000001, ~u64{0}, 1});
}

// The first element of a vector lies in the lowest bits.
TEST(Move, PacksAndUnpacks) {
    expectEach<u32>(
        "mov.b32 %d, {%a, %b};", [](u16 a, u16 b) { return u32{b} << 16 | a; }, edges<u16>(), edges<u16>());
    expectEach<u64>(
        "mov.b64 %d, {%a, %b};", [](u32 a, u32 b) { return u64{b} << 32 | a; }, edges<u32>(), edges<u32>());
    expectEach<u64>(
        "mov.b64 %d, {%a, %b, %c, %e};",
        [](u16 a, u16 b, u16 c, u16 e) { return u64{e} << 48 | u64{c} << 32 | u64{b} << 16 | a; },
        randomBits<u16>(4), randomBits<u16>(4, 1), randomBits<u16>(4, 2), randomBits<u16>(4, 3));
    expectEach<u32>(
        "mov.b32 {%h0, %h1}, %a; mov.b32 %d, {%h1, %h0};", [](u32 a) { return std::rotl(a, 16); },
        edges<u32>());
    expectEach<u64>(
        "mov.b64 {%r0, %r1}, %a; mov.b64 %d, {%r1, %r0};", [](u64 a) { return std::rotl(a, 32); },
        edges<u64>());
    expectEach<u64>(
        "mov.b64 {%h0, %h1, %h2, %h3}, %a; mov.b64 %d, {%h1, %h2, %h3, %h0};",
        [](u64 a) { return std::rotr(a, 16); }, edges<u64>());
    expectEach<u64>(
        "mov.b64 %d, {%a, 7};", [](u32 a) { return u64{7} << 32 | a; }, edges<u32>());
    // The operand may be overwritten by its own parts.
    expectEach<u32>(
        "mov.b64 {%r0, %r1}, %a; mov.b64 %x0, {%r1, %r0}; mov.b64 {%r1, %r0}, %x0; sub.u32 %d, %r0, %r1;",
        [](u64 a) { return static_cast<u32>(a) - static_cast<u32>(a >> 32); }, edges<u64>());
}

TEST(Move, LeavesPartsOut) {
    expectEach<u32>(
        "mov.b64 {_, %d}, %a;", [](u64 a) { return static_cast<u32>(a >> 32); }, edges<u64>());
    expectEach<u16>(
        "mov.b32 {%d, _}, %a;", [](u32 a) { return static_cast<u16>(a); }, edges<u32>());
}

TEST(Move, AddressesOfVariables) {
    const std::string variables = ".global .align 16 .b32 numbers[4] = {10, 20, 30, 40};\n";
    EXPECT_EQ(runThreads<u32>("mov.u64 %x0, numbers; ld.global.u32 %d, [%x0+8];", 1, 1, {0}, variables)[0],
              30u);
    EXPECT_EQ(runThreads<u32>("mov.u64 %x0, numbers+12; ld.global.u32 %d, [%x0];", 1, 1, {0}, variables)[0],
              40u);
    EXPECT_EQ(
        runThreads<u32>("mov.u64 %x0, numbers+12; ld.global.u32 %d, [%x0+-8];", 1, 1, {0}, variables)[0],
        20u);
    EXPECT_EQ(runThreads<u32>("ld.global.u32 %d, [numbers+4];", 1, 1, {0}, variables)[0], 20u);
    EXPECT_EQ(runThreads<u32>("ld.global.u32 %d, [numbers];", 1, 1, {0}, variables)[0], 10u);
}

// In the shared window addresses have 32 bits that matter: both widths of register hold one.
TEST(Move, SharedAddressesInBothWidths) {
    const std::string body = R"(
    .shared .align 4 .b32 words[64];
    shl.b32 %r0, %t, 2;
    mov.u32 %r1, words;
    add.u32 %r1, %r1, %r0;
    st.shared.u32 [%r1], %t;
    mov.u64 %x1, words;
    cvt.u64.u32 %x0, %r0;
    add.u64 %x1, %x1, %x0;
    ld.shared.u32 %d, [%x1];)";
    expectThreads(runThreads<u32>(body, 64), [](u32 i) { return i; });
}

}  // namespace
}  // namespace quern::emulator
