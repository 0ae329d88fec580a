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

// As the ordinals of io.quern.rope.Pairing, AngleRounding and PositionsLayout.Kind.
enum Pairing : int32_t { ADJACENT, HALVES };
enum AngleRounding : int32_t { EXACT, FP32 };
enum PositionKind : int32_t { CONSECUTIVE, INT32S, INT64S, STARTS_INT32, STARTS_INT64, FP32S, FP64S };

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

/// Positions of tokens: a tensor (axes, batches, tokens), consecutive ones, or such that begin anew at each start.
struct Positions {
    const void* base;  // the tensor, or (starts)
    int32_t kind;
    int64_t axis, batch, token;  // strides in elements
    int64_t shift;  // added to whole numbers; it wraps around, which no valid position can notice
    int64_t starts;

    __device__ __forceinline__ int64_t start(int64_t i) const {
        return kind == STARTS_INT32 ? static_cast<const int32_t*>(base)[i * token]
                                    : static_cast<const int64_t*>(base)[i * token];
    }

    /// The largest start that is not above t, or 0.
    __device__ __forceinline__ int64_t latestStart(int64_t t) const {
        int64_t notAbove = 0;
        int64_t end = starts;
#pragma unroll 1
        while (notAbove < end) {
            const int64_t middle = (notAbove + end) >> 1;
            if (start(middle) <= t) {
                notAbove = middle + 1;
            } else {
                end = middle;
            }
        }
        return notAbove == 0 ? 0 : start(notAbove - 1);
    }

    __device__ __forceinline__ int64_t whole(int64_t a, int64_t b, int64_t t) const {
        const int64_t i = a * axis + b * batch + t * token;
        int64_t position = t;
        if (kind == INT32S) {
            position = static_cast<const int32_t*>(base)[i];
        } else if (kind == INT64S) {
            position = static_cast<const int64_t*>(base)[i];
        } else if (kind != CONSECUTIVE) {
            position = t - latestStart(t);
        }
        return static_cast<int64_t>(static_cast<uint64_t>(position) + static_cast<uint64_t>(shift));
    }

    __device__ __forceinline__ double exact(int64_t a, int64_t b, int64_t t) const {
        const int64_t i = a * axis + b * batch + t * token;
        return kind == FP64S   ? static_cast<const double*>(base)[i]
               : kind == FP32S ? double(static_cast<const float*>(base)[i])
                               : __ll2double_rn(whole(a, b, t));
    }

    __device__ __forceinline__ float rounded(int64_t a, int64_t b, int64_t t) const {
        return kind == FP32S || kind == FP64S ? __double2float_rn(exact(a, b, t))
                                              : __ll2float_rn(whole(a, b, t));
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

/// MOST elements, 16 bytes of them or one. The wide store is asked for by name: the compiler splits an assignment into
/// elements, and does not always put them together again.
template <int MOST, typename T>
__device__ __forceinline__ void copy(const T* from, T* to) {
    if constexpr (MOST == 1) {
        *to = *from;
    } else {
        static_assert(MOST * sizeof(T) == sizeof(int4));
        __stwb(reinterpret_cast<int4*>(to), *reinterpret_cast<const int4*>(from));
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
        copy<STEP>(pack.at, to + i);
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
    int64_t copied;  // elements that go through unchanged; 0 in place
    int64_t before;  // how many of these lie before the rotated ones, at which x and out begin
    C sign;          // 1, or -1 for the inverse
};

/// Cosines and sines of pairs k .. k+N-1 of a token, by its row of the table; NaN where that lacks it.
template <int N, typename T, typename C>
__device__ __forceinline__ void loadTurns(const Rotation<T>& a, int64_t b, int64_t row, int64_t k,
                                          C (&cosine)[N], C (&sine)[N]) {
    const bool listed = row >= 0 && row < a.tableRows;
    if (listed) {
        load<16 / sizeof(C)>(a.cosine.at(b, row) + k, cosine);
        load<16 / sizeof(C)>(a.sine.at(b, row) + k, sine);
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
        cosine[i] = listed ? cosine[i] : C(NAN);
        sine[i] = listed ? multiply(a.sign, sine[i]) : C(NAN);
    }
}

/// Pairs k .. k+N-1 of every head of a token, whose first ones begin at x and out: a head for each threadIdx.y.
template <Pairing PAIRING, int N, int MOST, typename T, typename C>
__device__ __forceinline__ void rotateHeads(const T* x, int64_t xHead, T* out, int64_t outHead, int64_t heads,
                                            int64_t k, int64_t pairs, const C (&cosine)[N],
                                            const C (&sine)[N]) {
    x += threadIdx.y * xHead;
    out += threadIdx.y * outHead;
#pragma unroll 1
    for (int64_t h = threadIdx.y; h < heads; h += blockDim.y) {
        rotateRow<PAIRING, N, MOST>(x, out, k, pairs, cosine, sine);
        x += blockDim.y * xHead;
        out += blockDim.y * outHead;
    }
}

/// `count` channels of every head of a token: those up to `before` end where x and out begin, the others `gap` behind.
template <int MOST, typename T>
__device__ __forceinline__ void copyHeads(const T* x, int64_t xHead, T* out, int64_t outHead, int64_t heads,
                                          int64_t count, int64_t before, int64_t gap) {
#pragma unroll 1
    for (int64_t i = int64_t(threadIdx.x) * MOST; i < count; i += int64_t(blockDim.x) * MOST) {
        const int64_t channel = (i < before ? 0 : gap) + i - before;
#pragma unroll 1
        for (int64_t h = threadIdx.y; h < heads; h += blockDim.y) {
            copy<MOST>(x + h * xHead + channel, out + h * outHead + channel);
        }
    }
}

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
            const int64_t row = a.rows.whole(0, b, t);
            const T* x = a.x.row(b, t, 0);
            T* out = a.out.row(b, t, 0);
#pragma unroll 1
            for (int64_t k = int64_t(threadIdx.x) * N; k < a.pairs; k += int64_t(blockDim.x) * N) {
                C cosine[N];  // (N) of row (b, row)
                C sine[N];
                loadTurns(a, b, row, k, cosine, sine);
                rotateHeads<PAIRING, N, MOST>(x, a.x.head, out, a.out.head, a.heads, k, a.pairs, cosine,
                                              sine);
            }
            copyHeads<MOST>(x, a.x.head, out, a.out.head, a.heads, a.copied, a.before, 2 * a.pairs);
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

/// Queries and keys of the same tokens, and values, which are copied. Keys and values go to the slots of a cache, or
/// nowhere where it lacks the slot.
template <typename T>
struct Joint {
    Rotation<T> query;
    Heads<const T> key;
    Heads<T> keyOut;
    Heads<const T> value;
    Heads<T> valueOut;
    int64_t keyHeads, keyCopied, valueHeads, valueDim;
    Positions slots;
    int64_t capacity;
};

/// Threads as in apply.
template <Pairing PAIRING, int N, int MOST, typename T>
__device__ __forceinline__ void joint(const Joint<T>& a) {
    using C = typename ComputeOf<T>::type;
    const Rotation<T>& q = a.query;
    const int64_t firstToken = int64_t(blockIdx.x) * blockDim.z + threadIdx.z;
    const int64_t tokenStep = int64_t(gridDim.x) * blockDim.z;
#pragma unroll 1
    for (int64_t b = blockIdx.y; b < q.batches; b += gridDim.y) {
#pragma unroll 1
        for (int64_t t = firstToken; t < q.tokens; t += tokenStep) {
            const int64_t row = q.rows.whole(0, b, t);
            const int64_t slot = a.slots.whole(0, b, t);
            const bool kept = slot >= 0 && slot < a.capacity;
#pragma unroll 1
            for (int64_t k = int64_t(threadIdx.x) * N; k < q.pairs; k += int64_t(blockDim.x) * N) {
                C cosine[N];  // (N) of row (b, row)
                C sine[N];
                loadTurns(q, b, row, k, cosine, sine);
                rotateHeads<PAIRING, N, MOST>(q.x.row(b, t, 0), q.x.head, q.out.row(b, t, 0), q.out.head,
                                              q.heads, k, q.pairs, cosine, sine);
                if (kept) {
                    rotateHeads<PAIRING, N, MOST>(a.key.row(b, t, 0), a.key.head, a.keyOut.row(b, slot, 0),
                                                  a.keyOut.head, a.keyHeads, k, q.pairs, cosine, sine);
                }
            }
            copyHeads<MOST>(q.x.row(b, t, 0), q.x.head, q.out.row(b, t, 0), q.out.head, q.heads, q.copied,
                            q.before, 2 * q.pairs);
            if (kept) {
                copyHeads<MOST>(a.key.row(b, t, 0), a.key.head, a.keyOut.row(b, slot, 0), a.keyOut.head,
                                a.keyHeads, a.keyCopied, q.before, 2 * q.pairs);
                copyHeads<MOST>(a.value.row(b, t, 0), a.value.head, a.valueOut.row(b, slot, 0),
                                a.valueOut.head, a.valueHeads, a.valueDim, 0, 0);
            }
        }
    }
}

template <typename T>
__device__ __forceinline__ void joint(const Joint<T>& a, int32_t pairing, int32_t packed) {
    constexpr int N = 16 / sizeof(T);
    if (pairing == HALVES) {
        packed ? joint<HALVES, N, N>(a) : joint<HALVES, 1, 1>(a);
    } else {
        packed ? joint<ADJACENT, N / 2, N>(a) : joint<ADJACENT, 1, 1>(a);
    }
}

/// An angle as x * (high + low) quarter turns.
struct Angle {
    double x, high, low;
};

/// That of pair k of a row. `frequencies`: (axes, 2, pairs).
__device__ __forceinline__ Angle angle(const double* frequencies, const Positions& positions, int64_t b,
                                       int64_t r, int64_t k, int64_t pairs, int32_t axes, int32_t rounding) {
    // 2/pi in two doubles: quarter turns a radian.
    constexpr double TURNS_HIGH = 0x1.45f306dc9c883p-1;
    constexpr double TURNS_LOW = -0x1.6b01ec5417056p-55;
    if (rounding == FP32) {
        float sum = multiply(positions.rounded(0, b, r), __double2float_rn(frequencies[k]));
#pragma unroll 1
        for (int32_t a = 1; a < axes; a++) {
            const float w = __double2float_rn(frequencies[2 * a * pairs + k]);
            sum = __fadd_rn(sum, multiply(positions.rounded(a, b, r), w));
        }
        return {double(sum), TURNS_HIGH, TURNS_LOW};
    }
    if (axes == 1) {
        return {positions.exact(0, b, r), frequencies[k], frequencies[pairs + k]};
    }
    double whole = 0;
    double rest = 0;
#pragma unroll 1
    for (int32_t a = 0; a < axes; a++) {
        const double* w = frequencies + 2 * a * pairs + k;
        const QuarterTurns turns = reduce(positions.exact(a, b, r), w[0], w[pairs]);
        whole = __dadd_rn(whole, turns.valid ? turns.whole : __longlong_as_double(0x7ff8000000000000));
        rest = __dadd_rn(rest, turns.rest);
    }
    const double carried = reduce(1, rest, 0).whole;
    return {1, __dadd_rn(whole, carried), __dsub_rn(rest, carried)};
}

/// Cosines and sines of the angles of positions: one thread a pair (threadIdx.x) and row (threadIdx.y); any grid, x
/// covers rows, y batches.
template <typename C>
__device__ __forceinline__ void angles(Table<C> cosine, Table<C> sine, const double* frequencies,
                                       const Positions& positions, int64_t batches, int64_t rows,
                                       int64_t pairs, int32_t axes, int32_t rounding,
                                       double attentionFactor) {
    const int64_t firstRow = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
    const int64_t rowStep = int64_t(gridDim.x) * blockDim.y;
#pragma unroll 1
    for (int64_t b = blockIdx.y; b < batches; b += gridDim.y) {
#pragma unroll 1
        for (int64_t r = firstRow; r < rows; r += rowStep) {
#pragma unroll 1
            for (int64_t k = threadIdx.x; k < pairs; k += blockDim.x) {
                const Angle turns = angle(frequencies, positions, b, r, k, pairs, axes, rounding);
                const SinCos both = sinCos(turns.x, turns.high, turns.low);
                cosine.at(b, r)[k] = static_cast<C>(multiply(both.cos, attentionFactor));
                sine.at(b, r)[k] = static_cast<C>(multiply(both.sin, attentionFactor));
            }
        }
    }
}

}  // namespace

// Export table: the type of x and out; the table has the type that x is computed in.
#define QUERN_ROPE_APPLY(T, C)                                                                         \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS) rope_apply_##T(                        \
        const T* x, T* out, const C* cosine, const C* sine, const void* positions, int64_t xBatch,     \
        int64_t xToken, int64_t xHead, int64_t outBatch, int64_t outToken, int64_t outHead,            \
        int64_t cosBatch, int64_t cosRow, int64_t sinBatch, int64_t sinRow, int64_t tableRows,         \
        int32_t positionKind, int64_t positionAxis, int64_t positionBatch, int64_t positionToken,      \
        int64_t shift, int64_t starts, int64_t batches, int64_t tokens, int64_t heads, int64_t pairs,  \
        int64_t copied, int64_t before, C sign, int32_t pairing, int32_t packed) {                     \
        apply(Rotation<T>{{x, xBatch, xToken, xHead},                                                  \
                          {out, outBatch, outToken, outHead},                                          \
                          {cosine, cosBatch, cosRow},                                                  \
                          {sine, sinBatch, sinRow},                                                    \
                          tableRows,                                                                   \
                          {positions, positionKind, positionAxis, positionBatch, positionToken, shift, \
                           starts},                                                                    \
                          batches,                                                                     \
                          tokens,                                                                      \
                          heads,                                                                       \
                          pairs,                                                                       \
                          copied,                                                                      \
                          before,                                                                      \
                          sign},                                                                       \
              pairing, packed);                                                                        \
    }

QUERN_ROPE_APPLY(fp64, fp64)
QUERN_ROPE_APPLY(fp32, fp32)
QUERN_ROPE_APPLY(fp16, fp32)
QUERN_ROPE_APPLY(bf16, fp32)

#define QUERN_ROPE_JOINT(T, C)                                                                              \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS) rope_joint_##T(                             \
        const T* query, T* queryOut, const T* key, T* keyOut, const T* value, T* valueOut, const C* cosine, \
        const C* sine, const void* positions, const void* slots, int64_t queryBatch, int64_t queryToken,    \
        int64_t queryHead, int64_t queryOutBatch, int64_t queryOutToken, int64_t queryOutHead,              \
        int64_t keyBatch, int64_t keyToken, int64_t keyHead, int64_t keyOutBatch, int64_t keyOutToken,      \
        int64_t keyOutHead, int64_t valueBatch, int64_t valueToken, int64_t valueHead,                      \
        int64_t valueOutBatch, int64_t valueOutToken, int64_t valueOutHead, int64_t cosBatch,               \
        int64_t cosRow, int64_t sinBatch, int64_t sinRow, int64_t tableRows, int32_t positionKind,          \
        int64_t positionAxis, int64_t positionBatch, int64_t positionToken, int64_t shift, int64_t starts,  \
        int32_t slotKind, int64_t slotAxis, int64_t slotBatch, int64_t slotToken, int64_t slotShift,        \
        int64_t slotStarts, int64_t capacity, int64_t batches, int64_t tokens, int64_t pairs,               \
        int64_t before, int64_t queryHeads, int64_t queryCopied, int64_t keyHeads, int64_t keyCopied,       \
        int64_t valueHeads, int64_t valueDim, C sign, int32_t pairing, int32_t packed) {                    \
        const Rotation<T> rotation{                                                                         \
            {query, queryBatch, queryToken, queryHead},                                                     \
            {queryOut, queryOutBatch, queryOutToken, queryOutHead},                                         \
            {cosine, cosBatch, cosRow},                                                                     \
            {sine, sinBatch, sinRow},                                                                       \
            tableRows,                                                                                      \
            {positions, positionKind, positionAxis, positionBatch, positionToken, shift, starts},           \
            batches,                                                                                        \
            tokens,                                                                                         \
            queryHeads,                                                                                     \
            pairs,                                                                                          \
            queryCopied,                                                                                    \
            before,                                                                                         \
            sign};                                                                                          \
        joint(Joint<T>{rotation,                                                                            \
                       {key, keyBatch, keyToken, keyHead},                                                  \
                       {keyOut, keyOutBatch, keyOutToken, keyOutHead},                                      \
                       {value, valueBatch, valueToken, valueHead},                                          \
                       {valueOut, valueOutBatch, valueOutToken, valueOutHead},                              \
                       keyHeads,                                                                            \
                       keyCopied,                                                                           \
                       valueHeads,                                                                          \
                       valueDim,                                                                            \
                       {slots, slotKind, slotAxis, slotBatch, slotToken, slotShift, slotStarts},            \
                       capacity},                                                                           \
              pairing, packed);                                                                             \
    }

QUERN_ROPE_JOINT(fp64, fp64)
QUERN_ROPE_JOINT(fp32, fp32)
QUERN_ROPE_JOINT(fp16, fp32)
QUERN_ROPE_JOINT(bf16, fp32)

#define QUERN_ROPE_ANGLES(C)                                                                            \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS) rope_angles_##C(                        \
        C* cosine, C* sine, const double* frequencies, const void* positions, int64_t cosBatch,         \
        int64_t cosRow, int64_t sinBatch, int64_t sinRow, int32_t positionKind, int64_t positionAxis,   \
        int64_t positionBatch, int64_t positionToken, int64_t shift, int64_t starts, int64_t batches,   \
        int64_t rows, int64_t pairs, int32_t axes, int32_t rounding, double attentionFactor) {          \
        angles<C>({cosine, cosBatch, cosRow}, {sine, sinBatch, sinRow}, frequencies,                    \
                  {positions, positionKind, positionAxis, positionBatch, positionToken, shift, starts}, \
                  batches, rows, pairs, axes, rounding, attentionFactor);                               \
    }

QUERN_ROPE_ANGLES(fp64)
QUERN_ROPE_ANGLES(fp32)
