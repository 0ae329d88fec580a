// Lion on CUDA. The mathematics, its rounding and its treatment of NaN are those of io.quern.lion (package-info.java
// and LionReference.java); this file says only how threads share the work.
//
// A step is bound by memory: some ten instructions against P + M + G bytes read and P + M written, a parameter. So
// each byte is touched once, and threads move packs of 16 bytes, neighbours next to each other.

#include <type_traits>

#include "dtype.cuh"
#include "philox.cuh"

namespace {

using namespace quern;

constexpr int BLOCK = 256;
// Blocks of step_many that fit on a multiprocessor: 64 registers a thread. Without it ptxas aims at fewer and spills.
constexpr int MANY_BLOCKS = 4;

/// What may change between runs. Kernels read it from memory, so that a replayed CUDA graph sees the change.
template <typename C>
struct alignas(16) Rates {
    C learningRate;
    C decay;  // learningRate * weightDecay
    C rest1;  // (1 - beta1) / lossScale, negated to maximize
    C rest2;  // (1 - beta2) / lossScale, negated to maximize
};

/// What is fixed when a call is bound.
template <typename C>
struct Betas {
    C beta1;
    C beta2;
};

/// Whether the new parameter is also stored in another type.
enum class CopyType : int32_t { NONE, FP16, BF16 };

/// How parameters are rounded to 16 bits; the same for all threads.
struct Rounding {
    bool stochastic;
    uint64_t seed;
    uint64_t step;
};

/// io.quern.lion.NanPolicy, in its order.
enum class NanPolicy : int32_t { PROPAGATE, SKIP_ELEMENT, SKIP_TENSOR, SKIP_STEP };

/// What happens to gradients; the same for all threads of a block.
struct Gradients {
    bool skipped;  // those that are not finite
    bool unused;   // all: parameter and momentum stay as they are
    bool zeroed;
    bool heeded;  // no step leads against them
};

/// One row of the table for many tensors.
template <typename P, typename M, typename G>
struct Entry {
    P* parameter;    // (count)
    M* momentum;     // (count)
    G* gradient;     // (count)
    uint16_t* copy;  // (count), FP16 or BF16; null without a copy
    int64_t count;
    int64_t firstChunk;    // chunks of all entries before this one
    int64_t firstElement;  // elements of all entries before this one
    int64_t firstLook;     // chunks of the look at gradients, of all entries before this one
};

__device__ __forceinline__ fp32 fusedMultiplyAdd(fp32 a, fp32 b, fp32 c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ fp64 fusedMultiplyAdd(fp64 a, fp64 b, fp64 c) { return __fma_rn(a, b, c); }

/// learningRate * sign(c): a zero for zeros, NaN for NaN.
template <typename C>
__device__ __forceinline__ C signedRate(C learningRate, C c) {
    return fabs(c) > C(0) ? copysign(learningRate, c) : c;
}

/// Whether c has the sign of the gradient, or of its negative to maximize: that is in the sign bit of its weight.
template <typename C>
__device__ __forceinline__ bool agree(C c, C g, C rest1) {
    const C directed = copysign(C(1), rest1) * g;
    return (c > C(0) && directed > C(0)) || (c < C(0) && directed < C(0));
}

/// The 16 random bits of each of N elements from number `element` on: those of two counters, if they reach into the next.
template <int N>
__device__ __forceinline__ void draw(Rounding rounding, uint64_t element, uint32_t (&bits)[N]) {
    const uint32_t first = element % 8;
    const uint64_t number = element / 8;
    const uint32_t low = uint32_t(rounding.step);
    const uint32_t high = uint32_t(rounding.step >> 32);
    const uint4 these = philox(rounding.seed, {uint32_t(number), uint32_t(number >> 32), low, high});
    uint4 next = these;
    if (N > 1 && first + N > 8) {
        next = philox(rounding.seed, {uint32_t(number + 1), uint32_t((number + 1) >> 32), low, high});
    }
#pragma unroll
    for (uint32_t k = 0; k < N; k++) {
        const uint32_t at = (first + k) % 8;
        const uint4 words = first + k < 8 ? these : next;
        const uint32_t upper = at & 2 ? words.w : words.z;
        const uint32_t lower = at & 2 ? words.y : words.x;
        const uint32_t word = at & 4 ? upper : lower;
        bits[k] = at & 1 ? word >> 16 : word & 0xffff;
    }
}

/// io.quern.lion.Rounding.stochastic
template <typename P>
__device__ __forceinline__ P narrowStochastic(fp32 value, uint32_t bits) {
    const uint32_t magnitude = __float_as_uint(value) & 0x7fffffff;
    fp32 rounded;
    if constexpr (std::is_same_v<P, bf16>) {
        rounded = __uint_as_float((magnitude + bits) & ~0xffffu);
    } else {
        const fp32 units = fabsf(value) * 0x1p24f;  // of the smallest number
        const fp32 below = static_cast<fp32>(__float2int_rz(units));
        const fp32 up = units - below >= 1.0f - static_cast<fp32>(bits) * 0x1p-16f ? 1.0f : 0.0f;
        rounded = fabsf(value) < 0x1p-14f ? (below + up) * 0x1p-24f
                                          : __uint_as_float((magnitude + (bits >> 3)) & ~0x1fffu);
    }
    return narrow<P>(magnitude < 0x7f800000 ? copysignf(rounded, value) : value);
}

template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void update(P& parameter, M& momentum, G gradient, Rates<C> rates, Betas<C> betas,
                                       bool stochastic, uint32_t bits, bool skips, bool cautious) {
    const C theta = widen<C>(parameter);
    const C m = widen<C>(momentum);
    const C g = widen<C>(gradient);
    if (skips && !isfinite(g)) {
        return;
    }
    const C c = fusedMultiplyAdd(betas.beta1, m, rates.rest1 * g);
    const C decayed = fusedMultiplyAdd(-rates.decay, theta, theta);
    const bool held = cautious && c == c && !agree(c, g, rates.rest1);
    const C stepped = decayed - (held ? C(0) : signedRate(rates.learningRate, c));
    if constexpr (sizeof(P) == 2) {
        parameter = stochastic ? narrowStochastic<P>(stepped, bits) : narrow<P>(stepped);
    } else {
        parameter = narrow<P>(stepped);
    }
    momentum = narrow<M>(fusedMultiplyAdd(betas.beta2, m, rates.rest2 * g));
}

/// Stores pack number i of the copy. The type is the same for all threads.
template <int N, typename P>
__device__ __forceinline__ void storeCopy(uint16_t* copy, CopyType type, int64_t i, const Pack<P, N>& p) {
    if constexpr (std::is_same_v<P, fp32>) {
        if (type == CopyType::FP16) {
            Pack<fp16, N> rounded;
#pragma unroll
            for (int k = 0; k < N; k++) rounded.at[k] = narrow<fp16>(p.at[k]);
            storePack<N>(reinterpret_cast<fp16*>(globalMemory(copy)), i, rounded);
        } else if (type == CopyType::BF16) {
            Pack<bf16, N> rounded;
#pragma unroll
            for (int k = 0; k < N; k++) rounded.at[k] = narrow<bf16>(p.at[k]);
            storePack<N>(reinterpret_cast<bf16*>(globalMemory(copy)), i, rounded);
        }
    }
}

/// Updates `count` elements that `threads` threads share; this one is number `thread`.
template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void updateShared(P* parameter, M* momentum, G* gradient, uint16_t* copy,
                                             CopyType copyType, int64_t count, Rates<C> rates, Betas<C> betas,
                                             Rounding rounding, uint64_t firstElement, Gradients gradients,
                                             int64_t thread, int64_t threads) {
    constexpr int N = packLength<P, M, G>();
    const bool packs =
        packable<N>(parameter) && packable<N>(momentum) && packable<N>(gradient) && packable<N>(copy);
    const int64_t packCount = packs ? count / N : 0;
    // Neither loop is unrolled: the other warps hide the latency, and a copy of the body could not load before the
    // one ahead of it has stored.
#pragma unroll 1
    for (int64_t i = thread; i < packCount; i += threads) {
        Pack<P, N> p = loadPack<N>(parameter, i);
        Pack<M, N> m = loadPack<N>(momentum, i);
        const Pack<G, N> g = loadPack<N>(gradient, i);
        uint32_t bits[N] = {};
        if (sizeof(P) == 2 && rounding.stochastic) {
            draw<N>(rounding, firstElement + i * N, bits);
        }
#pragma unroll
        for (int k = 0; k < N; k++) {
            update<C>(p.at[k], m.at[k], g.at[k], rates, betas, rounding.stochastic, bits[k],
                      gradients.skipped, gradients.heeded);
        }
        if (gradients.unused) {
            p = loadPack<N>(parameter, i);
        } else {
            storePack<N>(parameter, i, p);
            storePack<N>(momentum, i, m);
        }
        storeCopy<N>(copy, copyType, i, p);
        if (gradients.zeroed) {
            storePack<N>(gradient, i, Pack<G, N>{});
        }
    }
    // What is left: fewer than N elements, or all of them where a view begins off a pack's boundary.
#pragma unroll 1
    for (int64_t i = packCount * N + thread; i < count; i += threads) {
        uint32_t bits[1] = {};
        if (sizeof(P) == 2 && rounding.stochastic) {
            draw<1>(rounding, firstElement + i, bits);
        }
        if (!gradients.unused) {
            update<C>(parameter[i], momentum[i], gradient[i], rates, betas, rounding.stochastic, bits[0],
                      gradients.skipped, gradients.heeded);
        }
        storeCopy<1>(copy, copyType, i, Pack<P, 1>{parameter[i]});
        if (gradients.zeroed) {
            storePack<1>(gradient, i, Pack<G, 1>{});
        }
    }
}

/// One tensor; any grid.
template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void step(P* parameter, M* momentum, const G* gradient, int64_t count,
                                     const Rates<C>* rates, Betas<C> betas) {
    const int64_t thread = int64_t(blockIdx.x) * BLOCK + threadIdx.x;
    const int64_t threads = int64_t(gridDim.x) * BLOCK;
    updateShared<C>(parameter, momentum, const_cast<G*>(gradient), nullptr, CopyType::NONE, count, *rates,
                    betas, Rounding{}, 0, Gradients{}, thread, threads);
}

/// The last entry whose `first` is not beyond a chunk; an empty entry begins where its successor does.
template <typename E>
__device__ __forceinline__ int entryOf(const E* table, int entries, int64_t E::*first, int64_t chunk) {
    int low = 0;
    int high = entries;
    do {
        const int middle = low + (high - low) / 2;
        if (table[middle].*first <= chunk) {
            low = middle;
        } else {
            high = middle;
        }
    } while (high - low > 1);
    return low;
}

/// Many tensors; any grid. Blocks take chunks in turn: `chunkLength` elements (a multiple of every pack length), fewer
/// at a tensor's end, none of an empty tensor.
template <typename C, typename P, typename M, typename G>
__device__ __forceinline__ void stepMany(const Entry<P, M, G>* table, int entries, int64_t chunks,
                                         int64_t chunkLength, CopyType copyType, bool stochastic,
                                         uint64_t seed, const uint64_t* stepNumber, NanPolicy policy,
                                         const int64_t* found, bool zeroes, const int64_t* agreeing,
                                         const Rates<C>* rates, Betas<C> betas) {
    Rates<C> now = *rates;
    const Rounding rounding{stochastic, seed, stochastic ? *stepNumber : 0};
#pragma unroll 1
    for (int64_t chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        const int t = entryOf(table, entries, &Entry<P, M, G>::firstChunk, chunk);
        const Entry<P, M, G> entry = table[t];
        const bool unused = (policy == NanPolicy::SKIP_TENSOR && found[t] != 0) ||
                            (policy == NanPolicy::SKIP_STEP && found[entries] != 0);
        const Gradients gradients{policy == NanPolicy::SKIP_ELEMENT, unused, zeroes, agreeing != nullptr};
        if (agreeing != nullptr) {
            const fp64 share = __ddiv_rn(fp64(agreeing[t]), fp64(entry.count));
            now.learningRate = static_cast<C>(__ddiv_rn(fp64(rates->learningRate), fmax(share, 1e-3)));
        }
        const int64_t begin = (chunk - entry.firstChunk) * chunkLength;
        const int64_t count = min(chunkLength, entry.count - begin);
        updateShared<C>(globalMemory(entry.parameter) + begin, globalMemory(entry.momentum) + begin,
                        globalMemory(entry.gradient) + begin, entry.copy + begin, copyType, count, now, betas,
                        rounding, entry.firstElement + begin, gradients, int64_t(threadIdx.x),
                        int64_t(BLOCK));
    }
}

constexpr int WARP = 32;
constexpr int LOOK_CHUNK = 4096;  // elements

/// One chunk of the look at gradients, by a warp: lane i sums the squares of elements i, i + 32, ..., then takes in lane
/// i + 16, and so on (io.quern.lion.GradientLook); and counts what is not finite.
template <typename G>
__device__ __forceinline__ void look(const Entry<G, G, G>* table, int entries, int64_t chunks,
                                     bool passesOver, fp64* sums, int64_t* found) {
    const int lane = threadIdx.x % WARP;
    const int64_t warps = int64_t(gridDim.x) * (BLOCK / WARP);
#pragma unroll 1
    for (int64_t chunk = int64_t(blockIdx.x) * (BLOCK / WARP) + threadIdx.x / WARP; chunk < chunks;
         chunk += warps) {
        const int t = entryOf(table, entries, &Entry<G, G, G>::firstLook, chunk);
        const int64_t begin = (chunk - table[t].firstLook) * LOOK_CHUNK;
        const int count = static_cast<int>(min(int64_t(LOOK_CHUNK), table[t].count - begin));
        const G* gradient = globalMemory(table[t].gradient) + begin;
        fp64 sum = 0;
        int bad = 0;
#pragma unroll 8
        for (int i = lane; i < count; i += WARP) {
            const fp64 g =
                static_cast<fp64>(widen<std::conditional_t<sizeof(G) == 8, fp64, fp32>>(gradient[i]));
            const bool finite = isfinite(g);
            bad += finite ? 0 : 1;
            sum = finite || !passesOver ? fusedMultiplyAdd(g, g, sum) : sum;
        }
#pragma unroll
        for (int half = WARP / 2; half > 0; half /= 2) {
            sum = __dadd_rn(sum, __shfl_down_sync(0xffffffff, sum, half));
            bad += __shfl_down_sync(0xffffffff, bad, half);
        }
        if (lane == 0) {
            sums[chunk] = sum;
            if (bad != 0) {
                atomicAdd(reinterpret_cast<unsigned long long*>(found + t),
                          static_cast<unsigned long long>(bad));
            }
        }
    }
}

/// One chunk by a warp: how many elements have a c of the gradient's sign.
template <typename C, typename M, typename G>
__device__ __forceinline__ void countAgreeing(const Entry<G, M, G>* table, int entries, int64_t chunks,
                                              const Rates<C>* rates, C beta1, int64_t* agreeing) {
    const C rest1 = rates->rest1;
    const int lane = threadIdx.x % WARP;
    const int64_t warps = int64_t(gridDim.x) * (BLOCK / WARP);
#pragma unroll 1
    for (int64_t chunk = int64_t(blockIdx.x) * (BLOCK / WARP) + threadIdx.x / WARP; chunk < chunks;
         chunk += warps) {
        const int t = entryOf(table, entries, &Entry<G, M, G>::firstLook, chunk);
        const int64_t begin = (chunk - table[t].firstLook) * LOOK_CHUNK;
        const int count = static_cast<int>(min(int64_t(LOOK_CHUNK), table[t].count - begin));
        const M* momentum = globalMemory(table[t].momentum) + begin;
        const G* gradient = globalMemory(table[t].gradient) + begin;
        int all = 0;
#pragma unroll 4
        for (int i = lane; i < count; i += WARP) {
            const C g = widen<C>(gradient[i]);
            all += agree(fusedMultiplyAdd(beta1, widen<C>(momentum[i]), rest1 * g), g, rest1) ? 1 : 0;
        }
#pragma unroll
        for (int half = WARP / 2; half > 0; half /= 2) {
            all += __shfl_down_sync(0xffffffff, all, half);
        }
        if (lane == 0) {
            atomicAdd(reinterpret_cast<unsigned long long*>(agreeing + t),
                      static_cast<unsigned long long>(all));
        }
    }
}

/// What the gradients' weights are made of.
struct Base {
    fp64 rest1;
    fp64 rest2;
    fp64 lossScale;
};

/// One block: the norm from the chunks' sums, by 256 sums that are halved likewise; the rates that follow from it; all
/// that were found in found[entries], and a copy for who asked.
template <typename C>
__device__ __forceinline__ void decide(const fp64* sums, int64_t chunks, int64_t* found, int entries,
                                       int64_t* told, fp64 maxNorm, const Base* base, Rates<C>* rates) {
    __shared__ fp64 shared[BLOCK];
    __shared__ int64_t sharedFound[BLOCK];
    const int i = threadIdx.x;
    fp64 sum = 0;
    for (int64_t chunk = i; chunk < chunks; chunk += BLOCK) {
        sum = __dadd_rn(sum, sums[chunk]);
    }
    int64_t all = 0;
    for (int t = i; t < entries; t += BLOCK) {
        all += found[t];
        if (told != nullptr) {
            told[t] = found[t];
        }
    }
    shared[i] = sum;
    sharedFound[i] = all;
    __syncthreads();
#pragma unroll 1
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (i < half) {
            shared[i] = __dadd_rn(shared[i], shared[i + half]);
            sharedFound[i] += sharedFound[i + half];
        }
        __syncthreads();
    }
    if (i == 0) {
        found[entries] = sharedFound[0];
        const fp64 norm = __ddiv_rn(__dsqrt_rn(shared[0]), base->lossScale);
        const fp64 clip = norm > maxNorm ? __ddiv_rn(maxNorm, norm) : 1.0;
        rates->rest1 = static_cast<C>(__dmul_rn(base->rest1, clip));
        rates->rest2 = static_cast<C>(__dmul_rn(base->rest2, clip));
    }
}

}  // namespace

// Export table: parameter, momentum, gradient and compute types of each storage that io.quern.lion.Storage lists.
#define QUERN_LION(storage, P, M, G, C)                                                                     \
    extern "C" __global__ void __launch_bounds__(BLOCK)                                                     \
        lion_step_##storage(P* parameter, M* momentum, const G* gradient, int64_t count,                    \
                            const Rates<C>* rates, C beta1, C beta2) {                                      \
        step<C>(parameter, momentum, gradient, count, rates, Betas<C>{beta1, beta2});                       \
    }                                                                                                       \
    extern "C" __global__ void __launch_bounds__(BLOCK, MANY_BLOCKS) lion_step_many_##storage(              \
        const Entry<P, M, G>* table, int32_t entries, int64_t chunks, int64_t chunkLength,                  \
        CopyType copyType, int32_t stochastic, uint64_t seed, const uint64_t* stepNumber, NanPolicy policy, \
        const int64_t* found, int32_t zeroes, const int64_t* agreeing, const Rates<C>* rates, C beta1,      \
        C beta2) {                                                                                          \
        stepMany<C>(table, entries, chunks, chunkLength, copyType, stochastic != 0, seed, stepNumber,       \
                    policy, found, zeroes != 0, agreeing, rates, Betas<C>{beta1, beta2});                   \
    }

QUERN_LION(fp64, fp64, fp64, fp64, fp64)
QUERN_LION(fp32, fp32, fp32, fp32, fp32)
QUERN_LION(fp16, fp16, fp16, fp16, fp32)
QUERN_LION(bf16, bf16, bf16, bf16, fp32)
QUERN_LION(bf16_fp32_bf16, bf16, fp32, bf16, fp32)
QUERN_LION(fp16_fp32_fp16, fp16, fp32, fp16, fp32)
QUERN_LION(fp32_fp32_bf16, fp32, fp32, bf16, fp32)
QUERN_LION(fp32_fp32_fp16, fp32, fp32, fp16, fp32)
QUERN_LION(fp32_bf16_bf16, fp32, bf16, bf16, fp32)
QUERN_LION(fp32_fp16_fp16, fp32, fp16, fp16, fp32)

// Writes the rates in the stream's order: steps already queued keep the old ones, later steps and replays see the new.
#define QUERN_LION_RATES(C)                                                          \
    extern "C" __global__ void __launch_bounds__(1)                                  \
        lion_rates_##C(Rates<C>* rates, C learningRate, C decay, C rest1, C rest2) { \
        *rates = Rates<C>{learningRate, decay, rest1, rest2};                        \
    }

QUERN_LION_RATES(fp64)
QUERN_LION_RATES(fp32)

/// The number of the next step, after each step or as the host says: `value`, and `kept` times the old number.
extern "C" __global__ void __launch_bounds__(1) lion_number(uint64_t* number, uint64_t value, uint64_t kept) {
    *number = value + kept * *number;
}

#define QUERN_LION_LOOK(G)                                                                              \
    extern "C" __global__ void __launch_bounds__(BLOCK)                                                 \
        lion_look_##G(const Entry<G, G, G>* table, int32_t entries, int64_t chunks, int32_t passesOver, \
                      fp64* sums, int64_t* found) {                                                     \
        look<G>(table, entries, chunks, passesOver != 0, sums, found);                                  \
    }

QUERN_LION_LOOK(fp64)
QUERN_LION_LOOK(fp32)
QUERN_LION_LOOK(fp16)
QUERN_LION_LOOK(bf16)

#define QUERN_LION_DECIDE(C)                                                                              \
    extern "C" __global__ void __launch_bounds__(BLOCK)                                                   \
        lion_decide_##C(const fp64* sums, int64_t chunks, int64_t* found, int32_t entries, int64_t* told, \
                        fp64 maxNorm, const Base* base, Rates<C>* rates) {                                \
        decide<C>(sums, chunks, found, entries, told, maxNorm, base, rates);                              \
    }

QUERN_LION_DECIDE(fp64)
QUERN_LION_DECIDE(fp32)

/// Counts to zero.
extern "C" __global__ void __launch_bounds__(BLOCK) lion_clear(int64_t* counts, int64_t n) {
    for (int64_t i = int64_t(blockIdx.x) * BLOCK + threadIdx.x; i < n; i += int64_t(gridDim.x) * BLOCK) {
        counts[i] = 0;
    }
}

extern "C" __global__ void __launch_bounds__(1)
    lion_base(Base* base, fp64 rest1, fp64 rest2, fp64 lossScale) {
    *base = Base{rest1, rest2, lossScale};
}

#define QUERN_LION_AGREE(M, G, C)                                                          \
    extern "C" __global__ void __launch_bounds__(BLOCK)                                    \
        lion_agree_##M##_##G(const Entry<G, M, G>* table, int32_t entries, int64_t chunks, \
                             const Rates<C>* rates, C beta1, int64_t* agreeing) {          \
        countAgreeing<C, M, G>(table, entries, chunks, rates, beta1, agreeing);            \
    }

QUERN_LION_AGREE(fp64, fp64, fp64)
QUERN_LION_AGREE(fp32, fp32, fp32)
QUERN_LION_AGREE(fp32, fp16, fp32)
QUERN_LION_AGREE(fp32, bf16, fp32)
QUERN_LION_AGREE(fp16, fp16, fp32)
QUERN_LION_AGREE(bf16, bf16, fp32)
