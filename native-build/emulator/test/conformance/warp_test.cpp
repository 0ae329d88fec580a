// Collectives of a warp: shfl vote match redux activemask elect, whole warps and parts of one.
#include <algorithm>

#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

u32 valueOf(u32 lane) { return lane * lane * 7 + 3; }

struct Shuffled {
    u32 value;
    bool inRange;
};

// The pseudo code of the specification.
Shuffled shuffled(const std::string& mode, u32 lane, u32 b, u32 c) {
    const u32 bval = b & 31, cval = c & 31, segmask = c >> 8 & 31;
    const u32 maxLane = (lane & segmask) | (cval & ~segmask);
    const u32 minLane = lane & segmask;
    s32 j = 0;
    bool p = false;
    if (mode == "up") {
        j = static_cast<s32>(lane) - static_cast<s32>(bval);
        p = j >= static_cast<s32>(maxLane);
    } else if (mode == "down") {
        j = static_cast<s32>(lane + bval);
        p = j <= static_cast<s32>(maxLane);
    } else if (mode == "bfly") {
        j = static_cast<s32>(lane ^ bval);
        p = j <= static_cast<s32>(maxLane);
    } else {
        j = static_cast<s32>(minLane | (bval & ~segmask));
        p = j <= static_cast<s32>(maxLane);
    }
    if (!p) j = static_cast<s32>(lane);
    return {valueOf(static_cast<u32>(j)), p};
}

TEST(Shuffle, EveryModeWidthAndDistance) {
    const std::string modes[] = {"up", "down", "bfly", "idx"};
    for (const std::string& mode : modes) {
        // c as __shfl_*_sync makes it for widths 32, 16, 8, 4, 2, and some that no compiler makes.
        std::vector<u32> clamps;
        for (u32 width : {32u, 16u, 8u, 4u, 2u})
            clamps.push_back((32 - width) << 8 | (mode == "up" ? 0 : 31));
        clamps.insert(clamps.end(), {20, 0x0f0a, 0x101f, 5, 0xffffffff});
        for (u32 c : clamps) {
            std::string body = "mad.lo.u32 %r0, %t, %t, 0; mad.lo.u32 %r0, %r0, 7, 3; mov.u32 %d, 0;\n";
            const std::vector<u32> distances{0, 1, 2, 3, 5, 8, 15, 16, 31, 33};
            for (u32 b : distances) {
                body += "shfl.sync." + mode + ".b32 %r1|%p0, %r0, " + std::to_string(b) + ", " +
                        std::to_string(c) +
                        ", 0xffffffff; selp.u32 %r2, 1, 0, %p0; mad.lo.u32 %d, %d, 31, %r1; mad.lo.u32 %d, "
                        "%d, 2, %r2;\n";
            }
            expectThreads(
                runThreads<u32>(body, 32),
                [&](u32 lane) {
                    u32 folded = 0;
                    for (u32 b : distances) {
                        const Shuffled result = shuffled(mode, lane, b, c);
                        folded = (folded * 31 + result.value) * 2 + result.inRange;
                    }
                    return folded;
                },
                mode + " c=" + std::to_string(c));
        }
    }
}

TEST(Shuffle, DistancesOfEachLane) {
    expectThreads(
        runThreads<u32>("mad.lo.u32 %r0, %t, %t, 0; mad.lo.u32 %r0, %r0, 7, 3; mul.lo.u32 %r1, %t, 5;"
                        "shfl.sync.idx.b32 %d, %r0, %r1, 31, -1;",
                        32),
        [](u32 lane) { return valueOf(5 * lane % 32); });
    // The destination may be the source.
    expectThreads(
        runThreads<u32>("mov.u32 %r0, %t; shfl.sync.down.b32 %r0, %r0, 1, 31, -1; mov.u32 %d, %r0;", 32),
        [](u32 lane) { return lane == 31 ? 31 : lane + 1; });
}

TEST(Shuffle, InPartsOfAWarp) {
    // Each half by itself, inside a divergent branch.
    expectThreads(runThreads<u32>(R"(
    setp.lt.u32 %p0, %t, 16;
    @%p0 bra LOW;
    shfl.sync.bfly.b32 %d, %t, 3, 31, 0xffff0000;
    bra END;
LOW:
    shfl.sync.up.b32 %d, %t, 1, 0, 0x0000ffff;
END:)",
                                  32),
                  [](u32 lane) { return lane >= 16  ? lane ^ 3
                                        : lane == 0 ? 0
                                                    : lane - 1; });
    // A block that ends within a warp.
    expectThreads(runThreads<u32>("shfl.sync.down.b32 %d, %t, 1, 19, 0x000fffff;", 20),
                  [](u32 lane) { return std::min(lane + 1, 19u); });
}

TEST(Vote, AllAnyUniBallot) {
    // Three patterns: none, all, some.
    for (u32 limit : {0u, 32u, 13u}) {
        const std::string body = "setp.lt.u32 %p0, %t, " + std::to_string(limit) + R"(;
    mov.u32 %d, 0;
    vote.sync.all.pred %p1, %p0, 0xffffffff; @%p1 or.b32 %d, %d, 1;
    vote.sync.any.pred %p1, %p0, 0xffffffff; @%p1 or.b32 %d, %d, 2;
    vote.sync.uni.pred %p1, %p0, 0xffffffff; @%p1 or.b32 %d, %d, 4;
    vote.sync.all.pred %p1, !%p0, 0xffffffff; @%p1 or.b32 %d, %d, 8;
    vote.sync.any.pred %p1, !%p0, 0xffffffff; @%p1 or.b32 %d, %d, 16;
    vote.sync.ballot.b32 %r0, %p0, 0xffffffff; xor.b32 %d, %d, %r0;
    vote.sync.ballot.b32 %r0, !%p0, 0xffffffff; shr.u32 %r0, %r0, 3; xor.b32 %d, %d, %r0;)";
        const u32 ballot = limit == 32 ? ~0u : (1u << limit) - 1;
        const bool all = limit == 32, any = limit != 0;
        const u32 flags = all | any << 1 | (all || !any) << 2 | (!any) << 3 | (!all) << 4;
        expectThreads(
            runThreads<u32>(body, 32), [&](u32) { return flags ^ ballot ^ (~ballot >> 3); }, body);
    }
}

TEST(Vote, CountsOnlyLanesOfTheMask) {
    expectThreads(runThreads<u32>(R"(
    and.b32 %r0, %t, 1; setp.ne.u32 %p0, %r0, 0;
    mov.u32 %d, 0;
    @%p0 bra ODD;
    setp.gt.u32 %p1, %t, 9;
    vote.sync.ballot.b32 %d, %p1, 0x55555555;
    bra END;
ODD:
    vote.sync.ballot.b32 %d, 1, 0xaaaaaaaa;
END:)",
                                  32),
                  [](u32 i) { return i & 1 ? 0xaaaaaaaau : 0x55555555u & ~0x3ffu; });
    // A last warp of 8 threads.
    expectThreads(runThreads<u32>("setp.ge.u32 %p0, %t, 34; setp.lt.u32 %p1, %t, 32; @%p1 bra FULL;"
                                  "vote.sync.ballot.b32 %d, %p0, 0xff; bra END;"
                                  "FULL: vote.sync.ballot.b32 %d, %p0, -1; END:",
                                  40),
                  [](u32 i) { return i < 32 ? 0u : 0xfcu; });
}

TEST(Vote, Activemask) {
    expectThreads(runThreads<u32>("activemask.b32 %d;", 72), [](u32 i) { return i < 64 ? ~0u : 0xffu; });
    expectThreads(runThreads<u32>(R"(
    setp.lt.u32 %p0, %t, 5;
    mov.u32 %d, 0;
    @!%p0 bra END;
    activemask.b32 %d;
END:)",
                                  32),
                  [](u32 i) { return i < 5 ? 0x1fu : 0u; });
}

TEST(Match, AnyAndAll) {
    expectThreads(runThreads<u32>("rem.u32 %r0, %t, 5; match.any.sync.b32 %d, %r0, 0xffffffff;", 32),
                  [](u32 i) {
                      u32 mask = 0;
                      for (u32 lane = 0; lane < 32; lane++) mask |= (lane % 5 == i % 5) << lane;
                      return mask;
                  });
    expectThreads(runThreads<u32>("rem.u32 %r0, %t, 3; mul.wide.u32 %x0, %r0, 0x80000000; "
                                  "match.any.sync.b64 %d, %x0, 0xffffffff;",
                                  32),
                  [](u32 i) {
                      u32 mask = 0;
                      for (u32 lane = 0; lane < 32; lane++) mask |= (lane % 3 == i % 3) << lane;
                      return mask;
                  });
    for (u32 same : {0u, 1u}) {
        expectThreads(
            runThreads<u32>("mov.u32 %r0, 9; " +
                                std::string(same ? "" : "setp.eq.u32 %p0, %t, 17; @%p0 mov.u32 %r0, 8;") +
                                "match.all.sync.b32 %r1|%p1, %r0, 0xffffffff; selp.u32 %r2, 1, 0, %p1;"
                                "xor.b32 %d, %r1, %r2;",
                            32),
            [&](u32) { return same ? ~0u ^ 1u : 0u; });
    }
}

TEST(Redux, EveryOperation) {
    struct Operation {
        const char* name;
        u32 (*of)(u32, u32);
    };
    const Operation operations[] = {
        {"add.u32", [](u32 a, u32 b) { return a + b; }},
        {"add.s32", [](u32 a, u32 b) { return a + b; }},
        {"min.u32", [](u32 a, u32 b) { return std::min(a, b); }},
        {"max.u32", [](u32 a, u32 b) { return std::max(a, b); }},
        {"min.s32", [](u32 a, u32 b) { return u32(std::min(s32(a), s32(b))); }},
        {"max.s32", [](u32 a, u32 b) { return u32(std::max(s32(a), s32(b))); }},
        {"and.b32", [](u32 a, u32 b) { return a & b; }},
        {"or.b32", [](u32 a, u32 b) { return a | b; }},
        {"xor.b32", [](u32 a, u32 b) { return a ^ b; }},
    };
    const std::vector<u32> values = randomBits<u32>(32, 5);
    for (const Operation& operation : operations) {
        // Upper and lower lanes by themselves, so that the mask counts.
        const std::string body = std::string("mad.wide.u32 %x0, %t, 4, %in; ld.global.u32 %r0, [%x0];") +
                                 "setp.lt.u32 %p0, %t, 12; @%p0 bra LOW; redux.sync." + operation.name +
                                 " %d, %r0, 0xfffff000; bra END; LOW: redux.sync." + operation.name +
                                 " %d, %r0, 0x00000fff; END:";
        expectThreads(
            runThreads<u32>(body, 32, 1, values),
            [&](u32 i) {
                const u32 first = i < 12 ? 0 : 12, end = i < 12 ? 12 : 32;
                u32 result = values[first];
                for (u32 lane = first + 1; lane < end; lane++) result = operation.of(result, values[lane]);
                return result;
            },
            operation.name);
    }
}

TEST(Warp, Barrier) {
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 cells[32];
    mov.u64 %x0, cells; mad.wide.u32 %x0, %t, 4, %x0;
    st.shared.u32 [%x0], %t;
    bar.warp.sync 0xffffffff;
    xor.b32 %r0, %t, 7; mov.u64 %x1, cells; mad.wide.u32 %x1, %r0, 4, %x1;
    ld.shared.u32 %d, [%x1];)",
                                  32),
                  [](u32 i) { return i ^ 7; });
}

}  // namespace
}  // namespace quern::emulator
