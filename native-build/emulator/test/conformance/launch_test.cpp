// Special registers and the shapes of launches.
#include <set>

#include "conformance/evaluate.hpp"
#include "schedules.hpp"

namespace quern::emulator {
namespace {

struct Seen {
    u32 tid[3], ntid[3], ctaid[3], nctaid[3];
    u32 lane, warp, warps, sm, sms, below, belowOrSame, same, above, aboveOrSame;
};

const char* const WHO = R"(
.visible .entry who(.param .u64 out) {
    .reg .b32 %r<32>, %at;
    .reg .b64 %x<2>;
    mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z;
    mov.u32 %r3, %ntid.x; mov.u32 %r4, %ntid.y; mov.u32 %r5, %ntid.z;
    mov.u32 %r6, %ctaid.x; mov.u32 %r7, %ctaid.y; mov.u32 %r8, %ctaid.z;
    mov.u32 %r9, %nctaid.x; mov.u32 %r10, %nctaid.y; mov.u32 %r11, %nctaid.z;
    mov.u32 %r12, %laneid; mov.u32 %r13, %warpid; mov.u32 %r14, %nwarpid; mov.u32 %r15, %smid; mov.u32 %r16, %nsmid;
    mov.u32 %r17, %lanemask_lt; mov.u32 %r18, %lanemask_le; mov.u32 %r19, %lanemask_eq;
    mov.u32 %r20, %lanemask_gt; mov.u32 %r21, %lanemask_ge;
    mad.lo.u32 %at, %r8, %r10, %r7; mad.lo.u32 %at, %at, %r9, %r6;
    mad.lo.u32 %at, %at, %r5, %r2; mad.lo.u32 %at, %at, %r4, %r1; mad.lo.u32 %at, %at, %r3, %r0;
    ld.param.u64 %x0, [out];
    mad.wide.u32 %x0, %at, 88, %x0;
)";

std::string whoKernel() {
    std::string kernel = WHO;
    for (int k = 0; k < 22; k++) {
        kernel += "    st.global.u32 [%x0+" + std::to_string(4 * k) + "], %r" + std::to_string(k) + ";\n";
    }
    return kernel + "    ret;\n}\n";
}

void expectShape(Dim3 grid, Dim3 block) {
    SCOPED_TRACE(std::to_string(grid.x) + "x" + std::to_string(grid.y) + "x" + std::to_string(grid.z) +
                 " blocks of " + std::to_string(block.x) + "x" + std::to_string(block.y) + "x" +
                 std::to_string(block.z));
    Machine machine(whoKernel());
    const std::size_t count = grid.count() * block.count();
    const u64 out = machine.allocate<Seen>(count);
    machine.run("who", grid, block, {out});
    const std::vector<Seen> all = machine.download<Seen>(out, count);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; i++) {
        const Seen& seen = all[i];
        const u32 thread = static_cast<u32>(i % block.count());
        const u64 blockIndex = i / block.count();
        const u32 lane = thread % 32;
        const bool right =
            seen.tid[0] == thread % block.x && seen.tid[1] == thread / block.x % block.y &&
            seen.tid[2] == thread / (block.x * block.y) && seen.ctaid[0] == blockIndex % grid.x &&
            seen.ctaid[1] == blockIndex / grid.x % grid.y &&
            seen.ctaid[2] == blockIndex / (u64{grid.x} * grid.y) && seen.ntid[0] == block.x &&
            seen.ntid[1] == block.y && seen.ntid[2] == block.z && seen.nctaid[0] == grid.x &&
            seen.nctaid[1] == grid.y && seen.nctaid[2] == grid.z && seen.lane == lane &&
            seen.warp == thread / 32 && seen.warps >= (block.count() + 31) / 32 && seen.sm < seen.sms &&
            seen.sms >= static_cast<u32>(machine.device.multiprocessors) && seen.below == (1u << lane) - 1 &&
            seen.same == 1u << lane && seen.belowOrSame == (seen.below | seen.same) &&
            seen.above == ~seen.belowOrSame && seen.aboveOrSame == ~seen.below;
        if (!right && wrong++ == 0) ADD_FAILURE() << "thread " << i << " does not know where it is";
    }
    comparedValues += 22 * count;
    EXPECT_EQ(wrong, 0u) << "of " << count << " threads";
}

TEST(Launch, ShapesAndSpecialRegisters) {
    expectShape({1}, {1});
    expectShape({3}, {33});
    expectShape({2, 3}, {31, 2});
    expectShape({2, 3, 4}, {5, 3, 7});
    expectShape({1}, {1024});
    expectShape({1, 2}, {1, 1, 64});
    expectShape({7}, {8, 8, 16});
    expectShape({1, 1, 40}, {3, 11, 1});
    expectShape({1000}, {2});
}

TEST(Launch, ClocksGoForward) {
    const std::vector<u32> ticks = runThreads<u32>(R"(
    mov.u32 %r0, %clock; mov.u64 %x0, %clock64; mov.u64 %x1, %globaltimer;
    mov.u32 %r1, 0;
LOOP: add.u32 %r1, %r1, 1; setp.lt.u32 %p0, %r1, 2000; @%p0 bra LOOP;
    mov.u32 %r2, %clock; mov.u64 %x2, %clock64; mov.u64 %x3, %globaltimer;
    mov.u32 %d, 0;
    sub.u32 %r3, %r2, %r0; setp.gt.s32 %p1, %r3, 0; @%p1 or.b32 %d, %d, 1;
    setp.gt.u64 %p1, %x2, %x0; @%p1 or.b32 %d, %d, 2;
    setp.ge.u64 %p1, %x3, %x1; @%p1 or.b32 %d, %d, 4;
    setp.ne.u64 %p1, %x3, 0; @%p1 or.b32 %d, %d, 8;)",
                                                   32);
    expectThreads(ticks, [](u32) { return 15; });
    expectThreads(
        runThreads<u32>("nanosleep.u32 100; mov.u32 %r0, %globaltimer_lo; mov.u32 %r1, %globaltimer_hi; "
                        "mov.u32 %r2, %clock_hi; mov.u32 %d, %t;",
                        32),
        [](u32 i) { return i; });
}

TEST(Launch, GridIdentifiersDiffer) {
    Machine machine(threadKernel("mov.u64 %d, %gridid;", 8));
    const u64 first = machine.allocate<u64>(1), second = machine.allocate<u64>(1);
    machine.run("test", {1}, {1}, {first, first});
    machine.run("test", {1}, {1}, {second, second});
    EXPECT_NE(machine.download<u64>(first, 1)[0], machine.download<u64>(second, 1)[0]);
}

TEST(Launch, RefusesWhatTheDeviceDoesNotAllow) {
    Machine machine(
        ".visible .entry plain() { ret; }\n"
        ".visible .entry atMost() .maxntid 64, 1, 1 { ret; }\n"
        ".visible .entry exactly() .reqntid 32, 2 { ret; }\n"
        ".visible .entry small() { .shared .b8 some[40000]; .reg .b64 %x; mov.u64 %x, some; st.shared.u8 "
        "[%x], 1; ret; }\n");
    const auto status = [&](const char* kernel, Dim3 grid, Dim3 block, u32 shared = 0) {
        return machine.launch(kernel, grid, block, {}, shared).status;
    };
    constexpr LaunchStatus OK = LaunchStatus::OK, REFUSED = LaunchStatus::INVALID_CONFIGURATION;
    EXPECT_EQ(status("plain", {1}, {1024}), OK);
    EXPECT_EQ(status("plain", {1}, {1025}), REFUSED);
    EXPECT_EQ(status("plain", {1}, {32, 32, 2}), REFUSED);
    EXPECT_EQ(status("plain", {1}, {1, 1, 65}), REFUSED);
    EXPECT_EQ(status("plain", {1}, {0}), REFUSED);
    EXPECT_EQ(status("plain", {0}, {1}), REFUSED);
    EXPECT_EQ(status("plain", {1, 65536}, {1}), REFUSED);
    EXPECT_EQ(status("atMost", {1}, {64}), OK);
    EXPECT_EQ(status("atMost", {1}, {65}), REFUSED);
    EXPECT_EQ(status("exactly", {1}, {32, 2}), OK);
    EXPECT_EQ(status("exactly", {1}, {64}), REFUSED);
    EXPECT_EQ(status("small", {1}, {32}, 9152), OK);
    EXPECT_EQ(status("small", {1}, {32}, u32(machine.device.sharedPerBlockOptin)), REFUSED);
}

// Each schedule and any number of host threads gives the same to a program without races.
TEST(Launch, SchedulesGiveTheSame) {
    const std::string body = R"(
    .shared .align 4 .b32 cells[96];
    mov.u64 %x0, cells; mad.wide.u32 %x1, %t, 4, %x0;
    mov.u32 %d, %i; mov.u32 %r0, 0;
LOOP:
    st.shared.u32 [%x1], %d; bar.sync 0;
    add.u32 %r1, %t, 33; rem.u32 %r1, %r1, 96; mad.wide.u32 %x2, %r1, 4, %x0;
    ld.shared.u32 %r2, [%x2]; mad.lo.u32 %d, %d, 3, %r2; bar.sync 0;
    add.u32 %r0, %r0, 1; setp.lt.u32 %p0, %r0, 8; @%p0 bra LOOP;)";
    std::set<std::vector<u32>> results;
    for (Schedule schedule : {Schedule::FORWARD, Schedule::REVERSE, Schedule::RANDOM}) {
        for (int threads : {1, 3}) {
            Machine machine(threadKernel(body, 4));
            machine.options.schedule = schedule;
            machine.options.threads = threads;
            const u64 out = machine.allocate<u32>(96 * 7);
            machine.run("test", {7}, {96}, {out, out});
            results.insert(machine.download<u32>(out, 96 * 7));
        }
    }
    EXPECT_EQ(results.size(), 1u);
    comparedValues += 6 * 96 * 7;
}

/// Runs `check` on a machine of `ptx` under every schedule, with late stores under some seeds more.
template <typename Check>
void underEverySchedule(const std::string& ptx, Check check) {
    Options options;
    options.timeoutSeconds = 120;  // threads that wait for each other, under a sanitizer, on a busy machine
    std::vector<test::NamedOptions> all = test::everySchedule(options);
    options = all.back().options;
    options.schedule = Schedule::PREEMPT;
    for (options.seed = 4; options.seed < 10; options.seed++)
        all.push_back({"preempt:" + std::to_string(options.seed) + ", late stores", options});
    for (const auto& [name, each] : all) {
        SCOPED_TRACE(name);
        Machine machine(ptx);
        machine.options = each;
        check(machine);
    }
}

// Two blocks that spin for each other: what one has stored becomes visible while it goes on, whether by itself (volatile) or by
// a fence; all of what a warp has stored, and nothing else.
TEST(Launch, BlocksThatSpinForEachOtherSeeTheirStores) {
    const auto kernel = [](const char* store) {
        return std::string(R"(
.visible .entry talk(.param .u64 words, .param .u64 got, .param .u64 answers) {
    .reg .pred %p; .reg .b32 %t, %r; .reg .b64 %w, %g, %a;
    ld.param.u64 %w, [words]; ld.param.u64 %g, [got]; ld.param.u64 %a, [answers];
    mov.u32 %t, %tid.x;
    mad.wide.u32 %w, %t, 4, %w; mad.wide.u32 %g, %t, 4, %g; mad.wide.u32 %a, %t, 4, %a;
    mov.u32 %r, %ctaid.x; setp.eq.u32 %p, %r, 0; @%p bra SPEAK;
LISTEN:
    ld.volatile.global.u32 %r, [%w]; setp.eq.u32 %p, %r, 0; @%p bra LISTEN;
    st.global.u32 [%g], %r;
    st.volatile.global.u32 [%a], 1;
    ret;
SPEAK:
    add.u32 %t, %t, 1;
    )") + store +
               R"(
WAIT:
    ld.volatile.global.u32 %r, [%a]; setp.eq.u32 %p, %r, 0; @%p bra WAIT;
    ret;
})";
    };
    constexpr u32 THREADS = 96;
    for (const char* const store :
         {"st.volatile.global.u32 [%w], %t;", "st.global.u32 [%w], %t; membar.gl;"}) {
        underEverySchedule(kernel(store), [&](Machine& machine) {
            const std::vector<u32> zeros(THREADS);
            const u64 words = machine.upload(zeros), got = machine.upload(zeros),
                      answers = machine.upload(zeros);
            machine.run("talk", {2}, {THREADS}, {words, got, answers});
            expectThreads(machine.download<u32>(got, THREADS), [](u32 i) { return i + 1; });
            expectThreads(machine.download<u32>(words, THREADS), [](u32 i) { return i + 1; });
        });
    }
}

// A lock that threads of several blocks, and of one warp, spin for.
TEST(Launch, ALockLetsOneThreadInAtATime) {
    const char* const kernel = R"(
.visible .entry count(.param .u64 lock, .param .u64 sum) {
    .reg .pred %p; .reg .b32 %r; .reg .b64 %l, %s;
    ld.param.u64 %l, [lock]; ld.param.u64 %s, [sum];
TRY:
    atom.global.cas.b32 %r, [%l], 0, 1; setp.ne.u32 %p, %r, 0; @%p bra TRY;
    membar.gl;
    ld.global.u32 %r, [%s]; add.u32 %r, %r, 1; st.global.u32 [%s], %r;
    membar.gl;
    atom.global.exch.b32 %r, [%l], 0;
    ret;
})";
    underEverySchedule(kernel, [](Machine& machine) {
        const u64 lock = machine.upload(std::vector<u32>(1)), sum = machine.upload(std::vector<u32>(1));
        machine.run("count", {3}, {8}, {lock, sum});
        EXPECT_EQ(machine.download<u32>(sum, 1)[0], 24u);
        comparedValues++;
    });
}

}  // namespace
}  // namespace quern::emulator
