// Lion on CUDA. The mathematics, its rounding and its treatment of NaN are those of io.quern.lion (package-info.java
// and LionReference.java); this file says only how threads share the work.
//
// A step is bound by memory: some ten instructions against P + M + G bytes read and P + M written, a parameter. So
// each byte is touched once, and threads move packs of 16 bytes, neighbours next to each other.

#include "dtype.cuh"

namespace {

using namespace quern;

constexpr int BLOCK = 256;
// Blocks of step_many that fit on a multiprocessor: 48 registers a thread. Without it ptxas aims at 32 and spills in FP64.
constexpr int MANY_BLOCKS = 5;

/// What may change between runs. Kernels read it from memory, so that a replayed CUDA graph sees the change.
template <typename C>
struct alignas(2 * sizeof(C)) Rates {
    C learningRate;
    C decay;  // learningRate * weightDecay
};

/// What is fixed when a call is bound.
template <typename C>
struct Betas {
    C beta1;
    C rest1;  // 1 - beta1
    C beta2;
    C rest2;  // 1 - beta2
};

/// One row of the table for many tensors.
template <typename P, typename M, typename G>
struct Entry {
    P* parameter;       // (count)
    M* momentum;        // (count)
    const G* gradient;  // (count)
    int64_t count;
    int64_t firstChunk;  // chunks of all entries before this one
};

__device__ __forceinline__ fp32 fusedMultiplyAdd(fp32 a, fp32 b, fp32 c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ fp64 fusedMultiplyAdd(fp64 a, fp64 b, fp64 c) { return __fma_rn(a, b, c); }

/// learningRate * sign(c): a zero for zeros, NaN for NaN.
template <typename C>
__device__ __forceinline__ C signedRate(C learningRate, C c) {
    return fabs(c) > C(0) ? copysign(learningRate, c) : c;
}

template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void update(P& parameter, M& momentum, G gradient, Rates<C> rates,
                                       Betas<C> betas) {
    const C theta = widen<C>(parameter);
    const C m = widen<C>(momentum);
    const C g = widen<C>(gradient);
    const C c = fusedMultiplyAdd(betas.beta1, m, betas.rest1 * g);
    const C decayed = fusedMultiplyAdd(-rates.decay, theta, theta);
    parameter = narrow<P>(decayed - signedRate(rates.learningRate, c));
    momentum = narrow<M>(fusedMultiplyAdd(betas.beta2, m, betas.rest2 * g));
}

/// Updates `count` elements that `threads` threads share; this one is number `thread`.
template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void updateShared(P* parameter, M* momentum, const G* gradient, int64_t count,
                                             Rates<C> rates, Betas<C> betas, int64_t thread,
                                             int64_t threads) {
    constexpr int N = packLength<P, M, G>();
    const bool packs = packable<N>(parameter) && packable<N>(momentum) && packable<N>(gradient);
    const int64_t packCount = packs ? count / N : 0;
    // Neither loop is unrolled: the other warps hide the latency, and a copy of the body could not load before the
    // one ahead of it has stored.
#pragma unroll 1
    for (int64_t i = thread; i < packCount; i += threads) {
        Pack<P, N> p = loadPack<N>(parameter, i);
        Pack<M, N> m = loadPack<N>(momentum, i);
        const Pack<G, N> g = loadPack<N>(gradient, i);
#pragma unroll
        for (int k = 0; k < N; k++) {
            update<C>(p.at[k], m.at[k], g.at[k], rates, betas);
        }
        storePack<N>(parameter, i, p);
        storePack<N>(momentum, i, m);
    }
    // What is left: fewer than N elements, or all of them where a view begins off a pack's boundary.
#pragma unroll 1
    for (int64_t i = packCount * N + thread; i < count; i += threads) {
        update<C>(parameter[i], momentum[i], gradient[i], rates, betas);
    }
}

/// One tensor; any grid.
template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void step(P* parameter, M* momentum, const G* gradient, int64_t count,
                                     const Rates<C>* rates, Betas<C> betas) {
    const int64_t thread = int64_t(blockIdx.x) * BLOCK + threadIdx.x;
    const int64_t threads = int64_t(gridDim.x) * BLOCK;
    updateShared<C>(parameter, momentum, gradient, count, *rates, betas, thread, threads);
}

/// Many tensors; any grid. Blocks take chunks in turn: `chunkLength` elements (a multiple of every pack length), fewer
/// at a tensor's end, none of an empty tensor.
template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void stepMany(const Entry<P, M, G>* table, int entries, int64_t chunks,
                                         int64_t chunkLength, const Rates<C>* rates, Betas<C> betas) {
    const Rates<C> now = *rates;
#pragma unroll 1
    for (int64_t chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        // The last entry that does not begin beyond the chunk; an empty one begins where its successor does.
        int low = 0;
        int high = entries;
        do {
            const int middle = low + (high - low) / 2;
            if (table[middle].firstChunk <= chunk) {
                low = middle;
            } else {
                high = middle;
            }
        } while (high - low > 1);
        const Entry<P, M, G> entry = table[low];
        const int64_t begin = (chunk - entry.firstChunk) * chunkLength;
        const int64_t count = min(chunkLength, entry.count - begin);
        updateShared<C>(globalMemory(entry.parameter) + begin, globalMemory(entry.momentum) + begin,
                        globalMemory(entry.gradient) + begin, count, now, betas, int64_t(threadIdx.x),
                        int64_t(BLOCK));
    }
}

}  // namespace

// Export table: parameter, momentum, gradient and compute types of each storage that io.quern.lion.Storage lists.
#define QUERN_LION(storage, P, M, G, C)                                                                \
    extern "C" __global__ void __launch_bounds__(BLOCK)                                                \
        lion_step_##storage(P* parameter, M* momentum, const G* gradient, int64_t count,               \
                            const Rates<C>* rates, C beta1, C rest1, C beta2, C rest2) {               \
        step<C>(parameter, momentum, gradient, count, rates, Betas<C>{beta1, rest1, beta2, rest2});    \
    }                                                                                                  \
    extern "C" __global__ void __launch_bounds__(BLOCK, MANY_BLOCKS) lion_step_many_##storage(         \
        const Entry<P, M, G>* table, int32_t entries, int64_t chunks, int64_t chunkLength,             \
        const Rates<C>* rates, C beta1, C rest1, C beta2, C rest2) {                                   \
        stepMany<C>(table, entries, chunks, chunkLength, rates, Betas<C>{beta1, rest1, beta2, rest2}); \
    }

QUERN_LION(fp64, fp64, fp64, fp64, fp64)
QUERN_LION(fp32, fp32, fp32, fp32, fp32)
QUERN_LION(fp16, fp16, fp16, fp16, fp32)
QUERN_LION(bf16, bf16, bf16, bf16, fp32)
QUERN_LION(bf16_fp32_bf16, bf16, fp32, bf16, fp32)
QUERN_LION(fp32_fp32_bf16, fp32, fp32, bf16, fp32)

// Writes the rates in the stream's order: steps already queued keep the old ones, later steps and replays see the new.
#define QUERN_LION_RATES(C)                                        \
    extern "C" __global__ void __launch_bounds__(1)                \
        lion_rates_##C(Rates<C>* rates, C learningRate, C decay) { \
        *rates = Rates<C>{learningRate, decay};                    \
    }

QUERN_LION_RATES(fp64)
QUERN_LION_RATES(fp32)
