// The forward pass on CUDA cores, for every setting: FlashAttention-2's loop (arXiv:2307.08691, algorithm 1).
//
// A row is a pair of a query and one of the heads that share keys, so that these are read once for all of them. A block of
// 16 x 8 threads takes BLOCK_ROWS rows and goes through the keys in tiles of 64. A thread computes
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

// Shared memory of a block: queries (BLOCK_ROWS, padded headDim + N), a chunk, weights (BLOCK_ROWS, WEIGHT_STRIDE).

template <typename C, int ROWS>
__device__ __forceinline__ C* scalesOfBlock() {
    __shared__ C scales[DOWN * ROWS];
    return scales;
}

template <int ROWS>
__device__ __forceinline__ int64_t* countsOfBlock() {
    __shared__ int64_t counts[DOWN * ROWS];
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

    __device__ __forceinline__ void store(C* to) const {
        to[0] = most;
        to[1] = weights;
        to[2] = moments;
        to[3] = squares;
    }

    __device__ __forceinline__ static Sums load(const C* from) {
        return {from[0], from[1], from[2], from[3]};
    }

    /// Adds those of other keys of the row. \return what outputs so far and the others' are to be multiplied by
    __device__ __forceinline__ void add(Sums other, C& mine, C& others) {
        const C both = other.most > most ? other.most : most;
        mine = raise(both);
        others = other.raise(both);
        weights += other.weights;
        moments += other.moments;
        squares += other.squares;
    }
};

/// Numbers of Sums.
constexpr int ROW_STATE = 4;

/// Adds the sink to a row's sums and writes its statistics, if asked for. \return the factor of its outputs
template <typename T, typename C>
__device__ __forceinline__ C finishRow(const Forward<T>& a, const Row<T>& row, Sums<C>& sum, bool writes) {
    const C sink = row.p.sinks == nullptr ? -C(INFINITY) : row.p.sinks[row.head];
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
    if (writes) {
        const int64_t token = row.s.firstQuery + row.i;
        const C logarithm = naturalLogarithm(sum.weights);
        a.logSumExp.set(row.s.row, row.head, token, empty ? -C(INFINITY) : sum.most + logarithm);
        a.maxLogit.set(row.s.row, row.head, token, maxLogit);
        a.entropy.set(row.s.row, row.head, token, empty ? C(0) : logarithm - sum.moments / sum.weights);
        a.effectiveCount.set(row.s.row, row.head, token,
                             empty ? C(0) : sum.weights / sum.squares * sum.weights);
    }
    return factor;
}

/// Keys and values that lie one behind the other.
template <typename T>
struct InRow {
    /// What gives the row of key `tile` + k by k.
    __device__ __forceinline__ auto rows(const Rows<const T>& tokens, const Sequence& s, int64_t head,
                                         int64_t tile) const {
        return [first = tokens.at(s.row, head, s.firstKey + tile), stride = tokens.token](int key) {
            return first + key * stride;
        };
    }
};

/// Place: where keys and values lie.
template <typename T, int CLASS, int ROWS, typename Place = InRow<T>>
struct ForwardBlock {
    using C = typename ComputeOf<T>::type;
    using Shape = Tile<C, ROWS>;
    static constexpr int N = Shape::N;
    static constexpr int CHUNKS = CLASS / Shape::CHANNELS;

    const Forward<T>& a;
    const Problem<T>& p;
    const Sequence s;
    const int64_t keyHead;
    const int64_t firstQuery;  // of this block, within the sequence
    const int firstHead;       // of this block, among those that share the keys
    const int group;
    const Place place;
    C* const queries;
    const int queryStride;
    C* const chunk;
    C* const weights;
    C* const scales;        // (BLOCK_ROWS), of the dot products
    int64_t* const counts;  // (BLOCK_ROWS), of the keys seen

    Sums<C> sums[ROWS];
    C out[CHUNKS][ROWS][N];

    __device__ __forceinline__ ForwardBlock(const Forward<T>& forward, const Sequence& sequence, int64_t h,
                                            int64_t firstRow, const Place& keysAndValues = {})
        : a(forward),
          p(forward.problem),
          s(sequence),
          keyHead(h),
          firstQuery(firstRow / forward.problem.group),
          firstHead(static_cast<int>(firstRow % forward.problem.group)),
          group(static_cast<int>(forward.problem.group)),
          place(keysAndValues),
          queries(reinterpret_cast<C*>(sharedMemory)),
          queryStride(paddedChannels<C>(forward.problem.headDim) + N),
          chunk(queries + Shape::BLOCK_ROWS * queryStride),
          weights(chunk + Shape::CHUNK),
          scales(scalesOfBlock<C, ROWS>()),
          counts(countsOfBlock<ROWS>()),
          out{} {}

    /// This thread's row r of the block.
    __device__ __forceinline__ int row(int r) const { return threadIdx.y * ROWS + r; }

    /// Row q of the block: its head and its query; those beyond the last query do not exist.
    __device__ __forceinline__ Row<T> rowOfBlock(int q) const {
        return {p, s, keyHead * group + (firstHead + q) % group, firstQuery + (firstHead + q) / group};
    }

    __device__ __forceinline__ Row<T> query(int r) const { return rowOfBlock(row(r)); }

    __device__ __forceinline__ void loadQueries() {
        const int channels = static_cast<int>(p.headDim);
#pragma unroll 1
        for (int q = threadIdx.y; q < Shape::BLOCK_ROWS; q += DOWN) {
            const Row<T> mine = rowOfBlock(q);
            const bool there = mine.i < s.queries;
            const T* from = p.query.at(s.row, mine.head, s.firstQuery + (there ? mine.i : 0));
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
        const auto keys = place.rows(p.keys, s, keyHead, tile);
#pragma unroll 1
        for (int c = 0; c < channels; c += Shape::CHANNELS) {
            __syncthreads();  // everybody is done with the chunk before
            loadChunk<TILE_KEYS, true>(keys, s.keys - tile, c, channels, p.packed != 0, chunk);
            __syncthreads();
            const int count = min(Shape::CHANNELS, paddedChannels<C>(channels) - c);
#pragma unroll 1
            for (int d = 0; d < count; d += N) {
                addDots(queries + row(0) * queryStride + c + d, queryStride, chunk + d, dot);
            }
        }
    }

    __device__ __forceinline__ C* weightsOf(int r) const {
        return weights + row(r) * Shape::WEIGHT_STRIDE + threadIdx.x * KEYS;
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
            storeFour(score[r], weightsOf(r));
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
            most = mostOfLanes<ACROSS>(most);
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
            storeFour(weight, weightsOf(r));
        }
        if (p.dropped > 0) {
            dropOut(tile);
        }
    }

    __device__ __forceinline__ void addValues(int64_t tile) {
        const int channels = static_cast<int>(p.valueDim);
        const auto values = place.rows(p.values, s, keyHead, tile);
        const C* mine = weights + row(0) * Shape::WEIGHT_STRIDE;
        const int keys = static_cast<int>(s.keys - tile < TILE_KEYS ? s.keys - tile : TILE_KEYS);
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            const int channel = c * Shape::CHANNELS;
            if (channel < channels) {
                __syncthreads();  // everybody is done with the chunk before, and weights are there
                const bool finite = loadChunk<TILE_KEYS, false>(values, s.keys - tile, channel, channels,
                                                                p.packed != 0, chunk);
                const bool spoilt = __syncthreads_or(!finite) != 0;
                spoilt ? accumulateSpoilt<C, ROWS>(mine, chunk, keys, out[c])
                       : accumulate<C, ROWS>(mine, chunk, keys, out[c]);
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
                const int64_t sum = sumOfLanes<ACROSS>(seen[r]);
                if (threadIdx.x == 0) {
                    counts[row(r)] = sum;
                }
            }
            __syncthreads();
        }
        const int q = threadIdx.y * ACROSS + threadIdx.x;
        if (q < Shape::BLOCK_ROWS) {
            const Row<T> mine = rowOfBlock(q);
            scales[q] = mine.scale(counted ? counts[q] : p.end(s, mine.i) - p.begin(s, mine.i));
        }
        __syncthreads();
    }

    __device__ __forceinline__ int64_t lastQuery() const {
        const int64_t last = rowOfBlock(Shape::BLOCK_ROWS - 1).i;
        return last < s.queries ? last : s.queries - 1;
    }

    /// Adds up the keys from `from` to `to`, a multiple of TILE_KEYS or beyond all keys.
    __device__ __forceinline__ void addKeys(int64_t from, int64_t to) {
        // Tiles begin at multiples of their length, so that a row's sums do not depend on the others of its block.
        const int64_t allBegin = p.begin(s, firstQuery) / TILE_KEYS * TILE_KEYS;
        const int64_t allEnd = p.end(s, lastQuery());
        loadQueries();
        scaleRows(allBegin, allEnd);
        const int64_t end = to < allEnd ? to : allEnd;
#pragma unroll 1
        for (int64_t tile = from > allBegin ? from : allBegin; tile < end; tile += TILE_KEYS) {
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
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            sums[r].weights = sumOfLanes<ACROSS>(sums[r].weights);
            sums[r].moments = sumOfLanes<ACROSS>(sums[r].moments);
            sums[r].squares = sumOfLanes<ACROSS>(sums[r].squares);
        }
    }

    /// Adds the sinks and writes.
    __device__ __forceinline__ void finish() {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const Row<T> mine = query(r);
            if (mine.i < s.queries) {
                write(r, mine, finishRow(a, mine, sums[r], threadIdx.x == 0));
            }
        }
    }

    /// Leaves what was summed in a workspace: ROW_STATE numbers a row, then its outputs.
    __device__ __forceinline__ void leave(C* workspace, int64_t rowStride) const {
        const int channels = static_cast<int>(p.valueDim);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const Row<T> mine = query(r);
            if (mine.i < s.queries) {
                C* to = workspace + (mine.head * s.queries + mine.i) * rowStride;
                if (threadIdx.x == 0) {
                    sums[r].store(to);
                }
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
                    for (int n = 0; n < N; n++) {
                        const int channel = c * Shape::CHANNELS + threadIdx.x * N + n;
                        if (channel < channels) {
                            to[ROW_STATE + channel] = out[c][r][n];
                        }
                    }
                }
            }
        }
    }

    /// The outputs of row r, by `factor`.
    __device__ __forceinline__ void write(int r, const Row<T>& mine, C factor) const {
        const int channels = static_cast<int>(p.valueDim);
        T* to = a.out.at(s.row, mine.head, s.firstQuery + mine.i);
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

/// Any grid; x covers blocks of rows, y heads of keys, z batches. Late queries, which a causal mask leaves most keys, come
/// first. Where sequences lie one behind the other, x covers all of them.
template <typename T, int CLASS>
__device__ __forceinline__ void forward(const Forward<T>& a) {
    using Shape = Tile<typename ComputeOf<T>::type>;
    const Problem<T>& p = a.problem;
    const bool ragged = p.queryStarts.base != nullptr;
    Slot place{blockIdx.z, gridDim.x - 1 - blockIdx.x};
    if (ragged) {
        place = slot(p.queryStarts, p.queryCount, p.sequences, p.group, Shape::BLOCK_ROWS, blockIdx.x);
    }
#pragma unroll 1
    for (int64_t b = place.sequence; b < p.sequences; b += ragged ? p.sequences : gridDim.z) {
        const Sequence s = p.sequence(b);
        if (place.block * Shape::BLOCK_ROWS < s.queries * p.group) {
#pragma unroll 1
            for (int64_t h = blockIdx.y; h * p.group < p.heads; h += gridDim.y) {
                __syncthreads();  // shared memory is the next head's
                ForwardBlock<T, CLASS, Shape::ROWS> block(a, s, h, place.block * Shape::BLOCK_ROWS);
                block.addKeys(0, s.keys);
                block.finish();
            }
        }
    }
}

}  // namespace quern::attention
