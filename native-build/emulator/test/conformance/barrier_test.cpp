// Barriers of a block: bar.sync, barrier.sync with numbers and counts, bar.red, bar.arrive.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

// Each thread writes, all wait, each reads what a thread of another warp wrote; many times over.
TEST(Barrier, SyncOrdersWritesAndReads) {
    for (const char* barrier : {"bar.sync 0;", "barrier.sync 0;", "barrier.sync.aligned 0;", "bar.sync 3;",
                                "bar.sync 15, 160;", "bar.cta.sync 1;", "barrier.cta.sync 2, 160;",
                                "mov.u32 %r9, 4; bar.sync %r9;", "mov.u32 %r9, 160; barrier.sync 4, %r9;"}) {
        const std::string body = std::string(R"(
    .shared .align 4 .b32 cells[160];
    mov.u64 %x0, cells; mad.wide.u32 %x1, %t, 4, %x0;
    add.u32 %r0, %t, 37; rem.u32 %r0, %r0, 160; mad.wide.u32 %x2, %r0, 4, %x0;
    mov.u32 %d, 0; mov.u32 %r1, 0;
LOOP:
    mad.lo.u32 %r2, %r1, 1000, %t;
    st.shared.u32 [%x1], %r2;
    )") + barrier + "\n    ld.shared.u32 %r3, [%x2]; add.u32 %d, %d, %r3;\n    " +
                                 barrier + R"(
    add.u32 %r1, %r1, 1; setp.lt.u32 %p0, %r1, 10; @%p0 bra LOOP;)";
        expectThreads(
            runThreads<u32>(body, 160, 2), [](u32 i) { return 45000 + 10 * ((i % 160 + 37) % 160); },
            barrier);
    }
}

// Two groups of warps use two barriers, each with its own count.
TEST(Barrier, NumbersAreIndependent) {
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 cells[128];
    mov.u64 %x0, cells; mad.wide.u32 %x1, %t, 4, %x0;
    xor.b32 %r0, %t, 32; mad.wide.u32 %x2, %r0, 4, %x0;
    st.shared.u32 [%x1], %t;
    setp.lt.u32 %p0, %t, 64;
    @%p0 bra LOW;
    bar.sync 1, 64;
    bra END;
LOW:
    bar.sync 2, 64;
END:
    ld.shared.u32 %d, [%x2];)",
                                  128),
                  [](u32 i) { return i ^ 32; });
}

TEST(Barrier, Reductions) {
    // Threads below 40 of 96 say yes.
    expectThreads(runThreads<u32>(R"(
    setp.lt.u32 %p0, %t, 40;
    bar.red.popc.u32 %d, 0, %p0;
    bar.red.and.pred %p1, 0, %p0; @%p1 add.u32 %d, %d, 1000;
    bar.red.or.pred %p1, 0, %p0; @%p1 add.u32 %d, %d, 2000;
    bar.red.popc.u32 %r0, 1, 96, !%p0; mad.lo.u32 %d, %r0, 10000, %d;
    setp.lt.u32 %p2, %t, 1000;
    barrier.red.and.pred %p1, 0, %p2; @%p1 add.u32 %d, %d, 4000;
    barrier.cta.red.or.aligned.pred %p1, 0, !%p2; @%p1 add.u32 %d, %d, 8000;)",
                                  96),
                  [](u32) { return 560000 + 40 + 2000 + 4000; });
}

// The first two warps make, the other two take; makers need not wait.
TEST(Barrier, ArriveAndSync) {
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 cells[64];
    mov.u64 %x0, cells;
    setp.ge.u32 %p0, %t, 64;
    @%p0 bra TAKE;
    mad.wide.u32 %x1, %t, 4, %x0;
    mad.lo.u32 %r0, %t, 3, 1;
    st.shared.u32 [%x1], %r0;
    bar.arrive 1, 128;
    mov.u32 %d, 5;
    bra END;
TAKE:
    bar.sync 1, 128;
    sub.u32 %r1, 127, %t; mad.wide.u32 %x1, %r1, 4, %x0;
    ld.shared.u32 %d, [%x1];
END:)",
                                  128),
                  [](u32 i) { return i < 64 ? 5 : 3 * (127 - i) + 1; });
}

// Threads that have left do not keep the others waiting.
TEST(Barrier, CountsOutExitedThreads) {
    Machine machine(threadKernel(R"(
    .shared .align 4 .b32 sum;
    setp.ge.u32 %p0, %t, 64;
    @%p0 exit;
    setp.eq.u32 %p1, %t, 0;
    @%p1 st.shared.u32 [sum], 0;
    bar.sync 0;
    atom.shared.add.u32 %r0, [sum], 1;
    bar.sync 0;
    ld.shared.u32 %d, [sum];)",
                                 4));
    const u64 out = machine.allocate<u32>(128);
    machine.run("test", {1}, {128}, {out, out});
    expectThreads(machine.download<u32>(out, 128), [](u32 i) { return i < 64 ? 64u : 0xcdcdcdcdu; });
}

TEST(Barrier, WholeWarpsInDifferentBranches) {
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 sum;
    setp.eq.u32 %p1, %t, 0;
    @%p1 st.shared.u32 [sum], 0;
    bar.sync 0;
    shr.u32 %r0, %t, 5; and.b32 %r0, %r0, 1; setp.ne.u32 %p0, %r0, 0;
    @%p0 bra ODD;
    atom.shared.add.u32 %r1, [sum], 1;
    bar.sync 0;
    bra END;
ODD:
    atom.shared.add.u32 %r1, [sum], 100;
    bar.sync 0;
END:
    ld.shared.u32 %d, [sum];)",
                                  128),
                  [](u32) { return 6464; });
}

}  // namespace
}  // namespace quern::emulator
