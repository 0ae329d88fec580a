// Storage types: how elements of each io.quern.DType lie in memory, move in packs of up to 16 bytes, and are
// converted to and from the type that a kernel computes in.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace quern {

using fp64 = double;
using fp32 = float;
using fp16 = __half;
using bf16 = __nv_bfloat16;

__device__ __forceinline__ fp32 toFp32(fp16 stored) { return __half2float(stored); }
__device__ __forceinline__ fp32 toFp32(bf16 stored) { return __bfloat162float(stored); }

template <typename Stored>
__device__ __forceinline__ Stored fromFp32(fp32 value);

template <>
__device__ __forceinline__ fp16 fromFp32<fp16>(fp32 value) {
    return __float2half_rn(value);
}

template <>
__device__ __forceinline__ bf16 fromFp32<bf16>(fp32 value) {
#if __CUDA_ARCH__ >= 800
    return __float2bfloat16_rn(value);
#else
    // No such instruction yet. Without branches, unlike the emulation in cuda_bf16.hpp: half a unit of the last
    // place, less one bit where the place is even, carries into the upper half.
    const uint32_t bits = __float_as_uint(value);
    const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    const uint32_t quietNan = bits | 0x00400000;
    return __ushort_as_bfloat16(static_cast<uint16_t>((value == value ? rounded : quietNan) >> 16));
#endif
}

/// A stored element as a number of the compute type; exact, since the compute type is at least as wide.
template <typename Compute, typename Stored>
__device__ __forceinline__ Compute widen(Stored stored) {
    static_assert(sizeof(Compute) >= sizeof(Stored), "widening is exact");
    if constexpr (sizeof(Stored) == 2) {
        return static_cast<Compute>(toFp32(stored));
    } else {
        return static_cast<Compute>(stored);
    }
}

/// The stored element nearest to a number of the compute type, ties to even; rounds once.
template <typename Stored, typename Compute>
__device__ __forceinline__ Stored narrow(Compute value) {
    if constexpr (sizeof(Stored) == 2) {
        static_assert(sizeof(Compute) == sizeof(fp32), "FP64 by way of FP32 would round twice");
        return fromFp32<Stored>(value);
    } else {
        return static_cast<Stored>(value);
    }
}

/// N elements that move in one access: N * sizeof(T) is 2, 4, 8 or 16, and the address a multiple of it.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    static_assert(sizeof(T) * N <= 16, "no single access is wider than 16 bytes");
    T at[N];
};

/// How many elements a thread takes at once when it walks arrays of several types in step: as many as fill 16 bytes
/// of the widest. Narrower types then move in 8 bytes or less, yet a warp uses every byte of each sector it touches;
/// were the narrowest to fill 16 bytes, each access to a wider one would leave gaps between its threads.
template <typename... Ts>
__host__ __device__ constexpr int packLength() {
    int widest = 0;
    ((widest = sizeof(Ts) > widest ? static_cast<int>(sizeof(Ts)) : widest), ...);
    return 16 / widest;
}

/// Whether packs of N elements may be moved from and to that address: a view can begin at any element.
template <int N, typename T>
__device__ __forceinline__ bool packable(const T* address) {
    return reinterpret_cast<uintptr_t>(address) % sizeof(Pack<T, N>) == 0;
}

/// Pack number i of an array that is packable<N>.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> loadPack(const T* array, int64_t i) {
    return reinterpret_cast<const Pack<T, N>*>(array)[i];
}

template <int N, typename T>
__device__ __forceinline__ void storePack(T* array, int64_t i, const Pack<T, N>& pack) {
    reinterpret_cast<Pack<T, N>*>(array)[i] = pack;
}

/// An address read from memory, as one in global memory: the compiler then need not emit generic accesses.
template <typename T>
__device__ __forceinline__ T* globalMemory(T* address) {
    __builtin_assume(__isGlobal(address));
    return address;
}

}  // namespace quern
