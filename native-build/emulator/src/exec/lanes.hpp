// Applying a scalar function to all lanes of a warp.
//
// The loops have 32 steps and no branch, so that compilers turn them into vector code. A warp with all its lanes
// writes directly; one with some lanes off computes all 32 and blends, so the functions must not trap on anything.
#pragma once

#include <cstdint>

#include "exec/table.hpp"
#include "exec/warp.hpp"

#define QUERN_LANES  _Pragma("GCC ivdep") for (int i = 0; i < LANES; i++)
#define QUERN_INLINE static inline __attribute__((always_inline))

namespace quern::emulator::QUERN_LEVEL {

namespace {

template <int BYTES>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
    using type = std::uint8_t;
};
template <>
struct UnsignedOf<2> {
    using type = std::uint16_t;
};
template <>
struct UnsignedOf<4> {
    using type = std::uint32_t;
};
template <>
struct UnsignedOf<8> {
    using type = std::uint64_t;
};
template <typename T>
using Bits = typename UnsignedOf<sizeof(T)>::type;

alignas(64) constexpr std::uint32_t LANE_BIT[LANES] = {
    1U << 0,  1U << 1,  1U << 2,  1U << 3,  1U << 4,  1U << 5,  1U << 6,  1U << 7,
    1U << 8,  1U << 9,  1U << 10, 1U << 11, 1U << 12, 1U << 13, 1U << 14, 1U << 15,
    1U << 16, 1U << 17, 1U << 18, 1U << 19, 1U << 20, 1U << 21, 1U << 22, 1U << 23,
    1U << 24, 1U << 25, 1U << 26, 1U << 27, 1U << 28, 1U << 29, 1U << 30, 1U << 31};

/// d[i] = value(i) for the lanes of the mask.
template <typename D, typename Value>
QUERN_INLINE void write(const Warp& warp, std::uint32_t offset, Value value) {
    D* d = lanesOf<D>(warp, offset);
    const std::uint32_t mask = warp.mask;
    if (mask == ALL_LANES) {
        QUERN_LANES d[i] = value(i);
    } else if (sizeof(D) == 2) {
        // GCC 12 fuses a 16-bit maximum and the blend after it into an instruction that it then does not know.
        alignas(64) D values[LANES];
        QUERN_LANES values[i] = value(i);
        asm volatile("" : : "r"(values) : "memory");
        QUERN_LANES d[i] = (mask & LANE_BIT[i]) != 0 ? values[i] : d[i];
    } else {
        QUERN_LANES {
            const D v = value(i);
            d[i] = (mask & LANE_BIT[i]) != 0 ? v : d[i];
        }
    }
}

/// The mask of the lanes where test(i) holds. T: an unsigned type as wide as what is tested, which vectorises best.
template <typename T, typename Test>
QUERN_INLINE std::uint32_t maskWhere(Test test) {
    T bits = 0;
    QUERN_LANES bits |= test(i) ? static_cast<T>(LANE_BIT[i]) : T{0};
    return static_cast<std::uint32_t>(bits);
}

inline void writePredicate(const Warp& warp, std::uint32_t offset, std::uint32_t value) {
    std::uint32_t& predicate = predicateOf(warp, offset);
    predicate = (predicate & ~warp.mask) | (value & warp.mask);
}

/// lanes<F>: the handler that applies the function F to each lane, its arguments from op.a, op.b, op.c and op.e.
template <auto F>
struct Apply;

template <typename D, typename A, D (*F)(A)>
struct Apply<F> {
    static void run(Warp& warp, const Op& op) {
        const A* a = lanesOf<A>(warp, op.a);
        write<D>(
            warp, op.dst, [=](int i) __attribute__((always_inline)) { return F(a[i]); });
    }
};

template <typename D, typename A, typename B, D (*F)(A, B)>
struct Apply<F> {
    static void run(Warp& warp, const Op& op) {
        const A* a = lanesOf<A>(warp, op.a);
        const B* b = lanesOf<B>(warp, op.b);
        write<D>(
            warp, op.dst, [=](int i) __attribute__((always_inline)) { return F(a[i], b[i]); });
    }
};

template <typename D, typename A, typename B, typename C, D (*F)(A, B, C)>
struct Apply<F> {
    static void run(Warp& warp, const Op& op) {
        const A* a = lanesOf<A>(warp, op.a);
        const B* b = lanesOf<B>(warp, op.b);
        const C* c = lanesOf<C>(warp, op.c);
        write<D>(
            warp, op.dst, [=](int i) __attribute__((always_inline)) { return F(a[i], b[i], c[i]); });
    }
};

template <typename D, typename A, typename B, typename C, typename E, D (*F)(A, B, C, E)>
struct Apply<F> {
    static void run(Warp& warp, const Op& op) {
        const A* a = lanesOf<A>(warp, op.a);
        const B* b = lanesOf<B>(warp, op.b);
        const C* c = lanesOf<C>(warp, op.c);
        const E* e = lanesOf<E>(warp, op.e);
        write<D>(
            warp, op.dst, [=](int i) __attribute__((always_inline)) { return F(a[i], b[i], c[i], e[i]); });
    }
};

template <auto F>
constexpr Handler lanes = &Apply<F>::run;

template <std::size_t N>
constexpr Entries entries(const Entry (&table)[N]) {
    return {table, N};
}

}  // namespace

}  // namespace quern::emulator::QUERN_LEVEL
