// Counters, against counts made by hand.
#include <gtest/gtest.h>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

/// One load a thread of `bytes` (as .v4.b32 where they are 16) at in + tid * stride + offset.
Counters loads(int bytes, int stride, int offset, std::uint32_t threads = 32) {
    Bench bench;
    const std::string access = bytes == 16  ? "ld.global.v4.b32 {%r1, %r2, %r3, %r4}"
                               : bytes == 8 ? "ld.global.b64 %rd1"
                               : bytes == 4 ? "ld.global.b32 %r1"
                                            : "ld.global.b16 %rs0";
    bench.load(
        ".visible .entry k(.param .u64 in) {\n.reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .b16 %rs<2>;\n"
        "ld.param.u64 %rd0, [in]; mov.u32 %r0, %tid.x; mad.wide.u32 %rd0, %r0, " +
        std::to_string(stride) + ", %rd0;\n" + access + ", [%rd0+" + std::to_string(offset) + "]; ret; }");
    const LaunchResult result = bench.run("k", {}, {threads, 1, 1}, 0, bench.memory.allocate(1 << 16));
    EXPECT_TRUE(result.ok()) << result.report;
    return result.counters;
}

void expectTraffic(const GlobalTraffic& traffic, std::uint64_t requests, std::uint64_t sectors,
                   std::uint64_t bytes) {
    EXPECT_EQ(traffic.requests, requests);
    EXPECT_EQ(traffic.sectors, sectors);
    EXPECT_EQ(traffic.bytes, bytes);
}

TEST(Counters, SectorsOfGlobalLoads) {
    expectTraffic(loads(16, 16, 0).globalLoads, 1, 16, 512);  // coalesced
    expectTraffic(loads(8, 8, 0).globalLoads, 1, 8, 256);
    expectTraffic(loads(4, 4, 0).globalLoads, 1, 4, 128);
    expectTraffic(loads(2, 2, 0).globalLoads, 1, 2, 64);
    expectTraffic(loads(4, 4, 4).globalLoads, 1, 5, 128);      // off a sector's beginning
    expectTraffic(loads(4, 8, 0).globalLoads, 1, 8, 128);      // every other word
    expectTraffic(loads(4, 32, 0).globalLoads, 1, 32, 128);    // a sector each
    expectTraffic(loads(4, 0, 0).globalLoads, 1, 1, 128);      // all the same word
    expectTraffic(loads(4, 4, 0, 40).globalLoads, 2, 5, 160);  // a warp of eight lanes
}

Counters sharedStores(int bytes, int stride) {
    Bench bench;
    const std::string access = bytes == 16  ? "st.shared.v4.b32 [%r1], {%r0, %r0, %r0, %r0}"
                               : bytes == 8 ? "st.shared.b64 [%r1], %rd0"
                                            : "st.shared.b32 [%r1], %r0";
    bench.load(
        ".extern .shared .align 16 .b8 s[];\n.visible .entry k() {\n.reg .b64 %rd<4>; .reg .b32 "
        "%r<8>;\nmov.u64 %rd0, 0; mov.u32 %r0, %tid.x; mul.lo.u32 %r1, %r0, " +
        std::to_string(stride) + ";\n" + access + "; ret; }");
    const LaunchResult result = bench.run("k", {}, {32, 1, 1}, 32768);
    EXPECT_TRUE(result.ok()) << result.report;
    return result.counters;
}

TEST(Counters, WavefrontsOfSharedStores) {
    const auto expect = [](const Counters& counters, std::uint64_t wavefronts, std::uint64_t ideal) {
        EXPECT_EQ(counters.sharedStores.requests, 1U);
        EXPECT_EQ(counters.sharedStores.wavefronts, wavefronts);
        EXPECT_EQ(counters.sharedStores.idealWavefronts, ideal);
    };
    expect(sharedStores(4, 4), 1, 1);
    expect(sharedStores(4, 8), 2, 1);     // two lanes a bank
    expect(sharedStores(4, 128), 32, 1);  // all in one bank
    expect(sharedStores(4, 132), 1, 1);   // padded
    expect(sharedStores(4, 0), 1, 1);     // one word
    expect(sharedStores(8, 8), 2, 2);
    expect(sharedStores(16, 16), 4, 4);
    expect(sharedStores(16, 32), 8, 4);
}

TEST(Counters, InstructionsByClassOfActiveThreads) {
    Bench bench;
    bench.load(R"(
.visible .entry k() {
    .reg .b32 %r<4>; .reg .f32 %f<4>; .reg .f64 %fd<2>; .reg .pred %p<2>;
    mov.u32 %r0, %tid.x;
    setp.lt.u32 %p0, %r0, 10;
    @%p0 add.s32 %r1, %r0, 1;
    fma.rn.f32 %f0, %f1, %f2, %f3;
    add.f64 %fd0, %fd1, %fd1;
    ex2.approx.f32 %f0, %f1;
    cvt.rn.f32.u32 %f0, %r0;
    and.b32 %r1, %r0, 3;
    shfl.sync.idx.b32 %r1, %r0, 0, 31, 0xffffffff;
    bar.sync 0;
    @%p0 bra END;
    sub.s32 %r1, %r1, 1;
END:
    ret;
})");
    const Counters counters = bench.run("k", {3, 1, 1}, {64, 1, 1}, 0).counters;
    const std::uint64_t blocks = 3;
    EXPECT_EQ(counters.instructions(InstructionClass::INTEGER), blocks * (10 + 54));
    for (InstructionClass c : {InstructionClass::FP32, InstructionClass::FP64, InstructionClass::SPECIAL,
                               InstructionClass::CONVERT, InstructionClass::COMPARE, InstructionClass::LOGIC,
                               InstructionClass::MOVE, InstructionClass::WARP, InstructionClass::BARRIER}) {
        EXPECT_EQ(counters.instructions(c), blocks * 64) << nameOf(c);
    }
    EXPECT_EQ(counters.instructions(InstructionClass::CONTROL), blocks * (10 + 64));
    EXPECT_EQ(counters.barriers, blocks * 2);
    EXPECT_EQ(counters.divergentBranches, blocks * 1);
}

}  // namespace
}  // namespace quern::emulator::test
