// Instructions of compute_80 that CUDA C++ has no words for: asynchronous copies, matrices from shared memory, products of
// matrices, and the hardware's power of two. Fragments are those of PTX's mma.m16n8k16.
#pragma once

#include "dtype.cuh"

#include <type_traits>
#include <utility>

namespace quern {

/// Starts a copy of 16 bytes into shared memory; zeros where it is not `there`.
__device__ __forceinline__ void copyAsync(uint32_t shared, const void* global, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global),
                 "r"(there ? 16 : 0)
                 : "memory");
}

__device__ __forceinline__ void copyAsync(uint32_t shared, const void* global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
}

/// Waits for all copies that this thread has started.
__device__ __forceinline__ void awaitCopies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

/// Four matrices of 8 x 8 at `shared` + OFFSET: lane l gives the address of row l % 8 of matrix l / 8.
template <int OFFSET>
__device__ __forceinline__ void loadMatrices(uint32_t shared, uint32_t (&to)[4]) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4 + %5];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared), "n"(OFFSET)
                 : "memory");
}

/// The same, each transposed.
template <int OFFSET>
__device__ __forceinline__ void loadTransposed(uint32_t shared, uint32_t (&to)[4]) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4 + %5];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared), "n"(OFFSET)
                 : "memory");
}

/// What only few tiles need is branched around, and not computed for all and then dropped.
__device__ __forceinline__ void keepBranch() { asm volatile(""); }

/// x, as something that the compiler knows nothing of: it is computed here, neither before nor anew.
__device__ __forceinline__ uint32_t once(uint32_t x) {
    asm volatile("" : "+r"(x));
    return x;
}

template <int I>
struct Index {};

/// Calls `body` with Index<0> .. Index<COUNT - 1>, of which addresses in instructions can be made.
template <int COUNT, typename Body>
__device__ __forceinline__ void unrolled(const Body& body) {
    [&]<int... I>(std::integer_sequence<int, I...>) { (body(Index<I>{}), ...); }
    (std::make_integer_sequence<int, COUNT>{});
}

/// d = a * b + c: a (16, 16) by rows, b (16, 8) by columns, c and d (16, 8) in FP32.
template <typename T>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                         const float (&c)[4]) {
    if constexpr (std::is_same_v<T, bf16>) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, "
            "%9}, "
            "{%10, %11, %12, %13};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c[0]), "f"(c[1]), "f"(c[2]),
              "f"(c[3]));
    } else {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%10, %11, %12, %13};"
            : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c[0]), "f"(c[1]), "f"(c[2]),
              "f"(c[3]));
    }
}

/// Two numbers in the storage type, the first in the lower half.
template <typename T>
__device__ __forceinline__ uint32_t pair(float low, float high) {
    uint32_t both;
    if constexpr (std::is_same_v<T, bf16>) {
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    } else {
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    }
    return both;
}

/// Two numbers of the storage type, each times a factor.
template <typename T>
__device__ __forceinline__ uint32_t scaled(uint32_t both, float factor) {
    const float low = widen<float>(reinterpret_cast<const T(&)[2]>(both)[0]);
    const float high = widen<float>(reinterpret_cast<const T(&)[2]>(both)[1]);
    return pair<T>(low * factor, high * factor);
}

/// 2^x of the hardware: off by 2^-22.5 relatively; what is subnormal becomes zero.
__device__ __forceinline__ float exp2Approximate(float x) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}

}  // namespace quern
