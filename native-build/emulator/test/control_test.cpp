// Divergence, loops, calls, barriers, collectives, schedules.
#include <gtest/gtest.h>

#include <numeric>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

std::string kernel(const std::string& before, const std::string& code) {
    return before + R"(
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<10>; .reg .b32 %r<20>; .reg .f64 %fd<8>; .reg .pred %p<8>;
    mov.u32 %r19, %tid.x;
)" + code + R"(
    ld.param.u64 %rd9, [out]; mad.wide.u32 %rd9, %r19, 4, %rd9; st.global.u32 [%rd9], %r0; ret;
})";
}

std::vector<std::uint32_t> results(const std::string& ptx, std::uint32_t threads = 32, Options options = {}) {
    Bench bench;
    bench.options = options;
    bench.load(ptx);
    const std::uint64_t out = bench.memory.allocate(4 * threads);
    const LaunchResult result = bench.run("k", {}, {threads, 1, 1}, 0, out);
    EXPECT_TRUE(result.ok()) << result.report;
    return bench.download<std::uint32_t>(out, threads);
}

TEST(Control, LoopsOfDifferentLengthReconverge) {
    // The sum of 0..tid; then all lanes must be together for the vote.
    const auto values = results(kernel("", R"(
    mov.u32 %r0, 0; mov.u32 %r1, 0;
LOOP:
    add.u32 %r0, %r0, %r1; add.u32 %r1, %r1, 1; setp.le.u32 %p0, %r1, %r19; @%p0 bra LOOP;
    activemask.b32 %r2; popc.b32 %r2, %r2; mad.lo.u32 %r0, %r2, 1000, %r0;)"));
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], i * (i + 1) / 2 + 32000);
}

TEST(Control, NestedBranchesAndLabelsInScopes) {
    const auto values = results(kernel("", R"(
    and.b32 %r1, %r19, 3; mov.u32 %r0, 0; setp.ge.u32 %p0, %r1, 2;
    @!%p0 bra $low;
    { .reg .pred %p0; setp.eq.u32 %p0, %r1, 3; @%p0 bra done; add.u32 %r0, %r0, 20; bra.uni $end; done: add.u32 %r0, %r0, 30; }
    bra $end;
$low:
    { .reg .pred %p0; setp.eq.u32 %p0, %r1, 1; @%p0 bra done; bra.uni $end; done: add.u32 %r0, %r0, 10; }
$end:)"));
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], i % 4 * 10);
}

TEST(Control, BranchesByIndex) {
    const auto values = results(kernel("", R"(
    and.b32 %r1, %r19, 3;
targets: .branchtargets T0, T1, T2, T1;
    brx.idx %r1, targets;
T0: mov.u32 %r0, 10; bra END;
T1: mov.u32 %r0, 11; bra END;
T2: mov.u32 %r0, 12;
END:)"));
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], i % 4 == 0 ? 10U : i % 4 == 2 ? 12U : 11U);
}

TEST(Control, CallsFunctionsWithArgumentsAndLocalMemory) {
    const std::string function = R"(
.func (.param .b64 result) square(.param .b64 x, .param .align 4 .b8 pair[8]) {
    .reg .f64 %fd<4>; .reg .b32 %r<4>; .reg .pred %p; .local .align 8 .b8 stack[8];
    ld.param.f64 %fd0, [x]; st.local.f64 [stack], %fd0; ld.param.u32 %r0, [pair+4];
    setp.eq.u32 %p, %r0, 0; @%p bra EARLY;
    ld.local.f64 %fd1, [stack]; mul.f64 %fd1, %fd1, %fd0; st.param.f64 [result], %fd1; ret;
EARLY:
    st.param.f64 [result], 0d0000000000000000; ret;
}
.func (.reg .b32 sum) twice(.reg .b32 a) { .reg .f64 %fd<2>;
    { .param .b64 in; .param .align 4 .b8 two[8]; .param .b64 back;
      cvt.rn.f64.u32 %fd0, a; st.param.f64 [in], %fd0; st.param.u32 [two+4], a; call.uni (back), square, (in, two); ld.param.f64 %fd1, [back]; }
    cvt.rzi.u32.f64 sum, %fd1; add.u32 sum, sum, sum; ret; }
)";
    const auto values = results(kernel(function, R"(
    and.b32 %r1, %r19, 1; setp.eq.u32 %p0, %r1, 1; mov.u32 %r0, 7;
    @%p0 call (%r0), twice, (%r19);
    activemask.b32 %r2; popc.b32 %r2, %r2; mad.lo.u32 %r0, %r2, 10000, %r0;)"));
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], 320000 + (i % 2 == 1 ? 2 * i * i : 7));
}

TEST(Control, ShufflesInAllModes) {
    const auto values = results(kernel("", R"(
    shfl.sync.up.b32 %r1|%p0, %r19, 3, 0, 0xffffffff; selp.u32 %r2, 100, 0, %p0; add.u32 %r1, %r1, %r2;
    shfl.sync.down.b32 %r3, %r19, 1, 31, 0xffffffff;
    shfl.sync.bfly.b32 %r4, %r19, 5, 31, 0xffffffff;
    shfl.sync.idx.b32 %r5, %r19, 2, 0x1c03, 0xffffffff;
    mad.lo.u32 %r0, %r3, 1000, %r1; mad.lo.u32 %r0, %r4, 100000, %r0; mad.lo.u32 %r0, %r5, 10000000, %r0;)"));
    for (std::uint32_t i = 0; i < 32; i++) {
        const std::uint32_t up = i >= 3 ? i - 3 + 100 : i;
        const std::uint32_t down = i < 31 ? i + 1 : i;
        const std::uint32_t index = (i & ~3U) + 2;  // segments of four lanes
        EXPECT_EQ(values[i], up + 1000 * down + 100000 * (i ^ 5) + 10000000 * index) << i;
    }
}

TEST(Control, VotesMatchesAndReductionsOfMembers) {
    // Odd and even lanes part, and vote within their own masks.
    const auto values = results(kernel("", R"(
    and.b32 %r1, %r19, 1; setp.eq.u32 %p0, %r1, 1; selp.b32 %r2, 0xaaaaaaaa, 0x55555555, %p0;
    @%p0 bra ODD;
    setp.lt.u32 %p1, %r19, 8; vote.sync.ballot.b32 %r0, %p1, %r2; bra JOIN;
ODD:
    setp.lt.u32 %p1, %r19, 8; vote.sync.any.pred %p2, !%p1, %r2; redux.sync.add.u32 %r0, %r19, %r2; @%p2 add.u32 %r0, %r0, 1000;
JOIN:
    shr.u32 %r3, %r19, 2; match.any.sync.b32 %r4, %r3, 0xffffffff; popc.b32 %r4, %r4; mad.lo.u32 %r0, %r4, 100000, %r0;
    redux.sync.max.s32 %r5, %r19, 0xffffffff; mad.lo.u32 %r0, %r5, 1000000, %r0;)"));
    for (std::uint32_t i = 0; i < 32; i++) {
        EXPECT_EQ(values[i], (i % 2 == 0 ? 0x55U : 256 + 1000) + 400000 + 31000000) << i;
    }
}

TEST(Control, CollectivesWaitForLanesOnOtherPaths) {
    // Lanes below 16 reach the shuffle by a longer way: the others wait for them there.
    const auto values = results(kernel("", R"(
    setp.lt.u32 %p0, %r19, 16; mov.u32 %r1, %r19; @!%p0 bra SHUFFLE;
    mov.u32 %r2, 0;
LONG:
    add.u32 %r1, %r1, 1; add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 100; @%p1 bra LONG;
    bra SHUFFLE;
SHUFFLE:
    shfl.sync.bfly.b32 %r0, %r1, 16, 31, 0xffffffff;)"));
    for (std::uint32_t i = 0; i < 32; i++) EXPECT_EQ(values[i], i < 16 ? i + 16 : i - 16 + 100);
}

TEST(Control, BarriersOrderWarpsAndReduce) {
    for (Schedule schedule : {Schedule::FORWARD, Schedule::REVERSE, Schedule::RANDOM}) {
        Options options;
        options.schedule = schedule;
        const auto values = results(kernel("", R"(
    .shared .align 4 .b8 words[1024];
    mov.u32 %r1, words; mad.lo.u32 %r2, %r19, 4, %r1; st.shared.u32 [%r2], %r19; bar.sync 0;
    add.u32 %r3, %r19, 77; rem.u32 %r3, %r3, 256; mad.lo.u32 %r2, %r3, 4, %r1; ld.shared.u32 %r0, [%r2];
    setp.lt.u32 %p0, %r19, 100; bar.red.popc.u32 %r4, 1, %p0; mad.lo.u32 %r0, %r4, 1000, %r0;
    bar.red.and.pred %p1, 0, %p0; @%p1 add.u32 %r0, %r0, 1000000; bar.red.or.pred %p2, 0, %p0; @%p2 add.u32 %r0, %r0, 2000000;)"),
                                    256, options);
        for (std::uint32_t i = 0; i < 256; i++) EXPECT_EQ(values[i], (i + 77) % 256 + 100000 + 2000000);
    }
}

TEST(Control, NamedBarriersPairProducersAndConsumers) {
    const auto values = results(kernel("", R"(
    .shared .align 4 .b8 words[128];
    setp.ge.u32 %p0, %r19, 32; and.b32 %r1, %r19, 31; mov.u32 %r2, words; mad.lo.u32 %r2, %r1, 4, %r2; mov.u32 %r0, 0;
    @%p0 bra CONSUME;
    add.u32 %r3, %r19, 500; st.shared.u32 [%r2], %r3; bar.arrive 3, 64; bra END;
CONSUME:
    bar.sync 3, 64; ld.shared.u32 %r0, [%r2];
END:)"),
                                64);
    for (std::uint32_t i = 32; i < 64; i++) EXPECT_EQ(values[i], i - 32 + 500);
}

TEST(Control, ThreadsThatExitedDoNotHoldBarriersUp) {
    const auto values = results(kernel("", R"(
    setp.ge.u32 %p0, %r19, 50; mov.u32 %r0, 5; @%p0 exit; bar.sync 0;)"),
                                128);
    EXPECT_EQ(values[49], 5U);
}

TEST(Control, WarpsThatSpinForEachOtherMakeProgress) {
    for (Schedule schedule : {Schedule::FORWARD, Schedule::REVERSE}) {
        Options options;
        options.schedule = schedule;
        const auto values = results(kernel(".global .u32 flag;", R"(
    mov.u32 %r0, 1; setp.ge.u32 %p0, %r19, 32; @%p0 bra SET;
SPIN:
    ld.volatile.global.u32 %r1, [flag]; setp.eq.u32 %p1, %r1, 0; @%p1 bra SPIN; bra END;
SET:
    st.volatile.global.u32 [flag], 1;
END:)"),
                                    64, options);
        EXPECT_EQ(values[0], 1U);
    }
}

TEST(Control, LanesThatSpinForEachOtherMakeProgress) {
    // A lock taken lane by lane within one warp.
    const auto values = results(kernel(".global .u32 lock; .global .u32 count;", R"(
AGAIN:
    atom.global.cas.b32 %r1, [lock], 0, 1; setp.ne.u32 %p0, %r1, 0; @%p0 bra AGAIN;
    ld.volatile.global.u32 %r2, [count]; add.u32 %r2, %r2, 1; st.volatile.global.u32 [count], %r2; membar.gl;
    atom.global.exch.b32 %r3, [lock], 0;
    bar.warp.sync 0xffffffff; ld.volatile.global.u32 %r0, [count];)"));
    EXPECT_EQ(values[5], 32U);
}

TEST(Control, BlocksOfACooperativeLaunchMeetAcrossTheGrid) {
    for (int threads : {1, 3}) {
        Bench bench;
        bench.cooperative = true;
        bench.options.threads = threads;
        bench.load(R"(
.global .u32 arrived;
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .pred %p;
    mov.u32 %r0, %tid.x; setp.ne.u32 %p, %r0, 0; @%p bra WAIT; membar.gl; red.global.add.u32 [arrived], 1;
POLL:
    ld.acquire.gpu.global.u32 %r1, [arrived]; setp.lt.u32 %p, %r1, 50; @%p bra POLL;
WAIT:
    bar.sync 0; ld.param.u64 %rd0, [out]; red.global.add.u32 [%rd0], 1; ret;
})");
        const std::uint64_t out = bench.upload(std::vector<std::uint32_t>{0});
        const LaunchResult result = bench.run("k", {50, 1, 1}, {64, 1, 1}, 0, out);
        ASSERT_TRUE(result.ok()) << result.report;
        EXPECT_EQ(bench.download<std::uint32_t>(out, 1)[0], 3200U);
    }
}

TEST(Control, SpecialRegistersDescribeTheThread) {
    Bench bench;
    bench.load(R"(
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<4>; .reg .b32 %r<20>; .reg .pred %p<2>;
    mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z; mov.u32 %r3, %ntid.x; mov.u32 %r4, %ntid.y; mov.u32 %r5, %ntid.z;
    mad.lo.u32 %r6, %r2, %r4, %r1; mad.lo.u32 %r6, %r6, %r3, %r0;
    mov.u32 %r7, %ctaid.x; mov.u32 %r8, %ctaid.y; mov.u32 %r9, %ctaid.z; mov.u32 %r10, %nctaid.x; mov.u32 %r11, %nctaid.y;
    mad.lo.u32 %r12, %r9, %r11, %r8; mad.lo.u32 %r12, %r12, %r10, %r7;
    mul.lo.u32 %r13, %r3, %r4; mul.lo.u32 %r13, %r13, %r5; mad.lo.u32 %r13, %r12, %r13, %r6;
    mov.u32 %r14, %laneid; mov.u32 %r15, %warpid; mad.lo.u32 %r16, %r15, 32, %r14; mov.u32 %r17, %lanemask_lt; popc.b32 %r17, %r17;
    setp.eq.u32 %p0, %r16, %r6; setp.eq.and.u32 %p0, %r17, %r14, %p0; selp.u32 %r18, 1, 0, %p0;
    ld.param.u64 %rd0, [out]; mad.wide.u32 %rd0, %r13, 4, %rd0; st.global.u32 [%rd0], %r18; ret;
})");
    const std::uint32_t threads = 3 * 2 * 2 * 5 * 4 * 3;
    const std::uint64_t out = bench.upload(std::vector<std::uint32_t>(threads));
    const LaunchResult result = bench.run("k", {3, 2, 2}, {5, 4, 3}, 0, out);
    ASSERT_TRUE(result.ok()) << result.report;
    EXPECT_EQ(bench.download<std::uint32_t>(out, threads), std::vector<std::uint32_t>(threads, 1));
}

TEST(Control, SameResultsAndCountersForEveryNumberOfHostThreads) {
    const std::string ptx = R"(
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .pred %p;
    mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %r3, %r0, %r1, %r2; mov.u32 %r4, 0; and.b32 %r5, %r3, 63;
LOOP:
    add.u32 %r4, %r4, %r5; sub.u32 %r5, %r5, 1; setp.gt.s32 %p, %r5, 0; @%p bra LOOP;
    ld.param.u64 %rd0, [out]; mad.wide.u32 %rd0, %r3, 4, %rd0; st.global.u32 [%rd0], %r4; ret;
})";
    std::vector<std::uint32_t> first;
    Counters counters;
    for (int threads : {1, 2, 5}) {
        Bench bench;
        bench.options.threads = threads;
        bench.load(ptx);
        const std::uint64_t out = bench.memory.allocate(4 * 128 * 300);
        const LaunchResult result = bench.run("k", {300, 1, 1}, {128, 1, 1}, 0, out);
        ASSERT_TRUE(result.ok()) << result.report;
        const auto values = bench.download<std::uint32_t>(out, 128 * 300);
        if (first.empty()) {
            first = values;
            counters = result.counters;
        }
        EXPECT_EQ(values, first);
        EXPECT_TRUE(result.counters == counters);
    }
}

}  // namespace
}  // namespace quern::emulator::test
