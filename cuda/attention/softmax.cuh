// Softmax of rows, and its logarithm: io.quern.attention.RowSoftmax. A warp takes a row, or, where rows are long, a block. The
// row is read once for its maximum and its sum, which is scaled down whenever the maximum grows, and once to be written.
#pragma once

#include "rows.cuh"
#include "scores.cuh"

namespace quern::attention {

constexpr int SOFTMAX_WARPS = 8;
constexpr int SOFTMAX_THREADS = 32 * SOFTMAX_WARPS;

/// Forward: from x to y; backward: from y and dy to dx.
template <typename T>
struct Softmax {
    AnyRows<const T> x, y, dy;
    AnyRows<T> to;
    int64_t rows, length;
    int64_t logarithm;  // whether it is of the logarithm
    int64_t whole;      // whether a block takes a row
    int64_t packed;     // whether rows begin with whole packs of 16 bytes
};

/// The threads of a row.
struct RowThreads {
    int index, count;
    bool block;

    __device__ __forceinline__ explicit RowThreads(bool whole)
        : index(whole ? threadIdx.y * 32 + threadIdx.x : threadIdx.x),
          count(whole ? SOFTMAX_THREADS : 32),
          block(whole) {}

    /// All get what `merge` makes of the values of all, in one fixed order; it must not matter which of two comes first.
    template <typename State, typename Merge>
    __device__ __forceinline__ State reduce(State mine, const Merge& merge) const {
#pragma unroll
        for (int lanes = 16; lanes > 0; lanes /= 2) {
            mine = merge(mine, mine.fromLane(lanes));
        }
        if (block) {
            __shared__ State ofWarps[SOFTMAX_WARPS];
            __syncthreads();  // the row before is done with
            if (threadIdx.x == 0) {
                ofWarps[threadIdx.y] = mine;
            }
            __syncthreads();
            mine = ofWarps[0];
#pragma unroll 1
            for (int warp = 1; warp < SOFTMAX_WARPS; warp++) {
                mine = merge(mine, ofWarps[warp]);
            }
        }
        return mine;
    }
};

/// Sums are in FP64 beyond the few elements that a thread reads at once.
struct SoftmaxSum {
    double value;

    __device__ __forceinline__ SoftmaxSum fromLane(int lanes) const {
        return {__shfl_xor_sync(0xffffffff, value, lanes)};
    }
};

template <typename C>
struct SoftmaxState {
    C most;      // of the elements; NaN is no element
    double sum;  // of e^(x - most), of e^x where most is -infinity

    __device__ __forceinline__ SoftmaxState fromLane(int lanes) const {
        return {__shfl_xor_sync(0xffffffff, most, lanes), __shfl_xor_sync(0xffffffff, sum, lanes)};
    }

    __device__ __forceinline__ C shift() const { return most == -C(INFINITY) ? C(0) : most; }

    __device__ __forceinline__ double sumTo(C larger) const {
        return most == larger ? sum : sum * static_cast<double>(exponential(most - larger));
    }

    __device__ __forceinline__ static SoftmaxState merge(const SoftmaxState& a, const SoftmaxState& b) {
        const C larger = a.most > b.most ? a.most : b.most;
        return {larger, a.sumTo(larger) + b.sumTo(larger)};
    }
};

/// Elements that a thread takes at once, those from i on of a row of `length`; `missing` beyond its end. They are the same
/// whether they move as a pack or one by one, and so are the sums.
template <typename T>
constexpr int SOFTMAX_PACK = 16 / sizeof(T);

template <typename T>
__device__ __forceinline__ Pack<T, SOFTMAX_PACK<T>> loadElements(const T* row, int64_t i, int64_t length,
                                                                 bool packed, float missing) {
    constexpr int N = SOFTMAX_PACK<T>;
    if (packed && i + N <= length) {
        return loadPack<N>(row + i, 0);
    }
    Pack<T, N> pack;
#pragma unroll
    for (int n = 0; n < N; n++) {
        pack.at[n] =
            i + n < length ? row[i + n] : narrow<T>(static_cast<typename ComputeOf<T>::type>(missing));
    }
    return pack;
}

template <typename T>
__device__ __forceinline__ void storeElements(const Pack<T, SOFTMAX_PACK<T>>& pack, T* row, int64_t i,
                                              int64_t length, bool packed) {
    constexpr int N = SOFTMAX_PACK<T>;
    if (packed && i + N <= length) {
        storePack<N>(row + i, 0, pack);
        return;
    }
#pragma unroll
    for (int n = 0; n < N; n++) {
        if (i + n < length) {
            row[i + n] = pack.at[n];
        }
    }
}

/// Calls body(row) for each row, by its threads. Any grid.
template <typename T, typename Body>
__device__ __forceinline__ void forRows(const Softmax<T>& a, const Body& body) {
    const int64_t inBlock = a.whole != 0 ? 1 : SOFTMAX_WARPS;
    const int64_t mine = blockIdx.x * inBlock + (a.whole != 0 ? 0 : threadIdx.y);
#pragma unroll 1
    for (int64_t row = mine; row < a.rows; row += gridDim.x * inBlock) {
        body(row);
    }
}

template <typename T>
__device__ __forceinline__ void softmax(const Softmax<T>& a) {
    using C = typename ComputeOf<T>::type;
    using State = SoftmaxState<C>;
    constexpr int N = SOFTMAX_PACK<T>;
    const RowThreads threads(a.whole != 0);
    const bool packed = a.packed != 0;
    forRows(a, [&](int64_t row) {
        const T* x = a.x.at(row);
        T* y = a.to.at(row);
        State state{-C(INFINITY), 0};
#pragma unroll 1
        for (int64_t i = threads.index * N; i < a.length; i += threads.count * N) {
            const Pack<T, N> pack = loadElements(x, i, a.length, packed, -INFINITY);
            C most = state.most;
#pragma unroll
            for (int n = 0; n < N; n++) {
                const C one = widen<C>(pack.at[n]);
                most = one > most ? one : most;
            }
            state = {most, state.sumTo(most)};
            const C shift = state.shift();
            C sum = 0;
#pragma unroll
            for (int n = 0; n < N; n++) {
                sum += exponential(widen<C>(pack.at[n]) - shift);
            }
            state.sum += static_cast<double>(sum);
        }
        state = threads.reduce(state, State::merge);
        const C shift = state.shift();
        const bool none = state.sum == 0;  // nothing but -infinity
        const C factor = none ? C(0) : static_cast<C>(1 / state.sum);
        const C logarithm = none ? C(0) : static_cast<C>(log(state.sum));
#pragma unroll 1
        for (int64_t i = threads.index * N; i < a.length; i += threads.count * N) {
            Pack<T, N> pack = loadElements(x, i, a.length, packed, -INFINITY);
#pragma unroll
            for (int n = 0; n < N; n++) {
                const C shifted = widen<C>(pack.at[n]) - shift;
                pack.at[n] =
                    narrow<T>(a.logarithm != 0 ? shifted - logarithm : exponential(shifted) * factor);
            }
            storeElements(pack, y, i, a.length, packed);
        }
    });
}

template <typename T>
__device__ __forceinline__ void softmaxBackward(const Softmax<T>& a) {
    using C = typename ComputeOf<T>::type;
    constexpr int N = SOFTMAX_PACK<T>;
    const RowThreads threads(a.whole != 0);
    const bool packed = a.packed != 0;
    forRows(a, [&](int64_t row) {
        const T* y = a.y.at(row);
        const T* dy = a.dy.at(row);
        T* dx = a.to.at(row);
        SoftmaxSum total{0};
#pragma unroll 1
        for (int64_t i = threads.index * N; i < a.length; i += threads.count * N) {
            const Pack<T, N> out = loadElements(y, i, a.length, packed, 0);
            const Pack<T, N> gradient = loadElements(dy, i, a.length, packed, 0);
            C sum = 0;
#pragma unroll
            for (int n = 0; n < N; n++) {
                const C of = a.logarithm != 0 ? C(1) : widen<C>(out.at[n]);
                sum = fusedMultiplyAdd(widen<C>(gradient.at[n]), of, sum);
            }
            total.value += static_cast<double>(sum);
        }
        total = threads.reduce(
            total, [](const SoftmaxSum& p, const SoftmaxSum& q) { return SoftmaxSum{p.value + q.value}; });
        const C sum = static_cast<C>(total.value);
#pragma unroll 1
        for (int64_t i = threads.index * N; i < a.length; i += threads.count * N) {
            const Pack<T, N> out = loadElements(y, i, a.length, packed, 0);
            Pack<T, N> gradient = loadElements(dy, i, a.length, packed, 0);
#pragma unroll
            for (int n = 0; n < N; n++) {
                const C of = widen<C>(gradient.at[n]);
                const C p = widen<C>(out.at[n]);
                gradient.at[n] =
                    narrow<T>(a.logarithm != 0 ? fusedMultiplyAdd(-exponential(p), sum, of) : p * (of - sum));
            }
            storeElements(gradient, dx, i, a.length, packed);
        }
    });
}

}  // namespace quern::attention
