// Tiles of the SIMT kernels: how threads share rows of queries and keys, and how channels come into shared memory.
#pragma once

#include "lanes.cuh"
#include "scores.cuh"

namespace quern::attention {

constexpr int ACROSS = 16;  // threads that share a row of scores: threadIdx.x
constexpr int DOWN = 8;     // groups of rows: threadIdx.y
constexpr int THREADS = ACROSS * DOWN;
constexpr int TILE_KEYS = ACROSS * KEYS;

/// ROWS: rows of scores of a thread. A row is a pair of a query and a head of those that share keys.
template <typename C, int ROWS_OF_THREAD = sizeof(C) == 8 ? 2 : 4>
struct Tile {
    static constexpr int N = 16 / sizeof(C);  // numbers of a pack, the widest access
    static constexpr int ROWS = ROWS_OF_THREAD;
    static constexpr int BLOCK_ROWS = DOWN * ROWS;  // of a block
    static constexpr int CHANNELS = ACROSS * N;     // of a chunk: a pack a thread
    static constexpr int STRIDE = CHANNELS + N;     // of its rows: eight neighbouring rows fill all banks
    static constexpr int WEIGHT_STRIDE = TILE_KEYS + N;         // of rows of weights
    static constexpr int CHUNK = TILE_KEYS * STRIDE;            // numbers
    static constexpr int WEIGHTS = BLOCK_ROWS * WEIGHT_STRIDE;  // numbers
};

/// Aligned to the longest row of the kernels for tensor cores, which find places within rows by exclusive or.
extern __shared__ __align__(512) unsigned char sharedMemory[];

/// Packs, one row behind the other, that hold that many channels.

template <typename C>
__device__ __forceinline__ int paddedChannels(int64_t channels) {
    constexpr int N = Tile<C>::N;
    return static_cast<int>((channels + N - 1) / N * N);
}

/// A pack of the channels from c on, zero beyond `channels`. PACKED: rows begin at whole packs and end with one.
template <bool PACKED, typename C, typename T>
__device__ __forceinline__ Pack<C, Tile<C>::N> channelPack(const T* row, int c, int channels) {
    constexpr int N = Tile<C>::N;
    Pack<C, N> pack{};
    if constexpr (PACKED) {
        const Pack<T, N> stored = loadPack<N>(row + c, 0);
#pragma unroll
        for (int n = 0; n < N; n++) {
            pack.at[n] = widen<C>(stored.at[n]);
        }
    } else {
#pragma unroll
        for (int n = 0; n < N; n++) {
            if (c + n < channels) {
                pack.at[n] = widen<C>(row[c + n]);
            }
        }
    }
    return pack;
}

/// In which row of a chunk a key lies. Scores are computed from keys 4 t .. 4 t + 3 by thread t: in this order, threads
/// that work side by side read rows that lie side by side.
__device__ __forceinline__ int keyRow(int key) { return key % KEYS * ACROSS + key / KEYS; }

/// A chunk of COUNT rows, (COUNT, STRIDE): channels c .. c + CHANNELS of the rows that there are, zero otherwise; row k lies at
/// rowAt(k). \return whether all of this thread's are finite
template <int COUNT, bool INTERLEAVED, typename C, typename RowAt>
__device__ __forceinline__ bool loadChunk(const RowAt& rowAt, int64_t there, int c, int channels, bool packed,
                                          C* chunk) {
    constexpr int N = Tile<C>::N;
    const int mine = threadIdx.x * N;
    bool finite = true;
    const auto put = [&](int key, Pack<C, N> pack) {
#pragma unroll
        for (int n = 0; n < N; n++) {
            finite = finite && isfinite(pack.at[n]);
        }
        storePack<N>(chunk + (INTERLEAVED ? keyRow(key) : key) * Tile<C>::STRIDE + mine, 0, pack);
    };
    if (c + mine < channels) {
        if (packed) {  // four loads in flight
#pragma unroll 4
            for (int key = threadIdx.y; key < COUNT; key += DOWN) {
                put(key, key < there ? channelPack<true, C>(rowAt(key), c + mine, channels) : Pack<C, N>{});
            }
        } else {
#pragma unroll 1
            for (int key = threadIdx.y; key < COUNT; key += DOWN) {
                put(key, key < there ? channelPack<false, C>(rowAt(key), c + mine, channels) : Pack<C, N>{});
            }
        }
    }
    return finite;
}

/// The same of rows that lie `stride` apart.
template <int COUNT, bool INTERLEAVED, typename C, typename T>
__device__ __forceinline__ bool loadChunk(const T* rows, int64_t stride, int64_t there, int c, int channels,
                                          bool packed, C* chunk) {
    return loadChunk<COUNT, INTERLEAVED>([=](int row) { return rows + row * stride; }, there, c, channels,
                                         packed, chunk);
}

/// Four neighbouring numbers of shared memory.
template <typename C>
__device__ __forceinline__ void storeFour(const C (&numbers)[KEYS], C* to) {
    constexpr int N = Tile<C>::N;
#pragma unroll
    for (int k = 0; k < KEYS; k += N) {
        Pack<C, N> pack;
#pragma unroll
        for (int n = 0; n < N; n++) {
            pack.at[n] = numbers[k + n];
        }
        storePack<N>(to + k, 0, pack);
    }
}

/// dot += the products of a pack of channels: of ROWS rows from `mine` on, and of this thread's rows of a chunk.
template <typename C, int ROWS>
__device__ __forceinline__ void addDots(const C* mine, int stride, const C* chunk, C (&dot)[ROWS][KEYS]) {
    constexpr int N = Tile<C>::N;
    Pack<C, N> q[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        q[r] = loadPack<N>(mine + r * stride, 0);
    }
#pragma unroll
    for (int k = 0; k < KEYS; k++) {
        const Pack<C, N> key = loadPack<N>(chunk + (k * ACROSS + threadIdx.x) * Tile<C>::STRIDE, 0);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
#pragma unroll
            for (int n = 0; n < N; n++) {
                dot[r][k] = fusedMultiplyAdd(q[r].at[n], key.at[n], dot[r][k]);
            }
        }
    }
}

/// sum += weights * chunk: of ROWS rows of weights from `weights` on, of as many keys, and this thread's pack of channels.
template <typename C, int ROWS>
__device__ __forceinline__ void accumulate(const C* weights, const C* chunk, int keys,
                                           C (&sum)[ROWS][Tile<C>::N]) {
    constexpr int N = Tile<C>::N;
#pragma unroll 1
    for (int j = 0; j < keys; j += N) {
        Pack<C, N> weight[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            weight[r] = loadPack<N>(weights + r * Tile<C>::WEIGHT_STRIDE + j, 0);
        }
#pragma unroll
        for (int k = 0; k < N; k++) {
            const Pack<C, N> value = loadPack<N>(chunk + (j + k) * Tile<C>::STRIDE + threadIdx.x * N, 0);
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
template <typename C, int ROWS>
__device__ __forceinline__ void accumulateSpoilt(const C* weights, const C* chunk, int keys,
                                                 C (&sum)[ROWS][Tile<C>::N]) {
    constexpr int N = Tile<C>::N;
#pragma unroll 1
    for (int j = 0; j < keys; j++) {
        const Pack<C, N> value = loadPack<N>(chunk + j * Tile<C>::STRIDE + threadIdx.x * N, 0);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const C weight = weights[r * Tile<C>::WEIGHT_STRIDE + j];
#pragma unroll
            for (int n = 0; n < N; n++) {
                const C with = fusedMultiplyAdd(weight, value.at[n], sum[r][n]);
                sum[r][n] = weight == 0 ? sum[r][n] : with;
            }
        }
    }
}

}  // namespace quern::attention
