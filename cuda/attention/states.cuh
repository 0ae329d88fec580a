// Merge of what attention to parts of the keys left, and its gradient: the formulae of io.quern.attention.AttentionState. A
// warp takes a row, its lanes the channels.
#pragma once

#include "lanes.cuh"
#include "rows.cuh"
#include "scores.cuh"

namespace quern::attention {

constexpr int STATES_WARPS = 4;

/// (parts, rows, channels) of outputs and (parts, rows) of the others, or without parts.
template <typename T>
struct States {
    using C = typename ComputeOf<T>::type;
    AnyRows<T> out;
    AnyRows<C> logSumExp, entropy;

    __device__ __forceinline__ C entropyOr0(int64_t row) const {
        return entropy.base == nullptr ? C(0) : *entropy.at(row);
    }

    __device__ __forceinline__ void setStatistics(int64_t row, C sum, C h) const {
        if (threadIdx.x == 0) {
            *logSumExp.at(row) = sum;
            if (entropy.base != nullptr) {
                *entropy.at(row) = h;
            }
        }
    }
};

template <typename T>
struct Merge {
    States<T> parts, whole, wholeGradient, partsGradient;  // the last two of the backward pass
    int64_t count, rows, channels;                         // of parts; of a part; of a row
};

/// Calls body(row) for the rows of this warp. Any grid.
template <typename Body>
__device__ __forceinline__ void forRowsOfWarp(int64_t rows, const Body& body) {
#pragma unroll 1
    for (int64_t row = blockIdx.x * static_cast<int64_t>(STATES_WARPS) + threadIdx.y; row < rows;
         row += gridDim.x * static_cast<int64_t>(STATES_WARPS)) {
        body(row);
    }
}

template <typename T>
__device__ __forceinline__ void mergeStates(const Merge<T>& a) {
    using C = typename ComputeOf<T>::type;
    forRowsOfWarp(a.rows, [&](int64_t row) {
        C most = -C(INFINITY);
#pragma unroll 1
        for (int64_t part = 0; part < a.count; part++) {
            const C own = *a.parts.logSumExp.at(part * a.rows + row);
            most = own > most || own != own ? own : most;
        }
        C sum = 0;
#pragma unroll 1
        for (int64_t part = 0; part < a.count && most != -C(INFINITY); part++) {
            sum += exponential(*a.parts.logSumExp.at(part * a.rows + row) - most);
        }
        const C logSumExp = most == -C(INFINITY) ? most : most + naturalLogarithm(sum);
        C entropy = 0;
#pragma unroll 1
        for (int64_t part = 0; part < a.count; part++) {
            const C own = *a.parts.logSumExp.at(part * a.rows + row);
            if (own != -C(INFINITY)) {
                entropy =
                    fusedMultiplyAdd(exponential(own - logSumExp),
                                     a.parts.entropyOr0(part * a.rows + row) + (logSumExp - own), entropy);
            }
        }
        T* to = a.whole.out.at(row);
#pragma unroll 1
        for (int64_t c = threadIdx.x; c < a.channels; c += 32) {
            C out = 0;
#pragma unroll 1
            for (int64_t part = 0; part < a.count; part++) {
                const C own = *a.parts.logSumExp.at(part * a.rows + row);
                if (own != -C(INFINITY)) {  // otherwise its output may be anything
                    out = fusedMultiplyAdd(exponential(own - logSumExp),
                                           widen<C>(a.parts.out.at(part * a.rows + row)[c]), out);
                }
            }
            to[c] = narrow<T>(out);
        }
        a.whole.setStatistics(row, logSumExp, entropy);
    });
}

template <typename T>
__device__ __forceinline__ void mergeStatesBackward(const Merge<T>& a) {
    using C = typename ComputeOf<T>::type;
    forRowsOfWarp(a.count * a.rows, [&](int64_t part) {
        const int64_t row = part % a.rows;
        const C logSumExp = *a.whole.logSumExp.at(row);
        const C own = *a.parts.logSumExp.at(part);
        const bool none = own == -C(INFINITY);
        const C weight = none ? C(0) : exponential(own - logSumExp);
        const T* partOut = a.parts.out.at(part);
        const T* wholeOut = a.whole.out.at(row);
        const T* gradient = a.wholeGradient.out.at(row);
        T* to = a.partsGradient.out.at(part);
        C dot = 0;
#pragma unroll 1
        for (int64_t c = threadIdx.x; c < a.channels; c += 32) {
            const C ofOut = widen<C>(gradient[c]);
            if (!none) {
                dot = fusedMultiplyAdd(ofOut, widen<C>(partOut[c]) - widen<C>(wholeOut[c]), dot);
            }
            to[c] = narrow<T>(none ? C(0) : weight * ofOut);
        }
        __syncwarp();
        dot = sumOfLanes<32>(dot);
        const C ofEntropy = a.wholeGradient.entropyOr0(row);
        const C surplus = a.parts.entropyOr0(part) + (logSumExp - own) - a.whole.entropyOr0(row);
        const C all = dot + *a.wholeGradient.logSumExp.at(row) + (none ? C(0) : ofEntropy * surplus);
        a.partsGradient.setStatistics(part, none ? C(0) : weight * all, none ? C(0) : weight * ofEntropy);
    });
}

}  // namespace quern::attention
