// What lanes of a warp do together: shuffles, votes, matches, reductions. The warp's loop has already made sure that
// all live lanes of op.e, each lane's member mask, are here (Flow::SYNC).
#include "exec/fault.hpp"
#include "exec/lanes.hpp"

namespace quern::emulator {

namespace {

using namespace QUERN_LEVEL;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;

/// What a lane reads from one that takes no part, which PTX leaves undefined: a NaN, and conspicuous.
constexpr u32 UNDEFINED = 0x7fdeadff;

enum class Shuffle { UP, DOWN, BUTTERFLY, INDEX };

/// op.a: value, op.b: lane or offset, op.c: clamp and segment mask; op.dst2: whether the source was in range.
template <Shuffle MODE>
void shuffle(Warp& warp, const Op& op) {
    alignas(64) u32 value[LANES];
    __builtin_memcpy(value, lanesOf<u32>(warp, op.a), sizeof value);
    const u32* b = lanesOf<u32>(warp, op.b);
    const u32* c = lanesOf<u32>(warp, op.c);
    const u32* members = lanesOf<u32>(warp, op.e);
    u32 inRange = 0;
    alignas(64) u32 result[LANES] = {};
    forEachLane(warp.mask, [&](int lane) {
        const int by = static_cast<int>(b[lane] & 31);
        const int clamp = static_cast<int>(c[lane] & 31);
        const int segment = static_cast<int>(c[lane] >> 8 & 31);
        const int most = (lane & segment) | (clamp & ~segment);
        const int least = lane & segment;
        int source = 0;
        bool valid = false;
        switch (MODE) {
            case Shuffle::UP:
                source = lane - by;
                valid = source >= most;
                break;
            case Shuffle::DOWN:
                source = lane + by;
                valid = source <= most;
                break;
            case Shuffle::BUTTERFLY:
                source = lane ^ by;
                valid = source <= most;
                break;
            case Shuffle::INDEX:
                source = least | (by & ~segment);
                valid = source <= most;
                break;
        }
        if (!valid) source = lane;
        if (valid) inRange |= 1U << lane;
        const u32 taking = warp.mask & members[lane];
        result[lane] = (taking >> source & 1) != 0 ? value[source] : UNDEFINED;
    });
    write<u32>(warp, op.dst, [&](int i) { return result[i]; });
    if (op.dst2 != SINK) writePredicate(warp, op.dst2, inRange);
}

/// The active members of each lane's mask, in turn: use(lane, members).
template <typename Use>
void forEachMember(Warp& warp, const Op& op, Use use) {
    const u32* members = lanesOf<u32>(warp, op.e);
    forEachLane(warp.mask, [&](int lane) { use(lane, members[lane] & warp.mask); });
}

u32 votes(const Warp& warp, const Op& op) { return predicateOf(warp, op.a) ^ static_cast<u32>(op.imm); }

void voteBallot(Warp& warp, const Op& op) {
    const u32 yes = votes(warp, op);
    u32* d = lanesOf<u32>(warp, op.dst);
    forEachMember(warp, op, [&](int lane, u32 members) { d[lane] = yes & members; });
}

template <bool (*DECIDE)(u32 yes, u32 members)>
void vote(Warp& warp, const Op& op) {
    const u32 yes = votes(warp, op);
    u32 result = 0;
    forEachMember(warp, op, [&](int lane, u32 members) {
        if (DECIDE(yes & members, members)) result |= 1U << lane;
    });
    writePredicate(warp, op.dst, result);
}
bool all(u32 yes, u32 members) { return yes == members; }
bool any(u32 yes, u32) { return yes != 0; }
bool uniform(u32 yes, u32 members) { return yes == members || yes == 0; }

void activeMask(Warp& warp, const Op& op) {
    const u32 mask = warp.mask;
    write<u32>(warp, op.dst, [=](int) { return mask; });
}

void elect(Warp& warp, const Op& op) {
    u32* d = lanesOf<u32>(warp, op.dst);
    u32 leaders = 0;
    forEachMember(warp, op, [&](int lane, u32 members) {
        d[lane] = static_cast<u32>(__builtin_ctz(members));
        if (__builtin_ctz(members) == lane) leaders |= 1U << lane;
    });
    if (op.dst2 != SINK) writePredicate(warp, op.dst2, leaders);
}

template <typename T>
void matchAny(Warp& warp, const Op& op) {
    alignas(64) T value[LANES];
    __builtin_memcpy(value, lanesOf<T>(warp, op.a), sizeof value);
    u32* d = lanesOf<u32>(warp, op.dst);
    forEachMember(warp, op, [&](int lane, u32 members) {
        u32 equal = 0;
        forEachLane(members, [&](int other) { equal |= value[other] == value[lane] ? 1U << other : 0; });
        d[lane] = equal;
    });
}

template <typename T>
void matchAll(Warp& warp, const Op& op) {
    alignas(64) T value[LANES];
    __builtin_memcpy(value, lanesOf<T>(warp, op.a), sizeof value);
    u32* d = lanesOf<u32>(warp, op.dst);
    u32 agreed = 0;
    forEachMember(warp, op, [&](int lane, u32 members) {
        bool equal = true;
        forEachLane(members, [&](int other) { equal = equal && value[other] == value[lane]; });
        d[lane] = equal ? members : 0;
        if (equal) agreed |= 1U << lane;
    });
    if (op.dst2 != SINK) writePredicate(warp, op.dst2, agreed);
}

template <typename T, T (*F)(T, T)>
void reduce(Warp& warp, const Op& op) {
    alignas(64) T value[LANES];
    __builtin_memcpy(value, lanesOf<T>(warp, op.a), sizeof value);
    T* d = lanesOf<T>(warp, op.dst);
    u32 done = 0;
    T last{};
    forEachMember(warp, op, [&](int lane, u32 members) {
        if (members != done) {
            const int first = __builtin_ctz(members);
            last = value[first];
            forEachLane(members & ~(1U << first), [&](int other) { last = F(last, value[other]); });
            done = members;
        }
        d[lane] = last;
    });
}
template <typename T>
T sum(T a, T b) {
    return a + b;
}
template <typename T>
T least(T a, T b) {
    return a < b ? a : b;
}
template <typename T>
T greatest(T a, T b) {
    return a > b ? a : b;
}
template <typename T>
T bitAnd(T a, T b) {
    return a & b;
}
template <typename T>
T bitOr(T a, T b) {
    return a | b;
}
template <typename T>
T bitXor(T a, T b) {
    return a ^ b;
}

constexpr InstructionClass WARP = InstructionClass::WARP;

constexpr Entry COLLECTIVES[] = {
    {"shfl.up", nullptr, shuffle<Shuffle::UP>, WARP},
    {"shfl.down", nullptr, shuffle<Shuffle::DOWN>, WARP},
    {"shfl.bfly", nullptr, shuffle<Shuffle::BUTTERFLY>, WARP},
    {"shfl.idx", nullptr, shuffle<Shuffle::INDEX>, WARP},
    {"vote.ballot", nullptr, voteBallot, WARP},
    {"vote.all", nullptr, vote<all>, WARP},
    {"vote.any", nullptr, vote<any>, WARP},
    {"vote.uni", nullptr, vote<uniform>, WARP},
    {"elect", nullptr, elect, WARP},
    {"activemask", nullptr, activeMask, WARP},
    {"match.any.b32", nullptr, matchAny<u32>, WARP},
    {"match.any.b64", nullptr, matchAny<u64>, WARP},
    {"match.all.b32", nullptr, matchAll<u32>, WARP},
    {"match.all.b64", nullptr, matchAll<u64>, WARP},
    {"redux.add.u32", nullptr, reduce<u32, sum>, WARP},
    {"redux.add.s32", nullptr, reduce<u32, sum>, WARP},
    {"redux.min.u32", nullptr, reduce<u32, least>, WARP},
    {"redux.min.s32", nullptr, reduce<s32, least>, WARP},
    {"redux.max.u32", nullptr, reduce<u32, greatest>, WARP},
    {"redux.max.s32", nullptr, reduce<s32, greatest>, WARP},
    {"redux.and.b32", nullptr, reduce<u32, bitAnd>, WARP},
    {"redux.or.b32", nullptr, reduce<u32, bitOr>, WARP},
    {"redux.xor.b32", nullptr, reduce<u32, bitXor>, WARP},
};

}  // namespace

Entries collectiveTable() { return entries(COLLECTIVES); }

}  // namespace quern::emulator
