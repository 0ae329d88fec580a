// The backward pass on CUDA cores, for every setting. The formulae are those of io.quern.attention.Backward.
//
// First what a query's row has in common is written to a workspace. Then each gradient is a launch of one kernel: a block
// owns rows of the gradient, goes through what they meet in tiles of 64, computes scores and weights anew, and sums up in
// registers, in one order. Nothing is added atomically: the bits are always the same.
#pragma once

#include "tile.cuh"

namespace quern::attention {

/// Of which input a launch computes the gradient. As the ordinals of io.quern.attention.BackwardCuda.Target.
enum Target : int64_t { QUERY, KEYS_OF_HEAD, VALUES, BIAS };

/// What a row of a query has in common, (batches, heads, queries) of these in the workspace.
template <typename C>
struct alignas(16) RowConstants {
    C logSumExp;
    C base;             // -D + dLSE + dH (LSE - H)
    C entropyGradient;  // dH
    C scale;            // of the dot products
};

/// Where the gradient by a bias lies, (batches, heads, queries, keys), of which all but the last may be 1.
template <typename T>
struct BiasGradient {
    T* base;
    int64_t batch, head, query;  // strides
    int64_t batches, heads, queries;
    int64_t ofTokens;  // whether its keys are tokens of the key axis, as those of keyBias are
};

template <typename T>
struct Backward {
    using C = typename ComputeOf<T>::type;
    Problem<T> problem;
    Rows<const T> out, outGradient;
    Numbers<const C> logSumExp, entropy, logSumExpGradient, entropyGradient;
    RowConstants<C>* rows;
    Rows<T> gradient;
    BiasGradient<T> bias;
    int64_t target;
    int64_t packedOut;  // of outGradient, as Problem::packed
    C* sinksGradient;
    Rows<T> valuesGradient;  // where `gradient` is that of keys, of a launch for both

    __device__ __forceinline__ RowConstants<C>& row(const Sequence& s, int64_t head, int64_t i) const {
        return rows[(s.row * problem.heads + head) * problem.queryCount + s.firstQuery + i];
    }
};

template <typename C>
__device__ __forceinline__ C numberOr0(const Numbers<const C>& numbers, const Sequence& s, int64_t head,
                                       int64_t i) {
    return numbers.base == nullptr
               ? C(0)
               : numbers.base[s.row * numbers.batch + head * numbers.head + s.firstQuery + i];
}

/// Fills the workspace. Any grid; x covers blocks of DOWN queries, y heads, z batches, as in forward().
template <typename T>
__device__ __forceinline__ void backwardRows(const Backward<T>& a) {
    using C = typename ComputeOf<T>::type;
    const Problem<T>& p = a.problem;
    const bool ragged = p.queryStarts.base != nullptr;
    Slot place{blockIdx.z, blockIdx.x};
    if (ragged) {
        place = slot(p.queryStarts, p.queryCount, p.sequences, 1, DOWN, blockIdx.x);
    }
#pragma unroll 1
    for (int64_t b = place.sequence; b < p.sequences; b += ragged ? p.sequences : gridDim.z) {
        const Sequence s = p.sequence(b);
        const int64_t i = place.block * DOWN + threadIdx.y;
        const bool there = i < s.queries;
#pragma unroll 1
        for (int64_t h = blockIdx.y; h < p.heads; h += gridDim.y) {
            const Row<T> row{p, s, h, i};
            C mean = 0;  // D
            int64_t seen = p.end(s, i) - p.begin(s, i);
            if (there) {
                const T* gradient = a.outGradient.at(s.row, h, s.firstQuery + i);
                const T* out = a.out.at(s.row, h, s.firstQuery + i);
#pragma unroll 1
                for (int64_t c = threadIdx.x; c < p.valueDim; c += ACROSS) {
                    mean = fusedMultiplyAdd(widen<C>(gradient[c]), widen<C>(out[c]), mean);
                }
            }
            mean = sumOfLanes<ACROSS>(mean);
            if (p.inverseLogOfTraining != 0 && p.masked()) {
                seen = 0;
#pragma unroll 1
                for (int64_t key = p.begin(s, i) + threadIdx.x; there && key < p.end(s, i); key += ACROSS) {
                    seen += row.unmasked(key) ? 1 : 0;
                }
                seen = sumOfLanes<ACROSS>(seen);
            }
            if (there && threadIdx.x == 0) {
                RowConstants<C> constants;
                constants.logSumExp = numberOr0(a.logSumExp, s, h, i);
                constants.entropyGradient = numberOr0(a.entropyGradient, s, h, i);
                constants.scale = row.scale(seen);
                constants.base = numberOr0(a.logSumExpGradient, s, h, i) - mean;
                if (constants.entropyGradient != 0) {
                    constants.base =
                        fusedMultiplyAdd(constants.entropyGradient,
                                         constants.logSumExp - numberOr0(a.entropy, s, h, i), constants.base);
                }
                a.row(s, h, i) = constants;
            }
        }
    }
}

/// Gradients by sinks: a block a head, blockIdx.x. The sum over rows has one fixed order.
template <typename T>
__device__ __forceinline__ void backwardSinks(const Backward<T>& a) {
    using C = typename ComputeOf<T>::type;
    __shared__ C sums[THREADS];
    const Problem<T>& p = a.problem;
    const int thread = threadIdx.y * ACROSS + threadIdx.x;
#pragma unroll 1
    for (int64_t h = blockIdx.x; h < p.heads; h += gridDim.x) {
        const C sink = p.sinks[h];
        C sum = 0;
#pragma unroll 1
        for (int64_t b = 0; b < p.sequences; b++) {
            const Sequence s = p.sequence(b);
#pragma unroll 1
            for (int64_t i = thread; i < s.queries; i += THREADS) {
                const RowConstants<C>& row = a.row(s, h, i);
                const C weight = sink == -C(INFINITY) ? C(0) : exponential(sink - row.logSumExp);
                if (weight != 0) {
                    sum = fusedMultiplyAdd(weight, row.base - row.entropyGradient * sink, sum);
                }
            }
        }
        __syncthreads();
        sums[thread] = sum;
#pragma unroll 1
        for (int half = THREADS / 2; half > 0; half /= 2) {
            __syncthreads();
            if (thread < half) {
                sums[thread] += sums[thread + half];
            }
        }
        if (thread == 0) {
            a.sinksGradient[h] = sums[0];
        }
    }
}

template <typename T>
struct BackwardBlock {
    using C = typename ComputeOf<T>::type;
    using Shape = Tile<C>;
    static constexpr int N = Shape::N;
    static constexpr int ROWS = Shape::ROWS;
    static constexpr int CHUNKS = 256 / Shape::CHANNELS;

    const Backward<T>& a;
    const Problem<T>& p;
    C* const own;       // (BLOCK_ROWS, STRIDE): a chunk of what is owned
    C* const chunk;     // (TILE_KEYS, STRIDE): a chunk of what it meets
    C* const weights;   // (BLOCK_ROWS, WEIGHT_STRIDE): dot products, then what others are multiplied by
    C* const products;  // (BLOCK_ROWS, WEIGHT_STRIDE): dO . v

    C sums[CHUNKS][ROWS][N];

    __device__ __forceinline__ explicit BackwardBlock(const Backward<T>& backward)
        : a(backward),
          p(backward.problem),
          own(reinterpret_cast<C*>(sharedMemory)),
          chunk(own + Shape::BLOCK_ROWS * Shape::STRIDE),
          weights(chunk + Shape::CHUNK),
          products(weights + Shape::WEIGHTS),
          sums{} {}

    __device__ __forceinline__ int row(int r) const { return threadIdx.y * ROWS + r; }

    /// Dot products of rows that are owned with rows that they meet, to shared memory, each thread its own.
    __device__ __forceinline__ void dots(const T* mine, int64_t myStride, int64_t myCount, const T* others,
                                         int64_t stride, int64_t count, int64_t dim, bool packed,
                                         C* to) const {
        const int channels = static_cast<int>(dim);
        C dot[ROWS][KEYS] = {};
#pragma unroll 1
        for (int c = 0; c < channels; c += Shape::CHANNELS) {
            __syncthreads();  // everybody is done with the chunks before
            loadChunk<Shape::BLOCK_ROWS, false>(mine, myStride, myCount, c, channels, packed, own);
            loadChunk<TILE_KEYS, true>(others, stride, count, c, channels, packed, chunk);
            __syncthreads();
            const int there = min(Shape::CHANNELS, paddedChannels<C>(channels) - c);
#pragma unroll 1
            for (int d = 0; d < there; d += N) {
                addDots(own + threadIdx.y * ROWS * Shape::STRIDE + d, Shape::STRIDE, chunk + d, dot);
            }
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            storeFour(dot[r], to + row(r) * Shape::WEIGHT_STRIDE + threadIdx.x * KEYS);
        }
    }

    /// By what a pair's dot product and dO . v make it contribute.
    __device__ __forceinline__ C contribution(const Row<T>& q, int64_t key, C dot, C product) const {
        const RowConstants<C>& constants = a.row(q.s, q.head, q.i);
        const C x = constants.scale * dot;
        const C score = q.score(x, key) + (p.sigma == 0 ? C(0) : q.noiseOf(key));
        const C weight = exponential(score - constants.logSumExp);
        const C keep = p.dropped > 0 ? q.keepOf(key) : C(1);
        if (a.target == VALUES) {
            return weight * keep;
        }
        C gradient = fusedMultiplyAdd(keep, product, constants.base);
        if (constants.entropyGradient != 0) {
            gradient = fusedMultiplyAdd(-constants.entropyGradient, score, gradient);
        }
        gradient *= weight;
        if (a.target == BIAS) {
            return gradient;
        }
        if (p.softcap != 0) {
            const C capped = hyperbolicTangent(x / static_cast<C>(p.softcap));
            gradient *= fusedMultiplyAdd(-capped, capped, C(1));
        }
        return gradient * constants.scale;
    }

    /// Dot products in shared memory become contributions; each thread's its own.
    __device__ __forceinline__ void contributions(const Sequence& s, int64_t head, bool ownQueries,
                                                  int64_t first, int64_t tile) const {
#pragma unroll 1
        for (int r = 0; r < ROWS; r++) {
#pragma unroll 1
            for (int k = 0; k < KEYS; k++) {
                const int64_t mine = first + row(r);
                const int64_t other = tile + threadIdx.x * KEYS + k;
                const int64_t key = ownQueries ? other : mine;
                const Row<T> q{p, s, head, ownQueries ? mine : other};
                const int at = row(r) * Shape::WEIGHT_STRIDE + threadIdx.x * KEYS + k;
                C weight = 0;
                if (q.i < s.queries && key >= p.begin(s, q.i) && key < p.end(s, q.i) && q.unmasked(key)) {
                    weight = contribution(q, key, weights[at], products[at]);
                }
                weights[at] = weight;
            }
        }
    }

    /// sums += contributions * rows that are met
    __device__ __forceinline__ void addRows(const T* others, int64_t stride, int64_t count, int64_t dim,
                                            bool packed) {
        const int channels = static_cast<int>(dim);
        const int there = static_cast<int>(count < TILE_KEYS ? count : TILE_KEYS);
        const C* mine = weights + threadIdx.y * ROWS * Shape::WEIGHT_STRIDE;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            const int channel = c * Shape::CHANNELS;
            if (channel < channels) {
                __syncthreads();  // everybody is done with the chunk before, and contributions are there
                const bool finite =
                    loadChunk<TILE_KEYS, false>(others, stride, count, channel, channels, packed, chunk);
                const bool spoilt = __syncthreads_or(!finite) != 0;
                spoilt ? accumulateSpoilt<C, ROWS>(mine, chunk, there, sums[c])
                       : accumulate<C, ROWS>(mine, chunk, there, sums[c]);
            }
        }
    }

    /// Rows of queries from `first` on, of one head: they meet keys.
    __device__ __forceinline__ void queries(const Sequence& s, int64_t head, int64_t first) {
        const int64_t last =
            (first + Shape::BLOCK_ROWS < s.queries ? first + Shape::BLOCK_ROWS : s.queries) - 1;
        const int64_t end = p.end(s, last);
#pragma unroll 1
        for (int64_t tile = p.begin(s, first) / TILE_KEYS * TILE_KEYS; tile < end; tile += TILE_KEYS) {
            pairsOfQueries(s, head, first, tile);
            addRows(p.keys.at(s.row, head / p.group, s.firstKey + tile), p.keys.token, s.keys - tile,
                    p.headDim, p.packed != 0);
        }
    }

    /// Contributions of the pairs of queries from `first` on and keys from `tile` on.
    __device__ __forceinline__ void pairsOfQueries(const Sequence& s, int64_t head, int64_t first,
                                                   int64_t tile) const {
        const int64_t keyHead = head / p.group;
        dots(p.query.at(s.row, head, s.firstQuery + first), p.query.token, s.queries - first,
             p.keys.at(s.row, keyHead, s.firstKey + tile), p.keys.token, s.keys - tile, p.headDim,
             p.packed != 0, weights);
        dots(a.outGradient.at(s.row, head, s.firstQuery + first), a.outGradient.token, s.queries - first,
             p.values.at(s.row, keyHead, s.firstKey + tile), p.values.token, s.keys - tile, p.valueDim,
             p.packed != 0 && a.packedOut != 0, products);
        contributions(s, head, true, first, tile);
    }

    /// Rows of keys or values from `first` on, of one head of keys: they meet the queries of all heads that share them.
    __device__ __forceinline__ void keys(const Sequence& s, int64_t keyHead, int64_t first) {
        const bool ofValues = a.target == VALUES;
        const int64_t last = (first + Shape::BLOCK_ROWS < s.keys ? first + Shape::BLOCK_ROWS : s.keys) - 1;
        const int64_t begin = clamp(first - p.diagonal(s) - p.right, 0, s.queries) / TILE_KEYS * TILE_KEYS;
        const int64_t end = first <= last ? clamp(last - p.diagonal(s) + p.left + 1, 0, s.queries) : 0;
#pragma unroll 1
        for (int64_t head = keyHead * p.group; head < (keyHead + 1) * p.group; head++) {
#pragma unroll 1
            for (int64_t tile = begin; tile < end; tile += TILE_KEYS) {
                const T* query = p.query.at(s.row, head, s.firstQuery + tile);
                const T* gradient = a.outGradient.at(s.row, head, s.firstQuery + tile);
                const int64_t count = s.queries - tile;
                dots(p.keys.at(s.row, keyHead, s.firstKey + first), p.keys.token, s.keys - first, query,
                     p.query.token, count, p.headDim, p.packed != 0, weights);
                if (!ofValues) {
                    dots(p.values.at(s.row, keyHead, s.firstKey + first), p.values.token, s.keys - first,
                         gradient, a.outGradient.token, count, p.valueDim, p.packed != 0 && a.packedOut != 0,
                         products);
                }
                contributions(s, head, false, first, tile);
                addRows(ofValues ? gradient : query, ofValues ? a.outGradient.token : p.query.token, count,
                        ofValues ? p.valueDim : p.headDim, ofValues ? a.packedOut != 0 : p.packed != 0);
            }
        }
    }

    /// The sums of rows `first` .. of which `count` exist, to rows of the gradient.
    __device__ __forceinline__ void write(T* to, int64_t count) const {
        const int channels = static_cast<int>(a.target == VALUES ? p.valueDim : p.headDim);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            if (row(r) < count) {
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
                    for (int n = 0; n < N; n++) {
                        const int channel = c * Shape::CHANNELS + threadIdx.x * N + n;
                        if (channel < channels) {
                            to[row(r) * a.gradient.token + channel] = narrow<T>(sums[c][r][n]);
                        }
                    }
                }
            }
        }
    }
};

/// Rows of the gradient that belong to no sequence, before the first and after the last: zero. `thread` of THREADS.
template <typename T>
__device__ __forceinline__ void clearRest(const Rows<T>& rows, int64_t head, const Integers& starts,
                                          int64_t sequences, int64_t tokens, int64_t channels, int thread) {
    const int64_t first = clamp(starts.at(0), 0, tokens);
    const int64_t last = clamp(starts.at(sequences), 0, tokens);
#pragma unroll 1
    for (int64_t t = thread / ACROSS; t < tokens; t += DOWN) {
        if (t < first || t >= last) {
#pragma unroll 1
            for (int64_t c = thread % ACROSS; c < channels; c += ACROSS) {
                rows.at(0, head, t)[c] = narrow<T>(typename ComputeOf<T>::type(0));
            }
        }
    }
}

/// Gradients by query, keys or values. Any grid; x covers blocks of rows, y heads (of keys), z batches, as in forward().
template <typename T>
__device__ __forceinline__ void backward(const Backward<T>& a) {
    using Shape = Tile<typename ComputeOf<T>::type>;
    const Problem<T>& p = a.problem;
    const bool ofQueries = a.target == QUERY;
    const bool ragged = p.queryStarts.base != nullptr;
    const Integers& starts = ofQueries ? p.queryStarts : p.keyStarts;
    const int64_t tokens = ofQueries ? p.queryCount : p.keyCount;
    const int64_t heads = ofQueries ? p.heads : p.heads / p.group;
    Slot place{blockIdx.z, blockIdx.x};
    if (ragged) {
        place = slot(starts, tokens, p.sequences, 1, Shape::BLOCK_ROWS, blockIdx.x);
    }
#pragma unroll 1
    for (int64_t b = place.sequence; b < p.sequences; b += ragged ? p.sequences : gridDim.z) {
        const Sequence s = p.sequence(b);
        const int64_t first = place.block * Shape::BLOCK_ROWS;
        const int64_t count = (ragged ? ofQueries ? s.queries : s.keys : tokens) - first;
#pragma unroll 1
        for (int64_t h = blockIdx.y; h < heads; h += gridDim.y) {
            if (ragged && blockIdx.x == 0) {
                clearRest(a.gradient, h, starts, p.sequences, tokens,
                          a.target == VALUES ? p.valueDim : p.headDim, threadIdx.y * ACROSS + threadIdx.x);
            }
            if (count > 0) {
                BackwardBlock<T> block(a);
                if (ofQueries) {
                    block.queries(s, h, first);
                } else {
                    block.keys(s, h, first);
                }
                block.write(a.gradient.at(s.row, h, (ofQueries ? s.firstQuery : s.firstKey) + first), count);
            }
        }
    }
}

/// Gradients by a bias. Any grid; x covers tiles of keys, and for each, where the bias has queries, blocks of them; y heads
/// and z batches of the bias; z sequences where they lie one behind the other.
template <typename T>
__device__ __forceinline__ void backwardBias(const Backward<T>& a) {
    using C = typename ComputeOf<T>::type;
    using Shape = Tile<C>;
    const Problem<T>& p = a.problem;
    const BiasGradient<T>& bias = a.bias;
    const bool ragged = p.queryStarts.base != nullptr;
    const int64_t queryBlocks =
        bias.queries == 1 ? 1 : (p.queryCount + Shape::BLOCK_ROWS - 1) / Shape::BLOCK_ROWS;
    const int64_t tile = blockIdx.x / queryBlocks * TILE_KEYS;
    const int64_t batches = ragged ? p.sequences : bias.batches;
    const BackwardBlock<T> block(a);
#pragma unroll 1
    for (int64_t batch = blockIdx.z; batch < batches; batch += gridDim.z) {
#pragma unroll 1
        for (int64_t h = blockIdx.y; h < bias.heads; h += gridDim.y) {
            C total[Shape::ROWS][KEYS] = {};
            const bool all = !ragged && bias.batches == 1;
#pragma unroll 1
            for (int64_t b = all ? 0 : batch; b < (all ? p.sequences : batch + 1); b++) {
                const Sequence s = p.sequence(b);
#pragma unroll 1
                for (int64_t head = bias.heads == 1 ? 0 : h; head < (bias.heads == 1 ? p.heads : h + 1);
                     head++) {
                    const int64_t begin =
                        bias.queries == 1 ? 0 : blockIdx.x % queryBlocks * Shape::BLOCK_ROWS;
                    const int64_t end = bias.queries == 1 ? s.queries : begin + 1;
#pragma unroll 1
                    for (int64_t first = begin; first < end && tile < s.keys; first += Shape::BLOCK_ROWS) {
                        const int64_t most = first + Shape::BLOCK_ROWS;
                        const int64_t last = (most < s.queries ? most : s.queries) - 1;
                        if (p.begin(s, first) < tile + TILE_KEYS && p.end(s, last) > tile) {
                            block.pairsOfQueries(s, head, first, tile);
#pragma unroll
                            for (int r = 0; r < Shape::ROWS; r++) {
#pragma unroll
                                for (int k = 0; k < KEYS; k++) {
                                    total[r][k] += block.weights[block.row(r) * Shape::WEIGHT_STRIDE +
                                                                 threadIdx.x * KEYS + k];
                                }
                            }
                        }
                    }
                }
            }
            // To shared memory, from which whoever writes an element takes it.
            __syncthreads();
#pragma unroll
            for (int r = 0; r < Shape::ROWS; r++) {
                storeFour(total[r],
                          block.products + block.row(r) * Shape::WEIGHT_STRIDE + threadIdx.x * KEYS);
            }
            __syncthreads();
            const Sequence s = p.sequence(ragged ? batch : 0);
            const int64_t keys = ragged ? s.keys : p.keyCount;
            T* to = bias.base + (ragged ? 0 : batch) * bias.batch + h * bias.head +
                    (ragged && bias.ofTokens != 0 ? s.firstKey : 0);
            const int thread = threadIdx.y * ACROSS + threadIdx.x;
            const int64_t key = tile + thread;
            if (thread < TILE_KEYS && key < keys) {
                const int64_t firstQuery = blockIdx.x % queryBlocks * Shape::BLOCK_ROWS;
                C sum = 0;
#pragma unroll 1
                for (int r = 0; r < Shape::BLOCK_ROWS; r++) {
                    const C one = block.products[r * Shape::WEIGHT_STRIDE + thread];
                    sum += one;
                    if (bias.queries != 1 && firstQuery + r < p.queryCount) {
                        to[(firstQuery + r) * bias.query + key] = narrow<T>(one);
                    }
                }
                if (bias.queries == 1) {
                    to[key] = narrow<T>(sum);
                }
            }
            if (ragged && blockIdx.x == 0 && batch == 0) {
                const Rows<T> tokens{bias.base, 0, bias.head, 1};
                clearRest(tokens, h, p.keyStarts, p.sequences, p.keyCount, 1, thread);
            }
            __syncthreads();
        }
    }
}

}  // namespace quern::attention
