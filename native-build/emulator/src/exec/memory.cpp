// Loads and stores of every space, in vectors of up to eight elements.
//
// Keys: "ld.<type in memory>.<bytes of the register>.v<elements>" and "st.<bytes in memory>.<bytes of the
// register>.v<elements>": registers may be wider than what they are loaded from or stored to.
#include "exec/access.hpp"
#include "exec/lanes.hpp"
#include "exec/traffic.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;

/// Where the lanes of one access lie.
struct Access {
    std::byte* together = nullptr;  // all lanes are active, and lane i's bytes follow those of lane i - 1
    std::byte* same = nullptr;      // all lanes read these bytes
    std::byte* lane[LANES];         // otherwise
};

template <typename A>
QUERN_INLINE void addressesAs(const Warp& warp, const Op& op, u64* address) {
    const A* a = lanesOf<A>(warp, op.a);
    const A displacement = static_cast<A>(op.imm);
    QUERN_LANES address[i] = static_cast<A>(a[i] + displacement);
}

/// Whether each lane's address is `stride` beyond that of the lane before it.
template <u64 STRIDE>
QUERN_INLINE bool areSpaced(const u64* address) {
    u64 difference = 0;
    const u64 first = address[0];
    QUERN_LANES difference |= address[i] ^ (first + STRIDE * static_cast<u64>(i));
    return difference == 0;
}

template <int BYTES>
QUERN_INLINE bool globalTogether(Warp& warp, const Op& op, u64 first, Access& access) {
    constexpr u64 ALL = u64{BYTES} * LANES;
    Worker& worker = *warp.worker;
    if ((first & (BYTES - 1)) != 0) return false;
    if (worker.checks && !covers(worker.sites[op.site], first, ALL)) {
        // Let the general way name the lane that is out of bounds.
        if (worker.memory->findLive(first, ALL) == nullptr) return false;
        refillSite(warp, op, 0, first, ALL);
    }
    if (warp.watch != nullptr && !showTogether(warp, op, first)) return false;
    if (worker.counters) {
        SectorTraffic& traffic = trafficOf(warp, op).global;
        traffic.requests++;
        traffic.sectors += ((first + ALL - 1) >> 5) - (first >> 5) + 1;
        traffic.bytes += ALL;
    }
    access.together = reinterpret_cast<std::byte*>(first);
    return true;
}

template <int BYTES>
QUERN_INLINE bool sharedTogether(Warp& warp, const Op& op, u64 first, Access& access) {
    constexpr u64 ALL = u64{BYTES} * LANES;
    if ((first & (BYTES - 1)) != 0 || first > warp.shared.size || ALL > warp.shared.size - first)
        return false;
    if (warp.worker->counters) {
        SharedTraffic& traffic = trafficOf(warp, op).shared;
        constexpr u64 PASSES = BYTES <= 4 ? 1 : ALL / 128;
        traffic.requests++;
        traffic.wavefronts += PASSES;
        traffic.idealWavefronts += PASSES;
        traffic.bytes += ALL;
    }
    access.together = warp.shared.bytes + first;
    return true;
}

template <int BYTES>
QUERN_INLINE void resolve(Warp& warp, const Op& op, Access& access) {
    alignas(64) u64 address[LANES];
    if (op.wide) {
        addressesAs<u64>(warp, op, address);
    } else {
        addressesAs<u32>(warp, op, address);
    }
    if (op.space == Space::PARAMETER && !op.store && areSpaced<0>(address)) {
        access.same = resolveLane(warp, op, __builtin_ctz(warp.mask), Space::PARAMETER, address[0]);
        return;
    }
    if (warp.mask == ALL_LANES && areSpaced<BYTES>(address)) {
        const bool global =
            op.space == Space::GLOBAL || (op.space == Space::GENERIC && address[31] < SHARED_WINDOW);
        if (global && globalTogether<BYTES>(warp, op, address[0], access)) return;
        if (op.space == Space::SHARED && warp.watch == nullptr &&
            sharedTogether<BYTES>(warp, op, address[0], access))
            return;
    }
    resolveLanes(warp, op, address, access.lane);
}

// M: the type in memory, R: the register's, N: elements.

// Lane by lane, accesses are atomic: another block may be at the same address, and ld.acquire, ld.relaxed or ld.volatile in
// a loop that waits for it must see it. On x86-64 that costs nothing.
template <typename M>
QUERN_INLINE M loadLane(const std::byte* from) {
    return __atomic_load_n(reinterpret_cast<const M*>(from), __ATOMIC_ACQUIRE);
}
template <typename M>
QUERN_INLINE void storeLane(std::byte* to, M value) {
    __atomic_store_n(reinterpret_cast<M*>(to), value, __ATOMIC_RELEASE);
}

template <typename M, typename R>
QUERN_INLINE R loadOne(const std::byte* from) {
    M value;
    __builtin_memcpy(&value, from, sizeof value);
    return static_cast<R>(value);
}

template <typename M, typename R, int N>
void load(Warp& warp, const Op& op) {
    Access access;
    resolve<sizeof(M) * N>(warp, op, access);
    R* d[N];
    for (int k = 0; k < N; k++) d[k] = lanesOf<R>(warp, N == 1 ? op.dst : op.more[k]);
    if (access.together != nullptr) {
        const M* from = static_cast<const M*>(__builtin_assume_aligned(access.together, sizeof(M) * N));
        QUERN_LANES {
            for (int k = 0; k < N; k++) d[k][i] = static_cast<R>(from[i * N + k]);
        }
    } else if (access.same != nullptr) {
        for (int k = 0; k < N; k++) {
            const R value = loadOne<M, R>(access.same + sizeof(M) * k);
            write<R>(
                warp,
                N == 1 ? op.dst : op.more[k], [=](int) __attribute__((always_inline)) { return value; });
        }
    } else {
        forEachLane(warp.mask, [&](int lane) {
            for (int k = 0; k < N; k++)
                d[k][lane] = static_cast<R>(loadLane<M>(access.lane[lane] + sizeof(M) * k));
        });
    }
}

template <typename M, typename R, int N>
void store(Warp& warp, const Op& op) {
    Access access;
    resolve<sizeof(M) * N>(warp, op, access);
    const R* s[N];
    for (int k = 0; k < N; k++) s[k] = lanesOf<R>(warp, N == 1 ? op.b : op.more[k]);
    if (access.together != nullptr) {
        M* to = static_cast<M*>(__builtin_assume_aligned(access.together, sizeof(M) * N));
        QUERN_LANES {
            for (int k = 0; k < N; k++) to[i * N + k] = static_cast<M>(s[k][i]);
        }
    } else {
        forEachLane(warp.mask, [&](int lane) {
            for (int k = 0; k < N; k++) {
                storeLane(access.lane[lane] + sizeof(M) * k, static_cast<M>(s[k][lane]));
            }
        });
    }
}

constexpr InstructionClass MEMORY = InstructionClass::MEMORY;

#define LOAD(name, M, bytes, R)                                         \
    {"ld." name "." bytes ".v1", nullptr, load<M, R, 1>, MEMORY},       \
        {"ld." name "." bytes ".v2", nullptr, load<M, R, 2>, MEMORY}, { \
        "ld." name "." bytes ".v4", nullptr, load<M, R, 4>, MEMORY      \
    }
#define STORE(name, M, bytes, R)                                         \
    {"st." name "." bytes ".v1", nullptr, store<M, R, 1>, MEMORY},       \
        {"st." name "." bytes ".v2", nullptr, store<M, R, 2>, MEMORY}, { \
        "st." name "." bytes ".v4", nullptr, store<M, R, 4>, MEMORY      \
    }

constexpr Entry TABLE[] = {
    LOAD("u8", u8, "1", u8),
    LOAD("u8", u8, "2", u16),
    LOAD("u8", u8, "4", u32),
    LOAD("u8", u8, "8", u64),
    LOAD("s8", s8, "2", u16),
    LOAD("s8", s8, "4", u32),
    LOAD("s8", s8, "8", u64),
    LOAD("u16", u16, "2", u16),
    LOAD("u16", u16, "4", u32),
    LOAD("u16", u16, "8", u64),
    LOAD("s16", s16, "4", u32),
    LOAD("s16", s16, "8", u64),
    LOAD("u32", u32, "4", u32),
    LOAD("u32", u32, "8", u64),
    LOAD("s32", s32, "8", u64),
    LOAD("u64", u64, "8", u64),
    {"ld.u32.4.v8", nullptr, load<u32, u32, 8>, MEMORY},
    STORE("1", u8, "1", u8),
    STORE("1", u8, "2", u16),
    STORE("1", u8, "4", u32),
    STORE("1", u8, "8", u64),
    STORE("2", u16, "2", u16),
    STORE("2", u16, "4", u32),
    STORE("2", u16, "8", u64),
    STORE("4", u32, "4", u32),
    STORE("4", u32, "8", u64),
    STORE("8", u64, "8", u64),
    {"st.4.4.v8", nullptr, store<u32, u32, 8>, MEMORY},
};

}  // namespace

Entries memoryTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
