// Rotary embeddings on CUDA. The mathematics, its rounding and its treatment of positions outside a table are those of
// io.quern.rope (package-info.java and RopeReference.java); this file says only how threads share the work.
//
// A rotation is bound by memory: six flops against two elements read and two written, a pair. So each element is
// touched once, threads move packs of 16 bytes, neighbours next to each other, and a thread keeps the cosines and sines
// of its pairs in registers while it goes through the heads of a token.

#include "dtype.cuh"
#include "trig.cuh"

namespace {

using namespace quern;

constexpr int BLOCK = 256;
// Blocks that fit on a multiprocessor: 80 registers a thread, enough for every kernel here, and 24 warps of loads in
// flight. Without it ptxas aims at 64 registers and spills.
constexpr int BLOCKS = 3;

// As the ordinals of io.quern.rope.Pairing and AngleRounding.
enum Pairing : int32_t { ADJACENT, HALVES };
enum AngleRounding : int32_t { EXACT, FP32 };

/// x or out: (batches, tokens, heads, headDim), the last axis contiguous.
template <typename T>
struct Heads {
    T* base;
    int64_t batch, token, head;  // strides in elements

    __device__ __forceinline__ T* row(int64_t b, int64_t t, int64_t h) const {
        return base + b * batch + t * token + h * head;
    }
};

/// Cosines or sines: (batches, rows, pairs), the last axis contiguous.
template <typename C>
struct Table {
    C* base;
    int64_t batch, row;  // strides in elements

    __device__ __forceinline__ C* at(int64_t b, int64_t r) const { return base + b * batch + r * row; }
};

/// Positions of tokens: a tensor (batches, tokens) of INT32 or INT64, or consecutive ones.
struct Positions {
    const void* base;
    int32_t bytes;  // of an element; 0 = consecutive
    int64_t batch, token;
    int64_t shift;  // added; it wraps around, which no valid position can notice

    __device__ __forceinline__ int64_t at(int64_t b, int64_t t) const {
        const int64_t i = b * batch + t * token;
        const int64_t position = bytes == 0   ? t
                                 : bytes == 4 ? static_cast<const int32_t*>(base)[i]
                                              : static_cast<const int64_t*>(base)[i];
        return static_cast<int64_t>(static_cast<uint64_t>(position) + static_cast<uint64_t>(shift));
    }
};

template <typename T>
struct ComputeOf {
    using type = fp32;
};
template <>
struct ComputeOf<fp64> {
    using type = fp64;
};

__device__ __forceinline__ fp32 multiply(fp32 a, fp32 b) { return __fmul_rn(a, b); }
__device__ __forceinline__ fp64 multiply(fp64 a, fp64 b) { return __dmul_rn(a, b); }
__device__ __forceinline__ fp32 fusedMultiplyAdd(fp32 a, fp32 b, fp32 c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ fp64 fusedMultiplyAdd(fp64 a, fp64 b, fp64 c) { return __fma_rn(a, b, c); }

/// N consecutive elements, in accesses of at most MOST.
template <int MOST, int N, typename T>
__device__ __forceinline__ void load(const T* from, T (&to)[N]) {
    constexpr int STEP = N < MOST ? N : MOST;
#pragma unroll
    for (int i = 0; i < N; i += STEP) {
        const Pack<T, STEP> pack = loadPack<STEP>(from + i, 0);
#pragma unroll
        for (int j = 0; j < STEP; j++) {
            to[i + j] = pack.at[j];
        }
    }
}

template <int MOST, int N, typename T>
__device__ __forceinline__ void store(T* to, const T (&from)[N]) {
    constexpr int STEP = N < MOST ? N : MOST;
#pragma unroll
    for (int i = 0; i < N; i += STEP) {
        Pack<T, STEP> pack;
#pragma unroll
        for (int j = 0; j < STEP; j++) {
            pack.at[j] = from[i + j];
        }
        storePack<STEP>(to + i, 0, pack);
    }
}

/// One pair by its angle.
template <typename T, typename C>
__device__ __forceinline__ void rotate(T& first, T& second, C cosine, C sine) {
    const C x0 = widen<C>(first);
    const C x1 = widen<C>(second);
    first = narrow<T>(fusedMultiplyAdd(x0, cosine, -multiply(x1, sine)));
    second = narrow<T>(fusedMultiplyAdd(x1, cosine, multiply(x0, sine)));
}

/// Pairs k .. k+N-1 of one head of one token, in accesses of at most MOST elements. Both elements of a pair are read
/// before either is written: x may be out.
template <Pairing PAIRING, int N, int MOST, typename T, typename C>
__device__ __forceinline__ void rotateRow(const T* x, T* out, int64_t k, int64_t pairs, const C (&cosine)[N],
                                          const C (&sine)[N]) {
    if constexpr (PAIRING == ADJACENT) {
        T both[2 * N];
        load<MOST>(x + 2 * k, both);
#pragma unroll
        for (int i = 0; i < N; i++) {
            rotate(both[2 * i], both[2 * i + 1], cosine[i], sine[i]);
        }
        store<MOST>(out + 2 * k, both);
    } else {
        T first[N];
        T second[N];
        load<MOST>(x + k, first);
        load<MOST>(x + pairs + k, second);
#pragma unroll
        for (int i = 0; i < N; i++) {
            rotate(first[i], second[i], cosine[i], sine[i]);
        }
        store<MOST>(out + k, first);
        store<MOST>(out + pairs + k, second);
    }
}

template <typename T>
struct Rotation {
    using C = typename ComputeOf<T>::type;
    Heads<const T> x;
    Heads<T> out;
    Table<const C> cosine, sine;
    int64_t tableRows;
    Positions rows;  // the table's row of a token
    int64_t batches, tokens, heads, pairs;
    int64_t copied;  // elements after the rotated ones that go through unchanged; 0 in place
    C sign;          // 1, or -1 for the inverse
};

/// Any grid: x covers tokens together with threadIdx.z, y covers batches. threadIdx.x covers packs of N pairs,
/// threadIdx.y heads. A thread accesses at most MOST elements at once.
template <Pairing PAIRING, int N, int MOST, typename T>
__device__ __forceinline__ void apply(const Rotation<T>& a) {
    using C = typename ComputeOf<T>::type;
    const int64_t firstToken = int64_t(blockIdx.x) * blockDim.z + threadIdx.z;
    const int64_t tokenStep = int64_t(gridDim.x) * blockDim.z;
#pragma unroll 1
    for (int64_t b = blockIdx.y; b < a.batches; b += gridDim.y) {
#pragma unroll 1
        for (int64_t t = firstToken; t < a.tokens; t += tokenStep) {
            const int64_t row = a.rows.at(b, t);
            const bool listed = row >= 0 && row < a.tableRows;
#pragma unroll 1
            for (int64_t k = int64_t(threadIdx.x) * N; k < a.pairs; k += int64_t(blockDim.x) * N) {
                C cosine[N];  // (N) of row (b, row)
                C sine[N];
                if (listed) {
                    load<16 / sizeof(C)>(a.cosine.at(b, row) + k, cosine);
                    load<16 / sizeof(C)>(a.sine.at(b, row) + k, sine);
                }
#pragma unroll
                for (int i = 0; i < N; i++) {
                    cosine[i] = listed ? cosine[i] : C(NAN);
                    sine[i] = listed ? multiply(a.sign, sine[i]) : C(NAN);
                }
                const T* x = a.x.row(b, t, threadIdx.y);
                T* out = a.out.row(b, t, threadIdx.y);
#pragma unroll 1
                for (int64_t h = threadIdx.y; h < a.heads; h += blockDim.y) {
                    rotateRow<PAIRING, N, MOST>(x, out, k, a.pairs, cosine, sine);
                    x += blockDim.y * a.x.head;
                    out += blockDim.y * a.out.head;
                }
            }
#pragma unroll 1
            for (int64_t i = int64_t(threadIdx.x) * MOST; i < a.copied; i += int64_t(blockDim.x) * MOST) {
#pragma unroll 1
                for (int64_t h = threadIdx.y; h < a.heads; h += blockDim.y) {
                    T passed[MOST];
                    load<MOST>(a.x.row(b, t, h) + 2 * a.pairs + i, passed);
                    store<MOST>(a.out.row(b, t, h) + 2 * a.pairs + i, passed);
                }
            }
        }
    }
}

/// The four ways through a row. `packed`: rows begin and the halves of a row lie at multiples of 16 bytes.
template <typename T>
__device__ __forceinline__ void apply(const Rotation<T>& a, int32_t pairing, int32_t packed) {
    constexpr int N = 16 / sizeof(T);
    if (pairing == HALVES) {
        packed ? apply<HALVES, N, N>(a) : apply<HALVES, 1, 1>(a);
    } else {
        packed ? apply<ADJACENT, N / 2, N>(a) : apply<ADJACENT, 1, 1>(a);
    }
}

/// Cosines and sines of the angles of positions: one thread a pair (threadIdx.x) and row (threadIdx.y); any grid, x
/// covers rows, y batches.
template <typename C>
__device__ __forceinline__ void angles(Table<C> cosine, Table<C> sine, const double* frequencies,
                                       Positions positions, int64_t batches, int64_t rows, int64_t pairs,
                                       int32_t rounding, double attentionFactor) {
    // 2/pi in two doubles: quarter turns a radian.
    constexpr double TURNS_HIGH = 0x1.45f306dc9c883p-1;
    constexpr double TURNS_LOW = -0x1.6b01ec5417056p-55;
    const int64_t firstRow = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
    const int64_t rowStep = int64_t(gridDim.x) * blockDim.y;
#pragma unroll 1
    for (int64_t b = blockIdx.y; b < batches; b += gridDim.y) {
#pragma unroll 1
        for (int64_t r = firstRow; r < rows; r += rowStep) {
            const int64_t position = positions.at(b, r);
#pragma unroll 1
            for (int64_t k = threadIdx.x; k < pairs; k += blockDim.x) {
                double x = __ll2double_rn(position);
                double high = frequencies[k];  // (2, pairs)
                double low = frequencies[pairs + k];
                if (rounding == FP32) {
                    x = double(__fmul_rn(__ll2float_rn(position), __double2float_rn(high)));
                    high = TURNS_HIGH;
                    low = TURNS_LOW;
                }
                const SinCos angle = sinCos(x, high, low);
                cosine.at(b, r)[k] = static_cast<C>(multiply(angle.cos, attentionFactor));
                sine.at(b, r)[k] = static_cast<C>(multiply(angle.sin, attentionFactor));
            }
        }
    }
}

}  // namespace

// Export table: the type of x and out; the table has the type that x is computed in.
#define QUERN_ROPE_APPLY(T, C)                                                                               \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)                                              \
        rope_apply_##T(const T* x, T* out, const C* cosine, const C* sine, const void* positions,            \
                       int64_t xBatch, int64_t xToken, int64_t xHead, int64_t outBatch, int64_t outToken,    \
                       int64_t outHead, int64_t cosBatch, int64_t cosRow, int64_t sinBatch, int64_t sinRow,  \
                       int64_t tableRows, int32_t positionBytes, int64_t positionBatch,                      \
                       int64_t positionToken, int64_t shift, int64_t batches, int64_t tokens, int64_t heads, \
                       int64_t pairs, int64_t copied, C sign, int32_t pairing, int32_t packed) {             \
        apply(Rotation<T>{{x, xBatch, xToken, xHead},                                                        \
                          {out, outBatch, outToken, outHead},                                                \
                          {cosine, cosBatch, cosRow},                                                        \
                          {sine, sinBatch, sinRow},                                                          \
                          tableRows,                                                                         \
                          {positions, positionBytes, positionBatch, positionToken, shift},                   \
                          batches,                                                                           \
                          tokens,                                                                            \
                          heads,                                                                             \
                          pairs,                                                                             \
                          copied,                                                                            \
                          sign},                                                                             \
              pairing, packed);                                                                              \
    }

QUERN_ROPE_APPLY(fp64, fp64)
QUERN_ROPE_APPLY(fp32, fp32)
QUERN_ROPE_APPLY(fp16, fp32)
QUERN_ROPE_APPLY(bf16, fp32)

#define QUERN_ROPE_ANGLES(C)                                                                             \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS) rope_angles_##C(                         \
        C* cosine, C* sine, const double* frequencies, const void* positions, int64_t cosBatch,          \
        int64_t cosRow, int64_t sinBatch, int64_t sinRow, int32_t positionBytes, int64_t positionBatch,  \
        int64_t positionToken, int64_t shift, int64_t batches, int64_t rows, int64_t pairs,              \
        int32_t rounding, double attentionFactor) {                                                      \
        angles<C>({cosine, cosBatch, cosRow}, {sine, sinBatch, sinRow}, frequencies,                     \
                  {positions, positionBytes, positionBatch, positionToken, shift}, batches, rows, pairs, \
                  rounding, attentionFactor);                                                            \
    }

QUERN_ROPE_ANGLES(fp64)
QUERN_ROPE_ANGLES(fp32)
