// Control flow: divergence and reconvergence, loops of different length, exits, predicated instructions, brx.idx,
// scopes of registers and labels.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

TEST(Control, NestedDivergence) {
    expectThreads(runThreads<u32>(R"(
    and.b32 %r0, %i, 1; setp.eq.u32 %p0, %r0, 0;
    and.b32 %r1, %i, 6; setp.eq.u32 %p1, %r1, 2;
    mov.u32 %d, 0;
    @%p0 bra EVEN;
    add.u32 %d, %d, 1;
    @%p1 bra ODD_TWO;
    add.u32 %d, %d, 10;
    bra ODD_END;
ODD_TWO:
    add.u32 %d, %d, 100;
ODD_END:
    add.u32 %d, %d, 1000;
    bra END;
EVEN:
    add.u32 %d, %d, 2;
    @!%p1 bra END;
    add.u32 %d, %d, 20;
END:
    add.u32 %d, %d, 10000;)",
                                  64),
                  [](u32 i) {
                      const bool two = (i & 6) == 2;
                      return 10000 + (i & 1 ? 1001 + (two ? 100 : 10) : 2 + (two ? 20 : 0));
                  });
}

// After a divergent branch all lanes meet again: a shuffle with the full mask must find every lane.
TEST(Control, LanesReconverge) {
    expectThreads(runThreads<u32>(R"(
    and.b32 %r0, %t, 3; setp.eq.u32 %p0, %r0, 0;
    mov.u32 %r1, %t;
    @%p0 bra OTHER;
    mul.lo.u32 %r1, %r1, 2;
    bra.uni MEET;
OTHER:
    mul.lo.u32 %r1, %r1, 3;
MEET:
    shfl.sync.bfly.b32 %d, %r1, 1, 31, 0xffffffff;)",
                                  96),
                  [](u32 i) { return (i ^ 1) % 4 == 0 ? 3 * (i ^ 1) : 2 * (i ^ 1); });
}

TEST(Control, LoopsOfDifferentLength) {
    // Steps of the Collatz sequence, and a reconverging vote after it.
    expectThreads(runThreads<u32>(R"(
    add.u32 %r0, %i, 1;
    mov.u32 %r1, 0;
LOOP:
    setp.eq.u32 %p0, %r0, 1;
    @%p0 bra DONE;
    add.u32 %r1, %r1, 1;
    and.b32 %r2, %r0, 1;
    setp.eq.u32 %p1, %r2, 0;
    @%p1 bra HALVE;
    mad.lo.u32 %r0, %r0, 3, 1;
    bra LOOP;
HALVE:
    shr.u32 %r0, %r0, 1;
    bra LOOP;
DONE:
    vote.sync.ballot.b32 %r3, 1, 0xffffffff;
    popc.b32 %r3, %r3;
    mad.lo.u32 %d, %r3, 1000, %r1;)",
                                  128, 2),
                  [](u32 i) {
                      u32 steps = 0;
                      for (u64 n = i + 1; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) steps++;
                      return 32000 + steps;
                  });
}

TEST(Control, NestedLoopsWithBreakAndContinue) {
    const std::string body = R"(
    mov.u32 %d, 0; mov.u32 %r0, 0;
OUTER:
    mov.u32 %r1, 0;
INNER:
    setp.gt.u32 %p0, %r1, %t;
    @%p0 bra NEXT_OUTER;            // break
    add.u32 %r2, %r0, %r1;
    add.u32 %r1, %r1, 1;
    rem.u32 %r3, %r2, 3;
    setp.eq.u32 %p1, %r3, 0;
    @%p1 bra INNER;                 // continue
    add.u32 %d, %d, %r2;
    bra INNER;
NEXT_OUTER:
    add.u32 %r0, %r0, 1;
    and.b32 %r4, %t, 7;
    setp.lt.u32 %p2, %r0, %r4;
    @%p2 bra OUTER;)";
    expectThreads(runThreads<u32>(body, 40), [](u32 t) {
        u32 sum = 0, outer = 0;
        do {
            for (u32 inner = 0; inner <= t; inner++) {
                if ((outer + inner) % 3 != 0) sum += outer + inner;
            }
            outer++;
        } while (outer < (t & 7));
        return sum;
    });
}

// Lanes that have left take no part in what follows, and the others go on.
TEST(Control, DivergentExit) {
    Machine machine(threadKernel(R"(
    and.b32 %r0, %t, 1; setp.eq.u32 %p0, %r0, 1;
    @%p0 exit;
    and.b32 %r0, %t, 2; setp.ne.u32 %p1, %r0, 0;
    @%p1 ret;
    activemask.b32 %r1;
    vote.sync.ballot.b32 %d, 1, 0x11111111;)",
                                 4));
    const u64 out = machine.allocate<u32>(32);
    machine.run("test", {1}, {32}, {out, out});
    expectThreads(machine.download<u32>(out, 32),
                  [](u32 i) { return i % 4 == 0 ? 0x11111111u : 0xcdcdcdcdu; });
}

TEST(Control, ExitInsideALoop) {
    Machine machine(threadKernel(R"(
    mov.u32 %d, 0;
LOOP:
    mad.wide.u32 %x0, %i, 4, %out;
    st.global.u32 [%x0], %d;
    setp.eq.u32 %p0, %d, %t;
    @%p0 exit;
    add.u32 %d, %d, 1;
    bra LOOP;)",
                                 4));
    const u64 out = machine.allocate<u32>(64);
    machine.run("test", {1}, {64}, {out, out});
    expectThreads(machine.download<u32>(out, 64), [](u32 i) { return i; });
}

// A false predicate leaves the destination, memory and the flag of a carry alone.
TEST(Control, PredicatedInstructions) {
    expectThreads(runThreads<u32>(R"(
    and.b32 %r0, %t, 1; setp.ne.u32 %p0, %r0, 0;
    mov.u32 %d, 5;
    @%p0 add.u32 %d, %d, 7;
    @!%p0 mul.lo.u32 %d, %d, 3;
    @%p0 setp.eq.u32 %p1, %d, 12;
    @!%p0 setp.eq.u32 %p1, %d, 0;
    selp.u32 %r1, 100, 0, %p1;
    add.u32 %d, %d, %r1;
    mad.wide.u32 %x0, %t, 4, %in;
    @%p0 st.global.u32 [%x0], 1000;
    ld.global.u32 %r2, [%x0];
    @!%p0 ld.global.u32 %r2, [%x0];
    @%p0 mov.b64 {%r3, %r4}, %x0;
    add.u32 %d, %d, %r2;)",
                                  32, 1, std::vector<u32>(32, 1)),
                  [](u32 i) { return i & 1 ? 12 + 100 + 1000 : 15 + 1; });
}

TEST(Control, BranchOnPredicateConstantsAndBackwards) {
    expectThreads(runThreads<u32>(R"(
    bra START;
BODY:
    mov.u32 %d, 77;
    bra END;
START:
    bra.uni BODY;
END:)",
                                  33),
                  [](u32) { return 77; });
}

// Names in braces are the block's own: registers, labels, variables.
TEST(Control, ScopesInBraces) {
    expectThreads(runThreads<u32>(R"(
    .reg .b32 %v;
    mov.u32 %v, 1;
    {
        .reg .b32 %v, %w;
        .shared .align 4 .b32 cell;
        mov.u32 %v, 20;
        mov.u32 %w, 300;
        {
            .reg .b64 %v;
            mov.u64 %v, 4000;
            cvt.u32.u64 %r0, %v;
        }
        add.u32 %r1, %v, %w;
        bra SAME;
        mov.u32 %r1, 0;
    SAME:
    }
    {
        .reg .b32 %w;
        .shared .align 4 .b32 cell;
        mov.u32 %w, 50000;
        bra SAME;
        mov.u32 %w, 0;
    SAME:
        add.u32 %r1, %r1, %w;
    }
    add.u32 %d, %v, %r0; add.u32 %d, %d, %r1;)",
                                  32),
                  [](u32) { return 1 + 20 + 300 + 4000 + 50000; });
}

TEST(Control, RegistersOfTwoLoopsOverlapNot) {
    // Thirty-two live values across a divergent branch.
    std::string body, sum;
    for (int k = 0; k < 32; k++) {
        body += "mad.lo.u32 %r" + std::to_string(k) + ", %t, " + std::to_string(k + 1) + ", " +
                std::to_string(k * k) + ";\n";
        sum += "add.u32 %d, %d, %r" + std::to_string(k) + ";\n";
    }
    body += "setp.gt.u32 %p0, %t, 11; @%p0 bra HIGH;\n";
    for (int k = 0; k < 32; k += 2)
        body += "add.u32 %r" + std::to_string(k) + ", %r" + std::to_string(k) + ", 5;\n";
    body += "HIGH: mov.u32 %d, 0;\n" + sum;
    expectThreads(runThreads<u32>(body, 32), [](u32 t) {
        u32 total = t > 11 ? 0 : 16 * 5;
        for (u32 k = 0; k < 32; k++) total += t * (k + 1) + k * k;
        return total;
    });
}

}  // namespace
}  // namespace quern::emulator
