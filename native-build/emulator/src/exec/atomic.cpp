// Atomic operations on global and shared memory. Keys: "atom.<operation>.<type>"; red is atom without a destination.
#include <atomic>

#include "exec/access.hpp"
#include "exec/rounding.hpp"
#include "exec/traffic.hpp"

namespace quern::emulator {

namespace {

using namespace QUERN_LEVEL;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

struct Add {
    template <typename T>
    T operator()(T old, T b, T) const {
        return static_cast<T>(old + b);
    }
};
struct Exchange {
    template <typename T>
    T operator()(T, T b, T) const {
        return b;
    }
};
struct CompareAndSwap {
    template <typename T>
    T operator()(T old, T b, T c) const {
        return old == b ? c : old;
    }
};
struct Least {
    template <typename T>
    T operator()(T old, T b, T) const {
        return b < old ? b : old;
    }
};
struct Greatest {
    template <typename T>
    T operator()(T old, T b, T) const {
        return b > old ? b : old;
    }
};
struct And {
    template <typename T>
    T operator()(T old, T b, T) const {
        return old & b;
    }
};
struct Or {
    template <typename T>
    T operator()(T old, T b, T) const {
        return old | b;
    }
};
struct Xor {
    template <typename T>
    T operator()(T old, T b, T) const {
        return old ^ b;
    }
};
struct IncrementWrapping {
    u32 operator()(u32 old, u32 b, u32) const { return old >= b ? 0 : old + 1; }
};
struct DecrementWrapping {
    u32 operator()(u32 old, u32 b, u32) const { return old == 0 || old > b ? b : old - 1; }
};
/// FP32 atomics flush subnormal numbers in global memory on some devices; PTX has add.f32 without .ftz keep them.
struct AddF32 {
    u32 operator()(u32 old, u32 b, u32) const {
        return std::bit_cast<u32>(canonical(std::bit_cast<float>(old) + std::bit_cast<float>(b)));
    }
};
struct AddF64 {
    u64 operator()(u64 old, u64 b, u64) const {
        return std::bit_cast<u64>(std::bit_cast<double>(old) + std::bit_cast<double>(b));
    }
};
struct AddF16 {
    u16 operator()(u16 old, u16 b, u16) const { return nearestF16(fromF16(old) + fromF16(b)); }
};
struct AddBf16 {
    u16 operator()(u16 old, u16 b, u16) const { return nearestBf16(fromBf16(old) + fromBf16(b)); }
};
template <typename F>
struct OnPair {
    u32 operator()(u32 old, u32 b, u32) const {
        const F f;
        const u32 low = f(static_cast<u16>(old), static_cast<u16>(b), 0);
        return low | u32{f(static_cast<u16>(old >> 16), static_cast<u16>(b >> 16), 0)} << 16;
    }
};

void count(Warp& warp, const Op& op, std::uint64_t* addresses) {
    std::uint32_t shared = op.space == Space::SHARED ? warp.mask : 0;
    if (op.space == Space::GENERIC) {
        forEachLane(warp.mask, [&](int lane) {
            if (addresses[lane] >> WINDOW_SHIFT == SHARED_WINDOW >> WINDOW_SHIFT) shared |= 1U << lane;
        });
    }
    Traffic& traffic = trafficOf(warp, op);
    if (shared != 0) countAtomics(traffic.sharedAtomics, shared, addresses);
    if (shared != warp.mask) countAtomics(traffic.globalAtomics, warp.mask & ~shared, addresses);
}

/// Lanes take their turn in order, so that one block gives the same result in every run.
template <typename T, typename F>
void atomic(Warp& warp, const Op& op) {
    T* d = lanesOf<T>(warp, op.dst);
    const T* b = lanesOf<T>(warp, op.b);
    const T* c = lanesOf<T>(warp, op.c);
    std::uint64_t addresses[LANES];
    forEachLane(warp.mask, [&](int lane) {
        const u64 base = op.wide ? lanesOf<u64>(warp, op.a)[lane] : lanesOf<u32>(warp, op.a)[lane];
        const u64 sum = base + static_cast<u64>(op.imm);
        const u64 address = op.wide ? sum : static_cast<u32>(sum);
        addresses[lane] = address;
        std::atomic_ref<T> place(*reinterpret_cast<T*>(resolveLane(warp, op, lane, op.space, address)));
        T old = place.load();
        while (!place.compare_exchange_weak(old, static_cast<T>(F()(old, b[lane], c[lane])))) {
        }
        d[lane] = old;
    });
    if (warp.worker->counters) count(warp, op, addresses);
}

/// What was there; `desired` is there now if that was `expected`.
unsigned __int128 swapIfEqual(std::byte* place, unsigned __int128 expected, unsigned __int128 desired) {
    u64 low = static_cast<u64>(expected);
    u64 high = static_cast<u64>(expected >> 64);
    asm volatile("lock cmpxchg16b %0"
                 : "+m"(*reinterpret_cast<unsigned __int128*>(place)), "+a"(low), "+d"(high)
                 : "b"(static_cast<u64>(desired)), "c"(static_cast<u64>(desired >> 64))
                 : "cc", "memory");
    return static_cast<unsigned __int128>(high) << 64 | low;
}

/// Op::more: lower and upper halves of d, b and c.
template <bool COMPARES>
void atomic128(Warp& warp, const Op& op) {
    const auto wide = [&](std::size_t which, int lane) {
        const u64 low = lanesOf<u64>(warp, op.more[2 * which])[lane];
        return static_cast<unsigned __int128>(lanesOf<u64>(warp, op.more[2 * which + 1])[lane]) << 64 | low;
    };
    std::uint64_t addresses[LANES];
    forEachLane(warp.mask, [&](int lane) {
        const u64 base = op.wide ? lanesOf<u64>(warp, op.a)[lane] : lanesOf<u32>(warp, op.a)[lane];
        const u64 sum = base + static_cast<u64>(op.imm);
        addresses[lane] = op.wide ? sum : static_cast<u32>(sum);
        std::byte* const place = resolveLane(warp, op, lane, op.space, addresses[lane]);
        const unsigned __int128 b = wide(1, lane);
        unsigned __int128 old = swapIfEqual(place, COMPARES ? b : 0, COMPARES ? wide(2, lane) : 0);
        for (bool done = COMPARES; !done;) {
            const unsigned __int128 seen = old;
            old = swapIfEqual(place, seen, b);
            done = old == seen;
        }
        lanesOf<u64>(warp, op.more[0])[lane] = static_cast<u64>(old);
        lanesOf<u64>(warp, op.more[1])[lane] = static_cast<u64>(old >> 64);
    });
    if (warp.worker->counters) count(warp, op, addresses);
}

constexpr InstructionClass ATOMIC = InstructionClass::ATOMIC;

constexpr Entry ATOMICS[] = {
    {"atom.add.u32", nullptr, atomic<u32, Add>, ATOMIC},
    {"atom.add.s32", nullptr, atomic<u32, Add>, ATOMIC},
    {"atom.add.u64", nullptr, atomic<u64, Add>, ATOMIC},
    {"atom.add.f32", nullptr, atomic<u32, AddF32>, ATOMIC},
    {"atom.add.f64", nullptr, atomic<u64, AddF64>, ATOMIC},
    {"atom.add.f16", nullptr, atomic<u16, AddF16>, ATOMIC},
    {"atom.add.bf16", nullptr, atomic<u16, AddBf16>, ATOMIC},
    {"atom.add.f16x2", nullptr, atomic<u32, OnPair<AddF16>>, ATOMIC},
    {"atom.add.bf16x2", nullptr, atomic<u32, OnPair<AddBf16>>, ATOMIC},
    {"atom.inc.u32", nullptr, atomic<u32, IncrementWrapping>, ATOMIC},
    {"atom.dec.u32", nullptr, atomic<u32, DecrementWrapping>, ATOMIC},
    {"atom.min.u32", nullptr, atomic<u32, Least>, ATOMIC},
    {"atom.min.s32", nullptr, atomic<s32, Least>, ATOMIC},
    {"atom.min.u64", nullptr, atomic<u64, Least>, ATOMIC},
    {"atom.min.s64", nullptr, atomic<s64, Least>, ATOMIC},
    {"atom.max.u32", nullptr, atomic<u32, Greatest>, ATOMIC},
    {"atom.max.s32", nullptr, atomic<s32, Greatest>, ATOMIC},
    {"atom.max.u64", nullptr, atomic<u64, Greatest>, ATOMIC},
    {"atom.max.s64", nullptr, atomic<s64, Greatest>, ATOMIC},
    {"atom.and.b32", nullptr, atomic<u32, And>, ATOMIC},
    {"atom.and.b64", nullptr, atomic<u64, And>, ATOMIC},
    {"atom.or.b32", nullptr, atomic<u32, Or>, ATOMIC},
    {"atom.or.b64", nullptr, atomic<u64, Or>, ATOMIC},
    {"atom.xor.b32", nullptr, atomic<u32, Xor>, ATOMIC},
    {"atom.xor.b64", nullptr, atomic<u64, Xor>, ATOMIC},
    {"atom.exch.b32", nullptr, atomic<u32, Exchange>, ATOMIC},
    {"atom.exch.b64", nullptr, atomic<u64, Exchange>, ATOMIC},
    {"atom.exch.b128", nullptr, atomic128<false>, ATOMIC},
    {"atom.cas.b128", nullptr, atomic128<true>, ATOMIC},
    {"atom.cas.b16", nullptr, atomic<u16, CompareAndSwap>, ATOMIC},
    {"atom.cas.b32", nullptr, atomic<u32, CompareAndSwap>, ATOMIC},
    {"atom.cas.b64", nullptr, atomic<u64, CompareAndSwap>, ATOMIC},
};

}  // namespace

Entries atomicTable() { return entries(ATOMICS); }

}  // namespace quern::emulator
