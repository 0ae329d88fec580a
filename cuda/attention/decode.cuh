// The forward pass for few queries and many keys: these are cut into splits, which blocks of their own sum up, and whose
// sums are merged afterwards. A split has the same length whatever the batch, so that a sequence's bits do not depend on it.
#pragma once

#include "forward.cuh"

namespace quern::attention {

constexpr int SPLIT_KEYS = 256;  // a multiple of TILE_KEYS
constexpr int MERGE_THREADS = 128;

/// What `splits` leave of each row, (batches, splits, heads, queries, ROW_STATE + valueDim).
template <typename T>
struct Splits {
    using C = typename ComputeOf<T>::type;
    C* base;
    int64_t splits;

    __device__ __forceinline__ static int64_t rowStride(const Problem<T>& p) {
        return ROW_STATE + p.valueDim;
    }

    __device__ __forceinline__ C* at(const Problem<T>& p, int64_t b, int64_t split) const {
        return base + (b * splits + split) * p.heads * p.queryCount * rowStride(p);
    }

    /// One past the last split that a sequence fills.
    __device__ __forceinline__ static int64_t filled(const Sequence& s) {
        return (s.keys + SPLIT_KEYS - 1) / SPLIT_KEYS;
    }
};

/// Any grid; x covers splits, y heads of keys, z batches.
template <typename T, typename Place>
__device__ __forceinline__ void decode(const Forward<T>& a, const Splits<T>& splits, const Place& place) {
    const Problem<T>& p = a.problem;
#pragma unroll 1
    for (int64_t b = blockIdx.z; b < p.sequences; b += gridDim.z) {
        const Sequence s = p.sequence(b);
#pragma unroll 1
        for (int64_t h = blockIdx.y; h * p.group < p.heads; h += gridDim.y) {
#pragma unroll 1
            for (int64_t split = blockIdx.x; split < Splits<T>::filled(s); split += gridDim.x) {
#pragma unroll 1
                for (int64_t row = 0; row < s.queries * p.group; row += DOWN) {
                    __syncthreads();  // shared memory is the next rows'
                    ForwardBlock<T, 256, 1, Place> block(a, s, h, row, place);
                    block.addKeys(split * SPLIT_KEYS, (split + 1) * SPLIT_KEYS);
                    block.leave(splits.at(p, b, split), Splits<T>::rowStride(p));
                }
            }
        }
    }
}

/// Any grid; x covers queries, y heads, z batches; threads cover channels.
template <typename T>
__device__ __forceinline__ void merge(const Forward<T>& a, const Splits<T>& splits) {
    using C = typename ComputeOf<T>::type;
    constexpr int CHANNELS = 256 / MERGE_THREADS;  // of a thread
    const Problem<T>& p = a.problem;
#pragma unroll 1
    for (int64_t b = blockIdx.z; b < p.sequences; b += gridDim.z) {
        const Sequence s = p.sequence(b);
#pragma unroll 1
        for (int64_t h = blockIdx.y; h < p.heads; h += gridDim.y) {
#pragma unroll 1
            for (int64_t i = blockIdx.x; i < s.queries; i += gridDim.x) {
                Sums<C> sum;
                C out[CHANNELS] = {};
#pragma unroll 1
                for (int64_t split = 0; split < Splits<T>::filled(s); split++) {
                    const C* from = splits.at(p, b, split) + (h * s.queries + i) * Splits<T>::rowStride(p);
                    C mine;
                    C others;
                    sum.add(Sums<C>::load(from), mine, others);
#pragma unroll
                    for (int c = 0; c < CHANNELS; c++) {
                        const int channel = c * MERGE_THREADS + threadIdx.x;
                        if (channel < p.valueDim) {
                            out[c] = fusedMultiplyAdd(out[c], mine, from[ROW_STATE + channel] * others);
                        }
                    }
                }
                const C factor = finishRow(a, Row<T>{p, s, h, i}, sum, threadIdx.x == 0);
                T* to = a.out.at(s.row, h, s.firstQuery + i);
#pragma unroll
                for (int c = 0; c < CHANNELS; c++) {
                    const int channel = c * MERGE_THREADS + threadIdx.x;
                    if (channel < p.valueDim) {
                        to[channel] = narrow<T>(out[c] * factor);
                    }
                }
            }
        }
    }
}

}  // namespace quern::attention
