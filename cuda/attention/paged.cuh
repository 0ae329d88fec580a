// A cache in pages, as io.quern.attention.PagedCache describes it: appending to it, laying it out in a row, and attention of few
// queries that takes keys and values from their pages.
#pragma once

#include "decode.cuh"

#include <type_traits>

namespace quern::attention {

constexpr int PAGED_WARPS = 4;

/// Which page holds a token. Everything has eight bytes: the layout is the order.
struct PageTable {
    const int32_t* pages;  // (sequences, pages of a sequence)
    int64_t stride;        // of sequences
    Integers lengths;
    int64_t sequences, count, tokens,
        capacity;  // count: of all pages; tokens: of a page; capacity: of a sequence

    __device__ __forceinline__ int64_t length(int64_t sequence) const {
        return clamp(lengths.at(sequence), 0, capacity);
    }

    /// Capacities have 31 bits, and 32-bit divisions cost a fraction of wider ones.
    __device__ __forceinline__ int32_t page(int64_t sequence, int64_t token) const {
        return pages[sequence * stride + static_cast<uint32_t>(token) / static_cast<uint32_t>(tokens)];
    }

    __device__ __forceinline__ int64_t rowOfPage(int64_t token) const {
        return static_cast<uint32_t>(token) % static_cast<uint32_t>(tokens);
    }

    template <typename T>
    __device__ __forceinline__ T* read(const Rows<T>& cache, int64_t sequence, int64_t head,
                                       int64_t token) const {
        return cache.at(clamp(page(sequence, token), 0, count - 1), head, rowOfPage(token));
    }
};

/// For ForwardBlock: keys and values that lie in pages, or one behind the other where there are none.
template <typename T>
struct MaybeInPages {
    const PageTable& table;

    __device__ __forceinline__ auto rows(const Rows<const T>& tokens, const Sequence& s, int64_t head,
                                         int64_t tile) const {
        return [&table = table, &tokens, &s, head, tile](int key) {
            return table.pages == nullptr ? tokens.at(s.row, head, s.firstKey + tile + key)
                                          : table.read(tokens, s.number, head, tile + key);
        };
    }
};

/// Keys and values of tokens in a row and in pages.
template <typename From, typename To>
struct PagedCopy {
    PageTable table;
    Rows<const From> fromKeys, fromValues;
    Rows<To> toKeys, toValues;
    int64_t heads, tokens, headDim, valueDim;
    int64_t packed;  // whether all rows begin at whole packs
};

/// Exact where the type is the same, NaN included.
template <typename To, typename From>
__device__ __forceinline__ To converted(From x) {
    if constexpr (std::is_same_v<From, To>) {
        return x;
    } else {
        return narrow<To>(widen<fp32>(x));
    }
}

/// A warp copies a row, which may be narrowed or widened.
template <typename From, typename To>
__device__ __forceinline__ void copyRow(const From* from, To* to, int64_t channels, bool packed) {
    constexpr int N = packLength<From, To>();
    const int64_t inPacks = packed ? channels / N * N : 0;
#pragma unroll 1
    for (int64_t c = threadIdx.x * N; c < inPacks; c += 32 * N) {
        const Pack<From, N> pack = loadPack<N>(from + c, 0);
        Pack<To, N> stored;
#pragma unroll
        for (int n = 0; n < N; n++) {
            stored.at[n] = converted<To>(pack.at[n]);
        }
        storePack<N>(to + c, 0, stored);
    }
#pragma unroll 1
    for (int64_t c = inPacks + threadIdx.x; c < channels; c += 32) {
        to[c] = converted<To>(from[c]);
    }
}

/// Calls body(sequence, head, t) for t below `tokens`, a warp each. Any grid; x covers tokens, y heads, z sequences.
template <typename Body>
__device__ __forceinline__ void forTokens(int64_t sequences, int64_t heads, int64_t tokens,
                                          const Body& body) {
#pragma unroll 1
    for (int64_t s = blockIdx.z; s < sequences; s += gridDim.z) {
#pragma unroll 1
        for (int64_t h = blockIdx.y; h < heads; h += gridDim.y) {
#pragma unroll 1
            for (int64_t t = blockIdx.x * static_cast<int64_t>(PAGED_WARPS) + threadIdx.y; t < tokens;
                 t += gridDim.x * static_cast<int64_t>(PAGED_WARPS)) {
                body(s, h, t);
            }
        }
    }
}

/// The last tokens of each sequence, to their pages.
template <typename From, typename To>
__device__ __forceinline__ void append(const PagedCopy<From, To>& a) {
    forTokens(a.table.sequences, a.heads, a.tokens, [&](int64_t s, int64_t h, int64_t t) {
        const int64_t token = a.table.length(s) - a.tokens + t;
        if (token < 0) {
            return;
        }
        const int32_t page = a.table.page(s, token);
        if (page < 0 || page >= a.table.count) {
            return;
        }
        const int64_t row = a.table.rowOfPage(token);
        copyRow(a.fromKeys.at(s, h, t), a.toKeys.at(page, h, row), a.headDim, a.packed != 0);
        copyRow(a.fromValues.at(s, h, t), a.toValues.at(page, h, row), a.valueDim, a.packed != 0);
    });
}

/// All tokens of each sequence from their pages, one behind the other.
template <typename From, typename To>
__device__ __forceinline__ void gather(const PagedCopy<From, To>& a) {
    forTokens(a.table.sequences, a.heads, a.tokens, [&](int64_t s, int64_t h, int64_t t) {
        if (t < a.table.length(s)) {
            copyRow(a.table.read(a.fromKeys, s, h, t), a.toKeys.at(s, h, t), a.headDim, a.packed != 0);
            copyRow(a.table.read(a.fromValues, s, h, t), a.toValues.at(s, h, t), a.valueDim, a.packed != 0);
        }
    });
}

}  // namespace quern::attention
