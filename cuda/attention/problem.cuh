// What the kernels of attention receive, and which keys a query sees. The formulae, shapes and types are those of
// io.quern.attention (Attention, Inputs); io.quern.attention.CudaProblem writes these structures, field by field.
#pragma once

#include "dtype.cuh"
#include "exp.cuh"
#include "philox.cuh"

namespace quern::attention {

template <typename T>
struct ComputeOf {
    using type = fp32;
};
template <>
struct ComputeOf<fp64> {
    using type = fp64;
};

constexpr double LOG2_E = 0x1.71547652b82fep0;

/// (batches, heads, tokens, channels); the last axis is contiguous, strides are in elements.
template <typename T>
struct Rows {
    T* base;
    int64_t batch, head, token;

    __device__ __forceinline__ T* at(int64_t b, int64_t h, int64_t t) const {
        return base + b * batch + h * head + t * token;
    }
};

/// (batches, heads, queries) of numbers, the last axis contiguous; no base where nobody asks.
template <typename T>
struct Numbers {
    T* base;
    int64_t batch, head;

    __device__ __forceinline__ void set(int64_t b, int64_t h, int64_t i, T value) const {
        if (base != nullptr) {
            base[b * batch + h * head + i] = value;
        }
    }
};

/// (batches, heads, queries, keys), the last axis contiguous; the stride of an axis of size 1 is 0.
template <typename T>
struct Dense {
    const T* base;
    int64_t batch, head, query;

    __device__ __forceinline__ const T* row(int64_t b, int64_t h, int64_t i) const {
        return base + b * batch + h * head + i * query;
    }
};

/// INT32 or INT64.
struct Integers {
    const void* base;
    int64_t bytes;  // of an element

    __device__ __forceinline__ int64_t at(int64_t i) const {
        return bytes == 4 ? static_cast<const int32_t*>(base)[i] : static_cast<const int64_t*>(base)[i];
    }
};

__device__ __forceinline__ int64_t clamp(int64_t x, int64_t least, int64_t most) {
    return x < least ? least : x > most ? most : x;
}

/// The tokens of one sequence: row is the batch that holds it in query, keys and values; number counts sequences.
struct Sequence {
    int64_t number, row, firstQuery, queries, firstKey, keys;
};

/// Everything has eight bytes: the layout is the order.
template <typename T>
struct Problem {
    using C = typename ComputeOf<T>::type;
    Rows<const T> query, keys, values;
    Integers keyLengths, queryStarts, keyStarts;
    Dense<int32_t> mask;
    Dense<T> bias;
    Dense<T> keyBias;  // query stride 0
    const C* headScale;
    const C* slopes;
    const C* sinks;
    int64_t sequences, heads, group, queryCount, keyCount, headDim, valueDim;  // group: heads / keyHeads
    int64_t left, right, bottomRight;
    double scale, inverseLogOfTraining, softcap;  // the second is 0 for t_i = 1
    double sigma, keepScale;                      // 1 / (1 - dropout)
    int64_t dropped;                              // weights whose uniformBits are below it
    int64_t seed;
    int64_t packed;  // whether rows of query, keys and values are whole packs: see tile.cuh

    __device__ __forceinline__ Sequence sequence(int64_t b) const {
        if (queryStarts.base == nullptr) {
            const int64_t count =
                keyLengths.base == nullptr ? keyCount : clamp(keyLengths.at(b), 0, keyCount);
            return {b, b, 0, queryCount, 0, count};
        }
        const int64_t firstQuery = clamp(queryStarts.at(b), 0, queryCount);
        const int64_t firstKey = clamp(keyStarts.at(b), 0, keyCount);
        return {b,          0,
                firstQuery, clamp(queryStarts.at(b + 1), firstQuery, queryCount) - firstQuery,
                firstKey,   clamp(keyStarts.at(b + 1), firstKey, keyCount) - firstKey};
    }

    __device__ __forceinline__ int64_t diagonal(const Sequence& s) const {
        return bottomRight != 0 ? s.keys - s.queries : 0;
    }

    /// The first key that query i sees by the band.
    __device__ __forceinline__ int64_t begin(const Sequence& s, int64_t i) const {
        return clamp(i + diagonal(s) - left, 0, s.keys);
    }

    /// One past the last key that query i sees by the band; at least begin.
    __device__ __forceinline__ int64_t end(const Sequence& s, int64_t i) const {
        return clamp(i + diagonal(s) + right + 1, begin(s, i), s.keys);
    }

    /// Whether a score is nothing but a scaled dot product.
    __device__ __forceinline__ bool plain() const {
        return softcap == 0 && sigma == 0 && slopes == nullptr && bias.base == nullptr &&
               keyBias.base == nullptr;
    }

    /// Whether anything but the band can hide a key.
    __device__ __forceinline__ bool masked() const {
        return mask.base != nullptr || bias.base != nullptr || keyBias.base != nullptr;
    }
};

/// Which sequence and which of its blocks of `block` rows a block of threads works on; a token has `rows` of them. Where
/// sequences lie one behind the other, sequence b has its blocks from number (starts[b] - starts[0]) * rows / block + b on:
/// they are enough, none is shared, and none comes before the first sequence's.
struct Slot {
    int64_t sequence, block;
};

__device__ __forceinline__ Slot slot(const Integers& starts, int64_t tokens, int64_t sequences, int64_t rows,
                                     int64_t block, int64_t number) {
    const int64_t first = clamp(starts.at(0), 0, tokens);
    int64_t low = 0;  // begins at or before number
    int64_t high = sequences;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        const bool before = (clamp(starts.at(middle), 0, tokens) - first) * rows / block + middle <= number;
        low = before ? middle : low;
        high = before ? high : middle;
    }
    return {low, number - ((clamp(starts.at(low), 0, tokens) - first) * rows / block + low)};
}

}  // namespace quern::attention
