// The forward pass on tensor cores, for FP16 and BF16 from compute_80 on: FlashAttention-2's loop (arXiv:2307.08691,
// algorithm 1), with less to do beside the products.
//
// A block of four warps takes 128 queries of one head, a warp 32 of them, and goes through the keys in tiles of 64. Keys are
// copied while the tile before is multiplied by its values, values while the scores are computed. Scores and weights stay
// in registers: what one product leaves is, rounded, what the next one takes.
//
// Weights are powers of two relative to a reference that need not be the row's largest score: any will do that is close
// enough for FP32 and the storage type. So the largest is looked for in the first tile only, and afterwards only where a
// sum of weights grows beyond MOST_WEIGHT, which costs nothing to notice. Then scores are computed again, and what was
// summed is scaled down. A row's reference depends on that row alone, and so do its bits.
#pragma once

#include "forward.cuh"
#include "mma.cuh"

namespace quern::attention {

constexpr int TENSOR_THREADS = 128;
constexpr int TENSOR_QUERIES = 128;
constexpr int WARP_QUERIES = 32;
constexpr int TENSOR_KEYS = 64;
constexpr int PART_KEYS = 32;  // whose scores are in registers at once

/// Of the weights of a row that one thread sums in a part of a tile: eight, each at most 1 where the reference is the largest. FP16
/// has room for it.
constexpr float MOST_WEIGHT = 1024;

/// Rows of DIM channels of 16 bits in shared memory. Eight neighbouring channels are a unit of 16 bytes; unit u of row r lies
/// at u ^ r % 8: the same unit of eight rows, and eight units of the same row, lie in different banks.
template <int DIM>
struct Swizzled {
    static constexpr int ROW = 2 * DIM;    // bytes
    static constexpr int UNITS = DIM / 8;  // of a row

    __device__ __forceinline__ static uint32_t at(int row, int unit) {
        return row * ROW + ((unit ^ (row & 7)) << 4);
    }
};

/// Over the four threads that share a row of a product.
__device__ __forceinline__ float mostOfFour(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffff, x, 2));
}

/// What a block of threads knows of its queries and keys, in few registers: keys count from `begin`, the first of its tiles.
struct TensorRange {
    int64_t begin;
    int keys, end;  // that there are, one past the last that a query sees
    int low, high;  // row r sees keys from r + low to before r + high

    template <typename T>
    __device__ __forceinline__ TensorRange(const Problem<T>& p, const Sequence& s, int64_t firstQuery) {
        constexpr int64_t FAR = 1 << 30;
        const int64_t last =
            firstQuery + TENSOR_QUERIES < s.queries ? firstQuery + TENSOR_QUERIES - 1 : s.queries - 1;
        // Tiles begin at multiples of their length, so that a row's sums do not depend on the others of its block.
        begin = p.begin(s, firstQuery) / TENSOR_KEYS * TENSOR_KEYS;
        keys = static_cast<int>(s.keys - begin);
        end = static_cast<int>(p.end(s, last) - begin);
        const int64_t beside = firstQuery + p.diagonal(s) - begin;
        low = static_cast<int>(clamp(beside - p.left, -FAR, FAR));
        high = static_cast<int>(clamp(beside + p.right + 1, -FAR, FAR));
    }
};

template <typename T, int DIM>
struct TensorBlock {
    using Place = Swizzled<DIM>;
    static constexpr int MS = WARP_QUERIES / 16;                // products that a warp stacks along queries
    static constexpr int NS = PART_KEYS / 8;                    // along keys
    static constexpr int CS = DIM / 8;                          // along channels of values
    static constexpr int KS = DIM / 16;                         // steps of a dot product
    static constexpr bool KEPT = DIM <= 64;                     // queries stay in registers
    static constexpr int STEP = TENSOR_THREADS / Place::UNITS;  // rows copied at once, a multiple of 8
    static constexpr int QUERY_BYTES = TENSOR_QUERIES * Place::ROW;
    static constexpr int KEY_BYTES = TENSOR_KEYS * Place::ROW;

    const Forward<T>& a;
    const Problem<T>& p;
    const TensorRange range;
    const int lane, warp;
    const uint32_t queries, keys, values;  // in shared memory
    float scale;                           // of scores, with log2 e

    float out[MS][CS][4];
    float reference[MS][2];  // of rows lane / 4 and lane / 4 + 8 of each product
    float sum[MS][2];        // of this thread's weights

    __device__ __forceinline__ TensorBlock(const Forward<T>& forward, const TensorRange& r)
        : a(forward),
          p(forward.problem),
          range(r),
          lane(threadIdx.x % 32),
          warp(threadIdx.x / 32),
          queries(static_cast<uint32_t>(__cvta_generic_to_shared(sharedMemory))),
          keys(queries + QUERY_BYTES),
          values(keys + KEY_BYTES),
          scale(static_cast<float>(forward.problem.scale * LOG2_E)),
          out{},
          sum{} {
#pragma unroll
        for (int m = 0; m < MS; m++) {
            reference[m][0] = reference[m][1] = -INFINITY;
        }
    }

    /// The row of product m, half h, of this thread, within the block.
    __device__ __forceinline__ int row(int m, int h) const {
        return warp * WARP_QUERIES + m * 16 + h * 8 + lane / 4;
    }

    /// What this thread copies: unit threadIdx.x % UNITS of rows threadIdx.x / UNITS, and every STEP rows further.
    __device__ __forceinline__ static int copyRow() { return threadIdx.x / Place::UNITS; }
    __device__ __forceinline__ static int copyUnit() { return threadIdx.x % Place::UNITS; }

    /// Starts copies of ROWS rows from this thread's place; zeros beyond `there` rows and `channels` channels.
    template <int ROWS>
    __device__ __forceinline__ void copy(const T* from, int64_t stride, int there, int64_t channels,
                                         uint32_t to) const {
        const uint32_t place = to + Place::at(copyRow(), copyUnit());
        if (there >= ROWS && channels == DIM) {
#pragma unroll
            for (int i = 0; i < ROWS / STEP; i++) {
                copyAsync(place + i * STEP * Place::ROW, from);
                from += STEP * stride;
            }
        } else {
            const bool inside = copyUnit() * 8 < channels;
#pragma unroll 1
            for (int i = 0; i < ROWS / STEP; i++) {
                const bool copied = inside && copyRow() + i * STEP < there;
                copyAsync(place + i * STEP * Place::ROW, from, copied);
                from += copied ? STEP * stride : 0;
            }
        }
    }

    /// Rows lane % 16, units of channels 16 k + 8 (lane / 16): an operand a, or, transposed, two operands b.
    __device__ __forceinline__ uint32_t rowsFirst(uint32_t base) const {
        return base + Place::at(lane % 16, lane / 16);
    }

    __device__ __forceinline__ void loadQueries(int k, uint32_t (&to)[MS][4]) const {
        const uint32_t from = rowsFirst(queries + warp * WARP_QUERIES * Place::ROW) ^ (32 * k);
        unrolled<MS>([&]<int M>(Index<M>) { loadMatrices<M * 16 * Place::ROW>(from, to[M]); });
    }

    /// score = queries * keys^T, for the keys from PART of the tile on
    template <int PART>
    __device__ __forceinline__ void dots(const uint32_t (&kept)[KEPT ? KS : 1][MS][4],
                                         float (&score)[MS][NS][4]) const {
        // Operands b of two products: rows of keys lane % 8 + 8 (lane / 16), units lane / 8 % 2.
        const uint32_t from = keys + Place::at(lane % 8 + lane / 16 * 8, lane / 8 % 2);
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
                loadMatrices<(PART + n * 8) * Place::ROW>(from ^ (32 * k), key);
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

    /// Makes scores of what is hidden vanish, whatever the sign of the scale; keys from firstKey on.
    __device__ __forceinline__ void hide(int firstKey, float (&score)[MS][NS][4]) const {
        keepBranch();
        const float hidden = scale > 0 ? -INFINITY : INFINITY;
        const int mine = firstKey + lane % 4 * 2;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const int begin = row(m, h) + range.low - mine;
                const int end = min(row(m, h) + range.high, range.keys) - mine;
#pragma unroll
                for (int n = 0; n < NS; n++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = score[m][n][2 * h + e];
                        x = n * 8 + e >= begin && n * 8 + e < end ? x : hidden;
                    }
                }
            }
        }
    }

    /// Makes the largest score of a row its reference, where it has none yet or its weights were found too large.
    __device__ __forceinline__ void raise(const float (&score)[MS][NS][4], const float (&partSum)[MS][2],
                                          float (&factors)[MS][2]) {
        keepBranch();
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const float before = reference[m][h];
                float most = before;
#pragma unroll
                for (int n = 0; n < NS; n++) {
                    most = fmaxf(most, fmaxf(score[m][n][2 * h] * scale, score[m][n][2 * h + 1] * scale));
                }
                most = mostOfFour(most);
                const float largest = mostOfFour(partSum[m][h]);
                const bool due = before == -INFINITY || largest >= MOST_WEIGHT;
                const float factor = due && before > -INFINITY ? exp2Approximate(before - most) : 1.0f;
                reference[m][h] = due ? most : before;
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

    /// Scores become weights. \return whether one of this thread's sums is too large
    __device__ __forceinline__ bool weigh(float (&score)[MS][NS][4], float (&partSum)[MS][2]) const {
        bool large = false;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const float shift = reference[m][h] == -INFINITY ? 0.0f : -reference[m][h];
                float row = 0;
#pragma unroll
                for (int n = 0; n < NS; n++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = score[m][n][2 * h + e];
                        x = exp2Approximate(__fmaf_rn(x, scale, shift));
                        row = n + e == 0 ? x : row + x;
                    }
                }
                partSum[m][h] = row;
                large = large || row >= MOST_WEIGHT;
            }
        }
        return large;
    }

    /// Weights of the keys from PART of the tile on, rounded, as operands a of the products with values.
    template <int PART>
    __device__ __forceinline__ void attend(const uint32_t (&kept)[KEPT ? KS : 1][MS][4], int tile,
                                           bool partial, bool& raising,
                                           uint32_t (&weights)[TENSOR_KEYS / PART_KEYS][NS / 2][MS][4]) {
        float score[MS][NS][4];
        float partSum[MS][2] = {};
#pragma unroll 1
        for (;;) {
            dots<PART>(kept, score);
            if (partial) {
                hide(tile + PART, score);
            }
            if (raising) {
                float factors[MS][2];
                raise(score, partSum, factors);
                // Weights of the tile's keys before these are not multiplied by values yet: they are scaled down, too.
#pragma unroll
                for (int i = 0; i < PART / PART_KEYS * (NS / 2) * MS * 4; i++) {
                    uint32_t& both =
                        weights[i / (4 * MS) / (NS / 2)][i / (4 * MS) % (NS / 2)][i / 4 % MS][i % 4];
                    both = scaled<T>(both, factors[i / 4 % MS][i % 2]);
                }
            }
            if (!__any_sync(0xffffffff, weigh(score, partSum))) {
                break;
            }
            raising = true;
        }
        bool unset = false;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                sum[m][h] += partSum[m][h];
                unset = unset || reference[m][h] == -INFINITY;
            }
#pragma unroll
            for (int k = 0; k < NS / 2; k++) {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const float(&w)[4] = score[m][2 * k + i / 2];
                    weights[PART / PART_KEYS][k][m][i] = pair<T>(w[i % 2 * 2], w[i % 2 * 2 + 1]);
                }
            }
        }
        raising = raising && __any_sync(0xffffffff, unset);
    }

    /// out += weights * values, for the whole tile
    __device__ __forceinline__ void addValues(
        const uint32_t (&weight)[TENSOR_KEYS / PART_KEYS][NS / 2][MS][4]) {
#pragma unroll
        for (int c = 0; c < CS; c += 2) {
            const uint32_t from = rowsFirst(values) ^ (16 * c);
            unrolled<TENSOR_KEYS / 16>([&]<int K>(Index<K>) {
                uint32_t value[4];
                loadTransposed<K * 16 * Place::ROW>(from, value);
#pragma unroll
                for (int m = 0; m < MS; m++) {
                    const uint32_t(&w)[4] = weight[K / (NS / 2)][K % (NS / 2)][m];
                    multiply<T>(out[m][c], w, value[0], value[1], out[m][c]);
                    multiply<T>(out[m][c + 1], w, value[2], value[3], out[m][c + 1]);
                }
            });
        }
    }

    /// The loop over keys. `query`, `key` and `value` are what this thread copies first.
    __device__ __forceinline__ void run(const T* query, int queriesThere, const T* key, const T* value) {
        copy<TENSOR_QUERIES>(query, p.query.token, queriesThere, p.headDim, queries);
        if (range.end > 0) {
            copy<TENSOR_KEYS>(key, p.keys.token, range.keys, p.headDim, keys);
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
        bool raising = true;
#pragma unroll 1
        for (int tile = 0; tile < range.end; tile += TENSOR_KEYS) {
            awaitCopies();
            __syncthreads();  // keys are there, the values before are done with
            copy<TENSOR_KEYS>(value, p.values.token, range.keys - tile, p.valueDim, values);
            value += TENSOR_KEYS * p.values.token;
            const bool seen =
                first < queriesThere && tile < last + range.high && tile + TENSOR_KEYS > first + range.low;
            const bool partial =
                tile < last + range.low || tile + TENSOR_KEYS > min(first + range.high, range.keys);
            uint32_t weight[TENSOR_KEYS / PART_KEYS][NS / 2][MS][4];
            if (seen) {
                unrolled<TENSOR_KEYS / PART_KEYS>([&]<int PART>(Index<PART>) {
                    attend<PART * PART_KEYS>(kept, tile, partial, raising, weight);
                });
            }
            awaitCopies();
            __syncthreads();  // values are there, the keys are done with
            if (tile + TENSOR_KEYS < range.end) {
                key += TENSOR_KEYS * p.keys.token;
                copy<TENSOR_KEYS>(key, p.keys.token, range.keys - tile - TENSOR_KEYS, p.headDim, keys);
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
        float spoilt = 0;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float total = sum[m][h];
                total += __shfl_xor_sync(0xffffffff, total, 1);
                total += __shfl_xor_sync(0xffffffff, total, 2);
                const float before = reference[m][h];
                const float most = fmaxf(before, sink);
                float factor = before == -INFINITY ? 0.0f : exp2Approximate(before - most);
                total *= factor;
                if (sink > -INFINITY) {
                    total += exp2Approximate(sink - most);
                }
                const bool empty = total == 0;
                factor = empty ? 0.0f : factor / total;
                reference[m][h] = empty ? -INFINITY : most + log2f(total);
                const int64_t i = firstQuery + row(m, h);
                if (lane % 4 == 0 && i < s.queries) {
                    a.logSumExp.set(s.row, head, s.firstQuery + i,
                                    reference[m][h] * static_cast<float>(1 / LOG2_E));
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
            careful(s, head, firstQuery, there);
        } else {
            write(to + warp * WARP_QUERIES * a.out.token, there);
        }
    }

    /// Rows of this warp by way of shared memory, so that whole sectors are written.
    __device__ __forceinline__ void write(T* to, int there) const {
        unsigned char* mine = sharedMemory + warp * WARP_QUERIES * Place::ROW;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int c = 0; c < CS; c++) {
#pragma unroll
                for (int h = 0; h < 2; h++) {
                    *reinterpret_cast<uint32_t*>(mine + Place::at(m * 16 + h * 8 + lane / 4, c) +
                                                 lane % 4 * 4) =
                        pair<T>(out[m][c][2 * h], out[m][c][2 * h + 1]);
                }
            }
        }
        __syncwarp();
        const int unit = lane % Place::UNITS;
        if (unit * 8 < p.valueDim) {
#pragma unroll 1
            for (int r = lane / Place::UNITS; r < there; r += 32 / Place::UNITS) {
                storePack<8>(to + r * a.out.token + unit * 8, 0,
                             *reinterpret_cast<const Pack<T, 8>*>(mine + Place::at(r, unit)));
            }
        }
    }

    /// The outputs once more, key by key: a value was not finite, and a product multiplies it by the weight 0 of queries
    /// that do not see it.
    __device__ __forceinline__ void careful(const Sequence& s, int64_t head, int64_t firstQuery,
                                            int there) const {
        __shared__ float logarithms[TENSOR_QUERIES];
#pragma unroll
        for (int m = 0; m < MS; m++) {
            logarithms[row(m, 0)] = reference[m][0];
            logarithms[row(m, 1)] = reference[m][1];
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
#pragma unroll
                for (int lanes = 16; lanes > 0; lanes /= 2) {
                    dot += __shfl_xor_sync(0xffffffff, dot, lanes);
                }
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

/// Blocks: x blocks of queries, y heads, z batches. Late queries, which a causal mask leaves most keys, come first. Where
/// sequences lie one behind the other, x covers all of them.
template <typename T, int DIM>
__device__ __forceinline__ void tensorForward(const Forward<T>& a) {
    using Block = TensorBlock<T, DIM>;
    const Problem<T>& p = a.problem;
    const int64_t head = blockIdx.y;
    Slot place{blockIdx.z, gridDim.x - 1 - blockIdx.x};
    if (p.queryStarts.base != nullptr) {
        place = slot(p.queryStarts, p.queryCount, p.sequences, 1, TENSOR_QUERIES, blockIdx.x);
    }
    const Sequence s = p.sequence(place.sequence);
    const int64_t firstQuery = place.block * TENSOR_QUERIES;
    if (firstQuery >= s.queries) {
        return;
    }
    const TensorRange range(p, s, firstQuery);
    Block block(a, range);
    const int channel = Block::copyUnit() * 8;
    block.run(p.query.at(s.row, head, s.firstQuery + firstQuery + Block::copyRow()) + channel,
              static_cast<int>(clamp(s.queries - firstQuery, 0, TENSOR_QUERIES)),
              p.keys.at(s.row, head / p.group, s.firstKey + range.begin + Block::copyRow()) + channel,
              p.values.at(s.row, head / p.group, s.firstKey + range.begin + Block::copyRow()) + channel);
    block.finish(s, head, firstQuery);
}

}  // namespace quern::attention
