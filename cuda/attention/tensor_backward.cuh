// The backward pass on tensor cores, for FP16 and BF16 from compute_80 on, of
// scores that are nothing but scaled products.
//
// A block owns rows of keys, of which it sums dK and dV, or rows of queries, of
// which it sums dQ, and goes through tiles of the rows that they meet. The
// owned rows are the rows of all its products: what these leave in registers
// is, rounded, what the products that are summed take. Nothing is added
// atomically: sums have one order, and the bits are always the same. The price
// is that scores and dO . v are computed twice.
//
// Tiles are copied while the one before is worked on. Rows in common come from
// backwardRows in backward.cuh.
#pragma once

#include "backward.cuh"
#include "lanes.cuh"
#include "tensor_tile.cuh"

namespace quern::attention {

enum class Owner { QUERIES, KEYS };

/// Of a block; accumulators of more would leave no registers.
template <int DIM>
constexpr int OWNED_ROWS = DIM <= 64 ? 128 : 64;

/// Of a tile; two tiles leave room for two blocks on a multiprocessor.
template <int DIM>
constexpr int MET_ROWS = DIM <= 64 ? 64 : 32;

/// Rows of tokens of one head, from this thread's place: first those of query
/// or keys, then those of outGradient or values.
template <typename T>
struct Operands {
    const T* first;
    const T* second;
    int64_t firstStride, secondStride;
    int64_t firstHead, secondHead;  // to the next head
};

/// What a block owns. Looked up anew after the loop, so that no register holds
/// it in between: `x` is blockIdx.x, `once`.
template <typename T, int DIM, Owner OWNER>
struct OwnedRows {
    Sequence s;
    int64_t first, there,
        written;  // there: rows of the sequence from the first on

    __device__ __forceinline__ OwnedRows(const Problem<T>& p, int64_t x) {
        constexpr bool OF_KEYS = OWNER == Owner::KEYS;
        const bool ragged = p.queryStarts.base != nullptr;
        const int64_t tokens = OF_KEYS ? p.keyCount : p.queryCount;
        // Where a causal mask leaves a block most to do, it comes first.
        Slot place{blockIdx.z, OF_KEYS ? x : gridDim.x - 1 - x};
        if (ragged) {
            place = slot(OF_KEYS ? p.keyStarts : p.queryStarts, tokens, p.sequences, 1, OWNED_ROWS<DIM>, x);
        }
        s = p.sequence(place.sequence);
        first = place.block * OWNED_ROWS<DIM>;
        there = (OF_KEYS ? s.keys : s.queries) - first;
        written = ragged ? there : tokens - first;
    }

    __device__ __forceinline__ TensorRange range(const Problem<T>& p) const {
        constexpr int ROWS = OWNED_ROWS<DIM>;
        constexpr int MET = MET_ROWS<DIM>;
        const int64_t diagonal = p.diagonal(s);
        return OWNER == Owner::KEYS
                   ? TensorRange(first, ROWS, s.keys, s.queries, -diagonal, p.right, p.left, MET)
                   : TensorRange(first, ROWS, s.queries, s.keys, diagonal, p.left, p.right, MET);
    }
};

/// Gradients of one row, pair by pair: something was not finite, and a product
/// multiplies it by the weight 0 of rows that do not see it. Channels are
/// spread over the warp.
template <typename T, int DIM, Owner OWNER>
struct CarefulGradient {
    static constexpr bool OF_KEYS = OWNER == Owner::KEYS;
    static constexpr int CHANNELS = DIM / 32;

    const Backward<T>& a;
    const Sequence& s;
    float first[CHANNELS], second[CHANNELS];

    __device__ __forceinline__ CarefulGradient(const Backward<T>& backward, const Sequence& sequence)
        : a(backward), s(sequence), first{}, second{} {}

    __device__ __forceinline__ static float dot(const T* x, const T* y, int64_t channels) {
        float sum = 0;
#pragma unroll 1
        for (int c = threadIdx.x % 32; c < channels; c += 32) {
            sum = __fmaf_rn(widen<float>(x[c]), widen<float>(y[c]), sum);
        }
        __syncwarp();
        return sumOfLanes<32>(sum);
    }

    __device__ __forceinline__ static void addRow(float factor, const T* row, int64_t channels,
                                                  float (&to)[CHANNELS]) {
#pragma unroll
        for (int i = 0; i < CHANNELS; i++) {
            const int c = i * 32 + threadIdx.x % 32;
            if (factor != 0 && c < channels) {
                to[i] = __fmaf_rn(factor, widen<float>(row[c]), to[i]);
            }
        }
    }

    __device__ __forceinline__ void addPair(int64_t head, int64_t i, int64_t key) {
        const Problem<T>& p = a.problem;
        const T* query = p.query.at(s.row, head, s.firstQuery + i);
        const T* gradient = a.outGradient.at(s.row, head, s.firstQuery + i);
        const T* keys = p.keys.at(s.row, head / p.group, s.firstKey + key);
        const T* values = p.values.at(s.row, head / p.group, s.firstKey + key);
        const RowConstants<float> constants = a.row(s, head, i);
        const float score = dot(query, keys, p.headDim) * static_cast<float>(p.scale);
        const float weight = exp2Approximate((score - constants.logSumExp) * static_cast<float>(LOG2_E));
        const float contribution = weight * (dot(gradient, values, p.valueDim) + constants.base);
        addRow(contribution * static_cast<float>(p.scale), OF_KEYS ? query : keys, p.headDim, first);
        if constexpr (OF_KEYS) {
            addRow(weight, gradient, p.valueDim, second);
        }
    }

    /// Row `mine` of the sequence, of what is owned.
    __device__ __forceinline__ void add(int64_t head, int64_t mine) {
        const Problem<T>& p = a.problem;
        if constexpr (OF_KEYS) {
            const int64_t begin = clamp(mine - p.diagonal(s) - p.right, 0, s.queries);
            const int64_t end = clamp(mine - p.diagonal(s) + p.left + 1, 0, s.queries);
#pragma unroll 1
            for (int64_t h = head * p.group; h < (head + 1) * p.group; h++) {
#pragma unroll 1
                for (int64_t i = begin; i < end; i++) {
                    addPair(h, i, mine);
                }
            }
        } else {
#pragma unroll 1
            for (int64_t key = p.begin(s, mine); key < p.end(s, mine); key++) {
                addPair(head, mine, key);
            }
        }
    }

    __device__ __forceinline__ void write(int64_t head, int64_t token) const {
        writeRow(first, a.gradient.at(s.row, head, token), a.problem.headDim);
        if constexpr (OF_KEYS) {
            writeRow(second, a.valuesGradient.at(s.row, head, token), a.problem.valueDim);
        }
    }

    __device__ __forceinline__ static void writeRow(const float (&sums)[CHANNELS], T* to, int64_t channels) {
#pragma unroll
        for (int i = 0; i < CHANNELS; i++) {
            const int c = i * 32 + threadIdx.x % 32;
            if (c < channels) {
                to[c] = narrow<T>(sums[i]);
            }
        }
    }
};

template <typename T, int DIM, Owner OWNER>
struct GradientBlock {
    using Place = Swizzled<DIM>;
    using Constants = RowConstants<float>;
    static constexpr bool OF_KEYS = OWNER == Owner::KEYS;
    static constexpr int OWNED = OWNED_ROWS<DIM>;
    static constexpr int MET = MET_ROWS<DIM>;
    static constexpr int WARP_ROWS = OWNED / WARPS;
    static constexpr int MS = WARP_ROWS / 16;  // products that a warp stacks
    static constexpr int PART =
        OF_KEYS && MS > 1 ? 16 : 32;         // rows met, of which scores are in registers at once
    static constexpr int NS = PART / 8;      // products side by side along rows met
    static constexpr int STEPS = PART / 16;  // of a product that sums over them
    static constexpr int CS = DIM / 8;       // side by side along channels
    static constexpr int KS = DIM / 16;      // steps of a dot product
    static constexpr int OWNED_BYTES = OWNED * Place::ROW;
    static constexpr int MET_BYTES = MET * Place::ROW;
    static constexpr int STAGE_BYTES = 2 * MET_BYTES + MET * static_cast<int>(sizeof(Constants));

    const Backward<T>& a;
    const Problem<T>& p;
    const TensorRange range;
    const int lane, warp;
    const uint32_t copied;  // this thread's first unit of any rows
    const uint32_t owned;   // its operands a, of the warp's rows; those of the
                            // second kind OWNED_BYTES further
    const uint32_t met;     // its operands b in the first stage
    const uint32_t summed;  // the same transposed
    const float scale;      // of scores, with log2 e

    float sums[OF_KEYS ? 2 : 1][MS][CS][4];  // first: dQ or dK, without the scale; second: dV
    float shift[MS][2], base[MS][2];         // of rows of queries

    __device__ __forceinline__ GradientBlock(const Backward<T>& backward, const TensorRange& r)
        : a(backward),
          p(backward.problem),
          range(r),
          lane(threadIdx.x % 32),
          warp(threadIdx.x / 32),
          copied(once(shared() + Place::at(Place::copyRow(), Place::copyUnit()))),
          owned(once(shared() + warp * WARP_ROWS * Place::ROW + Place::rowsFirst())),
          met(once(shared() + 2 * OWNED_BYTES + Place::unitsFirst())),
          summed(once(shared() + 2 * OWNED_BYTES + Place::rowsFirst())),
          scale(static_cast<float>(backward.problem.scale * LOG2_E)),
          sums{} {}

    __device__ __forceinline__ static uint32_t shared() {
        return static_cast<uint32_t>(__cvta_generic_to_shared(sharedMemory));
    }

    /// The row of product m, half h, of this thread, within the block.
    __device__ __forceinline__ int row(int m, int h) const {
        return warp * WARP_ROWS + m * 16 + h * 8 + lane / 4;
    }

    /// To what a score's power of two is added; a row that sees nothing has no
    /// weights.
    __device__ __forceinline__ static float shiftOf(float logSumExp) {
        return logSumExp * static_cast<float>(-LOG2_E);
    }

    __device__ __forceinline__ void loadConstants(const Constants* constants, int there) {
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const Constants mine = row(m, h) < there ? constants[row(m, h)] : Constants{};
                shift[m][h] = shiftOf(mine.logSumExp);
                base[m][h] = mine.base;
            }
        }
    }

    /// Starts copies of the tile of rows from `tile` on to a stage.
    __device__ __forceinline__ void copyTile(const Operands<T>& from, const Constants* constants, int tile,
                                             uint32_t stage) const {
        const uint32_t to = copied + 2 * OWNED_BYTES + stage;
        copyRows<DIM, MET>(from.first, from.firstStride, range.there - tile, p.headDim, to);
        copyRows<DIM, MET>(from.second, from.secondStride, range.there - tile, p.valueDim, to + MET_BYTES);
        if (OF_KEYS && threadIdx.x < MET) {
            const int mine = tile + static_cast<int>(threadIdx.x);
            const bool exists = mine < range.there;
            copyAsync(shared() + 2 * OWNED_BYTES + stage + 2 * MET_BYTES + threadIdx.x * sizeof(Constants),
                      constants + (exists ? mine : 0), exists);
        }
    }

    /// to = rows * others^T + from(m, n, i), of the warp's rows and PART others
    template <typename From>
    __device__ __forceinline__ void products(uint32_t rows, uint32_t others, const From& from,
                                             float (&to)[MS][NS][4]) const {
#pragma unroll
        for (int k = 0; k < KS; k++) {
            uint32_t mine[MS][4];
            unrolled<MS>(
                [&]<int M>(Index<M>) { loadMatrices<M * 16 * Place::ROW>(rows ^ (32 * k), mine[M]); });
            unrolled<NS / 2>([&]<int PAIR>(Index<PAIR>) {
                constexpr int n = 2 * PAIR;
                uint32_t other[4];
                loadMatrices<n * 8 * Place::ROW>(others ^ (32 * k), other);
#pragma unroll
                for (int m = 0; m < MS; m++) {
                    if (k == 0) {
                        const float left[4] = {from(m, n, 0), from(m, n, 1), from(m, n, 2), from(m, n, 3)};
                        const float right[4] = {from(m, n + 1, 0), from(m, n + 1, 1), from(m, n + 1, 2),
                                                from(m, n + 1, 3)};
                        multiply<T>(to[m][n], mine[m], other[0], other[1], left);
                        multiply<T>(to[m][n + 1], mine[m], other[2], other[3], right);
                    } else {
                        multiply<T>(to[m][n], mine[m], other[0], other[1], to[m][n]);
                        multiply<T>(to[m][n + 1], mine[m], other[2], other[3], to[m][n + 1]);
                    }
                }
            });
        }
    }

    /// Makes weights vanish of rows met, from firstRow on, that come too early for the rows of the warp.
    __device__ __forceinline__ void hideEarly(int firstRow, float (&weight)[MS][NS][4]) const {
        const int mine = static_cast<int>(once(firstRow + lane % 4 * 2));
#pragma unroll
        for (int i = 0; i < MS * NS * 4; i++) {
            const int m = i / (4 * NS);
            const int n = i / 4 % NS;
            float& x = weight[m][n][i % 4];
            x = n * 8 + i % 2 >= row(m, i / 2 % 2) + range.low - mine ? x : 0.0f;
        }
    }

    /// The same of those that come too late.
    __device__ __forceinline__ void hideLate(int firstRow, float (&weight)[MS][NS][4]) const {
        const int mine = static_cast<int>(once(firstRow + lane % 4 * 2));
#pragma unroll
        for (int i = 0; i < MS * NS * 4; i++) {
            const int m = i / (4 * NS);
            const int n = i / 4 % NS;
            float& x = weight[m][n][i % 4];
            x = n * 8 + i % 2 < min(row(m, i / 2 % 2) + range.high, range.there) - mine ? x : 0.0f;
        }
    }

    /// What products leave, rounded, as operands a of the next.
    __device__ __forceinline__ static void round(const float (&x)[MS][NS][4], uint32_t (&to)[STEPS][MS][4]) {
#pragma unroll
        for (int k = 0; k < STEPS; k++) {
#pragma unroll
            for (int m = 0; m < MS; m++) {
                to[k][m][0] = pair<T>(x[m][2 * k][0], x[m][2 * k][1]);
                to[k][m][1] = pair<T>(x[m][2 * k][2], x[m][2 * k][3]);
                to[k][m][2] = pair<T>(x[m][2 * k + 1][0], x[m][2 * k + 1][1]);
                to[k][m][3] = pair<T>(x[m][2 * k + 1][2], x[m][2 * k + 1][3]);
            }
        }
    }

    /// sums += factors * rows met, of which the transposed operands lie at `from`
    __device__ __forceinline__ static void add(const uint32_t (&factor)[STEPS][MS][4], uint32_t from,
                                               float (&to)[MS][CS][4]) {
#pragma unroll
        for (int c = 0; c < CS; c += 2) {
            unrolled<STEPS>([&]<int K>(Index<K>) {
                uint32_t other[4];
                loadTransposed<K * 16 * Place::ROW>(from ^ (16 * c), other);
#pragma unroll
                for (int m = 0; m < MS; m++) {
                    multiply<T>(to[m][c], factor[K][m], other[0], other[1], to[m][c]);
                    multiply<T>(to[m][c + 1], factor[K][m], other[2], other[3], to[m][c + 1]);
                }
            });
        }
    }

    /// What the pairs with PART rows contribute, from row `first` on, number
    /// `part` of those in a stage.
    __device__ __forceinline__ void meet(int first, int part, uint32_t stage) {
        const uint32_t rows = stage + part * PART * Place::ROW;
        const int mine = warp * WARP_ROWS;
        const int last = mine + WARP_ROWS - 1;
        if (first >= last + range.high || first + PART <= mine + range.low) {
            return;
        }
        float weight[MS][NS][4];
        products(
            owned, met + rows, [](int, int, int) { return 0.0f; }, weight);
        // Where the columns are queries, their constants; this thread's are lane %
        // 4 * 2 and the next of each product.
        const Constants* columns =
            reinterpret_cast<const Constants*>(sharedMemory + 2 * OWNED_BYTES + stage + 2 * MET_BYTES) +
            part * PART + lane % 4 * 2;
        float shifts[NS][2];
#pragma unroll
        for (int i = 0; OF_KEYS && i < NS * 2; i++) {
            shifts[i / 2][i % 2] = shiftOf(columns[i / 2 * 8 + i % 2].logSumExp);
        }
#pragma unroll
        for (int i = 0; i < MS * NS * 4; i++) {
            float& x = weight[i / (4 * NS)][i / 4 % NS][i % 4];
            const float power = OF_KEYS ? shifts[i / 4 % NS][i % 2] : shift[i / (4 * NS)][i / 2 % 2];
            x = exp2Approximate(__fmaf_rn(x, scale, power));
        }
        if (first < last + range.low) {
            hideEarly(first, weight);
        }
        if (first + PART > min(mine + range.high, range.there)) {
            hideLate(first, weight);
        }
        uint32_t rounded[STEPS][MS][4];
        if constexpr (OF_KEYS) {
            round(weight, rounded);
            add(rounded, summed + rows + MET_BYTES, sums[1]);
        }
        float bases[NS][2];
#pragma unroll
        for (int i = 0; OF_KEYS && i < NS * 2; i++) {
            bases[i / 2][i % 2] = columns[i / 2 * 8 + i % 2].base;
        }
        float gradient[MS][NS][4];
        products(
            owned + OWNED_BYTES, met + rows + MET_BYTES,
            [&](int m, int n, int i) { return OF_KEYS ? bases[n][i % 2] : base[m][i / 2]; }, gradient);
#pragma unroll
        for (int i = 0; i < MS * NS * 4; i++) {
            gradient[i / (4 * NS)][i / 4 % NS][i % 4] *= weight[i / (4 * NS)][i / 4 % NS][i % 4];
        }
        round(gradient, rounded);
        add(rounded, summed + rows, sums[0]);
    }

    /// The loop over what is met: `heads` heads, whose constants lie
    /// `constantsHead` apart.
    __device__ __forceinline__ void run(const Operands<T>& rows, int there, Operands<T> others,
                                        const Constants* constants, int64_t constantsHead, int heads) {
        copyRows<DIM, OWNED>(rows.first, rows.firstStride, there, p.headDim, copied);
        copyRows<DIM, OWNED>(rows.second, rows.secondStride, there, p.valueDim, copied + OWNED_BYTES);
        int left = range.end > 0 ? (range.end + MET - 1) / MET * heads : 0;
        if (left > 0) {
            copyTile(others, constants, 0, 0);
        }
        uint32_t stage = 0;
        int tile = 0;
#pragma unroll 1
        for (; left > 0; left--) {
            awaitCopies();
            __syncthreads();  // this tile is there, the one before is done with
            const bool same = tile + MET < range.end;
            const int next = same ? tile + MET : 0;
            if (left > 1) {
                const int64_t head = same ? 0 : 1;
                others.first += (next - tile) * others.firstStride + head * others.firstHead;
                others.second += (next - tile) * others.secondStride + head * others.secondHead;
                constants += head * constantsHead;
                copyTile(others, constants, next, STAGE_BYTES - stage);
            }
#pragma unroll 1
            for (int part = 0; part < MET / PART; part++) {
                meet(tile + part * PART, part, stage);
            }
            tile = next;
            stage = STAGE_BYTES - stage;
        }
        awaitCopies();
        __syncthreads();  // what is owned is done with: its place is the gradients'
    }

    /// Sums up what the rows of a head meet.
    __device__ __forceinline__ void sum(const OwnedRows<T, DIM, OWNER>& rows, int64_t head) {
        const Sequence& s = rows.s;
        const int64_t keyHead = OF_KEYS ? head : head / p.group;
        const int64_t firstHead = OF_KEYS ? head * p.group : head;  // of queries
        const int64_t firstQuery = OF_KEYS ? range.begin : rows.first;
        const int64_t query = s.firstQuery + firstQuery + Place::copyRow();
        const int64_t key = s.firstKey + (OF_KEYS ? rows.first : range.begin) + Place::copyRow();
        const int channel = Place::copyUnit() * 8;
        const Operands<T> ofQueries{p.query.at(s.row, firstHead, query) + channel,
                                    a.outGradient.at(s.row, firstHead, query) + channel,
                                    p.query.token,
                                    a.outGradient.token,
                                    p.query.head,
                                    a.outGradient.head};
        const Operands<T> ofKeys{p.keys.at(s.row, keyHead, key) + channel,
                                 p.values.at(s.row, keyHead, key) + channel,
                                 p.keys.token,
                                 p.values.token,
                                 0,
                                 0};
        const Constants* constants = &a.row(s, firstHead, firstQuery);
        const int there = static_cast<int>(clamp(rows.there, 0, OWNED));
        if constexpr (OF_KEYS) {
            run(ofKeys, there, ofQueries, constants, p.queryCount, static_cast<int>(p.group));
        } else {
            loadConstants(constants, there);
            run(ofQueries, there, ofKeys, constants, 0, 1);
        }
    }

    /// Multiplies sums by a factor; 0 where there is no row. \return whether a
    /// row's sums are not all finite
    __device__ __forceinline__ bool finish(float factor, int there, float (&of)[MS][CS][4]) const {
        float spoilt = 0;
#pragma unroll
        for (int m = 0; m < MS; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const bool exists = row(m, h) < there;
#pragma unroll
                for (int c = 0; c < CS; c++) {
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        float& x = of[m][c][2 * h + e];
                        x = exists ? x * factor : 0.0f;
                        spoilt = __fmaf_rn(x, 0.0f, spoilt);
                    }
                }
            }
        }
        return __any_sync(0xffffffff, spoilt != spoilt);
    }

    /// Writes what was summed; 0 to rows that no sequence has.
    __device__ __forceinline__ void leave(const OwnedRows<T, DIM, OWNER>& rows, int64_t head) {
        const Sequence& s = rows.s;
        const int there = static_cast<int>(clamp(rows.there, 0, OWNED));
        bool spoilt = finish(static_cast<float>(p.scale), there, sums[0]);
        if constexpr (OF_KEYS) {
            spoilt |= finish(1.0f, there, sums[1]);
        }
        const int64_t first = rows.first + warp * WARP_ROWS;
        const int count = static_cast<int>(clamp(rows.written - warp * WARP_ROWS, 0, WARP_ROWS));
        const int64_t token = (OF_KEYS ? s.firstKey : s.firstQuery) + first;
        if (spoilt) {
#pragma unroll 1
            for (int r = 0; r < count; r++) {
                CarefulGradient<T, DIM, OWNER> gradient(a, s);
                if (warp * WARP_ROWS + r < there) {
                    gradient.add(head, first + r);
                }
                gradient.write(head, token + r);
            }
            return;
        }
        writeRows<DIM>(sums[0], a.gradient.at(s.row, head, token), a.gradient.token, count, p.headDim);
        if constexpr (OF_KEYS) {
            __syncwarp();
            writeRows<DIM>(sums[1], a.valuesGradient.at(s.row, head, token), a.valuesGradient.token, count,
                           p.valueDim);
        }
    }
};

/// Blocks: x blocks of owned rows, y their heads, z batches. Where sequences
/// lie one behind the other, x covers all of them.
template <typename T, int DIM, Owner OWNER>
__device__ __forceinline__ void tensorBackward(const Backward<T>& a) {
    constexpr bool OF_KEYS = OWNER == Owner::KEYS;
    const Problem<T>& p = a.problem;
    const int64_t head = blockIdx.y;
    if (p.queryStarts.base != nullptr && blockIdx.x == 0) {
        const Integers& starts = OF_KEYS ? p.keyStarts : p.queryStarts;
        const int64_t tokens = OF_KEYS ? p.keyCount : p.queryCount;
        clearRest(a.gradient, head, starts, p.sequences, tokens, p.headDim, threadIdx.x);
        if (OF_KEYS) {
            clearRest(a.valuesGradient, head, starts, p.sequences, tokens, p.valueDim, threadIdx.x);
        }
    }
    const OwnedRows<T, DIM, OWNER> owned(p, blockIdx.x);
    if (owned.written > 0) {
        GradientBlock<T, DIM, OWNER> block(a, owned.range(p));
        block.sum(owned, head);
        block.leave(OwnedRows<T, DIM, OWNER>(p, once(blockIdx.x)), head);
    }
}

}  // namespace quern::attention
