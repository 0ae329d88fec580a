// The forward pass on CUDA cores, for every setting: FlashAttention-2's loop (arXiv:2307.08691, algorithm 1).
//
// A block of 16 x 8 threads takes QUERIES queries of one head and goes through the keys in tiles of 64. A thread computes
// ROWS x 4 scores, then ROWS x 4 (FP64: x 2) outputs of each chunk of channels: 64 fma for 8 packs from shared memory.
// Sums over keys stay partial, of each thread its own, until the end; the largest score is known to the whole row.
#pragma once

#include "tile.cuh"

namespace quern::attention {

template <typename T>
struct Forward {
    using C = typename ComputeOf<T>::type;
    Problem<T> problem;
    Rows<T> out;
    Numbers<C> logSumExp, maxLogit, entropy, effectiveCount;
    int64_t packedOut;
};

/// Shared memory of a block: queries (QUERIES, padded headDim + N), a chunk, weights (QUERIES, WEIGHT_STRIDE).
extern __shared__ __align__(16) unsigned char sharedMemory[];

template <typename C>
__device__ __forceinline__ C* scalesOfBlock() {
    __shared__ C scales[Tile<C>::QUERIES];
    return scales;
}

template <typename C>
__device__ __forceinline__ int64_t* countsOfBlock() {
    __shared__ int64_t counts[Tile<C>::QUERIES];
    return counts;
}

/// What a row's keys so far sum to, relative to its largest score.
template <typename C>
struct Sums {
    C most = -C(INFINITY);
    C weights = 0;  // sum e^(s - most)
    C moments = 0;  // sum e^(s - most) (s - most)
    C squares = 0;  // sum e^(2 (s - most))

    /// \return what everything that was summed is now to be multiplied by
    __device__ __forceinline__ C raise(C newMost) {
        const C step = most == -C(INFINITY) ? C(0) : most - newMost;
        const C factor = exponential(step);
        moments = factor * fusedMultiplyAdd(weights, step, moments);
        weights *= factor;
        squares *= factor * factor;
        most = newMost;
        return factor;
    }
};

template <typename T, int CLASS>
struct ForwardBlock {
    using C = typename ComputeOf<T>::type;
    using Shape = Tile<C>;
    static constexpr int N = Shape::N;
    static constexpr int ROWS = Shape::ROWS;
    static constexpr int CHUNKS = CLASS / Shape::CHANNELS;

    const Forward<T>& a;
    const Problem<T>& p;
    const Sequence s;
    const int64_t head, firstQuery;  // of this block, within the sequence
    C* const queries;
    const int queryStride;
    C* const chunk;
    C* const weights;
    C* const scales;        // (QUERIES), of the dot products
    int64_t* const counts;  // (QUERIES), of the keys seen

    Sums<C> sums[ROWS];
    C out[CHUNKS][ROWS][N];

    __device__ __forceinline__ ForwardBlock(const Forward<T>& forward, const Sequence& sequence, int64_t h,
                                            int64_t first)
        : a(forward),
          p(forward.problem),
          s(sequence),
          head(h),
          firstQuery(first),
          queries(reinterpret_cast<C*>(sharedMemory)),
          queryStride(paddedChannels<C>(forward.problem.headDim) + N),
          chunk(queries + Shape::QUERIES * queryStride),
          weights(chunk + Shape::CHUNK),
          scales(scalesOfBlock<C>()),
          counts(countsOfBlock<C>()),
          out{} {}

    /// This thread's row r of the block.
    __device__ __forceinline__ int row(int r) const { return threadIdx.y * ROWS + r; }

    __device__ __forceinline__ Row<T> query(int r) const { return {p, s, head, firstQuery + row(r)}; }

    __device__ __forceinline__ void loadQueries() {
        const int channels = static_cast<int>(p.headDim);
#pragma unroll 1
        for (int q = threadIdx.y; q < Shape::QUERIES; q += DOWN) {
            const bool there = firstQuery + q < s.queries;
            const T* from = p.query.at(s.row, head, s.firstQuery + (there ? firstQuery + q : 0));
#pragma unroll 1
            for (int c = threadIdx.x * N; c < channels; c += Shape::CHANNELS) {
                Pack<C, N> pack{};
                if (there) {
                    pack = p.packed != 0 ? channelPack<true, C>(from, c, channels)
                                         : channelPack<false, C>(from, c, channels);
                }
                storePack<N>(queries + q * queryStride + c, 0, pack);
            }
        }
    }

    /// Which of this thread's keys from `tile` on its rows see: bit r * 4 + k.
    __device__ __forceinline__ uint32_t visible(int64_t tile) const {
        const int64_t firstKey = tile + threadIdx.x * KEYS;
        uint32_t seen = 0;
#pragma unroll 1
        for (int r = 0; r < ROWS; r++) {
            const Row<T> q = query(r);
            if (q.i < s.queries) {
                const int begin = static_cast<int>(clamp(p.begin(s, q.i) - firstKey, 0, KEYS));
                const int end = static_cast<int>(clamp(p.end(s, q.i) - firstKey, 0, KEYS));
#pragma unroll 1
                for (int k = begin; k < end; k++) {
                    seen |= static_cast<uint32_t>(q.unmasked(firstKey + k)) << (r * KEYS + k);
                }
            }
        }
        return seen;
    }

    /// Dot products of this thread's queries and keys.
    __device__ __forceinline__ void dots(int64_t tile, C (&dot)[ROWS][KEYS]) const {
        const int channels = static_cast<int>(p.headDim);
        const T* keys = p.keys.at(s.row, head / p.group, s.firstKey + tile);
#pragma unroll 1
        for (int c = 0; c < channels; c += Shape::CHANNELS) {
            __syncthreads();  // everybody is done with the chunk before
            loadChunk<true>(keys, p.keys.token, s.keys - tile, c, channels, p.packed != 0, chunk);
            __syncthreads();
            const int count = min(Shape::CHANNELS, paddedChannels<C>(channels) - c);
#pragma unroll 1
            for (int d = 0; d < count; d += N) {
                Pack<C, N> q[ROWS];
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    q[r] = loadPack<N>(queries + row(r) * queryStride + c + d, 0);
                }
#pragma unroll
                for (int k = 0; k < KEYS; k++) {
                    const Pack<C, N> key =
                        loadPack<N>(chunk + (k * ACROSS + threadIdx.x) * Shape::STRIDE + d, 0);
#pragma unroll
                    for (int r = 0; r < ROWS; r++) {
#pragma unroll
                        for (int n = 0; n < N; n++) {
                            dot[r][k] = fusedMultiplyAdd(q[r].at[n], key.at[n], dot[r][k]);
                        }
                    }
                }
            }
        }
    }

    __device__ __forceinline__ C* weightsOf(int r) const {
        return weights + row(r) * Shape::WEIGHT_STRIDE + threadIdx.x * KEYS;
    }

    __device__ __forceinline__ void storeWeights(int r, const C (&numbers)[KEYS]) const {
#pragma unroll
        for (int k = 0; k < KEYS; k += N) {
            Pack<C, N> pack;
#pragma unroll
            for (int n = 0; n < N; n++) {
                pack.at[n] = numbers[k + n];
            }
            storePack<N>(weightsOf(r) + k, 0, pack);
        }
    }

    /// Dot products become scores of what is seen, -infinity for the rest.
    __device__ __forceinline__ void toScores(int64_t tile, uint32_t seen, C (&score)[ROWS][KEYS]) const {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
#pragma unroll
            for (int k = 0; k < KEYS; k++) {
                score[r][k] = seen >> (r * KEYS + k) & 1 ? scales[row(r)] * score[r][k] : -C(INFINITY);
            }
        }
        if (p.plain()) {
            return;
        }
        // By way of shared memory, so that registers need no index and this code is there once.
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            storeWeights(r, score[r]);
        }
        const int64_t firstKey = tile + threadIdx.x * KEYS;
#pragma unroll 1
        for (int r = 0; r < ROWS; r++) {
            const Row<T> q = query(r);
            C noise[KEYS] = {};
            if (p.sigma != 0) {
                q.noise(firstKey, noise);
            }
#pragma unroll
            for (int k = 0; k < KEYS; k++) {
                if (seen >> (r * KEYS + k) & 1) {
                    weightsOf(r)[k] = q.score(weightsOf(r)[k], firstKey + k) + noise[k];
                }
            }
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
#pragma unroll
            for (int k = 0; k < KEYS; k++) {
                score[r][k] = weightsOf(r)[k];
            }
        }
    }

    __device__ __forceinline__ void dropOut(int64_t tile) const {
#pragma unroll 1
        for (int r = 0; r < ROWS; r++) {
            C keep[KEYS];
            query(r).keep(tile + threadIdx.x * KEYS, keep);
#pragma unroll
            for (int k = 0; k < KEYS; k++) {
                weightsOf(r)[k] *= keep[k];
            }
        }
    }

    /// Adds this tile's weights to the sums, and leaves them, with dropout, in shared memory.
    __device__ __forceinline__ void weigh(int64_t tile, const C (&score)[ROWS][KEYS]) {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            C most = sums[r].most;
#pragma unroll
            for (int k = 0; k < KEYS; k++) {
                most = score[r][k] > most ? score[r][k] : most;
            }
            most = mostOfRow(most);
            const C factor = sums[r].raise(most);
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    out[c][r][n] *= factor;
                }
            }
            const C shift = most == -C(INFINITY) ? C(0) : most;
            C weight[KEYS];
#pragma unroll
            for (int k = 0; k < KEYS; k++) {
                const C x = score[r][k] - shift;
                weight[k] = exponential(x);
                sums[r].weights += weight[k];
                sums[r].moments = fusedMultiplyAdd(weight[k], weight[k] == 0 ? C(0) : x, sums[r].moments);
                sums[r].squares = fusedMultiplyAdd(weight[k], weight[k], sums[r].squares);
            }
            storeWeights(r, weight);
        }
        if (p.dropped > 0) {
            dropOut(tile);
        }
    }

    /// out += weights * values, for a chunk of channels.
    __device__ __forceinline__ void accumulate(int keys, C (&sum)[ROWS][N]) const {
#pragma unroll 1
        for (int j = 0; j < keys; j += N) {
            Pack<C, N> weight[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                weight[r] = loadPack<N>(weights + row(r) * Shape::WEIGHT_STRIDE + j, 0);
            }
#pragma unroll
            for (int k = 0; k < N; k++) {
                const Pack<C, N> value = loadPack<N>(chunk + (j + k) * Shape::STRIDE + threadIdx.x * N, 0);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
#pragma unroll
                    for (int n = 0; n < N; n++) {
                        sum[r][n] = fusedMultiplyAdd(weight[r].at[k], value.at[n], sum[r][n]);
                    }
                }
            }
        }
    }

    /// The same where a value is not finite: it must not meet a weight of 0, which may be that of a hidden key.
    __device__ __forceinline__ void accumulateSpoilt(int keys, C (&sum)[ROWS][N]) const {
#pragma unroll 1
        for (int j = 0; j < keys; j++) {
            const Pack<C, N> value = loadPack<N>(chunk + j * Shape::STRIDE + threadIdx.x * N, 0);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const C weight = weights[row(r) * Shape::WEIGHT_STRIDE + j];
#pragma unroll
                for (int n = 0; n < N; n++) {
                    const C with = fusedMultiplyAdd(weight, value.at[n], sum[r][n]);
                    sum[r][n] = weight == 0 ? sum[r][n] : with;
                }
            }
        }
    }

    __device__ __forceinline__ void addValues(int64_t tile) {
        const int channels = static_cast<int>(p.valueDim);
        const T* values = p.values.at(s.row, head / p.group, s.firstKey + tile);
        const int keys = static_cast<int>(s.keys - tile < TILE_KEYS ? s.keys - tile : TILE_KEYS);
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            const int channel = c * Shape::CHANNELS;
            if (channel < channels) {
                __syncthreads();  // everybody is done with the chunk before, and weights are there
                const bool finite = loadChunk<false>(values, p.values.token, s.keys - tile, channel, channels,
                                                     p.packed != 0, chunk);
                const bool spoilt = __syncthreads_or(!finite) != 0;
                spoilt ? accumulateSpoilt(keys, out[c]) : accumulate(keys, out[c]);
            }
        }
    }

    /// Fills `scales`, from the number of keys that each row sees.
    __device__ __forceinline__ void scaleRows(int64_t begin, int64_t end) const {
        const bool counted = p.inverseLogOfTraining != 0 && p.masked();
        if (counted) {
            int64_t seen[ROWS] = {};
#pragma unroll 1
            for (int64_t tile = begin; tile < end; tile += TILE_KEYS) {
                const uint32_t bits = visible(tile);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    seen[r] += __popc(bits >> (r * KEYS) & 0xf);
                }
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const int64_t sum = sumOfRow(seen[r]);
                if (threadIdx.x == 0) {
                    counts[row(r)] = sum;
                }
            }
            __syncthreads();
        }
        const int q = threadIdx.y * ACROSS + threadIdx.x;
        if (q < Shape::QUERIES) {
            const int64_t i = firstQuery + q;
            scales[q] = Row<T>{p, s, head, i}.scale(counted ? counts[q] : p.end(s, i) - p.begin(s, i));
        }
        __syncthreads();
    }

    __device__ __forceinline__ void run() {
        const int64_t last =
            (firstQuery + Shape::QUERIES < s.queries ? firstQuery + Shape::QUERIES : s.queries) - 1;
        // Tiles begin at multiples of their length, so that a row's sums do not depend on the others of its block.
        const int64_t begin = p.begin(s, firstQuery) / TILE_KEYS * TILE_KEYS;
        const int64_t end = p.end(s, last);
        loadQueries();
        scaleRows(begin, end);
#pragma unroll 1
        for (int64_t tile = begin; tile < end; tile += TILE_KEYS) {
            const uint32_t bits = visible(tile);
            if (p.masked() && !__syncthreads_or(bits != 0)) {
                continue;
            }
            C score[ROWS][KEYS] = {};
            dots(tile, score);
            toScores(tile, bits, score);
            weigh(tile, score);
            addValues(tile);
        }
        finish();
    }

    /// Joins the threads' sums, adds the sink, and writes.
    __device__ __forceinline__ void finish() {
        const C sink = p.sinks == nullptr ? -C(INFINITY) : p.sinks[head];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            Sums<C>& sum = sums[r];
            sum.weights = sumOfRow(sum.weights);
            sum.moments = sumOfRow(sum.moments);
            sum.squares = sumOfRow(sum.squares);
            const C maxLogit = sum.most;
            C factor = sum.raise(sink > maxLogit ? sink : maxLogit);
            if (sink > -C(INFINITY)) {
                const C x = sink - sum.most;
                const C weight = exponential(x);
                sum.weights += weight;
                sum.moments = fusedMultiplyAdd(weight, x, sum.moments);
                sum.squares = fusedMultiplyAdd(weight, weight, sum.squares);
            }
            const bool empty = sum.weights == 0;
            factor = empty ? C(0) : factor / sum.weights;
            const int64_t i = firstQuery + row(r);
            if (i < s.queries) {
                write(r, factor);
                if (threadIdx.x == 0) {
                    const int64_t token = s.firstQuery + i;
                    const C logarithm = naturalLogarithm(sum.weights);
                    a.logSumExp.set(s.row, head, token, empty ? -C(INFINITY) : sum.most + logarithm);
                    a.maxLogit.set(s.row, head, token, maxLogit);
                    a.entropy.set(s.row, head, token, empty ? C(0) : logarithm - sum.moments / sum.weights);
                    a.effectiveCount.set(s.row, head, token,
                                         empty ? C(0) : sum.weights / sum.squares * sum.weights);
                }
            }
        }
    }

    /// The outputs of row r, by `factor`.
    __device__ __forceinline__ void write(int r, C factor) const {
        const int channels = static_cast<int>(p.valueDim);
        T* to = a.out.at(s.row, head, s.firstQuery + firstQuery + row(r));
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            const int channel = c * Shape::CHANNELS + threadIdx.x * N;
            Pack<T, N> pack;
#pragma unroll
            for (int n = 0; n < N; n++) {
                pack.at[n] = narrow<T>(out[c][r][n] * factor);
            }
            if (a.packedOut != 0 && channel + N <= channels) {
                storePack<N>(to + channel, 0, pack);
            } else {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    if (channel + n < channels) {
                        to[channel + n] = pack.at[n];
                    }
                }
            }
        }
    }
};

/// Any grid; x covers blocks of queries, y heads, z batches. Late queries, which a causal mask leaves most keys, come
/// first. Where sequences lie one behind the other, x covers all of them.
template <typename T, int CLASS>
__device__ __forceinline__ void forward(const Forward<T>& a) {
    constexpr int QUERIES = Tile<typename ComputeOf<T>::type>::QUERIES;
    const Problem<T>& p = a.problem;
    const bool ragged = p.queryStarts.base != nullptr;
    Slot place{blockIdx.z, gridDim.x - 1 - blockIdx.x};
    if (ragged) {
        place = slot(p.queryStarts, p.queryCount, p.sequences, QUERIES, blockIdx.x);
    }
#pragma unroll 1
    for (int64_t b = place.sequence; b < p.sequences; b += ragged ? p.sequences : gridDim.z) {
        const Sequence s = p.sequence(b);
        if (place.block * QUERIES < s.queries) {
#pragma unroll 1
            for (int64_t h = blockIdx.y; h < p.heads; h += gridDim.y) {
                __syncthreads();  // shared memory is the next head's
                ForwardBlock<T, CLASS>(a, s, h, place.block * QUERIES).run();
            }
        }
    }
}

}  // namespace quern::attention
