// State spaces, access widths, generic addresses, variables, parameters, atomics.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

/// A kernel k(out) of one thread a result; `code` leaves it in %r0 (32 bits).
std::string oneResult(const std::string& declarations, const std::string& code) {
    return declarations + R"(
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<20>; .reg .b32 %r<20>; .reg .b16 %rs<20>; .reg .f32 %f<8>; .reg .f64 %fd<8>; .reg .pred %p<8>;
    mov.u32 %r19, %tid.x;
)" + code + R"(
    ld.param.u64 %rd19, [out]; mad.wide.u32 %rd19, %r19, 4, %rd19; st.global.u32 [%rd19], %r0; ret;
})";
}

std::vector<std::uint32_t> stored(const std::string& ptx, std::uint32_t threads = 32,
                                  std::uint32_t shared = 0) {
    Bench bench;
    bench.load(ptx);
    const std::uint64_t out = bench.memory.allocate(4 * threads);
    const LaunchResult result = bench.run("k", {}, {threads, 1, 1}, shared, out);
    EXPECT_TRUE(result.ok()) << result.report;
    return bench.download<std::uint32_t>(out, threads);
}

TEST(Memory, LoadsAndStoresEveryWidthInVectors) {
    Bench bench;
    bench.load(R"(
.visible .entry k(.param .u64 out, .param .u64 in) {
    .reg .b64 %rd<8>; .reg .b32 %r<8>; .reg .b16 %rs<8>;
    ld.param.u64 %rd0, [out]; ld.param.u64 %rd1, [in]; mov.u32 %r0, %tid.x;
    mad.wide.u32 %rd0, %r0, 64, %rd0; mad.wide.u32 %rd1, %r0, 64, %rd1;
    ld.global.u8 %rs0, [%rd1]; st.global.u8 [%rd0], %rs0;
    ld.global.v2.u8 {%rs0, %rs1}, [%rd1+2]; st.global.v2.u8 [%rd0+2], {%rs0, %rs1};
    ld.global.v4.u8 {%r1, %r2, %r3, %r4}, [%rd1+4]; st.global.v4.u8 [%rd0+4], {%r1, %r2, %r3, %r4};
    ld.global.v4.u16 {%rs0, %rs1, %rs2, %rs3}, [%rd1+8]; st.global.v4.u16 [%rd0+8], {%rs0, %rs1, %rs2, %rs3};
    ld.global.nc.v4.b32 {%r1, %r2, %r3, %r4}, [%rd1+16]; st.global.cs.v4.b32 [%rd0+16], {%r1, %r2, %r3, %r4};
    ld.global.L1::no_allocate.v2.u64 {%rd2, %rd3}, [%rd1+32]; st.global.wt.v2.u64 [%rd0+32], {%rd2, %rd3};
    ld.volatile.global.f64 %rd2, [%rd1+48]; st.relaxed.gpu.global.u64 [%rd0+48], %rd2;
    ld.global.s16 %rd2, [%rd1+56]; st.global.u32 [%rd0+56], %rd2;
    ret;
})");
    std::vector<std::uint8_t> in(32 * 64);
    std::iota(in.begin(), in.end(), 77);
    const std::uint64_t out = bench.memory.allocate(in.size());
    // The kernels' wider vectors need 16 bytes of alignment and allocations have 256.
    const LaunchResult result = bench.run("k", {}, {32, 1, 1}, 0, out, bench.upload(in));
    ASSERT_TRUE(result.ok()) << result.report;
    const auto bytes = bench.download<std::uint8_t>(out, in.size());
    for (std::size_t i = 0; i < in.size(); i++) {
        const std::size_t at = i % 64;
        if (at == 1 || at >= 60) continue;  // never written
        std::uint8_t expected = in[i];
        if (at == 58 || at == 59) expected = (in[i - at + 57] & 0x80) != 0 ? 0xff : 0;  // the sign of an s16
        EXPECT_EQ(bytes[i], expected) << i;
    }
}

TEST(Memory, SignExtendsIntoWiderRegisters) {
    EXPECT_EQ(
        stored(oneResult(
            ".global .align 4 .b8 g[4] = {255, 128, 1, 2};",
            "ld.global.s8 %rs0, [g]; cvt.s32.s16 %r0, %rs0; ld.global.s8 %r1, [g+1]; add.s32 %r0, %r0, %r1;"))
            [0],
        static_cast<std::uint32_t>(-1 - 128));
}

TEST(Memory, StoresTheLowPartOfWiderRegisters) {
    EXPECT_EQ(stored(oneResult(
                  ".global .u32 g;",
                  "mov.u64 %rd0, 0x1122334455667788; st.global.u32 [g], %rd0; ld.global.u32 %r0, [g];"))[0],
              0x55667788U);
}

TEST(Memory, InitialisesVariables) {
    const std::string variables = R"(
.global .align 8 .f64 d = 0d3FF8000000000000;
.const .align 4 .u32 table[4] = {10, 20, 30};
.global .u64 pointer = generic(table)+8;
.global .v2.f32 fractions = {2.5e-1, 4.0E+1};
)";
    EXPECT_EQ(stored(oneResult(variables, R"(
    ld.const.u32 %r1, [table+4]; ld.global.u64 %rd0, [pointer]; ld.u32 %r2, [%rd0]; ld.const.u32 %r3, [table+12];
    ld.global.f64 %fd0, [d]; cvt.rzi.u32.f64 %r4, %fd0;
    ld.global.v2.f32 {%f0, %f1}, [fractions]; mul.f32 %f0, %f0, %f1; cvt.rzi.u32.f32 %r5, %f0; add.u32 %r4, %r4, %r5;
    add.u32 %r0, %r1, %r2; add.u32 %r0, %r0, %r3; add.u32 %r0, %r0, %r4;)"))[0],
              20U + 30U + 0U + 1U + 10U);
}

TEST(Memory, SharedMemoryOfBothKinds) {
    const std::string code = R"(
    .shared .align 4 .b8 fixed[128];
    mov.u32 %r1, fixed; mad.lo.u32 %r1, %r19, 4, %r1; st.shared.u32 [%r1], %r19;
    mov.u32 %r2, dynamic; mad.lo.u32 %r2, %r19, 4, %r2; add.u32 %r3, %r19, 100; st.shared::cta.u32 [%r2], %r3;
    bar.sync 0;
    xor.b32 %r4, %r19, 31;
    mov.u64 %rd0, fixed; cvta.shared.u64 %rd0, %rd0; mad.wide.u32 %rd0, %r4, 4, %rd0; ld.u32 %r5, [%rd0];
    mov.u32 %r2, dynamic; mad.lo.u32 %r2, %r4, 4, %r2; ld.shared.u32 %r6, [%r2];
    add.u32 %r0, %r5, %r6;)";
    const auto values = stored(oneResult(".extern .shared .align 16 .b8 dynamic[];", code), 32, 128);
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], 2 * (31 - i) + 100);
}

TEST(Memory, LocalMemoryIsOneEachThread) {
    const auto values = stored(oneResult("", R"(
    .local .align 8 .b8 depot[16];
    mov.u64 %rd0, depot; cvta.local.u64 %rd1, %rd0; st.u32 [%rd1+4], %r19; bar.warp.sync 0xffffffff;
    ld.local.u32 %r0, [%rd0+4];)"));
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], i);
}

TEST(Memory, TellsSpacesOfGenericAddressesApart) {
    const auto values = stored(oneResult(".global .u32 g;", R"(
    .shared .u32 s; .local .u32 l;
    mov.u64 %rd0, g; cvta.global.u64 %rd0, %rd0; mov.u64 %rd1, s; cvta.shared.u64 %rd1, %rd1; mov.u64 %rd2, l; cvta.local.u64 %rd2, %rd2;
    isspacep.global %p0, %rd0; isspacep.shared %p1, %rd1; isspacep.local %p2, %rd2; isspacep.shared %p3, %rd0; isspacep.global %p4, %rd1;
    selp.u32 %r0, 1, 0, %p0; @%p1 add.u32 %r0, %r0, 2; @%p2 add.u32 %r0, %r0, 4; @%p3 add.u32 %r0, %r0, 8; @%p4 add.u32 %r0, %r0, 16;)"));
    EXPECT_EQ(values[0], 7U);
}

TEST(Memory, ParametersByAddress) {
    Bench bench;
    bench.load(R"(
.visible .entry k(.param .u64 out, .param .align 8 .b8 block[24]) {
    .reg .b64 %rd<8>; .reg .b32 %r<8>;
    ld.param.u64 %rd0, [out]; mov.b64 %rd1, block; mov.u32 %r0, %tid.x; and.b32 %r1, %r0, 1; mad.wide.u32 %rd1, %r1, 8, %rd1;
    ld.param.u32 %r2, [%rd1+8]; mad.wide.u32 %rd0, %r0, 4, %rd0; st.global.u32 [%rd0], %r2; ret;
})");
    const std::uint64_t out = bench.memory.allocate(128);
    const LaunchResult result =
        bench.run("k", {}, {32, 1, 1}, 0, out, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3});
    ASSERT_TRUE(result.ok()) << result.report;
    for (std::uint32_t i = 0; i < 32; i++)
        EXPECT_EQ(bench.download<std::uint32_t>(out, 32)[i], i % 2 == 0 ? 2U : 3U);
}

TEST(Memory, AtomicsOnGlobalAndSharedMemory) {
    Bench bench;
    bench.options.threads = 2;
    bench.load(R"(
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<8>; .reg .b32 %r<8>; .reg .f32 %f<4>; .reg .f64 %fd<4>; .reg .pred %p;
    .shared .u32 count;
    mov.u32 %r0, %tid.x; setp.eq.u32 %p, %r0, 0; @%p st.shared.u32 [count], 0; bar.sync 0;
    red.shared.add.u32 [count], 1; bar.sync 0;
    ld.param.u64 %rd0, [out];
    atom.global.add.u32 %r1, [%rd0], 1;
    red.global.max.s32 [%rd0+4], %r0;
    atom.global.add.f32 %f0, [%rd0+8], 0f3F000000;
    red.global.add.f64 [%rd0+16], 0d3FE0000000000000;
    atom.global.inc.u32 %r2, [%rd0+24], 4;
    atom.cas.b32 %r3, [%rd0+28], 7, 9;
    red.relaxed.gpu.global.or.b32 [%rd0+32], %r0;
    ld.shared.u32 %r4, [count]; red.global.add.u32 [%rd0+36], %r4;
    ret;
})");
    std::vector<std::uint32_t> zero(10);
    zero[7] = 7;
    const std::uint64_t out = bench.upload(zero);
    const LaunchResult result = bench.run("k", {40, 1, 1}, {128, 1, 1}, 0, out);
    ASSERT_TRUE(result.ok()) << result.report;
    const auto d = bench.download<std::uint32_t>(out, 10);
    const std::uint32_t threads = 40 * 128;
    EXPECT_EQ(d[0], threads);
    EXPECT_EQ(d[1], 127U);
    EXPECT_EQ(std::bit_cast<float>(d[2]), threads * 0.5F);
    EXPECT_EQ(std::bit_cast<double>(std::uint64_t{d[5]} << 32 | d[4]), threads * 0.5);
    EXPECT_EQ(d[6], threads % 5);
    EXPECT_EQ(d[7], 9U);
    EXPECT_EQ(d[8], 127U);
    EXPECT_EQ(d[9], threads * 128);
}

TEST(Memory, IndexesBeyondTwoToThe32InSparseMemory) {
    Bench bench;
    bench.load(R"(
.visible .entry k(.param .u64 base, .param .u64 first) {
    .reg .b64 %rd<8>; .reg .b32 %r<4>;
    ld.param.u64 %rd0, [base]; ld.param.u64 %rd1, [first]; mov.u32 %r0, %tid.x; cvt.u64.u32 %rd2, %r0;
    add.s64 %rd2, %rd2, %rd1; shl.b64 %rd3, %rd2, 2; add.s64 %rd0, %rd0, %rd3; cvt.u32.u64 %r1, %rd2; st.global.u32 [%rd0], %r1; ret;
})");
    const std::uint64_t elements = (std::uint64_t{1} << 32) + 1000;
    const std::uint64_t base = bench.memory.allocate(4 * elements);
    if (base == 0) FAIL() << "16 GiB of sparse memory are refused";
    const LaunchResult result = bench.run("k", {}, {64, 1, 1}, 0, base, elements - 64);
    ASSERT_TRUE(result.ok()) << result.report;
    EXPECT_EQ(bench.download<std::uint32_t>(base + 4 * (elements - 1), 1)[0], 999U);
    EXPECT_EQ(bench.download<std::uint32_t>(base, 1)[0], 0U);
    // One element further is one too far.
    EXPECT_EQ(bench.run("k", {}, {64, 1, 1}, 0, base, elements - 63).status, LaunchStatus::ILLEGAL_ADDRESS);
}

}  // namespace
}  // namespace quern::emulator::test
