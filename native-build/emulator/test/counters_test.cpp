// Counters, against counts made by hand.
#include <gtest/gtest.h>

#include <optional>

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

void expectTraffic(const SectorTraffic& traffic, std::uint64_t requests, std::uint64_t sectors,
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

TEST(Counters, WavefrontsOfBroadcastsAndPartialWarps) {
    EXPECT_EQ(sharedStores(8, 0).sharedStores.wavefronts, 2U);   // one double, once for each half of the warp
    EXPECT_EQ(sharedStores(16, 0).sharedStores.wavefronts, 4U);  // once for each quarter
    EXPECT_EQ(sharedStores(8, 16).sharedStores.wavefronts, 4U);  // every other double: two in a bank
    EXPECT_EQ(sharedStores(8, 16).sharedStores.idealWavefronts, 2U);
    EXPECT_EQ(sharedStores(16, 16).sharedStores.bytes, 512U);
    EXPECT_EQ(sharedStores(16, 32).sharedStores.excessWavefronts(), 4U);
}

/// A store of `bytes` in local memory, at the same offset in all lanes or `stride` bytes further in each lane.
Counters localStores(int bytes, int stride) {
    Bench bench;
    const std::string access = bytes == 16  ? "st.local.v4.b32 [%rd0], {%r0, %r0, %r0, %r0}"
                               : bytes == 8 ? "st.local.b64 [%rd0], %rd0"
                               : bytes == 4 ? "st.local.b32 [%rd0], %r0"
                                            : "st.local.b8 [%rd0], %r0";
    bench.load(
        ".visible .entry k() {\n.local .align 16 .b8 stack[1024];\n.reg .b64 %rd<4>; .reg .b32 "
        "%r<8>;\nmov.u64 %rd0, stack; mov.u32 %r0, %tid.x; mad.wide.u32 %rd0, %r0, " +
        std::to_string(stride) + ", %rd0;\n" + access + "; ret; }");
    const LaunchResult result = bench.run("k", {}, {32, 1, 1}, 0);
    EXPECT_TRUE(result.ok()) << result.report;
    EXPECT_EQ(result.counters.globalStores, SectorTraffic{});
    return result.counters;
}

TEST(Counters, LocalMemoryIsInterleavedByWords) {
    expectTraffic(localStores(4, 0).localStores, 1, 4, 128);    // one offset: 32 words side by side
    expectTraffic(localStores(8, 0).localStores, 1, 8, 256);    // two such rows
    expectTraffic(localStores(16, 0).localStores, 1, 16, 512);  // four
    expectTraffic(localStores(1, 0).localStores, 1, 4, 32);     // a byte of each word
    expectTraffic(localStores(4, 4).localStores, 1, 32, 128);   // another row for each lane
    expectTraffic(localStores(1, 1).localStores, 1, 8, 32);     // four lanes a row
}

/// An atomic addition to global (or shared) memory at stride * tid, modulo `places`.
Counters atomicAdds(const std::string& space, int places, int stride) {
    Bench bench;
    bench.load(
        ".extern .shared .align 16 .b8 s[];\n.visible .entry k(.param .u64 at) {\n"
        ".reg .b64 %rd<4>; .reg .b32 %r<8>;\nld.param.u64 %rd0, [at]; mov.u32 %r0, %tid.x; rem.u32 %r1, "
        "%r0, " +
        std::to_string(places) + ";\nmul.lo.u32 %r1, %r1, " + std::to_string(stride) +
        ";\n"
        "cvt.u64.u32 %rd1, %r1; add.u64 %rd0, %rd0, %rd1;\n" +
        (space == "shared" ? "atom.shared.add.u32 %r2, [%r1], 1" : "red.global.add.u32 [%rd0], 1") +
        "; ret; }");
    const LaunchResult result =
        bench.run("k", {}, {32, 1, 1}, 4096, bench.upload(std::vector<std::uint32_t>(1024)));
    EXPECT_TRUE(result.ok()) << result.report;
    return result.counters;
}

TEST(Counters, AtomicsBySpaceAndContention) {
    const auto expect = [](const AtomicTraffic& traffic, std::uint64_t sectors, std::uint64_t turns) {
        EXPECT_EQ(traffic.requests, 1U);
        EXPECT_EQ(traffic.operations, 32U);
        EXPECT_EQ(traffic.sectors, sectors);
        EXPECT_EQ(traffic.turns, turns);
        EXPECT_EQ(traffic.contention(), turns - 1);
    };
    expect(atomicAdds("global", 32, 4).globalAtomics, 4, 1);
    expect(atomicAdds("global", 32, 32).globalAtomics, 32, 1);
    expect(atomicAdds("global", 1, 4).globalAtomics, 1, 32);
    expect(atomicAdds("global", 8, 4).globalAtomics, 1, 4);
    expect(atomicAdds("shared", 4, 4).sharedAtomics, 1, 8);
    EXPECT_EQ(atomicAdds("shared", 4, 4).globalAtomics, AtomicTraffic{});
    EXPECT_EQ(atomicAdds("global", 4, 4).globalLoads, SectorTraffic{});
}

TEST(Counters, ConstantMemoryIsNoGlobalTraffic) {
    Bench bench;
    bench.load(R"(
.const .align 4 .b32 c[4] = {1, 2, 3, 4};
.visible .entry k() { .reg .b32 %r<2>; ld.const.b32 %r0, [c]; ret; })");
    const Counters counters = bench.run("k", {}, {32, 1, 1}, 0).counters;
    EXPECT_EQ(counters.globalLoads, SectorTraffic{});
    EXPECT_EQ(counters.instructions(InstructionClass::MEMORY), 32U);
}

TEST(Counters, DivergenceAndLanesPerInstruction) {
    Bench bench;
    bench.load(R"(
.visible .entry k() {
    .reg .b32 %r<4>; .reg .pred %p<2>;
    mov.u32 %r0, %tid.x;
    setp.lt.u32 %p0, %r0, 8;
    @%p0 bra LOW;
    add.s32 %r1, %r0, 1;
    bra END;
LOW:
    sub.s32 %r1, %r0, 1;
END:
    ret;
})");
    const Counters counters = bench.run("k", {}, {64, 1, 1}, 0).counters;
    // The first warp takes both ways and meets itself at END; the second takes the upper one.
    EXPECT_EQ(counters.branches, 2U + 2U);
    EXPECT_EQ(counters.divergentBranches, 1U);
    EXPECT_EQ(counters.warpInstructions, 7U + 6U);
    EXPECT_EQ(counters.threadInstructions(), 64U * 2 + 8 + 56 * 2 + 8 + 64U);
    EXPECT_DOUBLE_EQ(counters.lanesPerInstruction(), (64 * 2 + 8 + 56 * 2 + 8 + 64) / 13.0);
}

/// Global and shared memory, atomics, divergence, barriers and loops whose length depends on the thread. The sum goes to the
/// word behind what the threads read.
const char* const MIXED = R"(
.extern .shared .align 16 .b8 s[];
.visible .entry k(.param .u64 at) {
    .reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .pred %p<3>;
    ld.param.u64 %rd0, [at]; mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x;
    mad.lo.u32 %r2, %r1, 96, %r0; mad.wide.u32 %rd1, %r2, 4, %rd0;
    ld.global.u32 %r3, [%rd1];
    mul.lo.u32 %r4, %r0, 8; st.shared.u32 [%r4], %r3;
    xor.b32 %r5, %r0, %r1; and.b32 %r5, %r5, 7;
LOOP:
    setp.eq.u32 %p0, %r5, 0; @%p0 bra DONE;
    add.u32 %r3, %r3, %r5; sub.u32 %r5, %r5, 1;
    setp.gt.u32 %p1, %r5, 3; @%p1 red.shared.add.u32 [%r4], 1;
    bra LOOP;
DONE:
    bar.sync 0;
    xor.b32 %r6, %r4, 8; ld.shared.u32 %r7, [%r6]; add.u32 %r3, %r3, %r7;
    shfl.sync.bfly.b32 %r3, %r3, 1, 31, 0xffffffff;
    red.global.add.u32 [%rd0+76800], %r3;
    bar.sync 0;
    ret;
})";

TEST(Counters, NeitherThreadsNorScheduleMatter) {
    std::optional<Counters> first;
    for (int threads : {1, 2, 4}) {
        for (Schedule schedule : {Schedule::FORWARD, Schedule::REVERSE, Schedule::RANDOM}) {
            for (std::uint64_t seed : {1U, 2U}) {
                Bench bench;
                bench.options.threads = threads;
                bench.options.schedule = schedule;
                bench.options.seed = seed;
                bench.load(MIXED);
                const LaunchResult result =
                    bench.run("k", {200, 1, 1}, {96, 1, 1}, 96 * 8,
                              bench.upload(std::vector<std::uint32_t>(200 * 96 + 1, 3)));
                ASSERT_TRUE(result.ok()) << result.report;
                if (!first) first = result.counters;
                EXPECT_EQ(result.counters, *first) << threads << " threads, seed " << seed;
            }
        }
    }
    EXPECT_GT(first->divergentBranches, 0U);
    EXPECT_GT(first->sharedAtomics.requests, 0U);
    EXPECT_EQ(first->sharedStores.excessWavefronts(), 600U);  // two lanes a bank
    EXPECT_EQ(first->barriers, 200U * 3 * 2);
}

TEST(Counters, LinesAddUpToTheLaunch) {
    Bench bench;
    bench.options.threads = 2;
    bench.options.lines = true;
    bench.load(MIXED);
    const LaunchResult result = bench.run("k", {200, 1, 1}, {96, 1, 1}, 96 * 8,
                                          bench.upload(std::vector<std::uint32_t>(200 * 96 + 1, 3)));
    ASSERT_TRUE(result.ok()) << result.report;
    Executions executions;
    Traffic traffic;
    int line = 0;
    for (const LineCounters& of : result.lines) {
        EXPECT_GT(of.line, line);
        line = of.line;
        executions += of.executions;
        traffic += of.traffic;
        if (of.text.starts_with("xor.b32 %r6")) {
            // This line holds a load from shared memory: 32 words 8 bytes apart, two in each bank.
            EXPECT_EQ(of.traffic.shared.requests, 600U);
            EXPECT_EQ(of.traffic.shared.excessWavefronts(), 600U);
        }
    }
    const Counters& counters = result.counters;
    EXPECT_EQ(executions.warps, counters.warpInstructions);
    EXPECT_EQ(executions.threads, counters.threadInstructions());
    EXPECT_EQ(executions.divergent, counters.divergentBranches);
    EXPECT_EQ(traffic.global.sectors, counters.globalLoads.sectors + counters.globalStores.sectors);
    EXPECT_EQ(traffic.shared.wavefronts, counters.sharedLoads.wavefronts + counters.sharedStores.wavefronts);
    EXPECT_EQ(traffic.sharedAtomics, counters.sharedAtomics);
    EXPECT_EQ(traffic.globalAtomics, counters.globalAtomics);

    bench.options.lines = false;
    EXPECT_TRUE(bench
                    .run("k", {1, 1, 1}, {96, 1, 1}, 96 * 8,
                         bench.upload(std::vector<std::uint32_t>(200 * 96 + 1, 3)))
                    .lines.empty());
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
