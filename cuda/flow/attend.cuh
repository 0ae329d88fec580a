// Three kernels: what depends on time and weights alone; one pass over the data, in tiles, for blocks of queries, slices of
// channels and splits of the data; and what comes of its sums.
#pragma once

#include "lanes.cuh"
#include "problem.cuh"

namespace quern::flow {

constexpr int ACROSS = 16;  // threads that share a query's row of scores: threadIdx.x
constexpr int DOWN = 8;     // groups of queries: threadIdx.y
constexpr int THREADS = ACROSS * DOWN;
constexpr int OF_THREAD = 4;  // data of a tile whose scores a thread computes: t, 16 + t, 32 + t, 48 + t
constexpr int TILE = ACROSS * OF_THREAD;
constexpr int PREPARE_THREADS = 256;

template <typename C>
struct Shape {
    static constexpr int N = 16 / sizeof(C);  // numbers of a pack, the widest access
    static constexpr int ROWS = sizeof(C) == 8 ? 2 : 4;
    static constexpr int QUERIES = DOWN * ROWS;     // of a block
    static constexpr int CHANNELS = ACROSS * N;     // of a chunk: a pack a thread
    static constexpr int STRIDE = CHANNELS + N;     // of its rows: eight neighbouring rows fill all banks
    static constexpr int WEIGHT_STRIDE = TILE + N;  // of rows of weights
};

/// The sum over a block, the same for all its threads, in one fixed order.
template <int THREADS_OF_BLOCK>
__device__ __forceinline__ double sumOfBlock(double x) {
    __shared__ double ofWarps[THREADS_OF_BLOCK / 32];
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    x = sumOfLanes<32>(x);
    if (thread % 32 == 0) {
        ofWarps[thread / 32] = x;
    }
    __syncthreads();
    x = 0;
#pragma unroll
    for (int warp = 0; warp < THREADS_OF_BLOCK / 32; warp++) {
        x += ofWarps[warp];
    }
    return x;
}

/// Moments of all times, logarithms of all weights, and, by the first block, their sum. Any grid.
template <typename T>
__device__ __forceinline__ void prepare(const Problem<T>& a) {
    const int64_t first = blockIdx.x * static_cast<int64_t>(PREPARE_THREADS) + threadIdx.x;
    const int64_t step = gridDim.x * static_cast<int64_t>(PREPARE_THREADS);
    const int64_t times = a.times.base == nullptr || a.times.stride == 0 ? 1 : a.count;
    for (int64_t i = first; i < times; i += step) {
        a.moments[i] = a.momentAt(a.times.base == nullptr ? a.time : *a.times.at(i));
    }
    if (a.weights.base == nullptr) {
        if (first == 0) {
            *a.totalWeight = static_cast<double>(a.dataCount);
        }
        return;
    }
    for (int64_t j = first; j < a.dataCount; j += step) {
        a.logWeights[j] = log2(*a.weights.at(j));
    }
    if (blockIdx.x == 0) {
        double sum = 0;
        for (int64_t j = threadIdx.x; j < a.dataCount; j += PREPARE_THREADS) {
            sum += static_cast<double>(*a.weights.at(j));
        }
        sum = sumOfBlock<PREPARE_THREADS>(sum);
        if (threadIdx.x == 0) {
            *a.totalWeight = sum;
        }
    }
}

/// Channels c .. c + CHANNELS of `there` rows as a chunk (COUNT, STRIDE), zero beyond what there is; at(row, channel) is a number.
template <int COUNT, typename T, typename At>
__device__ __forceinline__ void loadChunk(const At& numberAt, int64_t there, int64_t c, int64_t channels,
                                          T* chunk) {
    constexpr int N = Shape<T>::N;
    const int64_t mine = c + threadIdx.x;
#pragma unroll 2  // eight loads in flight
    for (int row = 0; row < COUNT / DOWN; row++) {
        // The two rows of a warp lie four apart: they then fill all banks.
        const int at = row * DOWN + threadIdx.y % 2 * (DOWN / 2) + threadIdx.y / 2;
#pragma unroll
        for (int n = 0; n < N;
             n++) {  // neighbouring threads take neighbouring channels, whatever the rows' alignment
            const int64_t channel = mine + n * ACROSS;
            chunk[at * Shape<T>::STRIDE + n * ACROSS + threadIdx.x] =
                at < there && channel < channels ? numberAt(at, channel) : T(0);
        }
    }
}

/// The same of rows from `first` on.
template <int COUNT, typename T>
__device__ __forceinline__ void loadChunk(const Rows<const T>& rows, int64_t first, int64_t there, int64_t c,
                                          int64_t channels, T* chunk) {
    loadChunk<COUNT>([&](int row, int64_t channel) { return rows.at(first + row)[channel]; }, there, c,
                     channels, chunk);
}

/// far[r][k] grows by the chunk's share of the squared distance of ROWS queries from `mine` on to this thread's data, or is
/// raised to its largest component.
template <bool LARGEST, typename C, int ROWS>
__device__ __forceinline__ void addDistances(const C* mine, const C* chunk, const C (&minusAlpha)[ROWS],
                                             C (&far)[ROWS][OF_THREAD]) {
    constexpr int N = Shape<C>::N;
#pragma unroll 1
    for (int c = 0; c < Shape<C>::CHANNELS; c += N) {
        Pack<C, N> x[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            x[r] = loadPack<N>(mine + r * Shape<C>::STRIDE + c, 0);
        }
#pragma unroll
        for (int k = 0; k < OF_THREAD; k++) {
            const Pack<C, N> y = loadPack<N>(chunk + (k * ACROSS + threadIdx.x) * Shape<C>::STRIDE + c, 0);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    const C v = fusedMultiplyAdd(minusAlpha[r], y.at[n], x[r].at[n]);
                    if constexpr (LARGEST) {
                        // Raised by what is not finite too, and stays NaN.
                        far[r][k] = fabs(v) <= far[r][k] || far[r][k] != far[r][k] ? far[r][k] : fabs(v);
                    } else {
                        far[r][k] = fusedMultiplyAdd(v, v, far[r][k]);
                    }
                }
            }
        }
    }
}

/// dot[r][k] grows by the chunk's share of the product of ROWS vectors from `mine` on with this thread's data.
template <typename C, int ROWS>
__device__ __forceinline__ void addDots(const C* mine, const C* chunk, C (&dot)[ROWS][OF_THREAD]) {
    constexpr int N = Shape<C>::N;
#pragma unroll 1
    for (int c = 0; c < Shape<C>::CHANNELS; c += N) {
        Pack<C, N> x[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            x[r] = loadPack<N>(mine + r * Shape<C>::STRIDE + c, 0);
        }
#pragma unroll
        for (int k = 0; k < OF_THREAD; k++) {
            const Pack<C, N> y = loadPack<N>(chunk + (k * ACROSS + threadIdx.x) * Shape<C>::STRIDE + c, 0);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    dot[r][k] = fusedMultiplyAdd(x[r].at[n], y.at[n], dot[r][k]);
                }
            }
        }
    }
}

/// sum += weights * chunk: of ROWS queries, TILE data, and this thread's pack of channels.
template <typename C, int ROWS>
__device__ __forceinline__ void accumulate(const C* weights, const C* chunk, C (&sum)[ROWS][Shape<C>::N]) {
    constexpr int N = Shape<C>::N;
#pragma unroll 1
    for (int j = 0; j < TILE; j += N) {
        Pack<C, N> weight[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            weight[r] = loadPack<N>(weights + r * Shape<C>::WEIGHT_STRIDE + j, 0);
        }
#pragma unroll
        for (int k = 0; k < N; k++) {
            const Pack<C, N> y = loadPack<N>(chunk + (j + k) * Shape<C>::STRIDE + threadIdx.x * N, 0);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    sum[r][n] = fusedMultiplyAdd(weight[r].at[k], y.at[n], sum[r][n]);
                }
            }
        }
    }
}

/// 16 bytes of global memory in one access: of sums that loops have kept in registers the compiler makes several, even of a float4.
__device__ __forceinline__ void storeVector(fp32* to, const fp32 (&x)[4]) {
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)), "f"(x[0]),
                 "f"(x[1]), "f"(x[2]), "f"(x[3])
                 : "memory");
}

__device__ __forceinline__ void storeVector(fp64* to, const fp64 (&x)[2]) {
    asm volatile("st.global.v2.f64 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(to)), "d"(x[0]), "d"(x[1])
                 : "memory");
}

__device__ __forceinline__ void storeFour(fp32* to, const fp32 (&x)[4]) { storeVector(to, x); }

__device__ __forceinline__ void storeFour(fp64* to, const fp64 (&x)[4]) {
    storeVector(to, {x[0], x[1]});
    storeVector(to + 2, {x[2], x[3]});
}

/// Grid: blocks of queries; slices of MOST channels, those of the means before those of the means weighted by slopes; splits.
/// Distances are taken component by component, x - alpha y rounded once, so that a score is right to a few roundings of itself;
/// sums of chunks are added with what the addition before lost (Kahan). GRADIENT: the means are those weighted by slopes, and by
/// these and the data's products with the query's tangent.
template <typename Noise, int MOST, bool GRADIENT, typename T>
__device__ __forceinline__ void attend(const Problem<T>& a) {
    using S = Shape<T>;
    constexpr int N = S::N;
    constexpr int ROWS = S::ROWS;
    constexpr int CHUNKS = MOST / S::CHANNELS;
    __shared__ __align__(16) T queries[S::QUERIES * S::STRIDE];  // a chunk
    __shared__ __align__(16) T data[TILE * S::STRIDE];           // a chunk
    __shared__ __align__(16) T weights[S::QUERIES * S::WEIGHT_STRIDE];
    __shared__ __align__(16) T tangents[GRADIENT ? S::QUERIES * S::STRIDE : N];  // a chunk

    const int64_t firstQuery = blockIdx.x * static_cast<int64_t>(S::QUERIES);
    const int64_t queriesThere = a.count - firstQuery;
    const int64_t slices = gridDim.y / a.passes;
    const int64_t pass = blockIdx.y / slices;
    const int64_t firstChannel = blockIdx.y % slices * MOST;
    const int64_t split = blockIdx.z;
    const int64_t begin = split * a.splitData;
    const int64_t end = begin + a.splitData < a.dataCount ? begin + a.splitData : a.dataCount;

    T minusAlpha[ROWS], inverse[ROWS], shift[ROWS];
    T most[ROWS], weightSum[ROWS]{}, slopeSum[ROWS]{}, squareSum[ROWS]{};
    T sum[CHUNKS][ROWS][N]{};
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int64_t query = firstQuery + threadIdx.y * ROWS + r;
        const Moment moment = a.moment(query < a.count ? query : a.count - 1);
        minusAlpha[r] = static_cast<T>(-moment.alpha);
        inverse[r] = static_cast<T>(1 / (Noise::LARGEST ? moment.sigma : moment.sigma * moment.sigma));
        shift[r] = Noise::LARGEST ? static_cast<T>(moment.sigma * (a.noiseFirst + a.noiseSecond) / 2) : T(0);
        most[r] = sizeof(T) == 8 ? T(-1.7976931348623157e308) : T(-3.4028234663852886e38f);
    }

#pragma unroll 1
    for (int64_t tile = begin; tile < end; tile += TILE) {
        T far[ROWS][OF_THREAD]{}, lost[ROWS][OF_THREAD]{}, dot[ROWS][OF_THREAD]{};
#pragma unroll 1
        for (int64_t c = 0; c < a.channels; c += S::CHANNELS) {
            __syncthreads();  // the chunk before is done with
            loadChunk<S::QUERIES>(a.queries, firstQuery, queriesThere, c, a.channels, queries);
            loadChunk<TILE>(a.data, tile, end - tile, c, a.channels, data);
            if constexpr (GRADIENT) {
                loadChunk<S::QUERIES>(
                    [&](int row, int64_t channel) {
                        const int64_t query = firstQuery + row;
                        return a.tangent(query, channel, static_cast<T>(a.moment(query).pull()));
                    },
                    queriesThere, c, a.channels, tangents);
            }
            if constexpr (Noise::LARGEST) {  // |x - shift - alpha y|: of channels that there are
                __syncthreads();
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    T* row = queries + (threadIdx.y * ROWS + r) * S::STRIDE;
#pragma unroll
                    for (int n = 0; n < N; n++) {
                        const int at = n * ACROSS + threadIdx.x;
                        row[at] -= c + at < a.channels ? shift[r] : T(0);
                    }
                }
            }
            __syncthreads();
            if constexpr (GRADIENT) {
                addDots(tangents + threadIdx.y * ROWS * S::STRIDE, data, dot);
            }
            T part[ROWS][OF_THREAD]{};
            addDistances<Noise::LARGEST>(queries + threadIdx.y * ROWS * S::STRIDE, data, minusAlpha, part);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
#pragma unroll
                for (int k = 0; k < OF_THREAD; k++) {
                    if constexpr (Noise::LARGEST) {
                        far[r][k] =
                            part[r][k] <= far[r][k] || far[r][k] != far[r][k] ? far[r][k] : part[r][k];
                    } else {
                        const T next = part[r][k] - lost[r][k];
                        const T total = far[r][k] + next;
                        lost[r][k] = (total - far[r][k]) - next;
                        far[r][k] = total;
                    }
                }
            }
        }

#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            T score[OF_THREAD];
            T tileMost = most[r];
#pragma unroll
            for (int k = 0; k < OF_THREAD; k++) {
                const int64_t datum = tile + k * ACROSS + threadIdx.x;
                far[r][k] *= inverse[r];
                T s = -T(INFINITY);
                if (datum < end) {
                    s = Noise::score(far[r][k], a);
                    s += a.logWeights == nullptr ? T(0) : a.logWeights[datum];
                }
                score[k] = s;
                tileMost = s > tileMost ? s : tileMost;
            }
            tileMost = mostOfLanes<ACROSS>(tileMost);
            if (tileMost > most[r]) {
                const T factor = exp2Polynomial(most[r] - tileMost);
                most[r] = tileMost;
                weightSum[r] *= factor;
                slopeSum[r] *= factor;
                squareSum[r] *= factor;
#pragma unroll
                for (int chunk = 0; chunk < CHUNKS; chunk++) {
#pragma unroll
                    for (int n = 0; n < N; n++) {
                        sum[chunk][r][n] *= factor;
                    }
                }
            }
#pragma unroll
            for (int k = 0; k < OF_THREAD; k++) {
                const T weight = exp2Polynomial(score[k] - most[r]);
                const T slope = Noise::slope(far[r][k], a);
                const T weighted = weight * slope;
                weightSum[r] += weight;
                slopeSum[r] += weighted;
                squareSum[r] = GRADIENT ? fusedMultiplyAdd(weight, dot[r][k], squareSum[r])
                                        : fusedMultiplyAdd(weighted, far[r][k], squareSum[r]);
                const T first = GRADIENT ? weighted : weight;
                const T second = GRADIENT ? weighted * dot[r][k] : weighted;
                weights[(threadIdx.y * ROWS + r) * S::WEIGHT_STRIDE + k * ACROSS + threadIdx.x] =
                    pass == 0 ? first : second;
            }
        }

#pragma unroll
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            const int64_t c = firstChannel + chunk * S::CHANNELS;
            if (c < a.channels) {  // the same for all threads
                if (a.channels > S::CHANNELS) {
                    __syncthreads();  // the chunk before is done with
                    loadChunk<TILE>(a.data, tile, end - tile, c, a.channels, data);
                }
                __syncthreads();
                accumulate(weights + threadIdx.y * ROWS * S::WEIGHT_STRIDE, data, sum[chunk]);
            }
        }
    }

#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int64_t query = firstQuery + threadIdx.y * ROWS + r;
        const T sums[4]{most[r], sumOfLanes<ACROSS>(weightSum[r]), sumOfLanes<ACROSS>(slopeSum[r]),
                        sumOfLanes<ACROSS>(squareSum[r])};
        if (query < a.count) {
            if (blockIdx.y == 0 && threadIdx.x == 0) {
                storeFour(&a.sums[split * a.count + query].most, sums);
            }
            T* to = a.partialRow(split, pass, query);
#pragma unroll
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                const int64_t c = firstChannel + chunk * S::CHANNELS + threadIdx.x * N;
                if (c < a.channels) {
                    storeVector(to + c, sum[chunk][r]);
                }
            }
        }
    }
}

/// What all splits together leave of a query: sums over those of weights, which are left as they are.
template <typename T>
struct Whole {
    T most;
    double weights, slopes, squares;

    __device__ __forceinline__ Whole(const Problem<T>& a, int64_t query)
        : most(a.sums[query].most), weights(0), slopes(0), squares(0) {
#pragma unroll 1
        for (int64_t split = 1; split < a.splits; split++) {
            const T own = a.sums[split * a.count + query].most;
            most = own > most ? own : most;
        }
#pragma unroll 1
        for (int64_t split = 0; split < a.splits; split++) {
            const Sums<T> own = a.sums[split * a.count + query];
            const double factor = static_cast<double>(exp2Polynomial(own.most - most));
            weights += factor * static_cast<double>(own.weights);
            slopes += factor * static_cast<double>(own.slopes);
            squares += factor * static_cast<double>(own.squares);
        }
        slopes *= inverse();
        squares *= inverse();
    }

    __device__ __forceinline__ bool nowhere() const { return weights == 0; }
    __device__ __forceinline__ double inverse() const { return nowhere() ? 0 : 1 / weights; }

    /// Channel c of a pass's mean.
    __device__ __forceinline__ double mean(const Problem<T>& a, int64_t query, int64_t pass,
                                           int64_t c) const {
        double sum = 0;
#pragma unroll 1
        for (int64_t split = 0; split < a.splits; split++) {
            const T own = a.sums[split * a.count + query].most;
            sum = fusedMultiplyAdd(static_cast<double>(exp2Polynomial(own - most)),
                                   static_cast<double>(a.partialRow(split, pass, query)[c]), sum);
        }
        return sum * inverse();
    }
};

/// Merges the splits of a query and writes what is asked for; a block a query.
template <typename T>
__device__ __forceinline__ void finish(const Problem<T>& a) {
    const int thread = threadIdx.y * ACROSS + threadIdx.x;
#pragma unroll 1
    for (int64_t query = blockIdx.x; query < a.count; query += gridDim.x) {
        const Moment moment = a.moment(query);
        const Whole<T> whole(a, query);
        const bool nowhere = whole.nowhere();
        const double variance = moment.sigma * moment.sigma;
        double dot = 0;  // of x - alpha mean and the score
#pragma unroll 1
        for (int64_t c = thread; c < a.channels; c += THREADS) {
            const double mean = whole.mean(a, query, 0, c);
            const double x = static_cast<double>(a.queries.at(query)[c]);
            const double rest = nowhere ? 0 : fusedMultiplyAdd(-moment.alpha, mean, x);
            const double score =
                a.passes == 2 ? fusedMultiplyAdd(-moment.alpha, whole.mean(a, query, 1, c), x * whole.slopes)
                              : rest * whole.slopes;
            dot = fusedMultiplyAdd(rest, score / variance, dot);
            if (a.mean.base != nullptr) {
                a.mean.at(query)[c] = static_cast<T>(mean);
            }
            if (a.velocity.base != nullptr) {
                a.velocity.at(query)[c] =
                    static_cast<T>(fusedMultiplyAdd(moment.logSigmaRate, rest, moment.alphaRate * mean));
            }
            if (a.score.base != nullptr) {
                a.score.at(query)[c] = static_cast<T>(score / variance);
            }
        }
        __syncthreads();  // the sum before is done with
        dot = sumOfBlock<THREADS>(dot);
        if (thread == 0) {
            const double channels = static_cast<double>(a.channels);
            if (a.logDensity.base != nullptr) {
                *a.logDensity.at(query) = static_cast<T>(
                    nowhere ? -INFINITY
                            : LN_2 * static_cast<double>(whole.most) + log(whole.weights) -
                                  log(*a.totalWeight) - channels * log(moment.sigma) + a.logConstant);
            }
            if (a.divergence.base != nullptr) {
                // sum p (y - mean) . slope (x - alpha y), by the distances alone; nothing is lost where all data meet in one point.
                const double spread = moment.alpha == 0 ? 0 : (dot - whole.squares) / moment.alpha;
                *a.divergence.at(query) = static_cast<T>(
                    nowhere ? 0 : fusedMultiplyAdd(moment.pull(), spread, moment.logSigmaRate * channels));
            }
        }
    }
}

/// a df + (x (C + e H) - alpha (Mc + e Mh)) / sigma^2: H and Mh the means of slopes and of data weighted by them, Mc those of data
/// weighted by slopes and products c with the tangent, C its own product with it; e = L' - the mean of c. A block a query.
template <typename T>
__device__ __forceinline__ void finishGradient(const Problem<T>& a) {
    const int thread = threadIdx.y * ACROSS + threadIdx.x;
#pragma unroll 1
    for (int64_t query = blockIdx.x; query < a.count; query += gridDim.x) {
        const Moment moment = a.moment(query);
        const Whole<T> whole(a, query);
        const T pull = static_cast<T>(moment.pull());
        double dot = 0;
#pragma unroll 1
        for (int64_t c = thread; c < a.channels; c += THREADS) {
            dot = fusedMultiplyAdd(static_cast<double>(a.tangent(query, c, pull)), whole.mean(a, query, 0, c),
                                   dot);
        }
        __syncthreads();  // the sum before is done with
        dot = sumOfBlock<THREADS>(dot);
        const double ofLogDensity =
            a.logDensityGradient.base == nullptr ? 0 : static_cast<double>(*a.logDensityGradient.at(query));
        const double e = ofLogDensity - whole.squares;
        const double variance = moment.sigma * moment.sigma;
        const double ofQuery = fusedMultiplyAdd(e, whole.slopes, dot);
#pragma unroll 1
        for (int64_t c = thread; c < a.channels; c += THREADS) {
            const double x = static_cast<double>(a.queries.at(query)[c]);
            const double means = fusedMultiplyAdd(e, whole.mean(a, query, 0, c), whole.mean(a, query, 1, c));
            const double ofScores = fusedMultiplyAdd(-moment.alpha, means, x * ofQuery) / variance;
            const double ofVelocity =
                a.velocityGradient.base == nullptr ? 0 : static_cast<double>(a.velocityGradient.at(query)[c]);
            a.queriesGradient.at(query)[c] = static_cast<T>(
                whole.nowhere() ? 0 : fusedMultiplyAdd(moment.logSigmaRate, ofVelocity, ofScores));
        }
    }
}

/// A product, then an fma for each further term. Any grid.
template <typename T>
__device__ __forceinline__ void combine(const Terms<T>& a) {
    const int64_t step = gridDim.x * static_cast<int64_t>(blockDim.x);
#pragma unroll 1
    for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < a.count; i += step) {
        T sum = a.from[0][i] * static_cast<T>(a.factors[0]);
#pragma unroll
        for (int term = 1; term < Terms<T>::MOST; term++) {
            if (term < a.terms) {
                sum = fusedMultiplyAdd(static_cast<T>(a.factors[term]), a.from[term][i], sum);
            }
        }
        a.to[i] = sum;
    }
}

}  // namespace quern::flow
