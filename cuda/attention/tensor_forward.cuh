// The forward pass on tensor cores, for FP16 and BF16 from compute_80 on:
// FlashAttention-2's loop (arXiv:2307.08691, algorithm 1), with less to do
// beside the products.
//
// A block of four warps takes 128 queries of one head, a warp 32 of them, and
// goes through the keys in tiles of 64; half as many where there are more than
// 128 channels. Keys are copied while the tile before is multiplied by its
// values, values while the scores are computed. Scores and weights stay in
// registers: what one product leaves is, rounded, what the next one takes.
//
// Weights are powers of two relative to a reference that need not be the row's
// largest score: any will do that is close enough for FP32 and the storage
// type. So the largest is looked for in the first tile only, and afterwards
// only where a sum of weights grows beyond MOST_WEIGHT, which costs nothing to
// notice. Then scores are computed again, and what was summed is scaled down. A
// row's reference depends on that row alone, and so do its bits.
#pragma once

#include "forward.cuh"
#include "lanes.cuh"
#include "tensor_tile.cuh"

namespace quern::attention {

/// Queries of a block, and keys of a tile. Of 256 channels registers and shared
/// memory have room for half as many.
template <int DIM>
constexpr int TENSOR_QUERIES = DIM <= 128 ? 128 : 64;
template <int DIM>
constexpr int TENSOR_KEYS = DIM <= 128 ? 64 : 32;

/// Of the weights of a row that one thread sums in a part of a tile: eight,
/// each at most 1 where the reference is the largest. FP16 has room for it.
constexpr float MOST_WEIGHT = 1024;

/// Over the four threads that share a row of a product.
__device__ __forceinline__ float mostOfFour(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffff, x, 2));
}

template <typename T, int DIM>
struct TensorBlock {
    using Place = Swizzled<DIM>;
    static constexpr int QUERIES = TENSOR_QUERIES<DIM>;
    static constexpr int WARP_QUERIES = QUERIES / WARPS;
    static constexpr int KEYS_OF_TILE = TENSOR_KEYS<DIM>;
    static constexpr int MS = WARP_QUERIES / 16;  // products that a warp stacks along queries
    static constexpr int CS = DIM / 8;            // along channels of values
    static constexpr int KS = DIM / 16;           // steps of a dot product
    static constexpr bool KEPT = DIM <= 64;       // queries stay in registers
    static constexpr int QUERY_BYTES = QUERIES * Place::ROW;
    static constexpr int KEY_BYTES = KEYS_OF_TILE * Place::ROW;

    const Forward<T>& a;
    const Problem<T>& p;
    const TensorRange range;
    const int lane, warp;
    const uint32_t queries, keys, values;  // in shared memory
    const uint32_t copied;                 // this thread's first unit within them
    const uint32_t keyOperands,
        valueOperands;  // two operands b each, those of values transposed
    float scale;        // of scores, with log2 e

    // Of rows lane / 4 and lane / 4 + 8 of each product.
    float out[MS][CS][4];
    float shift[MS][2];  // minus the reference; 0 where there is none yet
    float sum[MS][2];    // of this thread's weights
    uint32_t unset;      // bit 2 m + h where there is no reference

    __device__ __forceinline__ TensorBlock(const Forward<T>& forward, const TensorRange& r)
        : a(forward),
          p(forward.problem),
          range(r),
          lane(threadIdx.x % 32),
          warp(threadIdx.x / 32),
          queries(static_cast<uint32_t>(__cvta_generic_to_shared(sharedMemory))),
          keys(queries + QUERY_BYTES),
          values(keys + KEY_BYTES),
          copied(once(Place::at(Place::copyRow(), Place::copyUnit()))),
          keyOperands(held(keys + Place::unitsFirst())),
          valueOperands(held(values + Place::rowsFirst())),
          scale(scaleOf(forward.problem)),
          out{},
          shift{},
          sum{},
          unset((1 << 2 * MS) - 1) {}

    /// Kept in a register where there is one to spare, otherwise computed for each tile.
    __device__ __forceinline__ static uint32_t held(uint32_t x) { return KEPT ? once(x) : x; }

    /// Not 0, so that minus infinity remains what it is; a score multiplied by
    /// that little is as good as 0.
    __device__ __forceinline__ static float scaleOf(const Problem<T>& p) {
        constexpr float LEAST = 0x1p-126f;
        const double ofHead = p.headScale == nullptr ? 1 : static_cast<double>(p.headScale[blockIdx.y]);
        const float scale = static_cast<float>(p.scale * ofHead * LOG2_E);
        return fabsf(scale) < LEAST ? LEAST : scale;
    }

    /// Whether keys of a tile are hidden from queries of the warp, because they
    /// come too early or too late.
    struct Hidden {
        bool early, late;
    };

    /// The row of product m, half h, of this thread, within the block.
    __device__ __forceinline__ int row(int m, int h) const {
        return warp * WARP_QUERIES + m * 16 + h * 8 + lane / 4;
    }

    __device__ __forceinline__ void loadQueries(int k, uint32_t (&to)[MS][4]) const {
        const uint32_t from = (queries + warp * WARP_QUERIES * Place::ROW + Place::rowsFirst()) ^ (32 * k);
        unrolled<MS>([&]<int M>(Index<M>) { loadMatrices<M * 16 * Place::ROW>(from, to[M]); });
    }

    /// score = queries * keys^T, for the keys from FIRST of the tile on
    template <int FIRST>
    __device__ __forceinline__ void dots(const uint32_t (&kept)[KEPT ? KS : 1][MS][4],
                                         float (&score)[MS][NS][4]) const {
        const float zero[4] = {};
#pragma unroll
        for (int k = 0; k < KS; k++) {
            uint32_t q[MS][4];
            if constexpr (KEPT) {
#pragma unroll
                for (int i = 0; i < 4 * MS; i++) {
                    q[i / 4][i % 4] = kept[k][i / 4][i % 4];
                }
            } else {
                loadQueries(k, q);
            }
            unrolled<NS / 2>([&]<int PAIR>(Index<PAIR>) {
                constexpr int n = 2 * PAIR;
                uint32_t key[4];
                loadMatrices<(FIRST + n * 8) * Place::ROW>(keyOperands ^ (32 * k), key);
#pragma unroll
                for (int m = 0; m < MS; m++) {
                    if (k == 0) {
                        multiply<T>(score[m][n], q[m], key[0], key[1], zero);
                        multiply<T>(score[m][n + 1], q[m], key[2], key[3], zero);
                    } else {
                        multiply<T>(score[m][n], q[m], key[0], key[1], score[m][n]);
                        multiply<T>(score[m][n + 1], q[m], key[2], key[3], score[m][n + 1]);
                    }
                }
            });
        }
    }

    /// Makes scores of keys from firstKey on vanish, whatever the sign of the
    /// scale, where they come too late for their query; `once`, since what tiles
    /// in between do not need would otherwise be computed for all of them.
    __device__ __forceinline__ void hideLate(int firstKey, float (&score)[MS][NS][4]) const {
        const float hidden = scale > 0 ? -INFINITY : INFINITY;
        const int mine = static_cast<int>(once(firstKey + lane % 4 * 2));
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const int end = min(row(m, h) + range.high, range.there) - mine;
#pragma unroll
                for (int n = 0; n < NS; n++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = score[m][n][2 * h + e];
                        x = n * 8 + e < end ? x : hidden;
                    }
                }
            }
        }
    }

    /// The same where they come too early.
    __device__ __forceinline__ void hideEarly(int firstKey, float (&score)[MS][NS][4]) const {
        const float hidden = scale > 0 ? -INFINITY : INFINITY;
        const int mine = static_cast<int>(once(firstKey + lane % 4 * 2));
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const int begin = row(m, h) + range.low - mine;
#pragma unroll
                for (int n = 0; n < NS; n++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = score[m][n][2 * h + e];
                        x = n * 8 + e >= begin ? x : hidden;
                    }
                }
            }
        }
    }

    /// Makes the largest score of a row its reference, where it has none yet or
    /// its weights were found too large.
    __device__ __forceinline__ void raise(const float (&score)[MS][NS][4], const float (&partSum)[MS][2],
                                          float (&factors)[MS][2]) {
        keepBranch();
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const uint32_t bit = 1 << (2 * m + h);
                const float before = unset & bit ? -INFINITY : -shift[m][h];
                float most = before;
#pragma unroll
                for (int n = 0; n < NS; n++) {
                    most = fmaxf(most, fmaxf(score[m][n][2 * h] * scale, score[m][n][2 * h + 1] * scale));
                }
                most = mostOfFour(most);
                const float largest = mostOfFour(partSum[m][h]);
                const bool first = (unset & bit) != 0;
                const bool due = (most > -INFINITY) & (first | (largest >= MOST_WEIGHT));
                const float factor = due & !first ? exp2Approximate(before - most) : 1.0f;
                shift[m][h] = due ? -most : shift[m][h];
                unset = due ? unset & ~bit : unset;
                factors[m][h] = factor;
                sum[m][h] *= factor;
#pragma unroll
                for (int c = 0; c < CS; c++) {
                    out[m][c][2 * h] *= factor;
                    out[m][c][2 * h + 1] *= factor;
                }
            }
        }
    }

    /// Scores become weights. \return whether one of this thread's sums is too
    /// large
    __device__ __forceinline__ bool weigh(float (&score)[MS][NS][4], float (&partSum)[MS][2]) const {
        float largest = 0;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float row = 0;
#pragma unroll
                for (int n = 0; n < NS; n++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = score[m][n][2 * h + e];
                        x = exp2Approximate(__fmaf_rn(x, scale, shift[m][h]));
                        row = n + e == 0 ? x : row + x;
                    }
                }
                partSum[m][h] = row;
                largest = m + h == 0 ? row : fmaxf(largest, row);
            }
        }
        return largest >= MOST_WEIGHT;
    }

    /// Weights of the keys from FIRST of the tile on, rounded, as operands a of
    /// the products with values.
    template <int FIRST>
    __device__ __forceinline__ void attend(const uint32_t (&kept)[KEPT ? KS : 1][MS][4], int tile,
                                           const Hidden& hidden, int& raising,
                                           uint32_t (&weights)[KEYS_OF_TILE / PART][STEPS][MS][4]) {
        float score[MS][NS][4];
        float partSum[MS][2] = {};
#pragma unroll 1
        for (;;) {
            dots<FIRST>(kept, score);
            if (hidden.late) {
                hideLate(tile + FIRST, score);
            }
            if (hidden.early) {
                hideEarly(tile + FIRST, score);
            }
            if (raising != 0) {
                float factors[MS][2];
                raise(score, partSum, factors);
                // Weights of the tile's keys before these are not multiplied by values
                // yet: they are scaled down, too.
#pragma unroll
                for (int i = 0; i < FIRST / PART * STEPS * MS * 4; i++) {
                    uint32_t& both = weights[i / (4 * MS) / STEPS][i / (4 * MS) % STEPS][i / 4 % MS][i % 4];
                    both = scaled<T>(both, factors[i / 4 % MS][i % 2]);
                }
            }
            if (!__any_sync(0xffffffff, weigh(score, partSum))) {
                break;
            }
            raising = 1;
        }
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                sum[m][h] += partSum[m][h];
            }
#pragma unroll
            for (int k = 0; k < STEPS; k++) {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const float(&w)[4] = score[m][2 * k + i / 2];
                    weights[FIRST / PART][k][m][i] = pair<T>(w[i % 2 * 2], w[i % 2 * 2 + 1]);
                }
            }
        }
        if (raising != 0) {
            raising = __any_sync(0xffffffff, unset != 0);
        }
    }

    /// out += weights * values, for the whole tile
    __device__ __forceinline__ void addValues(const uint32_t (&weight)[KEYS_OF_TILE / PART][STEPS][MS][4]) {
#pragma unroll
        for (int c = 0; c < CS; c += 2) {
            const uint32_t from = valueOperands ^ (16 * c);
            unrolled<KEYS_OF_TILE / 16>([&]<int K>(Index<K>) {
                uint32_t value[4];
                loadTransposed<K * 16 * Place::ROW>(from, value);
#pragma unroll
                for (int m = 0; m < MS; m++) {
                    const uint32_t(&w)[4] = weight[K / STEPS][K % STEPS][m];
                    multiply<T>(out[m][c], w, value[0], value[1], out[m][c]);
                    multiply<T>(out[m][c + 1], w, value[2], value[3], out[m][c + 1]);
                }
            });
        }
    }

    /// The loop over keys. `query`, `key` and `value` are what this thread copies
    /// first.
    __device__ __forceinline__ void run(const T* query, int queriesThere, const T* key, const T* value) {
        copyRows<DIM, QUERIES>(query, p.query.token, queriesThere, p.headDim, queries + copied);
        if (range.end > 0) {
            copyRows<DIM, KEYS_OF_TILE>(key, p.keys.token, range.there, p.headDim, keys + copied);
        }
        uint32_t kept[KEPT ? KS : 1][MS][4];
        if constexpr (KEPT) {
            awaitCopies();
            __syncthreads();
#pragma unroll
            for (int k = 0; k < KS; k++) {
                loadQueries(k, kept[k]);
            }
        }
        const int first = warp * WARP_QUERIES;
        const int last = first + WARP_QUERIES - 1;
        int raising = 1;
#pragma unroll 1
        for (int tile = 0; tile < range.end; tile += KEYS_OF_TILE) {
            awaitCopies();
            __syncthreads();  // keys are there, the values before are done with
            copyRows<DIM, KEYS_OF_TILE>(value, p.values.token, range.there - tile, p.valueDim,
                                        values + copied);
            value += KEYS_OF_TILE * p.values.token;
            const bool seen =
                first < queriesThere && tile < last + range.high && tile + KEYS_OF_TILE > first + range.low;
            const bool early = tile < last + range.low;
            const bool late = tile + KEYS_OF_TILE > min(first + range.high, range.there);
            const Hidden hidden{early, late};
            uint32_t weight[KEYS_OF_TILE / PART][STEPS][MS][4];
            if (seen) {
                unrolled<KEYS_OF_TILE / PART>(
                    [&]<int I>(Index<I>) { attend<I * PART>(kept, tile, hidden, raising, weight); });
            }
            awaitCopies();
            __syncthreads();  // values are there, the keys are done with
            if (tile + KEYS_OF_TILE < range.end) {
                key += KEYS_OF_TILE * p.keys.token;
                copyRows<DIM, KEYS_OF_TILE>(key, p.keys.token, range.there - tile - KEYS_OF_TILE, p.headDim,
                                            keys + copied);
            }
            if (seen) {
                addValues(weight);
            }
        }
        awaitCopies();
    }

    /// Adds the sink, divides and writes.
    __device__ __forceinline__ void finish(const Sequence& s, int64_t head, int64_t firstQuery) {
        const float sink = p.sinks == nullptr ? -INFINITY : p.sinks[head] * static_cast<float>(LOG2_E);
        float logarithm[MS][2];  // of the sum of weights, to base 2
        float spoilt = 0;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float total = sum[m][h];
                total += __shfl_xor_sync(0xffffffff, total, 1);
                total += __shfl_xor_sync(0xffffffff, total, 2);
                const float before = unset >> (2 * m + h) & 1 ? -INFINITY : -shift[m][h];
                const float most = fmaxf(before, sink);
                float factor = before == -INFINITY ? 0.0f : exp2Approximate(before - most);
                total *= factor;
                if (sink > -INFINITY) {
                    total += exp2Approximate(sink - most);
                }
                const bool empty = total == 0;
                factor = empty ? 0.0f : factor / total;
                logarithm[m][h] = empty ? -INFINITY : most + log2f(total);
                const int64_t i = firstQuery + row(m, h);
                if (lane % 4 == 0 && i < s.queries) {
                    a.logSumExp.set(s.row, head, s.firstQuery + i,
                                    logarithm[m][h] * static_cast<float>(1 / LOG2_E));
                }
#pragma unroll
                for (int c = 0; c < CS; c++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = out[m][c][2 * h + e];
                        spoilt = __fmaf_rn(x, 0.0f, spoilt);
                        x *= factor;
                    }
                }
            }
        }
        __syncthreads();  // queries are done with: their place is the outputs'
        T* to = a.out.at(s.row, head, s.firstQuery + firstQuery);
        const int there =
            static_cast<int>(clamp(s.queries - firstQuery - warp * WARP_QUERIES, 0, WARP_QUERIES));
        if (__any_sync(0xffffffff, spoilt != spoilt)) {
            careful(s, head, firstQuery, there, logarithm);
        } else {
            writeRows<DIM>(out, to + warp * WARP_QUERIES * a.out.token, a.out.token, there, p.valueDim);
        }
    }

    /// The outputs once more, key by key: a value was not finite, and a product
    /// multiplies it by the weight 0 of queries that do not see it.
    __device__ __forceinline__ void careful(const Sequence& s, int64_t head, int64_t firstQuery, int there,
                                            const float (&mine)[MS][2]) const {
        __shared__ float logarithms[QUERIES];
#pragma unroll
        for (int m = 0; m < MS; m++) {
            logarithms[row(m, 0)] = mine[m][0];
            logarithms[row(m, 1)] = mine[m][1];
        }
        __syncwarp();
#pragma unroll 1
        for (int r = 0; r < there; r++) {
            const int64_t i = firstQuery + warp * WARP_QUERIES + r;
            const float logarithm = logarithms[warp * WARP_QUERIES + r];
            const T* q = p.query.at(s.row, head, s.firstQuery + i);
            float sums[DIM / 32] = {};
#pragma unroll 1
            for (int64_t key = p.begin(s, i); key < p.end(s, i); key++) {
                const T* k = p.keys.at(s.row, head / p.group, s.firstKey + key);
                const T* v = p.values.at(s.row, head / p.group, s.firstKey + key);
                float dot = 0;
#pragma unroll 1
                for (int c = lane; c < p.headDim; c += 32) {
                    dot = __fmaf_rn(widen<float>(q[c]), widen<float>(k[c]), dot);
                }
                __syncwarp();
                dot = sumOfLanes<32>(dot);
                const float weight = exp2Approximate(__fmaf_rn(dot, scale, -logarithm));
#pragma unroll
                for (int c = 0; c < DIM / 32; c++) {
                    if (weight != 0 && c * 32 + lane < p.valueDim) {
                        sums[c] = __fmaf_rn(weight, widen<float>(v[c * 32 + lane]), sums[c]);
                    }
                }
            }
#pragma unroll
            for (int c = 0; c < DIM / 32; c++) {
                if (c * 32 + lane < p.valueDim) {
                    a.out.at(s.row, head, s.firstQuery + i)[c * 32 + lane] = narrow<T>(sums[c]);
                }
            }
        }
    }
};

/// The queries of a block. Looked up anew after the loop, so that no register holds it in between: `x` is blockIdx.x, `once`.
/// Late queries, which a causal mask leaves most keys, come first.
template <typename T, int DIM>
struct QueriesOfBlock {
    Sequence s;
    int64_t first;

    __device__ __forceinline__ QueriesOfBlock(const Problem<T>& p, int64_t x) {
        Slot place{blockIdx.z, gridDim.x - 1 - x};
        if (p.queryStarts.base != nullptr) {
            place = slot(p.queryStarts, p.queryCount, p.sequences, 1, TENSOR_QUERIES<DIM>, x);
        }
        s = p.sequence(place.sequence);
        first = place.block * TENSOR_QUERIES<DIM>;
    }
};

/// Blocks: x blocks of queries, y heads, z batches. Where sequences lie one behind the other, x covers all of them.
template <typename T, int DIM>
__device__ __forceinline__ void tensorForward(const Forward<T>& a) {
    using Place = Swizzled<DIM>;
    const Problem<T>& p = a.problem;
    const int64_t head = blockIdx.y;
    const QueriesOfBlock<T, DIM> mine(p, blockIdx.x);
    const Sequence& s = mine.s;
    if (mine.first >= s.queries) {
        return;
    }
    const TensorRange range(mine.first, TENSOR_QUERIES<DIM>, s.queries, s.keys, p.diagonal(s), p.left,
                            p.right, TENSOR_KEYS<DIM>);
    TensorBlock<T, DIM> block(a, range);
    const int channel = Place::copyUnit() * 8;
    const int64_t key = s.firstKey + range.begin + Place::copyRow();
    block.run(p.query.at(s.row, head, s.firstQuery + mine.first + Place::copyRow()) + channel,
              static_cast<int>(clamp(s.queries - mine.first, 0, TENSOR_QUERIES<DIM>)),
              p.keys.at(s.row, head / p.group, key) + channel,
              p.values.at(s.row, head / p.group, key) + channel);
    const QueriesOfBlock<T, DIM> done(p, once(blockIdx.x));
    block.finish(done.s, head, done.first);
}

}  // namespace quern::attention
